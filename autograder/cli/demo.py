"""``course demo``: make a class, grade it, say what to look at."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console

from autograder.cli.grading import Request, grade_class
from autograder.course import CourseError, find, find_root
from autograder.demo_class import make_class

_MARK = ".made-by-course-demo"


def run_demo(out: Path, workers: int, screen: Console) -> int:
    """Make the demo class of assignment 01 and grade it; return the exit code.

    Raises:
        CourseError: The folder is not ours to write.
    """
    assignment = find("01", find_root())
    if not assignment.has_solutions:
        raise CourseError("The demo needs solutions/, which this copy of the course lacks.")
    if out.exists() and not (out / _MARK).is_file() and any(out.iterdir()):
        raise CourseError(f"{out} is not empty and was not made by the demo. Name another: --out")
    submissions = out / "submissions"
    shutil.rmtree(submissions, ignore_errors=True)
    submissions.mkdir(parents=True)
    (out / _MARK).touch()
    count = make_class(assignment, submissions)
    screen.print(
        f"A class of {count} has handed in assignment {assignment.number}, “{assignment.title}”, "
        f"as folders, notebooks, archives and single files: {submissions}/"
    )
    code = grade_class(assignment, Request(submissions, out / "graded", workers), screen)
    if code == 0:
        _what_to_look_at(out / "graded", screen)
    return code


def _what_to_look_at(graded: Path, screen: Console) -> None:
    page = (graded / "report.html").resolve()
    screen.print(
        "\nOpen the report in a browser:\n"
        f"  {page.as_uri()}\n"
        "Look at the commonest mistakes, named; click a column's head to sort, and a student to\n"
        "see every test. Four of the class are hostile: one loops, one leaves, one eats memory,\n"
        "one forges results; each lost that part alone.\n"
        f"What a student gets back: {graded / 'feedback'}/",
        markup=False,
        soft_wrap=True,
    )
