"""``course nbgrader``: write a course that nbgrader accepts, and grade what it collected."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from typer.core import TyperGroup

from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import Assignment, CourseError, find_root, load_all
from autograder.results import Report

_HELP = """Work with nbgrader: `course nbgrader DIR` writes a course that it accepts.

Then, in DIR, nbgrader's own commands: generate_assignment, release_assignment, collect. Mark with
`course nbgrader grade DIR` rather than `nbgrader autograde`, which runs submissions unguarded and
in one process with the tests; feedback and export are nbgrader's own again.

Example: course nbgrader ../class --exchange /srv/nbgrader/exchange
"""


class _WriteByDefault(TyperGroup):
    """Takes `course nbgrader DIR` for `course nbgrader write DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["write", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the command with its two ways."""
    group = typer.Typer(cls=_WriteByDefault, help=_HELP, no_args_is_help=True)
    group.command()(write)
    group.command()(grade)
    app.add_typer(group, name="nbgrader", rich_help_panel="For instructors")


def write(
    folder: Annotated[Path, typer.Argument(help="A new folder, or one that this wrote before.")],
    names: Annotated[
        list[str] | None, typer.Option("--assignment", "-a", help=f"{NAME_HELP} All by default.")
    ] = None,
    course_id: Annotated[
        str, typer.Option(help="The course's name in the exchange.")
    ] = "language_model",
    exchange: Annotated[
        Path | None, typer.Option(help="nbgrader's exchange; DIR/exchange by default.")
    ] = None,
) -> None:
    """Write nbgrader_config.py and source/, with the reference between nbgrader's markers.

    Run it again to bring source/ up to date; nbgrader_config.py is kept as you left it. source/
    holds the solutions: it is yours, like the whole folder.

    Example: course nbgrader ../class
    """
    from autograder.bridges.nbgrader.layout import Layout, write_course

    _require_name(course_id)
    root = find_root()
    chosen = [assignment(name) for name in names] if names else load_all(root)
    screen, layout = console(), Layout(folder, course_id, exchange or folder / "exchange")
    with screen.status("Writing …") as spinner:
        write_course(root, chosen, layout, lambda name: spinner.update(f"Writing {name} …"))
    first = chosen[0].id
    screen.print(
        f"{len(chosen)} assignments in {folder / 'source'}\n\nNext, in {folder}:\n"
        f"  nbgrader generate_assignment {first}\n  nbgrader release_assignment {first}\n"
        f"and when students have handed in:\n  nbgrader collect {first}\n"
        f"  course nbgrader grade {folder} --assignment {first}",
        markup=False,
    )


def grade(
    folder: Annotated[Path, typer.Argument(help="The folder that `course nbgrader` wrote.")],
    names: Annotated[
        list[str] | None,
        typer.Option("--assignment", "-a", help=f"{NAME_HELP} All that were collected by default."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; one per core by default.", min=0)] = 0,
    seed: Annotated[
        int | None, typer.Option(help="The seed of the hidden tests' inputs, instead of ours.")
    ] = None,
    allow_weak_sandbox: Annotated[
        bool, typer.Option("--allow-weak-sandbox", help="Accept the rung `process`.")
    ] = False,
) -> None:
    """Grade what was collected in the sandbox, and write the marks into gradebook.db.

    Takes the place of `nbgrader autograde`: formgrader, export and generate_feedback then show
    these marks. Reports as `course grade` writes them go into DIR/graded/ASSIGNMENT/. A second run
    keeps what is unchanged.

    Exit codes: 0 graded, 2 the request was wrong, 3 the grader itself failed on a submission
    (the gradebook is left as it was then).

    Example: course nbgrader grade ../class --assignment 01
    """
    from autograder.bridges.nbgrader.layout import require_course
    from autograder.cli.grading import Request

    require_course(folder)
    _require_nbgrader()
    chosen = [assignment(name) for name in names] if names else _collected_at_all(folder)
    for each in chosen:
        out = folder / "graded" / each.id
        request = Request(folder, out, workers, (), seed, "", allow_weak_sandbox)
        code = _grade_one(each, request, console())
        if code:
            raise typer.Exit(code)


def _grade_one(each: Assignment, request: Any, screen: Console) -> int:
    from autograder.bridges.nbgrader.collected import find_collected
    from autograder.bridges.nbgrader.gradebook import Course
    from autograder.cli.grading import grade_entries, publish, require_solutions

    require_solutions(each)
    folder = request.submissions
    works = find_collected(folder, each)
    if not works:
        raise CourseError(
            f"{folder / 'submitted'} holds no submission of {each.id}. In {folder}, run: "
            f"nbgrader collect {each.id}"
        )
    course = Course(folder)
    course.released(each)  # refuses before hours of grading, not after
    reports: list[Report] = grade_entries(each, [w.entry for w in works], request, screen)
    code = publish(each, reports, request.out, screen)
    if code:
        return code
    by_student = {report.student: report for report in reports}
    recorded = course.record(each, works, by_student)
    for _ in track(recorded, "Gradebook", total=len(works), console=screen):
        pass
    screen.print(f"Marks:    {folder / 'gradebook.db'}", markup=False)
    return 0


def _collected_at_all(folder: Path) -> list[Assignment]:
    found = [
        each for each in load_all(find_root()) if any((folder / "submitted").glob(f"*/{each.id}"))
    ]
    if not found:
        raise CourseError(
            f"{folder / 'submitted'} holds no submissions. In {folder}, run `nbgrader collect` "
            "with the assignment's name first."
        )
    return found


def _require_name(course_id: str) -> None:
    if not course_id or set(course_id) & set("/\\+ *?[]\"'"):
        raise CourseError(
            f"{course_id!r} cannot be a course's name in the exchange: it becomes a folder's name. "
            "Use letters, digits, _ and -."
        )


def _require_nbgrader() -> None:
    if importlib.util.find_spec("nbgrader") is None:
        raise CourseError(
            "nbgrader is not installed here. `python3 course.py nbgrader ...` installs it; by "
            'hand: pip install "nbgrader==0.9.6".'
        )
