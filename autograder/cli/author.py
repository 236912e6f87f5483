"""Commands for authors: verify, sync, release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import CourseError, find_root, load_all

PANEL = "For authors"
Names = Annotated[list[str] | None, typer.Argument(help=f"{NAME_HELP} All by default.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (verify, sync, release):
        app.command(rich_help_panel=PANEL)(command)


def verify(
    names: Names = None,
    sandbox: Annotated[
        bool, typer.Option(help="Run reference, stub and mistakes through the sandbox too.")
    ] = True,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write the kill matrix to solutions/ and the totals to the README."
        ),
    ] = False,
) -> None:
    """Prove that an assignment is done: every rule, every mistake, every mutant.

    Prints a table of the parts. The exit code is 1 when there is any finding.
    """
    from autograder.author.proofs import write_proofs
    from autograder.author.verify import verify as prove
    from autograder.author.verify_view import render

    screen = console()
    chosen = [assignment(name) for name in names] if names else load_all(find_root())
    _need_solutions(all(each.has_solutions for each in chosen))
    findings = 0
    for each in chosen:
        with screen.status(f"Verifying {each.id} …") as spinner:
            found = prove(each, spinner.update, sandbox=sandbox)
        screen.print(render(found))
        findings += len(found.findings)
        for path in write_proofs(found, each, find_root()) if write and found.ok else ():
            screen.print(f"wrote {path.relative_to(find_root())}", markup=False)
    raise typer.Exit(1 if findings else 0)


def sync(
    names: Names = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when something is stale.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite stubs that somebody wrote code into.")
    ] = False,
) -> None:
    """Make stubs and notebooks from the solutions, their one source."""
    from autograder.author.sync import sync as bring_up_to_date

    root = find_root()
    chosen = [assignment(name) for name in names] if names else load_all(root)
    _need_solutions(all(each.has_solutions for each in chosen))
    screen = console()
    changed = [path for each in chosen for path in bring_up_to_date(each, root, check, force)]
    for path in changed:
        screen.print(f"{'stale' if check else 'wrote'} {path.relative_to(root)}", markup=False)
    if not changed:
        screen.print("Stubs and notebooks are up to date.")
    if check and changed:
        screen.print("Run `course sync` and commit what it writes.")
    raise typer.Exit(1 if check and changed else 0)


def release(
    folder: Annotated[Path, typer.Argument(help="A new folder for the students' tree.")],
) -> None:
    """Write the students' tree: everything but solutions/ and the tests that need it."""
    from autograder.author.release import release as write_tree

    files = write_tree(find_root(), folder)
    console().print(f"Wrote {len(files)} files to {folder}.", markup=False)


def _need_solutions(there: bool) -> None:
    if not there:
        raise CourseError("This needs solutions/, which a students' copy of the course lacks.")
