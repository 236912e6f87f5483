"""Find, among the Python files handed in, which one is which of the course's files."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from autograder.course import Assignment
from autograder.intake.decode import Undecodable, decode
from autograder.intake.kinds import Kind, kind_of
from autograder.intake.parts import count_parts
from autograder.intake.tree import MOST_SOURCE, Tree
from autograder.intake.values import Refused, listed, shown


@dataclass(frozen=True)
class Source:
    """A Python file that was handed in.

    Attributes:
        path: Where it was.
        text: Its text, empty if it cannot be read.
        how: Its encoding, where that is worth a note.
        problem: Why it cannot be read.
    """

    path: str
    text: str
    how: str = ""
    problem: str = ""


@dataclass
class Found:
    """The course's files, as far as they are there.

    Attributes:
        sources: What stands for each course file.
        notes: What was found elsewhere or under another name.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_sources(tree: Tree) -> list[Source]:
    """Decode every Python file of a tree, in order of path."""
    found = []
    for path in sorted(tree.files):
        if kind_of(path) is not Kind.SOURCE:
            continue
        if path in tree.too_large:
            found.append(Source(path, "", "", f"it is larger than {MOST_SOURCE // 2**20} MB"))
            continue
        try:
            text, how = decode(tree.files[path])
            found.append(Source(path, text, how))
        except Undecodable as error:
            found.append(Source(path, "", "", str(error)))
    return found


def level(path: str, assignment: Assignment) -> tuple[bool, int]:
    """How near the surface a path is; one inside the assignment's own folder comes first."""
    parts = path.split("/")
    return assignment.id not in parts[:-1], len(parts)


def by_name(sources: list[Source], assignment: Assignment) -> Found:
    """Find the course's files by their names: of several, the one nearest the surface.

    Raises:
        Refused: Two different ones are equally near.
    """
    found = Found()
    moved: dict[str, list[str]] = {}
    for file in assignment.files:
        named = [each for each in sources if posixpath.basename(each.path) == file]
        if not named:
            continue
        best = _best(named, file, assignment)
        found.sources[file] = best
        if best.path != file:
            moved.setdefault(posixpath.dirname(best.path), []).append(file)
        others = [each.path for each in named if each.text != best.text]
        if others:
            found.notes.append(
                f"Of several {file}, {shown(best.path)} was read, and not {listed(others)}."
            )
    for folder, files in moved.items():
        found.notes.append(f"Read from the folder {shown(folder)}: {', '.join(files)}.")
    return found


def stand_ins(sources: list[Source], found: Found, assignment: Assignment) -> None:
    """Let files of another name stand in for those that are missing, by what they define.

    Raises:
        Refused: Two different files could stand in for one.
    """
    taken = {source.path for source in found.sources.values()}
    free = [each for each in sources if each.path not in taken and not each.problem]
    for file in assignment.files:
        if file in found.sources:
            continue
        counts = {each.path: count_parts(file, each.text, assignment) for each in free}
        most = max(counts.values(), default=0)
        if most:
            fitting = [each for each in free if counts[each.path] == most]
            best = _best(fitting, file, assignment)
            found.sources[file] = best
            found.notes.append(f"{shown(best.path)} stands in for {file}, which is missing.")


def unreadable_stand_in(sources: list[Source], found: Found, assignment: Assignment) -> None:
    """Take the only Python file for the only file missing, though nobody can read it."""
    if len(sources) == 1 and not found.sources and sources[0].problem:
        found.sources.update(dict.fromkeys(assignment.files, sources[0]))
        found.notes.append(f"{shown(sources[0].path)} stands in for every file.")


def _best(named: list[Source], file: str, assignment: Assignment) -> Source:
    nearest = min(level(each.path, assignment) for each in named)
    best = [each for each in named if level(each.path, assignment) == nearest]
    if len({(each.text, each.problem) for each in best}) > 1:
        paths = listed([each.path for each in best])
        raise Refused(f"Several files could be {file}, and none is nearer than another: {paths}.")
    return best[0]
