"""``course similarity``: pairs of submissions that share more than the stub explains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from autograder import __version__
from autograder.batch import cores
from autograder.cli.common import NAME_HELP, assignment, console
from autograder.course import Assignment, CourseError
from autograder.files import write_atomically
from autograder.intake import Entry, find_submissions
from autograder.reports.words import count
from autograder.similarity import Comparison, Rules, Unread, compare, known_streams, read_class
from autograder.similarity.page import similarity_html
from autograder.similarity.table import pairs_csv

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="For instructors")(similarity)


def similarity(
    submissions: Annotated[
        Path,
        typer.Argument(
            help="The folder that `course grade` reads: one entry per student.", show_default=False
        ),
    ],
    name: Annotated[str, typer.Option("--assignment", "-a", help=NAME_HELP, show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the page and the table go.")] = Path(
        "similarity"
    ),
    share: Annotated[
        float, typer.Option(help="Name pairs that share this part of one's own code.", min=0, max=1)
    ] = Rules.share,
    stretch: Annotated[
        int, typer.Option(help="Or so many symbols in a row without a difference.", min=1)
    ] = Rules.stretch,
    common: Annotated[
        float, typer.Option(help="Set aside what a greater part of the class has.", min=0, max=1)
    ] = Rules.common,
    given: Annotated[
        list[Path] | None,
        typer.Option(help="Other code that was handed out: a .py or a folder; may be repeated."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; one per core by default.", min=0)] = 0,
) -> None:
    """Find pairs of submissions that share more than the stub explains.

    Writes OUT/similarity.html, the pairs side by side, and OUT/similarity.csv. A pair is a place to
    look, not a verdict: independent answers to a short question look alike, and students may have
    been allowed to work together.

    Names, numbers, comments and layout are taken out first, so renaming hides nothing. The stub,
    the reference, its variants, play.py and the lecture's code are set aside, and so is what more
    than a tenth of the class has (but never what seven or fewer have). Nothing is run.

    Exit codes: 0 compared, whatever was found; 2 the request was wrong.

    Example: course similarity submissions/ --assignment 04
    """
    rules = Rules(share=share, stretch=stretch, common=common)
    task = assignment(name)
    entries = find_submissions(submissions, task)
    if not entries:
        raise CourseError(f"{submissions} holds no submissions.")
    screen = console()
    compared, unread = _compare(entries, task, rules, given or [], workers or cores(), screen)
    page = similarity_html(compared, unread, task, rules, engine_version=__version__)
    write_atomically(out / "similarity.html", page)
    write_atomically(out / "similarity.csv", pairs_csv(compared))
    _tell(compared, unread, out, screen)


def _compare(
    entries: Sequence[Entry],
    task: Assignment,
    rules: Rules,
    given: Sequence[Path],
    workers: int,
    screen: Console,
) -> tuple[Comparison, list[Unread]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    known = known_streams(task, given)
    with Progress(*columns, console=screen, transient=True) as progress:
        reading = progress.add_task("Reading", total=len(entries))
        works, unread = read_class(entries, task, workers, lambda: progress.advance(reading))
        laying = progress.add_task("Laying side by side", total=None)
        compared = compare(
            works,
            known,
            rules,
            lambda done, total: progress.update(laying, completed=done, total=total),
        )
    return compared, unread


def _tell(compared: Comparison, unread: Sequence[Unread], out: Path, screen: Console) -> None:
    if compared.pairs:
        table = Table("student", "other", "shared", "of student", "of other", box=None)
        for pair in compared.pairs[:_SHOWN]:
            table.add_row(
                compared.works[pair.left].student,
                compared.works[pair.right].student,
                f"{pair.symbols}",
                f"{pair.left_share:.0%}",
                f"{pair.right_share:.0%}",
            )
        screen.print(table)
    screen.print(
        f"{count(len(compared.works), 'submission')} compared, {len(unread)} not: "
        f"{count(len(compared.pairs), 'pair')} to look at. A place to look, not a verdict."
    )
    screen.print(f"Page:  {out / 'similarity.html'}", markup=False, soft_wrap=True)
    screen.print(f"Table: {out / 'similarity.csv'}", markup=False, soft_wrap=True)
