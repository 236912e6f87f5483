"""Notebooks from stubs and back, byte for byte."""

from __future__ import annotations

import json
import random
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from autograder import course
from autograder.author import notebooks, segments
from autograder.author.sync import generate

HERE = Path(__file__).parent
TINY = course.find("tiny", HERE / "tiny_course")
REAL = [a for a in course.load_all(HERE.parent) if a.has_solutions]
each = pytest.mark.parametrize("assignment", [TINY, *REAL], ids=lambda a: a.id)


def texts(folder, assignment):
    return {file: (folder / file).read_text() for file in assignment.files}


def built(assignment):
    return notebooks.build(assignment, texts(assignment.folder, assignment))


def cells(notebook, role):
    return [c for c in notebook["cells"] if c["metadata"]["course"]["role"] == role]


@each
class TestRoundTrip:
    def test_the_notebook_gives_the_stubs(self, assignment):
        assert notebooks.to_files(built(assignment)) == texts(assignment.folder, assignment)

    def test_through_the_file_too(self, assignment):
        again = notebooks.read(notebooks.write(built(assignment)))
        assert notebooks.to_files(again) == texts(assignment.folder, assignment)

    def test_filled_with_the_reference_it_gives_the_reference(self, assignment):
        reference = texts(assignment.solutions, assignment)
        filled = notebooks.fill(built(assignment), reference)
        again = notebooks.read(notebooks.write(filled))
        assert notebooks.to_files(again) == reference
        assert [c["id"] for c in filled["cells"]] == [c["id"] for c in built(assignment)["cells"]]

    def test_filled_cells_hold_their_own_definitions(self, assignment):
        stubs = built(assignment)
        filled = notebooks.fill(stubs, texts(assignment.solutions, assignment))
        for before, after in zip(cells(stubs, "code"), cells(filled, "code"), strict=True):
            names = segments.names(before["source"])
            assert set(names) <= set(segments.names(after["source"]))

    def test_every_cell_is_valid_python_alone(self, assignment):
        for cell in cells(built(assignment), "code"):
            compile(cell["source"], cell["id"], "exec")

    def test_with_the_reference_it_runs_from_top_to_bottom(self, assignment, monkeypatch):
        """In one namespace, as in a kernel; other files of the assignment may be imported."""
        monkeypatch.syspath_prepend(str(assignment.solutions))
        for file in assignment.files:
            monkeypatch.setitem(sys.modules, file.removesuffix(".py"), None)
            monkeypatch.delitem(sys.modules, file.removesuffix(".py"))
        filled = notebooks.fill(built(assignment), texts(assignment.solutions, assignment))
        namespace = {"__name__": "__main__"}
        for cell in cells(filled, "code"):
            exec(compile(cell["source"], cell["id"], "exec"), namespace)
        for part in assignment.parts:
            assert all(name.partition(".")[0] in namespace for name in part.provides)

    def test_it_is_valid_and_the_same_every_time(self, assignment):
        text = notebooks.write(built(assignment))
        assert text == notebooks.write(built(assignment))
        nbformat.validate(nbformat.reads(text, as_version=4))
        data = json.loads(text)
        assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
        assert data["metadata"]["kernelspec"]["name"] == "python3"
        assert data["metadata"]["course"] == {"assignment": assignment.id}
        ids = [cell["id"] for cell in data["cells"]]
        assert len(set(ids)) == len(ids)
        assert not any(cell.get("outputs") for cell in data["cells"])

    def test_each_part_has_one_introduction_and_then_one_check(self, assignment):
        notebook = built(assignment)
        checks = [cell["metadata"]["course"] for cell in cells(notebook, "check")]
        wanted = {(part.name, part.points) for part in assignment.parts}
        assert {(c["part"], c["points"]) for c in checks} == wanted
        assert len(checks) == len(cells(notebook, "part")) == len(assignment.parts)


