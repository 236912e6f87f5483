"""All commands together; each is imported here and written where it belongs."""

from __future__ import annotations

import typer

from autograder import __version__
from autograder.cli import author, export, instructor, nbgrader, platforms, similarity, student

app = typer.Typer(
    name="course",
    help="Build a language model, assignment by assignment; grade a class that does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"course {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Build a language model, assignment by assignment; grade a class that does."""


student.register(app)
instructor.register(app)
export.register(app)
nbgrader.register(app)
similarity.register(app)
platforms.register(app)
author.register(app)
