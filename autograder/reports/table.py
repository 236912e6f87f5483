"""The scores of a class as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from autograder.course import Assignment
from autograder.reports.words import number
from autograder.results import Report, Status
from autograder.show import clean

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def scores_csv(reports: Sequence[Report], assignment: Assignment) -> str:
    """Return one row a student: total, maximum, score and status of each part, flags.

    Where the grader itself failed, the score and the total are left empty: an empty cell is
    pending, and no gradebook reads it as a zero.

    Args:
        reports: One for each submission; rows come in the order of their names.
        assignment: Whose parts make the columns.
    """
    names = [part.name for part in assignment.parts]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    statuses = [f"{name} status" for name in names]
    writer.writerow(map(guard, ["student", "total", "max", *names, *statuses, "flags"]))
    for report in sorted(reports, key=lambda each: (each.student, each.key)):
        writer.writerow(_row(report, names))
    return out.getvalue()


def _row(report: Report, names: list[str]) -> list[str]:
    parts = {part.name: part for part in report.parts}
    scores, statuses = [], []
    for name in names:
        part = parts.get(name)
        pending = part is None or part.status is Status.GRADER_ERROR
        scores.append("" if part is None or pending else number(part.score, 4))
        statuses.append("" if part is None else part.status.value)
    flags = [*report.flags, *(flag for p in report.parts for t in p.tests for flag in t.flags)]
    if report.has_grader_error:
        flags.insert(0, "pending: the grader itself failed")
    total = "" if report.has_grader_error else number(report.score, 4)
    return [
        guard(report.student),
        total,
        number(report.points, 4),
        *scores,
        *statuses,
        guard("; ".join(dict.fromkeys(flags))),
    ]


def guard(text: str) -> str:
    """Keep a spreadsheet from reading text as a formula: such cells get a leading apostrophe."""
    return ("'" if text.startswith(_FORMULA) else "") + clean(text)
