"""One entry per student from a folder of submissions."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from autograder.course import Assignment, CourseError
from autograder.intake.gradescope import METADATA, read_metadata
from autograder.intake.kinds import in_cache
from autograder.intake.names import Who, distinct, identify
from autograder.intake.origin import of_nbgrader, origin_of
from autograder.intake.submitted import assignment_folders
from autograder.intake.values import Entry, listed, shown

_LISTS = (".csv", ".xlsx", ".json", ".toml")


def find_submissions(folder: Path, assignment: Assignment, name: str = "") -> list[Entry]:
    """Find the entries of a class, sorted by student.

    Each file or folder is one student's, named as ``autograder.intake.names`` says. Caches and
    lists of the instructor's (``.csv``, ``.xlsx``, ``.json``, ``.toml``) are no entries. In
    nbgrader's ``submitted/`` an entry is a student's folder of this assignment; who has none
    handed in nothing.

    Args:
        folder: Where the submissions are.
        assignment: What they are submissions of.
        name: What nbgrader calls the assignment, if not by its id.

    Raises:
        CourseError: There is no such folder, or nothing of that name in ``submitted/``.
    """
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}. Name the one that holds the submissions.")
    theirs = assignment_folders(folder, name or assignment.id, told=bool(name))
    entries = _of_platforms(folder) if theirs is None else _of_nbgrader(folder, theirs)
    return sorted(entries, key=lambda entry: entry.student)


def single(path: Path) -> Entry:
    """Return the entry that one path is by itself."""
    name = path.resolve().name if path.name in ("", "..") else path.name
    who = identify(name, path.is_dir())
    return _entry(distinct([who.key])[who.key], who.key, [(path, who)], None)


def _of_platforms(folder: Path) -> list[Entry]:
    records = read_metadata(folder)
    groups: dict[str, list[tuple[Path, Who]]] = {}
    for path in sorted(folder.iterdir(), key=lambda each: each.name):
        who = identify(path.name, path.is_dir())
        listing = not who.platform and path.name.casefold().endswith(_LISTS) and path.is_file()
        if not in_cache(path.name) and path.name not in (".gitignore", METADATA) and not listing:
            groups.setdefault(who.key, []).append((path, who))
    names = distinct(list(groups))
    entries = []
    for key, found in groups.items():
        entry = _entry(names[key], key, found, folder)
        first = found[0][0]
        origin = origin_of(first, [who for _, who in found], records.get(first.name))
        entries.append(replace(entry, origin=origin))
    return entries


def _of_nbgrader(folder: Path, theirs: dict[str, Path]) -> list[Entry]:
    names = distinct(list(theirs))
    entries = []
    for student, path in theirs.items():
        entry = _entry(names[student], student, [(path, Who(student, path.name, False))], folder)
        origin = of_nbgrader(path)
        entries.append(entry if entry.refused else replace(entry, origin=origin))
    return entries


def _entry(student: str, key: str, found: list[tuple[Path, Who]], folder: Path | None) -> Entry:
    paths = tuple(path for path, _ in found)
    notes: tuple[str, ...] = ()
    if student != key:
        notes = (f"The name {shown(key)} was changed to {student}, to be safe as a file name.",)
    refused = ""
    if len(found) > 1 and not all(who.platform for _, who in found):
        names = listed([path.name for path in paths])
        refused = f"{shown(key)} is there more than once: {names}. Keep one of them."
    outside = [path for path in paths if folder and _leaves(path, folder)]
    if outside:
        target = shown(str(os.path.realpath(outside[0])))
        refused = f"{shown(outside[0].name)} is a link to {target}. Put the work itself there."
    return Entry(student, paths, notes, refused)


def _leaves(path: Path, folder: Path) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
