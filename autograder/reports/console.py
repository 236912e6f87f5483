"""A check in the terminal: a table of parts, what failed, and what to do next."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.course import Assignment
from autograder.reports.summary import advice, broken_uses, verdict
from autograder.reports.words import Word, failures, line, number, part_word, passed, ran, word
from autograder.results import PartResult, Report, Status, TestResult
from autograder.show import clean

BAR = 10
_STYLES = {"pass": "green", "part": "yellow", "skip": "dim", "none": "dim", "alert": "magenta"}


def print_check(
    report: Report, assignment: Assignment, hidden_ran: bool, console: Console | None = None
) -> None:
    """Print a check for a student; see ``render_check``."""
    (console or Console()).print(render_check(report, assignment, hidden_ran))


def render_check(report: Report, assignment: Assignment, hidden_ran: bool) -> Group:
    """Lay out a check: reads well in 80 columns, without colour too.

    Args:
        report: What the tests found.
        assignment: Whose parts these are.
        hidden_ran: Whether the hidden tests ran too, as they do with the solutions at hand.
    """
    blocks: list[RenderableType] = [_heading(report, assignment, hidden_ran), _parts(report)]
    for part in report.parts:
        if part.first_failure and part.first_failure.status is not Status.NOT_ATTEMPTED:
            blocks.append(_failure(part, part.first_failure, report, assignment))
    return Group(*blocks, _ending(report, assignment, hidden_ran))


def _heading(report: Report, assignment: Assignment, hidden_ran: bool) -> RenderableType:
    by = "" if hidden_ran else " by the public tests"
    text = Text(f"{assignment.number} {line(assignment.title)}", style="bold")
    text.append(
        f"   {number(report.score)} of {number(report.points)} points{by}", style="not bold"
    )
    return Padding(text, (1, 0))


def _parts(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("Part", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("Points", justify="right", no_wrap=True)
    table.add_column("Tests", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for part in report.parts:
        shown, tests = part_word(part), ran(part)
        style = _style(shown)
        table.add_row(
            Text(shown.mark, style=style),
            Text(line(part.name, 60)),
            _bar(part, style),
            f"{number(part.score)} / {number(part.points)}",
            f"{passed(part)} / {len(tests)}" if tests else "none",
            Text(shown.word if part.tests else "no tests here", style=style),
        )
    return table


def _bar(part: PartResult, style: str) -> Text:
    share = part.score / part.points if part.points > 0 else 0.0
    full = min(BAR, max(0, int(share * BAR + 1e-9)))
    return Text("█" * full, style=style).append("░" * (BAR - full), style="dim")


def _failure(
    part: PartResult, test: TestResult, report: Report, assignment: Assignment
) -> RenderableType:
    shown = word(test.status)
    title = Text(f"{shown.mark} ", style=_style(shown))
    title.append(line(part.name, 60), style="bold")
    title.append(f": {line(test.title)}", style="default not bold")
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for label, text in test.message.lines():
        strong = "bold" if label == "Looks like" else ""
        lines.add_row(label, Text(clean(text), style=strong))
    if not test.message.lines() or test.status is not Status.WRONG:
        lines.add_row("Reason", Text(shown.sentence))
    others = len(failures(part)) - 1
    if others:
        lines.add_row("Besides", Text(f"{others} more of its tests did not pass"))
    for used in broken_uses(part.name, report, assignment):
        lines.add_row("Note", Text(f"it calls {used}, which fails too: mend that first"))
    return Padding(Group(title, Padding(lines, (0, 0, 0, 2))), (1, 0, 0, 0))


def _ending(report: Report, assignment: Assignment, hidden_ran: bool) -> RenderableType:
    text = Text(verdict(report, hidden_ran), style="bold")
    for step in advice(report, assignment):
        text.append(f"\nNext: {step}" if not step.startswith("course ") else f"\n      {step}")
    return Padding(text, (1, 0))


def _style(shown: Word) -> str:
    return _STYLES.get(shown.shape, "red")
