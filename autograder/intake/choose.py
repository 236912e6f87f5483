"""Decide between the Python files and the notebook of one submission."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.course import Assignment
from autograder.intake.cells import BrokenNotebook, read_cells
from autograder.intake.kinds import Kind, kind_of
from autograder.intake.notebook import FromNotebook, to_files
from autograder.intake.parts import count_parts, is_untouched
from autograder.intake.place import Found, Source, by_name, level, stand_ins, unreadable_stand_in
from autograder.intake.tamper import find_changes
from autograder.intake.tree import Tree
from autograder.intake.values import Refused, listed, shown


@dataclass(frozen=True)
class Chosen:
    """What stands for the course's files.

    Attributes:
        found: The sources, and notes about them.
        flags: What an instructor should look at.
    """

    found: Found
    flags: tuple[str, ...]


def choose(sources: list[Source], tree: Tree, assignment: Assignment) -> Chosen:
    """Choose what stands for each file: a Python file with work in it, else the notebook's.

    Raises:
        Refused: It cannot be told, or the notebook that is needed is broken.
    """
    found = by_name(sources, assignment)
    paths = sorted(path for path in tree.files if kind_of(path) is Kind.NOTEBOOK)
    if not paths:
        stand_ins(sources, found, assignment)
        unreadable_stand_in(sources, found, assignment)
        return Chosen(found, ())
    worked = {
        file
        for file, source in found.sources.items()
        if source.problem or not is_untouched(file, source.text, assignment)
    }
    try:
        path = _pick(paths, tree, assignment)
        cells = read_cells(tree.files[path])
    except BrokenNotebook as error:
        if not worked:
            raise Refused(f"The notebook cannot be read: {error}.") from None
        stand_ins(sources, found, assignment)
        return Chosen(found, (f"The notebook was not used, for it cannot be read: {error}.",))
    book = to_files(cells, assignment)
    flags = find_changes(cells, assignment) if book.marked else []
    used = _use(book, path, found, worked, assignment, flags)
    if used:
        found.notes += [*book.notes, f"{', '.join(used)}: read from the notebook {shown(path)}."]
    stand_ins(sources, found, assignment)
    return Chosen(found, tuple(flags))


def _pick(paths: list[str], tree: Tree, assignment: Assignment) -> str:
    nearest = min(level(path, assignment) for path in paths)
    best = [path for path in paths if level(path, assignment) == nearest]
    named = [path for path in best if path.rpartition("/")[2] == "notebook.ipynb"]
    best = named or best
    if len({tree.files[path] for path in best}) > 1:
        raise BrokenNotebook(f"there are several, and none is nearer than another: {listed(best)}")
    return best[0]


def _use(
    book: FromNotebook,
    path: str,
    found: Found,
    worked: set[str],
    assignment: Assignment,
    flags: list[str],
) -> list[str]:
    """Put the notebook's files where no Python file has work in it; return which."""
    used = []
    for file, text in book.files.items():
        other = found.sources.get(file)
        empty = is_untouched(file, text, assignment)
        if other is None:
            if book.marked or count_parts(file, text, assignment):
                found.sources[file] = Source(path, text)
                used.append(file)
        elif not empty and file not in worked:
            found.sources[file] = Source(path, text)
            used.append(file)
        elif not empty and other.text.strip() != text.strip():
            flags.append(
                f"{file} and the notebook {shown(path)} both hold work, and differ: "
                f"{shown(other.path)} was read."
            )
    return used
