"""Stubs from marked solutions: the right text, never a leak, never a student's work lost."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import course
from autograder.author import doctests, lint, lint_code
from autograder.author.source import SyncError, parse, part_of
from autograder.author.stubs import stub
from autograder.author.sync import generate, sync

HERE = Path(__file__).parent
REAL = [a for a in course.load_all(HERE.parent) if a.has_solutions]
real = pytest.mark.parametrize("assignment", REAL, ids=lambda a: a.id)


@pytest.fixture
def root(tmp_path):
    return Path(shutil.copytree(HERE / "tiny_course", tmp_path / "course"))


@pytest.fixture
def tiny(root):
    return course.find("tiny", root)


def make(tiny, body, file="vectors.py"):
    """The stub of a file whose text is given, without the parts that it does not define."""
    source = parse(body, tiny.solutions / file, tiny)
    defined = {each.name for each in source.definitions}
    parts = tuple(p for p in tiny.parts if p.file != file or set(p.provides) <= defined)
    object.__setattr__(tiny, "parts", parts)
    return stub(source)


DOT = "def dot(a, b):\n    {}\n    return a * b\n    {}\n"
GOOD = DOT.format("### BEGIN SOLUTION", "### END SOLUTION")


class TestStubs:
    def test_what_is_checked_in_is_what_is_generated(self, tiny, root):
        assert sync(tiny, root, check=True) == []

    def test_a_marked_body_becomes_a_raise_at_the_same_indentation(self, tiny):
        assert make(tiny, GOOD) == 'def dot(a, b):\n    raise NotImplementedError("01_tiny: dot")\n'

    def test_the_most_specific_part_is_named(self, tiny, root):
        text = generate(tiny, root)[tiny.folder / "graph.py"]
        assert re.findall(r'Error\("(.*)"\)', text) == ["01_tiny: Value", "01_tiny: backward"]
        assert part_of(tiny, "graph.py", "Value.backward.visit").name == "backward"
        assert part_of(tiny, "graph.py", "Value.backwards").name == "Value"
        assert part_of(tiny, "vectors.py", "Value") is None

    def test_a_block_at_module_or_class_level_vanishes(self, tiny, root):
        texts = generate(tiny, root)
        for text in texts.values():
            assert "_total_of_everything" not in text
            assert "_secret_last_method" not in text
            assert "operator" not in text

    def test_nothing_from_inside_markers_is_left(self, tiny, root):
        for path, text in generate(tiny, root).items():
            assert "subtle:" not in text, path
            assert "SOLUTION" not in text, path

    def test_imports_that_only_the_solution_uses_are_kept(self, tiny, root):
        assert (
            "import math  # students need it\n" in generate(tiny, root)[tiny.folder / "vectors.py"]
        )

    def test_part_of_a_body_may_be_given(self, tiny):
        body = (
            "def dot(a, b):\n    total = 0\n    for x in a:\n        ### BEGIN SOLUTION\n"
            "        total += x\n        ### END SOLUTION\n    return total\n"
        )
        assert "    for x in a:\n        raise NotImplementedError(" in make(tiny, body)

    def test_a_marker_in_a_string_is_no_marker(self, tiny):
        body = f'X = """\n### BEGIN SOLUTION\n"""\n\n\n{GOOD}'
        assert make(tiny, body).startswith('X = """\n### BEGIN SOLUTION\n"""\n\n\ndef dot')

    @pytest.mark.parametrize("before", ["import os", "def f() -> None: ...", "X = [\n    1,\n]"])
    @pytest.mark.parametrize("after", ["Y = 2", "# why\n\nY = 2", "@cache\ndef g() -> None: ..."])
    @pytest.mark.parametrize("gap", ["\n", "\n\n\n"])
    def test_blank_lines_are_closed_as_ruff_does(self, tiny, tmp_path, before, after, gap):
        ruff = pytest.importorskip("ruff")
        hidden = "### BEGIN SOLUTION\n_a = 1\n\n\ndef _b():\n    return 1\n\n\n### END SOLUTION\n"
        command = [sys.executable, "-m", ruff.__name__, "format", "-q"]
        path = tmp_path / "made.py"
        path.write_text(f"{before}\n{gap}{hidden}{gap}{after}\n\n\n{GOOD}")
        subprocess.run([*command, str(path)], check=True)
        text = make(tiny, path.read_text())
        path.write_text(text)
        subprocess.run([*command, str(path)], check=True)
        assert path.read_text() == text


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "line", "says"),
        [
            (DOT.format("### BEGIN SOLUTION", "pass"), 2, "has no `### END SOLUTION`"),
            (DOT.format("pass", "### END SOLUTION"), 4, "none is open"),
            (DOT.format("### BEGIN SOLUTION", "### BEGIN SOLUTION"), 4, "opened on line 2"),
            (DOT.format("# BEGIN SOLUTION", "### END SOLUTION"), 2, "reads exactly"),
            (DOT.format("x = 1  ### BEGIN SOLUTION", "### END SOLUTION"), 2, "line of its own"),
            (GOOD.replace("    return a * b\n", "") + "    return 1\n", 2, "no code between"),
            (GOOD.replace("    ### END", "### END"), 4, "is not indented as"),
            (GOOD.replace("dot", "other"), 2, "which no part of assignment.toml provides"),
            ("def dot(a, b):\n    return a * b\n", 1, "has no `### BEGIN SOLUTION`"),
            (f"{GOOD}    # subtle: told\n", 5, "outside the markers"),
            (f"def dot(\n{GOOD}", 1, "was never closed"),
        ],
    )
    def test_each_says_file_line_and_what(self, tiny, text, line, says):
        with pytest.raises(SyncError, match=re.escape(says)) as caught:
            make(tiny, text)
        assert f"vectors.py:{line}: " in str(caught.value)

    def test_a_block_that_runs_into_the_next_function(self, tiny):
        two = (
            "def dot(a, b):\n    ### BEGIN SOLUTION\n    return 1\n\n\n"
            "def decode(a):\n    return 2\n    ### END SOLUTION\n"
        )
        with pytest.raises(
            SyncError, match=r"vectors.py:2: this block runs into decode \(line 6\)"
        ):
            make(tiny, two)

    def test_a_class_that_loses_all_it_holds(self, tiny):
        hidden = (
            "class _A:\n    ### BEGIN SOLUTION\n    def f(self):\n        return 1\n\n"
            "    ### END SOLUTION\n"
        )
        with pytest.raises(SyncError, match="does not parse"):
            make(tiny, f"{hidden}\n\n{GOOD}")

    def test_a_name_that_is_provided_but_not_defined(self, tiny):
        with pytest.raises(SyncError, match="part 'codes' provides 'encode', which is not defined"):
            stub(parse(GOOD, tiny.solutions / "vectors.py", tiny))

    def test_a_definition_that_the_markers_hide_whole(self, tiny):
        with pytest.raises(SyncError, match="the markers hide all of it"):
            make(tiny, "### BEGIN SOLUTION\ndef dot(a, b):\n    return 1\n\n\n### END SOLUTION\n")

    @pytest.mark.parametrize("method", ["backward", "__add__"])
    def test_an_unmarked_method_unless_it_is_given(self, tiny, root, method):
        path = tiny.solutions / "graph.py"
        extra = f"\n    def {method}2(self) -> int:\n        return 1\n".replace("__2", "2__")
        path.write_text(path.read_text() + extra)
        with pytest.raises(SyncError, match=r"graph.py:54: Value.*no `### BEGIN SOLUTION`"):
            generate(tiny, root)
        path.write_text(path.read_text().replace("-> int:", "-> int:  # given"))
        assert "return 1" in generate(tiny, root)[tiny.folder / "graph.py"]

    def test_a_missing_file_and_one_that_is_not_formatted(self, tiny, root):
        path = tiny.solutions / "graph.py"
        path.write_text(path.read_text() + "\n")
        with pytest.raises(SyncError, match="run `ruff format"):
            generate(tiny, root)
        path.unlink()
        with pytest.raises(SyncError, match=r"graph.py does not exist"):
            generate(tiny, root)


