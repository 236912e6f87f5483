"""Commands for an instructor: grade, doctor, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.common import NAME_HELP, assignment, console

PANEL = "For instructors"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (grade, doctor, demo):
        app.command(rich_help_panel=PANEL)(command)


def grade(
    submissions: Annotated[
        Path,
        typer.Argument(
            help="A folder with one entry per student: a folder, .py, .ipynb, .zip or .tar.gz.",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Option("--assignment", "-a", help=NAME_HELP, show_default=False)],
    out: Annotated[Path, typer.Option(help="Where reports go.")] = Path("graded"),
    workers: Annotated[int, typer.Option(help="Processes; one per core by default.", min=0)] = 0,
    student: Annotated[
        list[str] | None, typer.Option(help="Grade only this student, again; may be repeated.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The seed of the hidden tests' inputs, instead of ours.")
    ] = None,
    rung: Annotated[
        str, typer.Option(help="A sandbox rung by name; the best there is by default.")
    ] = "",
    allow_weak_sandbox: Annotated[
        bool, typer.Option("--allow-weak-sandbox", help="Accept the rung `process`.")
    ] = False,
    assignment_name: Annotated[
        str, typer.Option(help="In nbgrader's submitted/: its name there, if not as here.")
    ] = "",
) -> None:
    """Grade a class in the sandbox.

    The folder may be as Canvas, Moodle, Gradescope, nbgrader (submitted/) or `gh classroom clone`
    made it; whose work it is and when it came are read from there.

    Writes OUT/STUDENT.json, OUT/feedback/STUDENT.md, OUT/scores.csv and OUT/report.html. A second
    run keeps what is unchanged and prints what changed. Ctrl-C loses at most the submissions in
    flight.

    Exit codes: 0 graded, 2 the request was wrong, 3 the grader itself failed on a submission
    (nothing is published then).

    Example: course grade submissions/ --assignment 01 --out graded/
    """
    from autograder.cli.grading import Request, grade_class

    chosen = tuple(student or ())
    request = Request(
        submissions, out, workers, chosen, seed, rung, allow_weak_sandbox, assignment_name
    )
    raise typer.Exit(grade_class(assignment(name), request, console()))


def doctor(
    rung: Annotated[str, typer.Option(help="Look at this rung: namespaces, user or process.")] = "",
) -> None:
    """Say which sandbox this machine gives, what it keeps out, and what would give a better one.

    Exit codes: 0 grades can be trusted here, 1 they cannot, 2 there is no such rung here.
    """
    from autograder.cli.doctor import examine

    raise typer.Exit(examine(console(), rung))


def demo(
    out: Annotated[Path, typer.Option(help="A folder for the class and its reports.")] = Path(
        "demo"
    ),
    workers: Annotated[int, typer.Option(help="Processes; one per core by default.", min=0)] = 0,
) -> None:
    """Make a class of forty submissions, right, wrong and hostile; grade it; show the report."""
    from autograder.cli.demo import run_demo

    raise typer.Exit(run_demo(out, workers, console()))
