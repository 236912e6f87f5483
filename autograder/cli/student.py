"""Commands for a student: check, hint, solution, status, play, ask, lab."""

from __future__ import annotations

from typing import Annotated

import typer

from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import CourseError

Name = Annotated[str, typer.Argument(help=NAME_HELP, show_default=False)]
PartName = Annotated[str, typer.Argument(help="One part, such as layer.", show_default=False)]
PANEL = "For students"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (check, hint, solution, status, play, ask, lab):
        # A play has options of its own: what is unknown here is left to it.
        settings = {"ignore_unknown_options": True} if command is play else None
        app.command(rich_help_panel=PANEL, context_settings=settings)(command)


def check(
    name: Name,
    part: Annotated[str, typer.Argument(help="One part; all by default.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Run the touched parts again whenever you save.")
    ] = False,
    hidden: Annotated[
        bool,
        typer.Option("--hidden", help="Run the hidden tests too, where the solutions are at hand."),
    ] = False,
) -> None:
    """Run the tests on your own work, in process.

    Shows every part with its points, the first failure of each in five lines, and what to do next.
    The exit code is 0 when all tests that ran pass, and 1 otherwise.

    Example: course check 01 layer --watch
    """
    from autograder.cli.checking import check_once, watch_and_check

    chosen = assignment(name)
    parts = [chosen.part(part)] if part else list(chosen.parts)
    if hidden and not chosen.has_solutions:
        raise CourseError(
            "The hidden tests need solutions/, which this copy of the course does not have. "
            "Without --hidden the public tests run."
        )
    run = watch_and_check if watch else check_once
    passed = run(chosen, parts, hidden, console())
    raise typer.Exit(0 if passed else 1)


def hint(name: Name, part: PartName) -> None:
    """Show the next hint for a part: three steps, each stronger, remembered between calls."""
    from autograder.course import find_root
    from autograder.memory import Memory

    chosen = assignment(name)
    found = chosen.part(part)
    if not found.hints:
        raise CourseError(f"There are no hints for {found.name}.")
    last = len(found.hints) - 1
    index = Memory(find_root()).next_hint(chosen, found.name, last)
    screen = console()
    screen.print(f"[bold]{found.name}[/], hint {index + 1} of {len(found.hints)}")
    screen.print(found.hints[index], markup=False)
    if index < last:
        screen.print(
            f"[dim]Ask again for a stronger one: course hint {chosen.number} {found.name}[/]"
        )
    else:
        screen.print("[dim]That was the strongest hint.[/]")


def solution(
    name: Name,
    part: PartName,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Show it although the part does not pass yet.")
    ] = False,
) -> None:
    """Show the reference beside your own code, once the part passes."""
    from autograder.cli.compare import show_solution

    show_solution(assignment(name), part, give_up, console())


def status() -> None:
    """Show all assignments: bars, points, and what changed since last time."""
    from autograder.cli.overview import show_status

    show_status(console())


def play(
    name: Name,
    options: Annotated[
        list[str] | None, typer.Argument(help="What this play takes, as key=value or --key value.")
    ] = None,
    use_solution: Annotated[
        bool, typer.Option("--solution", help="Run it on the reference instead of your own code.")
    ] = False,
    out: Annotated[str, typer.Option(help="Folder for pictures and pages.")] = "",
) -> None:
    """Run something for pleasure on your own code: a picture, a text, a search.

    Example: course play 05 --steps 500 --mine
    """
    from autograder.cli.playing import run_play

    run_play(assignment(name), options or [], use_solution, out, console())


def ask(
    question: Annotated[str, typer.Argument(help="A question, in quotes.", show_default=False)],
    use_solution: Annotated[
        bool, typer.Option("--solution", help="Ask the reference instead of your own code.")
    ] = False,
    corpus: Annotated[
        str, typer.Option(help="What is searched: lectures, python, or a folder of notes.")
    ] = "lectures",
    endpoint: Annotated[
        str, typer.Option(help="An OpenAI-compatible address; without one, sentences are quoted.")
    ] = "",
) -> None:
    """Ask the course itself, by the search that you built in assignment 08.

    Example: course ask "why divide by the root of d_k?"
    """
    from autograder.cli.ask import run_ask
    from autograder.course import find_root

    run_ask(find_root(), question, use_solution, corpus, endpoint, console())


def lab(
    name: Name,
    browser: Annotated[
        bool, typer.Option(help="Open a browser; without one, the address is printed.")
    ] = True,
) -> None:
    """Open the assignment's notebook in JupyterLab."""
    import importlib.util
    import os
    import subprocess
    import sys

    chosen = assignment(name)
    notebook = chosen.folder / "notebook.ipynb"
    if not notebook.is_file():
        raise CourseError(f"{notebook} does not exist.")
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(
            "JupyterLab is not installed. `python3 course.py lab 01` installs it; or run "
            "pip install 'jupyterlab>=4.4' in this environment."
        )
    command = [sys.executable, "-m", "jupyterlab"]
    command.append(f"--LabApp.default_url=/lab/tree/{notebook.name}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container; Jupyter refuses otherwise
    if not browser:
        command.append("--no-browser")
    raise typer.Exit(subprocess.call(command, cwd=chosen.folder, env=dict(os.environ)))
