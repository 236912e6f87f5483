"""From the code cells of a notebook to the course's files."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from autograder.course import Assignment
from autograder.intake.cells import Cell
from autograder.intake.keep import (
    imported_names,
    is_check_or_input,
    is_definition,
    without,
)

_GAP = "\n\n\n"


@dataclass(frozen=True)
class FromNotebook:
    """What a notebook gives.

    Attributes:
        files: Source text by course file.
        notes: What was left out, and why.
        marked: Whether the cells still knew their files.
    """

    files: dict[str, str]
    notes: tuple[str, ...]
    marked: bool


@dataclass
class _Left:
    """What is left out on the way, by number of the cell."""

    magics: set[int] = field(default_factory=set)
    checks: set[int] = field(default_factory=set)
    statements: set[int] = field(default_factory=set)
    unparsable: dict[int, str] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)


def to_files(cells: list[Cell], assignment: Assignment) -> FromNotebook:
    """Make the course's files out of a notebook's cells.

    Cells that name a file in their metadata are that file, in order. Of cells that a student added,
    the definitions go along into every file. Where no cell names a file any more, the definitions
    of all of them are one module, which stands in for every file.
    """
    left = _Left(magics={cell.number for cell in cells if cell.magics})
    marked = any(cell.text("file") in assignment.files for cell in cells)
    names = imported_names(node for cell in cells if cell.tree for node in cell.tree.body)
    files: dict[str, str] = {}
    for index, file in enumerate(assignment.files):
        earlier = assignment.files[:index] if marked else ()
        if marked and not any(cell.text("file") == file for cell in cells):
            continue
        pieces = [_piece(cell, file, earlier, assignment, names, left) for cell in cells]
        text = _GAP.join(piece for piece in pieces if piece.strip())
        files[file] = text.rstrip("\n") + "\n"
    return FromNotebook(files, tuple(_notes(left, marked)), marked)


def _piece(
    cell: Cell,
    file: str,
    earlier: tuple[str, ...],
    assignment: Assignment,
    names: frozenset[str],
    left: _Left,
) -> str:
    if cell.text("file") == file:
        if cell.tree is None:
            return cell.source
        text, dropped = without(cell.source, cell.tree, is_check_or_input)
        if dropped:
            left.checks.add(cell.number)
        return text
    if cell.text("file") in assignment.files or cell.text("role") in ("setup", "check"):
        return ""
    if cell.tree is None:
        left.unparsable[cell.number] = cell.problem
        return ""
    others = {each.removesuffix(".py") for each in assignment.files if each not in earlier}

    def doomed(node: ast.stmt) -> bool:
        if is_check_or_input(node):
            left.checks.add(cell.number)
            return True
        if isinstance(node, ast.ImportFrom) and node.module in others:
            return True
        if is_definition(node, names):
            return False
        left.statements.add(cell.number)
        return True

    text, _ = without(cell.source, cell.tree, doomed)
    text = text if any(not doomed(node) for node in cell.tree.body) else ""
    if text.strip():
        left.own.add(cell.number)
    return text


def _notes(left: _Left, marked: bool) -> list[str]:
    notes = []
    if not marked:
        notes.append(
            "The notebook's cells have lost the marks that say which file they belong to, so the "
            "imports, functions, classes and simple assignments of all cells were read as one "
            "module."
        )
    elif left.own:
        notes.append(f"The definitions of your own {_cells(left.own)} were added to every file.")
    if left.magics:
        notes.append(f"Lines that are no Python (%, !, ?) were left out of {_cells(left.magics)}.")
    if left.checks:
        notes.append(f"Calls of check() and input() were left out of {_cells(left.checks)}.")
    if left.statements:
        notes.append(
            f"Statements that run rather than define were left out of {_cells(left.statements)}."
        )
    for number, problem in sorted(left.unparsable.items()):
        notes.append(f"Code cell {number} was left out: it cannot be parsed ({problem}).")
    return notes


def _cells(numbers: Iterable[int]) -> str:
    each = sorted(numbers)
    row = ", ".join(map(str, each[:8])) + (" and more" if len(each) > 8 else "")
    return f"code cell {row}" if len(each) == 1 else f"code cells {row}"
