"""Commands for platforms that grade by themselves: gradescope, classroom."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import CourseError, find_root

PANEL = "For instructors"


class Policy(StrEnum):
    """What students see of a failed hidden test."""

    TITLE = "title"
    MESSAGE = "message"
    FULL = "full"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL)(gradescope)


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