class TestWriting:
    def test_only_what_is_stale_is_written(self, tiny, root):
        stamps = {p: p.stat().st_mtime_ns for p in tiny.folder.iterdir()}
        path = tiny.solutions / "vectors.py"
        path.write_text(path.read_text().replace("It is a sum.", "It is one number."))
        stale = [tiny.folder / "vectors.py", tiny.folder / "notebook.ipynb"]
        assert sync(tiny, root, check=True) == stale
        assert {p: p.stat().st_mtime_ns for p in tiny.folder.iterdir()} == stamps
        assert sync(tiny, root) == stale
        changed = [p for p in tiny.folder.iterdir() if p.stat().st_mtime_ns != stamps.get(p)]
        assert sorted(changed) == sorted(stale)
        assert sync(tiny, root) == []

    def test_what_only_the_notebook_shows_makes_only_it_stale(self, tiny, root):
        path = tiny.folder / "assignment.toml"
        path.write_text(path.read_text().replace("points = 4", "points = 5"))
        assert sync(course.find("tiny", root), root) == [tiny.folder / "notebook.ipynb"]

    def test_missing_files_are_written(self, tiny, root):
        (tiny.folder / "vectors.py").unlink()
        (tiny.folder / "notebook.ipynb").unlink()
        assert len(sync(tiny, root)) == 2
        assert sync(tiny, root, check=True) == []

    def test_refused_where_there_are_no_solutions(self, tiny, root):
        shutil.rmtree(tiny.solutions)
        with pytest.raises(SyncError, match="for authors; your own files"):
            sync(tiny, root, force=True)

    def test_a_former_stub_is_replaced(self, tiny, root):
        path = tiny.folder / "vectors.py"
        path.write_text(path.read_text().replace("01_tiny: dot", "01_tiny: product"))
        assert sync(tiny, root) == [path]

    @pytest.mark.parametrize("what", ["body", "helper", "broken"])
    def test_somebodys_code_is_not_overwritten(self, tiny, root, what):
        path = tiny.folder / "vectors.py"
        text = path.read_text()
        own = {
            "body": text.replace('raise NotImplementedError("01_tiny: dot")', "return 11.0"),
            "helper": f"{text}\n\ndef my_helper():\n    return 1\n",
            "broken": f"{text}\ndef (\n",
        }[what]
        path.write_text(own)
        with pytest.raises(SyncError, match="holds code that is in no stub") as caught:
            sync(tiny, root)
        assert {"body": "dot", "helper": "my_helper", "broken": "parse"}[what] in str(caught.value)
        assert path.read_text() == own
        assert sync(tiny, root, check=True) == [path]
        assert sync(tiny, root, force=True) == [path]
        assert path.read_text() == text

    def test_nor_is_code_in_the_notebook(self, tiny, root):
        path = tiny.folder / "notebook.ipynb"
        raising = r"raise NotImplementedError(\"01_tiny: dot\")"
        path.write_text(path.read_text().replace(raising, "return 11.0"))
        with pytest.raises(SyncError, match=r"notebook.ipynb holds code that is in no stub: dot\."):
            sync(tiny, root)
        assert sync(tiny, root, force=True) == [path]

    def test_nothing_is_written_when_one_file_is_refused(self, tiny, root):
        (tiny.folder / "graph.py").unlink()
        (tiny.folder / "vectors.py").write_text("def dot(a, b):\n    return 1\n")
        with pytest.raises(SyncError):
            sync(tiny, root)
        assert not (tiny.folder / "graph.py").exists()


