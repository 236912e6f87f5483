"""The notebooks in ``source/``: the reference between markers, and the cells that give marks.

The checks below each part stay where they are in the course's own notebook; nbgrader does not mark
them. The marks come from cells at the end: a part may use one that is written further down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autograder.author import notebooks, segments
from autograder.author.notebooks import Cell, Notebook
from autograder.author.source import BEGIN, read
from autograder.author.stubs import stub
from autograder.course import Assignment, Part
from autograder.mistakes import reference_texts

_MARKS = (
    "## Marks\n\nEach cell below ends in the points of one part. On your machine the public tests "
    "give them; when your work is marked, the hidden tests do too. Leave these cells as they are."
)


def source_notebook(assignment: Assignment) -> Notebook:
    """Make the notebook of ``source/``.

    Raises:
        SyncError: The reference breaks a rule.
    """
    stubs = {name: stub(read(assignment.solutions / name, assignment)) for name in assignment.files}
    empty = notebooks.build(assignment, stubs)
    notebook = notebooks.fill(empty, reference_texts(assignment))
    taken: set[str] = set()
    for cell in notebook["cells"]:
        role = cell["metadata"]["course"]["role"]
        if role == "setup":
            cell["metadata"]["nbgrader"] = _metadata("setup", locked=True)
        elif role == "code" and BEGIN in cell["source"]:
            name = _unique(_cell_name(cell), taken)
            cell["metadata"]["nbgrader"] = _metadata(name, solution=True)
    notebook["cells"] += _marks(assignment)
    return notebook


def test_id(part: str) -> str:
    """The ``grade_id`` of the cell that gives a part its points."""
    return "test-" + re.sub(r"[^A-Za-z0-9_-]", "-", part)


test_id.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test's


def _marks(assignment: Assignment) -> Iterator[Cell]:
    yield notebooks.markdown_cell("marks", "", _MARKS)
    for part in assignment.parts:
        yield _test_cell(part)


def _test_cell(part: Part) -> Cell:
    # `check` is imported again, lest a variable of that name, made by accident, costs all marks.
    text = f'from autograder import check\n\ncheck("{part.name}", hidden=True).score'
    extra = {"part": part.name, "points": part.points}
    made = notebooks.code_cell("check", f"marks:{part.name}", text, extra)
    made["metadata"]["nbgrader"] = {
        **_metadata(test_id(part.name), grade=True, locked=True),
        "points": part.points,
    }
    return made


def _metadata(name: str, **yes: bool) -> dict[str, Any]:
    flags = {key: yes.get(key, False) for key in ("grade", "locked", "solution", "task")}
    return {**flags, "grade_id": name, "cell_type": "code", "schema_version": 3}


def _cell_name(cell: Cell) -> str:
    file = cell["metadata"]["course"]["file"].removesuffix(".py")
    return "-".join([file, *segments.names(cell["source"])[:1]])


def _unique(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found
