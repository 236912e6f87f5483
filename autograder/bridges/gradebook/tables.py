"""The files themselves: Canvas, Moodle and plain CSV, and JUnit."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from autograder.bridges.gradebook.roster import Roster
from autograder.course import CourseError
from autograder.reports.table import guard
from autograder.reports.words import number, reason
from autograder.results import Report, Status

_NUMBER = re.compile(r"-|[-+]?\d+(\.\d+)?")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Grade:
    """A report and the score that goes out, which a late rule may have lowered."""

    report: Report
    score: float
    days_late: int = 0


def canvas(roster: Roster, grades: Mapping[int, Grade], title: str, points: float) -> str:
    """Return the roster's student columns and one assignment, for Canvas to import.

    Raises:
        CourseError: The roster is not Canvas's, or has no such assignment: Canvas would make one.
    """
    header = list(roster.header)
    if header[:1] != ["Student"] or "Section" not in header:
        raise CourseError(
            f"{roster.path} is no gradebook of Canvas (Student, ID, …, Section). In Canvas: "
            "Grades, Export, Export Entire Gradebook."
        )
    last = header.index("Section")
    there = {re.sub(r" \(\d+\)$", "", name): i for i, name in enumerate(header) if i > last}
    at = header.index(title) if title in header[last + 1 :] else there.get(title, -1)
    if at < 0:
        raise CourseError(
            f"The roster {roster.path} has no assignment {title!r}, and Canvas would silently make "
            f"a new one. Create it in Canvas and export again, or name one with --title. There "
            f"are: {', '.join(there) or 'none'}."
        )
    rows = [[*header[: last + 1], header[at]]]
    for i, row in enumerate(roster.rows):
        cell = number(grades[i].score, 4) if i in grades else ""
        if row[0].strip() == "Points Possible":
            cell = row[at]
            _same_points(cell, points, title)
        rows.append([*row[: last + 1], cell])
    return _csv(rows, header=False)


def _same_points(cell: str, points: float, title: str) -> None:
    if _NUMBER.fullmatch(cell.strip()) and cell.strip() != "-" and float(cell) != points:
        raise CourseError(
            f"Canvas says that {title!r} has {cell.strip()} points, the reports say "
            f"{number(points)}. Set it to {number(points)} in Canvas and export the roster again."
        )


def moodle(roster: Roster, grades: Mapping[int, Grade], points: float) -> str:
    """Return Moodle's own grading worksheet with grades in it.

    Raises:
        CourseError: The roster is no grading worksheet, or of another maximum.
    """
    needed = ("Identifier", "Grade", "Last modified (grade)")
    lacking = [name for name in needed if name not in roster.header]
    if lacking:
        raise CourseError(
            f"{roster.path} is no grading worksheet of Moodle: it lacks {', '.join(lacking)}. In "
            "Moodle: the assignment, Submissions, Download grading worksheet."
        )
    at = roster.header.index("Grade")
    rows = [list(roster.header)]
    for i, row in enumerate(roster.rows):
        cells = dict(zip(roster.header, row, strict=True))
        most = cells.get("Maximum Grade", "")
        if i in grades and most and float(most) != points:
            raise CourseError(
                f"{roster.path}: the maximum grade is {most}, the reports say {number(points)}. "
                "Set it in Moodle and download the worksheet again."
            )
        cell = number(grades[i].score, 4) if i in grades else row[at]
        rows.append([*row[:at], cell, *row[at + 1 :]])
    return _csv(rows, header=False)


def plain(roster: Roster, grades: Mapping[int, Grade]) -> str:
    """Return one row a student with a grade: for spreadsheets and other gradebooks."""
    rows = [["student", "name", "score", "points", "days_late", "submitted"]]
    names = {student.row: student.name for student in roster.students}
    for i, grade in sorted(grades.items()):
        report = grade.report
        score, points = number(grade.score, 4), number(report.points, 4)
        late = str(grade.days_late)
        rows.append([report.student, names[i], score, points, late, report.submitted])
    return _csv(rows)


def junit(grades: Iterable[Grade]) -> str:
    """Return a JUnit file: a suite for each student, a case for each part, points in properties."""
    root = ElementTree.Element("testsuites")
    for grade in grades:
        _suite(root, grade)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: ElementTree.Element, grade: Grade) -> None:
    report = grade.report
    bad = [p for p in report.parts if p.status not in (Status.PASSED, Status.SKIPPED)]
    skipped = [p for p in report.parts if p.status is Status.SKIPPED]
    counts = {"tests": len(report.parts), "failures": len(bad), "skipped": len(skipped)}
    names = {"name": _xml(report.student), "errors": "0"}
    texts = {name: str(count) for name, count in counts.items()}
    suite = ElementTree.SubElement(root, "testsuite", {**names, **texts})
    days = str(grade.days_late)
    _properties(suite, score=number(grade.score, 4), points=number(report.points), days_late=days)
    for part in report.parts:
        owner = _xml(f"{report.assignment}.{report.student}")
        case = ElementTree.SubElement(suite, "testcase", name=_xml(part.name), classname=owner)
        _properties(case, score=number(part.score, 4), points=number(part.points))
        if part in skipped:
            ElementTree.SubElement(case, "skipped", message=_xml(reason(part)))
        elif part in bad:
            says = _xml(reason(part))
            ElementTree.SubElement(case, "failure", type=part.status.value, message=says)


def _properties(parent: ElementTree.Element, **values: str) -> None:
    properties = ElementTree.SubElement(parent, "properties")
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)


def _xml(text: str) -> str:
    return _ILLEGAL.sub("", text)


def _csv(rows: Sequence[Sequence[str]], *, header: bool = True) -> str:
    out = io.StringIO()
    # A platform finds its columns by exact names, and those came from the platform itself.
    safe = [[cell if _NUMBER.fullmatch(cell) else guard(cell) for cell in row] for row in rows]
    first = safe if header else [list(rows[0]), *safe[1:]]
    csv.writer(out, lineterminator="\n").writerows(first)
    return out.getvalue()
