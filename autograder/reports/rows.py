"""What the class page says about each student at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.reports.words import line, number, part_word, word
from autograder.results import PartResult, Report, Status


@dataclass(frozen=True)
class Cell:
    """One part of one student: a shape, and its points or the word for why there are none."""

    shape: str
    text: str
    tip: str
    value: str


@dataclass(frozen=True)
class Row:
    """One student.

    Attributes:
        name: The student, fit to show.
        score: Points, or ``pending``.
        value: The score to sort by; empty while pending.
        share: Score as a share of the points.
        cells: One for each part of the assignment.
        concerns: How many things there are to look at.
    """

    name: str
    score: str
    value: str
    share: float
    cells: tuple[Cell, ...]
    concerns: int


@dataclass(frozen=True)
class Concern:
    """Something that an instructor should look at, and whose row it stands in."""

    row: int
    name: str
    text: str


def student_row(report: Report, names: Sequence[str]) -> Row:
    """Return a student's row; parts that the report does not have are blank."""
    parts = {part.name: part for part in report.parts}
    pending = report.has_grader_error
    return Row(
        name=line(report.student, 80) or "(no name)",
        score="pending" if pending else number(report.score),
        value="" if pending else number(report.score, 4),
        share=report.score / report.points if report.points > 0 else 0.0,
        cells=tuple(_cell(parts[name]) if name in parts else _BLANK for name in names),
        concerns=len(report_concerns(report)),
    )


_BLANK = Cell("skip", "", "not in this report", "")


def _cell(part: PartResult) -> Cell:
    shown = part_word(part)
    tip = f"{part.name}: {shown.word}, {number(part.score)} of {number(part.points)}"
    if part.status is Status.GRADER_ERROR:
        return Cell(shown.shape, "pending", f"{part.name}: {shown.word}, pending", "")
    text = number(part.score) if part.score > 0 else shown.word
    return Cell(shown.shape, text, tip, number(part.score, 4))


def report_concerns(report: Report) -> list[str]:
    """List what to look at in one report: the grader's own failures, then flags."""
    found = [
        f"{part.name}: {word(Status.GRADER_ERROR).word}; its points are pending"
        for part in report.parts
        if part.status is Status.GRADER_ERROR
    ]
    found += [line(flag) for flag in report.flags]
    found += [
        f"{part.name}: {line(flag)}"
        for part in report.parts
        for test in part.tests
        for flag in test.flags
    ]
    return list(dict.fromkeys(found))


def concerns(reports: Sequence[Report]) -> list[Concern]:
    """List what to look at in a class, student by student."""
    return [
        Concern(at, line(report.student, 80) or "(no name)", text)
        for at, report in enumerate(reports)
        for text in report_concerns(report)
    ]
