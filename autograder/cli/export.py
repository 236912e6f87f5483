"""``course export``: grades for a gradebook."""

from __future__ import annotations

import csv
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder.bridges.gradebook.late import LateRule, read_rule, read_time
from autograder.bridges.gradebook.roster import Matches, match, read_roster
from autograder.bridges.gradebook.tables import Grade, canvas, junit, moodle, plain
from autograder.cli.common import console
from autograder.course import CourseError, find, find_root
from autograder.faults import GraderFault
from autograder.files import write_atomically
from autograder.results import Report, from_json

_SHOWN = 20


class Format(StrEnum):
    """What a gradebook reads."""

    CANVAS = "canvas"
    MOODLE = "moodle"
    CSV = "csv"
    JUNIT = "junit"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="For instructors")(export)


def export(
    graded: Annotated[Path, typer.Argument(help="The folder that `course grade` wrote.")],
    to: Annotated[Format, typer.Option("--to", help="Whose gradebook.", show_default=False)],
    roster: Annotated[
        Path, typer.Option(help="The gradebook, worksheet or list, as CSV.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; GRADED/FORMAT.csv by default.")
    ] = None,
    due: Annotated[str, typer.Option(help="When it was due, in UTC: 2026-03-01T23:59:59Z.")] = "",
    late: Annotated[str, typer.Option(help="'days: 10% a day, 3 at most'.")] = "",
    times: Annotated[
        Path | None, typer.Option(help="CSV with student,submitted: times no platform gave.")
    ] = None,
    title: Annotated[str, typer.Option(help="Canvas: the assignment's title there.")] = "",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Write although some are not matched.")
    ] = False,
) -> None:
    """Write grades as Canvas, Moodle, a spreadsheet or JUnit reads them.

    Students are matched by id, then login, then e-mail; never by a likely name. Who is not matched
    is listed, and nothing is written until that is settled. A student without work gets an empty
    cell, never a zero.

    The late rule 'days: 10% a day, 3 at most': every day begun costs 10% of the score, and after
    more than 3 days nothing is left. 80 points handed in 25 hours late: 2 days are begun, 2 x 10%
    of 80 is 16, so 64 are left. 73 hours late: the 4th day is begun, so 0.

    Exit codes: 0 written, 2 something is to be settled first, 3 the grader itself had failed.

    Example: course export graded/ --to canvas --roster gradebook.csv
    """
    rule = read_rule(due, late)
    reports = read_reports(graded)
    reports = with_times(reports, times) if times else reports
    people = read_roster(roster)
    matches = match(reports, people)
    settle(matches, allow_missing)
    grades = {row: grade_of(report, rule) for row, report in matches.found.items()}
    points = reports[0].points
    if to is Format.CANVAS:
        name = title or find(reports[0].assignment, find_root()).title
        text = canvas(people, grades, name, points)
    elif to is Format.MOODLE:
        text = moodle(people, grades, points)
    elif to is Format.CSV:
        text = plain(people, grades)
    else:
        text = junit(grade for _, grade in sorted(grades.items()))
    path = out or graded / ("junit.xml" if to is Format.JUNIT else f"{to.value}.csv")
    write_atomically(path, text)
    console().print(f"{len(grades)} grades: {path}", markup=False)


def read_reports(folder: Path) -> list[Report]:
    """Read the reports of a class.

    Raises:
        CourseError: There are none, one is broken, or they are of several assignments.
        GraderFault: The grader failed on some of them.
    """
    reports = []
    for path in sorted(folder.glob("*.json")):
        try:
            reports.append(from_json(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            raise CourseError(f"{path} is no report. Move it away, or grade again.") from None
    if not reports:
        raise CourseError(f"{folder} holds no reports. Run `course grade` first.")
    if len({(report.assignment, report.points) for report in reports}) > 1:
        raise CourseError(f"{folder} holds reports of several assignments or versions of one.")
    broken = [report.student for report in reports if report.has_grader_error]
    if broken:
        names = ", ".join(broken[:_SHOWN])
        raise GraderFault(f"{names}. Nothing was written; run `course grade` again.")
    return reports


def with_times(reports: list[Report], path: Path) -> list[Report]:
    """Add the times of a file to reports.

    Raises:
        CourseError: The file is not as it should be, or names somebody without a report.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = {row["student"]: row["submitted"] or "" for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        raise CourseError(f"{path} must be CSV with the columns student,submitted.") from None
    strangers = set(rows) - {report.student for report in reports}
    if strangers:
        raise CourseError(f"{path} names {', '.join(sorted(strangers))}: no such report.")
    for text in rows.values():
        read_time(text, str(path))
    return [replace(each, submitted=rows.get(each.student, each.submitted)) for each in reports]


def settle(matches: Matches, allow_missing: bool) -> None:
    """List who is not matched.

    Raises:
        CourseError: Somebody is not, and nobody said that this will do.
    """
    lines = [f"  report without a student: {line}" for line in matches.unmatched]
    lines += [f"  student without a report: {student.name}" for student in matches.missing]
    if lines and not allow_missing:
        raise CourseError(
            "\n".join(["Not everybody is matched, so nothing was written:", *lines])
            + "\nRename the entries to an id, login or e-mail of the roster, or: --allow-missing."
        )
    for line in lines:
        console().print(line, markup=False)


def grade_of(report: Report, rule: LateRule | None) -> Grade:
    """The score that goes out.

    Raises:
        CourseError: There is a late rule, and nothing says when the work was handed in.
    """
    if rule is None:
        return Grade(report, report.score)
    if not report.submitted:
        raise CourseError(
            f"Nothing says when {report.student} handed in, so the late rule cannot be applied. "
            "Give the times with --times FILE (student,submitted)."
        )
    when = read_time(report.submitted, report.student)
    return Grade(report, rule.apply(report.score, when), rule.days(when))