class TestCells:
    def test_the_order_of_the_tiny_notebook(self):
        told = [
            (course_["role"], course_.get("part") or cell["source"].split("\n")[0])
            for cell in built(TINY)["cells"]
            for course_ in [cell["metadata"]["course"]]
        ]
        assert told == [
            ("title", "# 01 Tiny things"),
            ("setup", "from autograder import check"),
            ("heading", "## vectors.py"),
            ("code", '"""Vectors, and text as numbers."""'),
            ("part", "### dot (4 points, about 5 minutes)"),
            ("code", "# Two comments that belong to what follows:"),
            ("check", "dot"),
            ("code", "LIMIT = 10"),
            ("part", "### codes (2.5 points, about 10 minutes)"),
            ("code", "@functools.cache"),
            ("code", "def shown(text: str) -> str:  # given"),
            ("code", "# Attached to decode."),
            ("check", "codes"),
            ("code", "if math.pi > 4:"),
            ("heading", "## graph.py"),
            ("code", '"""A graph of one node."""'),
            ("part", "### Value (1 point, about 10 minutes)"),
            ("part", "### backward (3 points, about 10 minutes)"),
            ("code", "class Value:"),
            ("check", "Value"),
            ("check", "backward"),
        ]

    def test_the_introduction_has_the_first_sentence(self):
        first, *_ = cells(built(TINY), "part")
        assert first["source"].endswith("\n\nReturn the dot product.")
        last = cells(built(TINY), "part")[-1]
        assert last["source"].endswith("\n\nAdd one to the gradient of this node.")

    def test_metadata_is_as_agreed(self):
        notebook = built(TINY)
        assert cells(notebook, "code")[0]["metadata"] == {
            "course": {"file": "vectors.py", "role": "code"}
        }
        check = cells(notebook, "check")[0]
        assert check["metadata"] == {"course": {"role": "check", "part": "dot", "points": 4}}
        assert check["source"] == 'check("dot")'

    def test_cell_ids_do_not_depend_on_what_stands_before(self):
        files = texts(TINY.folder, TINY)
        before = {c["source"]: c["id"] for c in notebooks.build(TINY, files)["cells"]}
        more = dict(files, **{"vectors.py": files["vectors.py"].replace("LIMIT = 10\n\n\n", "")})
        after = {c["source"]: c["id"] for c in notebooks.build(TINY, more)["cells"]}
        same = [source for source in before if source in after and "pi > 4" not in source]
        assert len(same) > 15
        assert all(before[source] == after[source] for source in same)

    def test_cells_that_a_student_added_or_emptied_do_no_harm(self):
        notebook = built(TINY)
        notebook["cells"].insert(3, nbformat.v4.new_code_cell("print('mine')"))
        notebook["cells"].append(nbformat.v4.new_markdown_cell("mine"))
        for cell in cells_with_course(notebook):
            cell["source"] += "\n\n"
        files = texts(TINY.folder, TINY)
        assert notebooks.to_files(notebook) == files
        next(c for c in cells_with_course(notebook) if c["source"].startswith("LIMIT"))[
            "source"
        ] = ""
        assert notebooks.to_files(notebook)["vectors.py"] == files["vectors.py"].replace(
            "LIMIT = 10\n\n\n", ""
        )


def cells_with_course(notebook):
    return [c for c in notebook["cells"] if c["metadata"].get("course", {}).get("role") == "code"]


STATEMENTS = [
    "X = 1",
    "X: int = 1",
    "a = b = 2; c = 3",
    'TEXT = """one\n\n\ntwo\n\n\n# no comment\ndef no_function(): ...\n"""',
    "# a comment alone",
    "# a comment\n# of two lines\n\n# and one more",
    "def f():\n    return 1",
    "def g():  # about g\n    return 1\n    # the last word",
    "def k():\n    return 1\n\n\n    # far off",
    "@decorator\n@other(\n    1,\n\n\n    2,\n)\ndef h(): ...",
    "async def i():\n    await x",
    "class C:\n    a = 1\n\n    def m(self):\n        return 1\n\n    # the end of C",
    "if X:\n    Y = 1\nelse:\n    Y = 2",
    "try:\n    import a\nexcept ImportError:\n    a = None",
    "with open(x) as f:\n    pass",
    "for n in X:\n    print(n)",
    "assert X == (\n    1\n)",
    "type_ = lambda x: x",
    "match X:\n    case 1:\n        pass",
    "x = [\n    1,\n\n\n    2,\n]",
    "s = '\u2028 and \x0c'",
]


class TestSegments:
    @pytest.mark.parametrize("statement", STATEMENTS)
    def test_each_form_of_statement_survives(self, statement):
        text = f'"""Head."""\n\nimport a\n\n\n{statement}\n\n\ndef last(): ...\n'
        pieces = segments.split(text)
        assert segments.join(pieces) == text
        assert pieces[0] == '"""Head."""\n\nimport a'
        assert len(pieces) == (2 if statement.startswith("#") else 3)

    @pytest.mark.parametrize("seed", range(60))
    def test_any_mixture_survives(self, seed):
        draw = random.Random(seed)
        chosen = draw.sample(STATEMENTS, draw.randint(1, 8))
        gaps = [draw.choice(["\n", "\n\n", "\n\n\n", "\n\n\n", "\n\n\n\n"]) for _ in chosen]
        text = "".join(a + b for a, b in zip(chosen, gaps, strict=True)).rstrip("\n") + "\n"
        pieces = segments.split(text)
        assert segments.join(pieces) == text
        for piece in pieces:
            compile(piece, "piece", "exec")

    def test_a_text_that_does_not_parse_is_one_piece(self):
        assert segments.split("def (\n\n\nx = 1\n") == ["def (\n\n\nx = 1"]

    def test_any_text_filled_in_comes_back(self):
        other = (
            "X = 1\n\n\ndef decode():\n    pass\n\n\ndef unknown():\n    pass\n\n\ndef dot(): ...\n"
        )
        for text in (other, "def (\n", '"""Only a head."""\n'):
            filled = notebooks.fill(built(TINY), {"vectors.py": text})
            assert notebooks.to_files(filled)["vectors.py"] == text


def test_generated_notebook_follows_the_catalogue(tmp_path):
    root = Path(shutil.copytree(HERE / "tiny_course", tmp_path / "course"))
    path = root / "assignments/01_tiny/assignment.toml"
    path.write_text(path.read_text().replace("points = 4", "points = 1"))
    tiny = course.find("tiny", root)
    text = generate(tiny, root)[tiny.folder / "notebook.ipynb"]
    assert "### dot (1 point, about 5 minutes)" in text
