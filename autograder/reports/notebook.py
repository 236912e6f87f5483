"""A check in a notebook: a compact HTML fragment that suits light and dark themes alike.

All styles are inline and take the page's own text colour, since notebooks strip or scope the rest.
"""

from __future__ import annotations

from html import escape

from autograder.course import Assignment
from autograder.reports.summary import advice, broken_uses, verdict
from autograder.reports.words import Word, line, number, part_word, passed, ran, word
from autograder.results import PartResult, Report, Status, TestResult
from autograder.show import clean

_COLOURS = {"pass": "#2e9e6b", "part": "#b98a1d", "fail": "#d2554a", "stop": "#d2554a"}
_FAINT = "opacity:.7"
_RULE = "1px solid rgba(128,128,128,.3)"
_TABLE = "border-collapse:collapse;border:0;color:inherit;font-size:inherit"
_CELL = "padding:2px 14px 2px 0;text-align:left;background:none;border:0"
_NUMBER = _CELL.replace("left", "right") + ";font-variant-numeric:tabular-nums;white-space:nowrap"


def html_check(report: Report, assignment: Assignment, hidden_ran: bool) -> str:
    """Return a check as an HTML fragment.

    Args:
        report: What the tests found.
        assignment: Whose parts these are.
        hidden_ran: Whether the hidden tests ran too.
    """
    rows = "".join(_row(part) for part in report.parts)
    failed = "".join(
        _failure(part, part.first_failure, report, assignment)
        for part in report.parts
        if part.first_failure and part.first_failure.status is not Status.NOT_ATTEMPTED
    )
    table = f'<table style="{_TABLE};margin:6px 0">{rows}</table>'
    steps = "".join(f"<div>{_step(step)}</div>" for step in advice(report, assignment))
    head = f"<strong>{_text(verdict(report, hidden_ran))}</strong>"
    return (
        '<div style="color:inherit;font-size:14px;line-height:1.5;max-width:52rem">'
        f'{head}{table}{failed}<div style="margin-top:8px">{steps}</div></div>'
    )


def _row(part: PartResult) -> str:
    shown, tests = part_word(part), ran(part)
    points = f"{number(part.score)} / {number(part.points)}"
    ratio = f"{passed(part)} of {len(tests)} tests" if tests else "no tests here"
    return (
        f'<tr style="background:none"><td style="{_CELL}">{_mark(shown)}'
        f'<code style="color:inherit;background:none">{_text(line(part.name, 60))}</code></td>'
        f'<td style="{_NUMBER}">{points}</td><td style="{_NUMBER};{_FAINT}">{ratio}</td>'
        f'<td style="{_CELL};{_FAINT}">{shown.word}</td></tr>'
    )


def _failure(part: PartResult, test: TestResult, report: Report, assignment: Assignment) -> str:
    pairs = test.message.lines()
    if not pairs or test.status is not Status.WRONG:
        pairs = [*pairs, ("Reason", word(test.status).sentence)]
    for used in broken_uses(part.name, report, assignment):
        pairs = [*pairs, ("Note", f"It calls {used}, which fails too: mend that first.")]
    rows = "".join(_line(label, text) for label, text in pairs)
    title = f"{_mark(word(test.status))}<strong>{_text(line(part.name, 60))}</strong>"
    return (
        f'<div style="border-top:{_RULE};padding:6px 0">{title}: {_text(line(test.title))}'
        f'<table style="{_TABLE};margin:2px 0 0">{rows}</table></div>'
    )


def _line(label: str, text: str) -> str:
    family = "inherit" if label in ("Looks like", "Try", "Reason", "Note") else "monospace"
    style = f"{_CELL};font-family:{family};white-space:pre-wrap;overflow-wrap:anywhere"
    weight = ";font-weight:600" if label == "Looks like" else ""
    faint = f"{_CELL};{_FAINT};white-space:nowrap;vertical-align:top"
    return (
        f'<tr style="background:none"><td style="{faint}">{label}</td>'
        f'<td style="{style}{weight}">{_text(text)}</td></tr>'
    )


def _mark(shown: Word) -> str:
    colour = _COLOURS.get(shown.shape, "inherit")
    return (
        f'<span style="color:{colour};display:inline-block;width:1.4em;font-weight:700">'
        f"{shown.mark}</span>"
    )


def _step(step: str) -> str:
    if step.startswith("course "):
        return f'<code style="color:inherit;background:none">{_text(step)}</code>'
    return f"Next: {_text(step)}"


def _text(text: str) -> str:
    return escape(clean(text))
