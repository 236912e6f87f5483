"""What of a notebook's own check cells and points somebody has changed."""

from __future__ import annotations

from autograder.course import Assignment
from autograder.intake.cells import BrokenNotebook, Cell, read_cells
from autograder.intake.values import shown


def find_changes(cells: list[Cell], assignment: Assignment) -> list[str]:
    """Compare a notebook with the one that was given out; return flags.

    Nothing of this changes a score: neither the check cells nor the points of a notebook are used.
    """
    flags = _points(cells, assignment)
    for original in _given(assignment):
        if original.text("role") != "check" and not original.nbgrader.get("grade"):
            continue
        now = next((cell for cell in cells if _key(cell) == _key(original)), None)
        name = shown(str(_name(original)))
        if now is None:
            flags.append(f"The check cell of {name} was removed from the notebook.")
        elif now.source.strip() != original.source.strip():
            flags.append(f"The check cell of {name} was edited.")
        if now is not None and now.nbgrader.get("points") != original.nbgrader.get("points"):
            flags.append(
                f"The nbgrader points of {name} were changed from "
                f"{original.nbgrader.get('points')} to {shown(str(now.nbgrader.get('points')))}."
            )
    return flags


def _given(assignment: Assignment) -> list[Cell]:
    try:
        return read_cells((assignment.folder / "notebook.ipynb").read_bytes())
    except (OSError, BrokenNotebook):
        return []


def _points(cells: list[Cell], assignment: Assignment) -> list[str]:
    worth = {part.name: part.points for part in assignment.parts}
    flags = []
    for cell in cells:
        name = cell.text("part")
        if name in worth and "points" in cell.course and cell.course["points"] != worth[name]:
            points = shown(str(cell.course["points"]))
            flags.append(f"The points of {name} were changed from {worth[name]:g} to {points}.")
    return flags


def _key(cell: Cell) -> tuple[str, str]:
    if cell.nbgrader.get("grade_id"):
        return "nbgrader", str(cell.nbgrader["grade_id"])
    return cell.text("role"), cell.text("part") or cell.id


def _name(cell: Cell) -> str:
    return cell.text("part") or str(cell.nbgrader.get("grade_id") or cell.id)
