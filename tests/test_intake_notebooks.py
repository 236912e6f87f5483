"""Notebooks: cells that know their file, cells that do not, and cells that were changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.course import Assignment
from autograder.intake import Submission, read_submission
from tests.intake_samples import (
    ADVICE,
    GOOD,
    STUBS,
    book,
    cell,
    make_assignment,
    make_zip,
    notebook,
    write,
)

READ = "vectors.py, network.py: read from the notebook ann.ipynb."
MERGED = (
    "The notebook's cells have lost the marks that say which file they belong to, so the imports, "
    "functions, classes and simple assignments of all cells were read as one module."
)


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return make_assignment(tmp_path)


@pytest.fixture
def read(tmp_path: Path, assignment: Assignment):
    def read(text: str | bytes) -> Submission:
        path = tmp_path / "ann.ipynb"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_submission(path, assignment)

    return read


def test_cells_of_a_file_joined_by_two_blank_lines_are_the_file(read) -> None:
    assert read(notebook(GOOD)) == Submission("ann", GOOD, notes=(READ,))


def test_an_untouched_notebook_is_untouched(read) -> None:
    assert read(notebook(STUBS)).untouched == {"dot", "Value", "forward"}


def test_lines_as_a_list_and_old_formats_are_read(read) -> None:
    data = json.loads(notebook(GOOD))
    for each in data["cells"]:
        each["source"] = each["source"].splitlines(keepends=True)
    assert read(json.dumps(data)).files == GOOD
    for each in data["cells"]:
        each["input"] = each.pop("source")
    assert read(json.dumps({"worksheets": [{"cells": data["cells"]}]})).files == GOOD


def test_outputs_and_other_metadata_play_no_part(read) -> None:
    data = json.loads(notebook(GOOD))
    for each in data["cells"]:
        each["outputs"] = [{"data": {"image/png": "A" * 1_000_000}}]
        each["metadata"]["collapsed"] = True
    assert read(json.dumps(data)) == Submission("ann", GOOD, notes=(READ,))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"cells": [\n  {"x": }', "its JSON breaks at line 2, column 9: Expecting value"),
        ("", "its JSON breaks at line 1, column 1: Expecting value"),
        (notebook(GOOD)[:-10], "its JSON breaks at line 1, column "),
        ("[" * 100_000, "its JSON is nested too deeply or holds an endless number"),
        ("9" * 10_000, "its JSON is nested too deeply or holds an endless number"),
        ("[1]", "it is JSON, but has no list of cells"),
        ('{"cells": 3}', "it is JSON, but has no list of cells"),
        (
            b"\xff\xfe\x00",
            "it is no text (line 1: the byte 0x00 is not utf-16: save the file as UTF-8)",
        ),
        (b"{\0}", "it is no text (line 1: the file holds a NUL byte, so it is no text)"),
    ],
)
def test_a_broken_notebook_is_refused_with_the_place(text: str, reason: str, read) -> None:
    submission = read(text)
    assert submission.refused.startswith(f"The notebook cannot be read: {reason}")
    assert submission.refused.endswith(ADVICE)
    assert submission.files == {}


@pytest.mark.parametrize("text", ['{"cells": []}', '{"cells": [1, null, {"cell_type": "code"}]}'])
def test_a_notebook_with_nothing_in_it_is_refused(text: str, read) -> None:
    expected = f"Nothing in it defines a part of the assignment. {ADVICE}"
    assert read(text).refused == expected


def test_magics_are_left_out_with_a_note(read) -> None:
    files = GOOD | {"network.py": "%matplotlib inline\n" + GOOD["network.py"]}
    extra = cell("!pip install x\nfiles = !ls\nimport math\nmath?\n?math\nif True:\n    %time\n")
    submission = read(notebook(files, extra, cell("%%bash\nshell = 1\n"), cell("%%time\nz = 1")))
    assert submission.files["network.py"].startswith(GOOD["network.py"].rstrip())
    for text in submission.files.values():
        assert "import math" in text
        assert "z = 1" in text
        assert "%" not in text
        assert "shell" not in text
    assert submission.notes[1] == (
        "Lines that are no Python (%, !, ?) were left out of code cells 5, 9, 10, 11."
    )
    assert submission.syntax_errors == {}


def test_a_percent_sign_in_python_is_kept(read) -> None:
    text = GOOD["network.py"] + "\n\nx = (10\n    % 3)\ny = '''\n%time\n!ls\n'''\n"
    files = GOOD | {"network.py": text}
    assert read(notebook(files)).files == files


def test_checks_and_input_are_left_out(read) -> None:
    text = GOOD["network.py"] + '\n\ncheck("forward")\nn = int(input("n? "))\nprint(1); check()\n'
    submission = read(notebook(GOOD | {"network.py": text}))
    assert submission.files["network.py"].endswith("print(1)\n")
    assert "input" not in submission.files["network.py"]
    assert "check" not in submission.files["network.py"]
    assert "Calls of check() and input() were left out of code cell 7." in submission.notes


def test_input_inside_a_function_is_the_students_own(read) -> None:
    text = GOOD["network.py"] + "\n\ndef ask():\n    return input()\n"
    files = GOOD | {"network.py": text}
    assert read(notebook(files)).files == files


def test_definitions_of_a_students_own_cells_go_along(read) -> None:
    own = cell("from vectors import dot\n\ndef helper():\n    return 1\n\nprint(dot(1, 2))\n")
    data = json.loads(notebook(GOOD))
    data["cells"].insert(1, own)
    submission = read(json.dumps(data))
    helper = "def helper():\n    return 1"
    assert helper in submission.files["vectors.py"]
    assert "from vectors" not in submission.files["vectors.py"]
    assert submission.files["network.py"].startswith(f"from vectors import dot\n\n{helper}")
    assert "print" not in "".join(submission.files.values())
    assert submission.notes == (
        "The definitions of your own code cell 2 were added to every file.",
        "Statements that run rather than define were left out of code cell 2.",
        READ,
    )


def test_without_marks_all_definitions_are_one_module(read) -> None:
    cells = [
        cell("import matplotlib.pyplot as plt\nimport numpy as np\nfrom autograder import check\n"),
        cell(GOOD["vectors.py"]),
        cell("SIZE = 3\nW = np.zeros((SIZE, 3))\ndata = np.loadtxt('x')\nx = dot(W[0], W[1])\n"),
        cell("for i in range(10**9):\n    pass\n"),
        cell("def broken(:\n"),
        cell(GOOD["network.py"]),
        cell("check('dot')\nplt.plot([1])\nname = input()\n"),
        cell("if SIZE:\n    LIMIT = 1\nelse:\n    LIMIT = 2\n"),
    ]
    submission = read(book(cells))
    text = submission.files["vectors.py"]
    assert submission.files == {"vectors.py": text, "network.py": text}
    for kept in ("import numpy", "def dot", "class Value", "SIZE = 3", "W = np", "LIMIT = 2"):
        assert kept in text
    for lost in ("matplotlib", "autograder", "loadtxt", "x = dot", "range", "broken", "name"):
        assert lost not in text
    assert "from vectors" not in text
    assert submission.missing == {}
    assert submission.notes == (
        MERGED,
        "Calls of check() and input() were left out of code cells 1, 7.",
        "Statements that run rather than define were left out of code cells 1, 3, 4, 7.",
        "Code cell 5 was left out: it cannot be parsed (line 1: invalid syntax).",
        READ,
    )
    assert submission.flags == ()


def test_a_syntax_error_in_a_marked_cell_is_the_files(read) -> None:
    submission = read(notebook(GOOD | {"network.py": "def forward(:\n"}))
    assert submission.syntax_errors == {"network.py": "line 1: invalid syntax"}
    assert submission.files["vectors.py"] == GOOD["vectors.py"]


def test_edited_and_removed_checks_and_changed_points_are_flagged(read) -> None:
    data = json.loads(notebook(GOOD))
    data["cells"][-2]["source"] = "print('all passed')"
    data["cells"][-2]["metadata"]["course"]["points"] = 100
    del data["cells"][-1]
    submission = read(json.dumps(data))
    assert submission.files == GOOD
    assert submission.flags == (
        "The points of dot were changed from 2 to 100.",
        "The check cell of dot was edited.",
        "The check cell of forward was removed from the notebook.",
    )


def test_changed_nbgrader_points_are_flagged(read, assignment: Assignment) -> None:
    test = cell("assert dot(1, 2) == 2")
    test["metadata"] = {"nbgrader": {"grade": True, "grade_id": "test-dot", "points": 2}}
    (assignment.folder / "notebook.ipynb").write_text(notebook(STUBS, test))
    assert read(notebook(GOOD, test)).flags == ()
    test["metadata"] = {"nbgrader": {"grade": True, "grade_id": "test-dot", "points": 50}}
    test["source"] = "pass"
    assert read(notebook(GOOD, test)).flags == (
        "The check cell of test-dot was edited.",
        "The nbgrader points of test-dot were changed from 2 to 50.",
    )


def test_without_the_given_notebook_nothing_is_compared(read, assignment: Assignment) -> None:
    (assignment.folder / "notebook.ipynb").unlink()
    assert read(notebook(GOOD)).flags == ()


def test_hostile_metadata_is_not_believed(read) -> None:
    cells = [
        cell("x = 1", file="../../etc/x.py"),
        cell("y = 1", file=["vectors.py"]),
        {"cell_type": "code", "metadata": {"course": "vectors.py"}, "source": 7},
        {"cell_type": "code", "metadata": [], "source": [1, "z = 1"]},
        cell("def dot(a, b):\n    return '\ud800'", file="vectors.py", part=["x"], points={}),
    ]
    submission = read(book(cells))
    assert set(submission.files) == {"vectors.py"}
    assert "return '?'" in submission.files["vectors.py"]
    submission.files["vectors.py"].encode()


def folder_of(tmp_path: Path, files: dict[str, str], assignment: Assignment) -> Submission:
    return read_submission(write(tmp_path / "ann", files), assignment)


def test_work_in_the_notebook_beside_untouched_stubs_is_read(
    tmp_path: Path, assignment: Assignment
) -> None:
    submission = folder_of(tmp_path, {**STUBS, "notebook.ipynb": notebook(GOOD)}, assignment)
    assert submission.files == GOOD
    expected = "vectors.py, network.py: read from the notebook notebook.ipynb."
    assert submission.notes == (expected,)


def test_work_in_the_files_beside_an_untouched_notebook_is_read(
    tmp_path: Path, assignment: Assignment
) -> None:
    submission = folder_of(tmp_path, {**GOOD, "notebook.ipynb": notebook(STUBS)}, assignment)
    assert submission == Submission("ann", GOOD)


def test_work_in_both_is_flagged(tmp_path: Path, assignment: Assignment) -> None:
    other = GOOD | {"vectors.py": GOOD["vectors.py"].replace("a * b", "b * a")}
    submission = folder_of(tmp_path, {**GOOD, "notebook.ipynb": notebook(other)}, assignment)
    assert submission.files == GOOD
    assert submission.flags == (
        "vectors.py and the notebook notebook.ipynb both hold work, and differ: vectors.py was "
        "read.",
    )


def test_work_in_each_for_one_file(tmp_path: Path, assignment: Assignment) -> None:
    files = {**GOOD, "network.py": STUBS["network.py"]}
    mixed = notebook({**STUBS, "network.py": GOOD["network.py"]})
    submission = folder_of(tmp_path, {**files, "notebook.ipynb": mixed}, assignment)
    assert submission.files == GOOD


def test_a_broken_notebook_beside_work_is_a_flag(tmp_path: Path, assignment: Assignment) -> None:
    submission = folder_of(tmp_path, {**GOOD, "notebook.ipynb": "{"}, assignment)
    assert submission.files == GOOD
    assert submission.flags[0].startswith("The notebook was not used, for it cannot be read: its")
    submission = folder_of(tmp_path, {**STUBS, "notebook.ipynb": "{"}, assignment)
    assert submission.refused.startswith("The notebook cannot be read: its JSON breaks at line 1")


def test_several_notebooks(tmp_path: Path, assignment: Assignment) -> None:
    path = make_zip(
        tmp_path / "ann.zip",
        {"a.ipynb": notebook(STUBS), "b.ipynb": notebook(GOOD)},
    )
    assert "there are several, and none is nearer than another: a.ipynb, b.ipynb" in (
        read_submission(path, assignment).refused
    )
    path = make_zip(
        tmp_path / "ann.zip",
        {"02_x/notebook.ipynb": notebook(STUBS), "01_tiny/notebook.ipynb": notebook(GOOD)},
    )
    assert read_submission(path, assignment).files == GOOD
