"""Commands for platforms that grade by themselves: gradescope, classroom."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import Assignment, CourseError, find_root, is_draft
from autograder.faults import GraderFault

PANEL = "For instructors"


class Policy(StrEnum):
    """What students see of a failed hidden test."""

    TITLE = "title"
    MESSAGE = "message"
    FULL = "full"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (gradescope, classroom):
        app.command(rich_help_panel=PANEL)(command)


def gradescope(
    name: Annotated[str, typer.Argument(help=NAME_HELP, show_default=False)],
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("autograder.zip"),
    policy: Annotated[
        Policy | None,
        typer.Option(
            help="What students see of a failed hidden test; the assignment's by default.",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[
        int, typer.Option(help="The timeout set in Gradescope, in minutes.", min=2, max=60)
    ] = 10,
    memory_mb: Annotated[
        int, typer.Option(help="The memory chosen in Gradescope, in MB.", min=512)
    ] = 768,
) -> None:
    """Write the zip with which Gradescope grades an assignment.

    Upload it under Configure Autograder. It holds the hidden tests and the solutions of this
    assignment, and nothing of another; in the container nobody but root can read them, and
    submissions do not run as root. Where the grader itself fails, students see that their points
    are pending, and no total.

    Exit codes: 0 written, 2 the request was wrong.

    Example: course gradescope 04 --out autograder.zip
    """
    from autograder.bridges.gradescope.package import Container, write_zip

    chosen = assignment(name)
    if out.is_dir() or out.suffix != ".zip":
        raise CourseError(f"{out} is no name for a zip. Give one that ends in .zip: --out 04.zip")
    container = Container(minutes, memory_mb, policy.value if policy else chosen.policy)
    files = write_zip(chosen, find_root(), container, out)
    size = out.stat().st_size / 1024
    console().print(
        f"{out}: {len(files)} files, {size:.0f} KB, {chosen.points:g} points in "
        f"{len(chosen.parts)} parts. Upload it to Gradescope under Configure Autograder; base "
        f"image Ubuntu 22.04 or newer, {minutes} minutes, {memory_mb} MB.",
        markup=False,
    )


def classroom(
    name: Annotated[str, typer.Argument(help=NAME_HELP, show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(help="A new folder, or one that this wrote before.", show_default=False),
    ] = None,
    grade: Annotated[
        bool, typer.Option("--grade", help="What the workflow runs: report the public tests.")
    ] = False,
) -> None:
    """Write a template repository for GitHub Classroom: one assignment and the workflow.

    Push the folder to a repository, mark it as a template, and choose it for the assignment. At
    every push the workflow runs the public tests in the sandbox and reports points for each part.
    No hidden test is in a student's repository; for marks, clone the repositories and run `course
    grade` on them.

    Exit codes: 0 written (with --grade: reported, whatever the work is worth), 2 the request was
    wrong, 3 the grader itself failed, and no points were reported.

    Example: course classroom 04 ../attention-template
    """
    chosen = assignment(name)
    if grade == (folder is not None):
        raise CourseError(
            "Give a folder to write the template repository into (course classroom "
            f"{chosen.number} ../template), or --grade inside of one."
        )
    if folder is None:
        raise typer.Exit(_report_public(chosen))
    _write_template(chosen, folder)


def _write_template(chosen: Assignment, folder: Path) -> None:
    from autograder.author.release import release
    from autograder.bridges.classroom import WORKFLOW, workflow

    if is_draft(chosen.folder):
        raise CourseError(f"{chosen.id} is a draft, which students do not get yet.")
    screen = console()
    with screen.status("Looking for what students must not get, then writing ..."):
        files = release(find_root(), folder, chosen.id, {WORKFLOW: workflow(chosen)})
    screen.print(
        f"{folder}: {len(files)} files. Push it to GitHub, mark the repository as a template "
        f"(Settings), and choose it in Classroom. Protect there: {WORKFLOW}, autograder/**, "
        f"assignments/{chosen.id}/test_public.py.",
        markup=False,
    )


def _report_public(chosen: Assignment) -> int:
    """Run the public tests and hand the result to the reporter; return the exit code."""
    from autograder.bridges import classroom

    report, screen = None, console()
    screen.print(f"Running the public tests of {chosen.id} ...")
    try:
        report = classroom.grade_public(chosen)
        result = classroom.result_of(report, chosen)
    except GraderFault as fault:
        result = classroom.failed_result(str(fault))
    output, summary = (os.environ.get(f"GITHUB_{word}") for word in ("OUTPUT", "STEP_SUMMARY"))
    if output:
        classroom.hand_over(result, Path(output))
    if summary and report is not None:
        classroom.write_summary(report, chosen, Path(summary))
    for test in result["tests"]:
        screen.print(f"{test['status']:5} {test['score']:>5g}  {test['name']}", markup=False)
    if report is not None:
        screen.print(
            f"{report.score:g} of {report.points:g} points of the public tests, sandbox rung "
            f"{report.rung}. The hidden tests run when marks are given.",
            markup=False,
        )
    if not output:
        screen.print("GITHUB_OUTPUT names no file, so nothing was handed to a reporter.")
    return 3 if result["status"] == "error" else 0