def signatures(text):
    """Every definition of a file outside markers: decorators, arguments, types, docstring."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            head = (ast.unparse(node.args), ast.unparse(node.returns) if node.returns else "")
            decorators = [ast.unparse(each) for each in node.decorator_list]
            found[node.name] = (*head, decorators, ast.get_docstring(node))
        elif isinstance(node, ast.ClassDef):
            bases = [ast.unparse(each) for each in [*node.bases, *node.keywords]]
            found[node.name] = (bases, ast.get_docstring(node))
    return found


@real
class TestRealAssignments:
    def test_nothing_is_stale(self, assignment):
        assert sync(assignment, HERE.parent, check=True) == []

    def test_stub_and_solution_have_the_same_signatures(self, assignment):
        for file in assignment.files:
            ours = signatures((assignment.solutions / file).read_text())
            theirs = signatures((assignment.folder / file).read_text())
            assert theirs.items() <= ours.items()
            for part in assignment.parts:
                names = {n.split(".")[-1] for n in part.provides if part.file == file}
                assert names & ours.keys() <= theirs.keys()

    def test_every_part_raises_its_own_message(self, assignment):
        texts = "".join((assignment.folder / file).read_text() for file in assignment.files)
        for part in assignment.parts:
            assert f'raise NotImplementedError("{assignment.id}: {part.name}")' in texts

    def test_examples_give_what_they_say(self, assignment):
        assert doctests.run_doctests(assignment) == []


class TestDoctests:
    def test_a_wrong_example_is_named_with_its_line(self, tiny):
        path = tiny.solutions / "vectors.py"
        assert doctests.run_doctests(tiny) == []
        path.write_text(path.read_text().replace("        11.0", "        12.0"))
        [failure] = doctests.run_doctests(tiny)
        lines = path.read_text().split("\n")
        line = 1 + next(i for i, text in enumerate(lines) if ">>> dot(" in text)
        assert failure.startswith(f"vectors.py:{line}: dot: `dot([1.0, 2.0], [3.0, 4.0])` gives")
        assert "'11.0', not '12.0'" in failure

    def test_one_that_raises_and_one_that_cannot_be_imported(self, tiny):
        path = tiny.solutions / "graph.py"
        path.write_text(path.read_text().replace("node = Value(3.0)", "node = Value()"))
        assert "raises TypeError" in doctests.run_doctests(tiny)[0]
        path.write_text("import nothing_of_this_name\n")
        assert "graph.py cannot be imported: ModuleNotFoundError" in doctests.run_doctests(tiny)[0]

    def test_the_interpreter_is_left_as_it_was(self, tiny, monkeypatch):
        mine = object()
        monkeypatch.setitem(sys.modules, "vectors", mine)
        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        path = list(sys.path)
        doctests.run_doctests(tiny)
        assert sys.modules["vectors"] is mine
        assert "graph" not in sys.modules
        assert sys.path == path
        assert not (tiny.solutions / "__pycache__").exists()


class TestLint:
    def test_the_tiny_course_has_nothing_to_say(self, tiny):
        assert lint.lint(tiny) == []

    @pytest.mark.parametrize(
        ("file", "old", "new", "says"),
        [
            ("assignments/01_tiny/assignment.toml", '"Which order?", ', "", "codes has 2 hints"),
            ("assignments/01_tiny/assignment.toml", "Its data.", "And its gradient.", "hint twice"),
            ("assignments/01_tiny/README.md", "`codes`, ", "", "the part codes is not mentioned"),
            ("assignments/01_tiny/README.md", "Tiny", "\n" * 120, "123 lines"),
            ("assignments/01_tiny/play.py", "def play", "def plays", "no function `play`"),
            ("assignments/01_tiny/test_public.py", '    """Two', '    x = """Two', "no docstring"),
            ("assignments/01_tiny/test_public.py", '"dot"', '"dots"', "'dots', which is no part"),
            ("assignments/01_tiny/test_public.py", '@part("dot")\n', "", 'has no `@part("name")`'),
            ("lectures/01_tiny.md", "many times", "often", "1443 words"),
            (
                "lectures/01_tiny.md",
                "# Tiny things",
                "# A\n```{code-cell}\nx\n```\n" + "b " * 2400,
                "4022",
            ),
            ("solutions/01_tiny/test_hidden.py", ", basic=True", ", basic=False", "no test with"),
            ("solutions/01_tiny/mistakes.toml", 'dot = "A', 'dots = "A', "dot has 1 mistakes"),
            ("solutions/01_tiny/mistakes.toml", 'dot = "A', 'dots = "A', "[few] names 'dots'"),
            ("solutions/01_tiny/mistakes.toml", '"codes.bytes"', '"Value.grad"', "there 2 times"),
            ("solutions/01_tiny/mistakes.toml", "edit = ", "edits = 1\nedit = ", "needs one of"),
            ("solutions/01_tiny/mistakes.toml", 'try = "Print', 'tri = "Print', "has no `try`"),
            (
                "solutions/01_tiny/mistakes.toml",
                "A second call forgets the gradient of the first.",
                "Every letter has become the same number.",
                "backward.replaces says the same as codes.bytes",
            ),
            (
                "solutions/01_tiny/mistakes.toml",
                "Call backward twice and print grad.",
                'Twice."\nsame_as = "codes.bytes',
                "`because` the reason",
            ),
            ("solutions/01_tiny/vectors.py", "subtle: code points", "code points", None),
            (
                "solutions/01_tiny/vectors.py",
                "subtle: elementwise",
                "wise",
                "dot has mistakes, but",
            ),
            (
                "solutions/01_tiny/vectors.py",
                "    Example:\n        >>> dot",
                "    >>> dot",
                "Example",
            ),
            ("solutions/01_tiny/vectors.py", "(D,)", "(D,)\n" + "\n" * 200, None),
            ("solutions/01_tiny/vectors.py", "a: Sequence[float]", "a", "the type of a is missing"),
            ("solutions/01_tiny/vectors.py", "-> float:", ":", "the type it returns is missing"),
            (
                "solutions/01_tiny/vectors.py",
                "    products = map",
                "    a = a\n" * 23 + "    products = map",
                "dot has 25 lines of code",
            ),
            (
                "solutions/01_tiny/vectors.py",
                "LIMIT = 10",
                "LIMIT = 10\n" * 130,
                "lines of code; a file",
            ),
            ("solutions/01_tiny/vectors.py", "    ### END SOLUTION\n", "", "opened on line"),
        ],
    )
    def test_each_rule_is_broken_once(self, tiny, root, file, old, new, says):
        path = root / file
        text = path.read_text()
        assert old in text
        every = old.startswith((",", "many"))
        path.write_text(text.replace(old, new) if every else text.replace(old, new, 1))
        found = lint.lint(course.find("tiny", root))
        if says is None:
            assert found == []
        else:
            assert any(says in line for line in found), found

    def test_arrays_need_shapes(self, tiny):
        path = tiny.solutions / "vectors.py"
        path.write_text(
            path.read_text()
            .replace("a: Sequence[float]", "a: np.ndarray")
            .replace("    Shapes:\n        a, b: (D,)\n\n", "")
        )
        assert any("has no `Shapes:`" in line for line in lint_code.lint(tiny))

    @pytest.mark.parametrize("name", ["README.md", "test_public.py", "play.py"])
    def test_missing_files_are_named(self, tiny, name):
        (tiny.folder / name).unlink()
        assert any(line.startswith(name) for line in lint.lint(tiny))
