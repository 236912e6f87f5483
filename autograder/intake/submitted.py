"""nbgrader's ``submitted/STUDENT/ASSIGNMENT/``: which folder of each student is meant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from autograder.course import CourseError
from autograder.intake.kinds import in_cache
from autograder.intake.values import listed, shown

_NAME = "submitted"
_STAMP = "timestamp.txt"


def assignment_folders(folder: Path, name: str, *, told: bool) -> dict[str, Path] | None:
    """Return each student's folder of one assignment; None where this is no ``submitted/``.

    A folder is taken for nbgrader's when it holds a folder for each student and those hold folders
    only, and nbgrader shows: by its name ``submitted``, or by a ``timestamp.txt`` where nbgrader
    puts it.

    Args:
        folder: The class's folder.
        name: The assignment's name in nbgrader.
        told: Whether a person said that name, and so that this is nbgrader's.

    Raises:
        CourseError: It is nbgrader's, and nobody in it has a folder of that name.
    """
    students = [path for path in sorted(folder.iterdir()) if not in_cache(path.name)]
    if told:
        students = [path for path in students if path.is_dir()]
    elif not all(path.is_dir() for path in students):
        return None
    inside = {student: _inside(student) for student in students}
    if not told and not _shows(folder, inside, name):
        return None
    found = {student.name: student / name for student in students if (student / name).is_dir()}
    if found:
        return found
    there = Counter(path.name for paths in inside.values() for path in paths if path.is_dir())
    names = listed([f"{each} ({many})" for each, many in sorted(there.items())]) or "none"
    raise CourseError(
        f"{folder} is read as nbgrader's, and nobody in it handed in {shown(name)!r}. There are: "
        f"{names}. Say which is meant with --assignment-name."
    )


def _inside(student: Path) -> list[Path]:
    try:
        return [path for path in student.iterdir() if not in_cache(path.name)]
    except OSError:  # the reader says so where it matters
        return []


def _shows(folder: Path, inside: dict[Path, list[Path]], name: str) -> bool:
    there = [path for paths in inside.values() for path in paths]
    if not there or not all(path.is_dir() for path in there):
        return False
    stamped = any((path / _STAMP).is_file() for path in there)
    return stamped or (folder.resolve().name == _NAME and any(path.name == name for path in there))
