"""``course export``: grades for a gradebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from autograder.bridges.gradebook.late import LateRule, read_rule, read_time
from autograder.bridges.gradebook.roster import Matches, Roster, match, read_roster
from autograder.bridges.gradebook.sheet import read_sheet
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
        Path | None, typer.Option(help="CSV with student,submitted: these times count first.")
    ] = None,
    title: Annotated[str, typer.Option(help="Canvas: the assignment's title there.")] = "",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Write although some are not matched.")
    ] = False,
) -> None:
    """Write grades as Canvas, Moodle, a spreadsheet or JUnit reads them.

    Students are matched by id, then login, then e-mail; never by a likely name. Who is not matched
    is listed, and nothing is written until that is settled. A student without work keeps what
    stands in the gradebook, never a zero. Work of a group goes to each of its members.

    The late rule 'days: 10% a day, 3 at most': every day begun costs 10% of the score, and after
    more than 3 days nothing is left. 80 points handed in 25 hours late: 2 days are begun, 2 x 10%
    of 80 is 16, so 64 are left. 73 hours late: the 4th day is begun, so 0. A submission of which
    nothing says when it came stops this: no time is guessed.

    Exit codes: 0 written, 2 something is to be settled first, 3 the grader itself had failed.

    Example: course export graded/ --to canvas --roster gradebook.csv
    """
    rule = read_rule(due, late)
    reports = read_reports(graded)
    reports = with_times(reports, times) if times else reports
    people = read_roster(roster)
    matches = match(reports, people)
    settle(matches, allow_missing)
    if rule:
        require_times(matches.found.values())
    grades = {row: grade_of(report, rule) for row, report in matches.found.items()}
    text = text_of(to, people, grades, title)
    path = out or graded / ("junit.xml" if to is Format.JUNIT else f"{to.value}.csv")
    write(path, text, [each for each in (roster, times) if each])
    if people.sheet.note:
        console().print(people.sheet.note, markup=False)
    for remark, many in Counter(g.report.timing for g in grades.values() if rule).most_common():
        if remark:
            console().print(f"  {many} x {remark}", markup=False)
    console().print(f"{len(grades)} grades: {path}", markup=False)


def text_of(to: Format, people: Roster, grades: Mapping[int, Grade], title: str) -> str:
    """The text of the file.

    Raises:
        CourseError: Nobody has a grade, or the roster is not as the format needs it.
    """
    if not grades:
        raise CourseError("No report belongs to a student of the roster, so nothing was written.")
    report = next(iter(grades.values())).report
    if to is Format.CANVAS:
        name = title or find(report.assignment, find_root()).title
        return canvas(people, grades, name, report.points)
    if to is Format.MOODLE:
        return moodle(people, grades, report.points)
    return plain(people, grades) if to is Format.CSV else junit(people, grades)


def write(path: Path, text: str, inputs: list[Path]) -> None:
    """Write the file.

    Raises:
        CourseError: It cannot be written, or would replace what was read.
    """
    if any(path.resolve() == each.resolve() for each in inputs):
        raise CourseError(f"{path} was read just now, and would be lost. Give another with --out.")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise CourseError(
            f"{path} cannot be written: {error.strerror or error}. Give another with --out."
        ) from None


def read_reports(folder: Path) -> list[Report]:
    """Read the reports of a class.

    Raises:
        CourseError: There are none, one is broken, or they are of several assignments.
        GraderFault: The grader failed on some of them.
    """
    reports = []
    paths = sorted(folder.glob("*.json"))
    screen = console()
    hidden = not screen.is_terminal
    for path in track(paths, "Reading reports", console=screen, transient=True, disable=hidden):
        try:
            reports.append(from_json(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
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
    """Add the times of a file to reports; they count before what anybody else says.

    Raises:
        CourseError: The file is not as it should be, or names somebody twice or without a report.
    """
    sheet = read_sheet(path, ("student", "submitted"), "list of times")
    who, when = sheet.column(["student"]), sheet.column(["submitted"])
    if who is None or when is None:
        raise CourseError(
            f"{path} must have the columns student,submitted, and has: "
            f"{', '.join(sheet.header) or 'none'}."
        )
    names = {report.student for report in reports}
    given: dict[str, str] = {}
    for line, row in zip(sheet.lines, sheet.rows, strict=True):
        where = f"{path}, line {line}"
        student = row[who].strip()
        if student not in names:
            raise CourseError(f"{where} names {student!r}: there is no such report.")
        if student in given:
            raise CourseError(f"{where} names {student!r} again. Keep one time.")
        read_time(row[when], where)
        given[student] = row[when].strip()
    return [
        replace(each, submitted=given[each.student], timing="") if each.student in given else each
        for each in reports
    ]


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


def require_times(reports: Iterable[Report]) -> None:
    """List of whom nothing says when they handed in.

    Raises:
        CourseError: There are some, so that a late rule cannot be applied.
    """
    unknown = {each.student: each.timing for each in reports if not each.submitted}
    if unknown:
        lines = [f"  {name}{f': {says}' if says else ''}" for name, says in sorted(unknown.items())]
        raise CourseError(
            "\n".join([f"Nothing says when {len(unknown)} of them handed in:", *lines])
            + "\nNo time is guessed, and nothing was written. Give the times with --times FILE "
            "(columns student,submitted)."
        )


def grade_of(report: Report, rule: LateRule | None) -> Grade:
    """The score that goes out."""
    if rule is None:
        return Grade(report, report.score)
    when = read_time(report.submitted, report.student)
    return Grade(report, rule.apply(report.score, when), rule.days(when))
