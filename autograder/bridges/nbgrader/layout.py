"""The folder of a course as nbgrader wants it: its configuration, ``source/`` and an exchange."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.author import notebooks
from autograder.bridges.nbgrader.sources import source_notebook
from autograder.course import STAFF, Assignment, CourseError
from autograder.files import write_atomically

CONFIG = "nbgrader_config.py"
_FIRST_LINE = '"""nbgrader\'s configuration of this course'
_CONFIG = '''{first}, written by `course nbgrader`; yours to change."""

import os

from autograder.bridges.nbgrader.preprocessors import generating

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course_id!r}
c.Exchange.root = {exchange!r}

# The stubs that students get are the course's own: each names its part.
c.GenerateAssignment.preprocessors = generating()

# Where `nbgrader autograde` finds the hidden tests. Students have no such file, and no solutions.
os.environ[{staff!r}] = {root!r}
c.Execute.timeout = 120  # seconds that a cell may take
# As in the sandbox: with more threads, torch on a busy machine is many times slower.
os.environ["OMP_NUM_THREADS"] = "1"
'''
_LEFT_OUT = ("notebook.ipynb", "play.py", "__pycache__")


@dataclass(frozen=True)
class Layout:
    """Where things are: the folder, the course's id and the exchange."""

    folder: Path
    course_id: str
    exchange: Path


def write_course(
    root: Path, assignments: Sequence[Assignment], layout: Layout, tell: Callable[[str], object]
) -> None:
    """Write a course for nbgrader, or bring the sources of an earlier one up to date.

    An existing configuration is kept as it is.

    Args:
        root: The course's folder.
        assignments: Which of its assignments.
        layout: Where things go.
        tell: Called with the name of what is being written.

    Raises:
        CourseError: The folder holds something else, or an assignment has no solutions here.
    """
    _require_ours(layout.folder)
    for assignment in assignments:
        tell(assignment.id)
        _write_source(assignment, layout.folder / "source" / assignment.id)
    config = layout.folder / CONFIG
    if not config.exists():
        _make_exchange(layout.exchange)
        text = _CONFIG.format(
            first=_FIRST_LINE,
            course_id=layout.course_id,
            exchange=str(layout.exchange.resolve()),
            staff=STAFF,
            root=str(root.resolve()),
        )
        write_atomically(config, text)


def require_course(folder: Path) -> None:
    """Refuse a folder that is no course of nbgrader's.

    Raises:
        CourseError: It is none.
    """
    if not (folder / CONFIG).is_file():
        raise CourseError(
            f"{folder} is no nbgrader course: it has no {CONFIG}. Make one with "
            f"`course nbgrader {folder}`, or name the folder that holds it."
        )


def _require_ours(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file. Name a new folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    config = folder / CONFIG
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    if "autograder.bridges.nbgrader" not in text:
        raise CourseError(
            f"{folder} is not empty, and `course nbgrader` did not write it. Name a new folder; to "
            f"add this course to another, copy source/ and what {CONFIG} says from there."
        )


def _write_source(assignment: Assignment, folder: Path) -> None:
    if not assignment.has_solutions:
        raise CourseError(
            f"Source notebooks hold the reference of {assignment.id}, and this copy of the course "
            "lacks solutions/."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(assignment.folder.iterdir()):
        if path.name in _LEFT_OUT or path.name in assignment.files:
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
        else:
            shutil.copy(path, folder / path.name)
    write_atomically(
        folder / f"{assignment.id}.ipynb", notebooks.write(source_notebook(assignment))
    )


def _make_exchange(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # students hand in there, each under an own account
