"""The files themselves: Canvas, Moodle and plain CSV, and JUnit.

What the platforms need is read from their own importers: ``lib/gradebook_importer.rb`` of Canvas,
``mod/assign/feedback/offline/importgradeslib.php`` and ``locallib.php`` of Moodle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from autograder.bridges.gradebook.roster import CANVAS, Roster, is_no_student, is_points
from autograder.bridges.gradebook.sheet import write_csv
from autograder.course import CourseError
from autograder.reports.table import guard
from autograder.reports.words import number, reason
from autograder.results import Report, Status

_NUMBER = re.compile(r"-|[-+]?\d+([.,]\d+)?")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TITLE = re.compile(r"(.*) \(\d+\)", re.DOTALL)
# A spreadsheet set to another language ends cells elsewhere, and takes what follows for a formula.
_HIDDEN = re.compile(r"([;\t\r\n]\s*)(?=[=+\-@＝＋－＠])")
_EXCUSED = "EX"
# What Moodle needs to read grades back, and what a person needs to read the file. Its other columns
# are left out: it would take comments on the way back for new ones.
_MOODLE = ("Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)")
_MOODLE_NEEDS = ("Identifier", "Grade", "Last modified (grade)")


@dataclass(frozen=True)
class Grade:
    """A report and the score that goes out, which a late rule may have lowered."""

    report: Report
    score: float
    days_late: int = 0


def canvas(roster: Roster, grades: Mapping[int, Grade], title: str, points: float) -> str:
    """Return the roster's student columns and one assignment, for Canvas to import.

    Canvas takes an empty cell for a grade that is to go, so a student without a report keeps the
    cell of the roster; and so does one who is excused there (``EX``).

    Raises:
        CourseError: The roster is not Canvas's, or has no such assignment: Canvas would make one.
    """
    header = list(roster.sheet.header)
    if roster.platform != CANVAS:
        raise CourseError(
            f"{roster.path} is no gradebook of Canvas (Student, ID, …, Section). In Canvas: "
            "Grades, Export, Export Entire Gradebook."
        )
    last = header.index("Section")
    at = _assignment_at(roster, title, last)
    rows = [[*header[: last + 1], header[at]]]
    for i, row in enumerate(roster.sheet.rows):
        cell = row[at]
        if is_points(row):
            _same_points(f"Canvas says that {title!r} has", cell, points, "Canvas")
        elif i in grades and cell.strip() != _EXCUSED:
            cell = number(grades[i].score, 4)
        if not is_no_student(row, CANVAS) or is_points(row):
            rows.append([*row[: last + 1], cell])
    return _guarded(rows)


def _assignment_at(roster: Roster, title: str, last: int) -> int:
    """Find the column of an assignment: by ``Title (id)`` as it stands there, or by its title."""
    header = roster.sheet.header
    later = range(last + 1, len(header))
    titles = {i: found[1] for i in later if (found := _TITLE.fullmatch(header[i]))}
    exact = [i for i in titles if header[i] == title]
    places = exact or [i for i, name in titles.items() if name == title]
    if len(places) > 1:
        names = ", ".join(repr(header[i]) for i in places)
        raise CourseError(
            f"The roster {roster.path} has {len(places)} assignments {title!r}. Say which with "
            f"--title: {names}."
        )
    if not places:
        raise CourseError(
            f"The roster {roster.path} has no assignment {title!r}, and Canvas would silently make "
            f"a new one. Create it in Canvas and export again, or name one with --title. There "
            f"are: {', '.join(titles.values()) or 'none'}."
        )
    return places[0]


def _same_points(says: str, cell: str, points: float, where: str) -> None:
    """Refuse a platform's number of points that is not the reports'."""
    text = cell.strip()
    if not text:
        return
    there = _read_number(text)
    if there is None:
        raise CourseError(
            f"{says} {text!r} points, which is no number. Set it to {number(points)} in {where} "
            "and export again."
        )
    if abs(there - points) > 1e-6:
        raise CourseError(
            f"{says} {number(there)} points, the reports say {number(points)}. Set it to "
            f"{number(points)} in {where} and export again."
        )


def _read_number(text: str) -> float | None:
    """Read a number as either platform writes it in any language: 1,234.50 and 1.234,50 too."""
    whole, _, decimals = re.sub(r"[\s'’]", "", text).replace(",", ".").rpartition(".")
    digits = whole.replace(".", "") + "." + decimals if whole else decimals
    return float(digits) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", digits) else None


def moodle(roster: Roster, grades: Mapping[int, Grade], points: float) -> str:
    """Return Moodle's own grading worksheet with grades in it; who has none keeps what is there.

    Raises:
        CourseError: The roster is no grading worksheet, or of another maximum.
    """
    header = roster.sheet.header
    lacking = [name for name in _MOODLE_NEEDS if name not in header]
    if lacking:
        raise CourseError(
            f"{roster.path} is no grading worksheet of Moodle: it lacks {', '.join(lacking)}. In "
            "Moodle: the assignment, Submissions, Download grading worksheet."
        )
    places = [header.index(name) for name in _MOODLE if name in header]
    grade_at = header.index("Grade")
    most_at = header.index("Maximum Grade") if "Maximum Grade" in header else None
    rows = [[header[at] for at in places]]
    for i, row in enumerate(roster.sheet.rows):
        if i in grades and most_at is not None:
            says = f"{roster.path}, line {roster.sheet.lines[i]}: the maximum grade is"
            _same_points(says, row[most_at], points, "Moodle")
        grade = {grade_at: number(grades[i].score, 4)} if i in grades else {}
        rows.append([grade.get(at, row[at]) for at in places])
    return _guarded(rows)


def plain(roster: Roster, grades: Mapping[int, Grade]) -> str:
    """Return one row a student with a grade: for spreadsheets and other gradebooks."""
    rows = [["student", "name", "score", "points", "days_late", "submitted", "remark"]]
    names = {student.row: student.name for student in roster.students}
    for i, grade in sorted(grades.items()):
        report = grade.report
        score, points = number(grade.score, 4), number(report.points, 4)
        when = (str(grade.days_late), report.submitted, report.timing)
        rows.append([report.student, names[i], score, points, *when])
    return _guarded(rows)


def junit(roster: Roster, grades: Mapping[int, Grade]) -> str:
    """Return a JUnit file: a suite for each student, a case for each part, points in properties."""
    root = ElementTree.Element("testsuites")
    names = {student.row: student.name for student in roster.students}
    for i, grade in sorted(grades.items()):
        group = len(grade.report.members) > 1
        _suite(root, grade, grade.report.student + (f" ({names[i]})" if group else ""))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: ElementTree.Element, grade: Grade, name: str) -> None:
    report = grade.report
    bad = [p for p in report.parts if p.status not in (Status.PASSED, Status.SKIPPED)]
    skipped = [p for p in report.parts if p.status is Status.SKIPPED]
    counts = {"tests": len(report.parts), "failures": len(bad), "skipped": len(skipped)}
    names = {"name": _xml(name), "errors": "0"}
    texts = {name: str(count) for name, count in counts.items()}
    suite = ElementTree.SubElement(root, "testsuite", {**names, **texts})
    said = {"submitted": report.submitted, "remark": report.timing}
    _properties(
        suite,
        score=number(grade.score, 4),
        points=number(report.points),
        days_late=str(grade.days_late),
        **{name: text for name, text in said.items() if text},
    )
    for part in report.parts:
        owner = _xml(f"{report.assignment}.{name}")
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
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))


def _xml(text: str) -> str:
    return _ILLEGAL.sub("", text)


def _guarded(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV with no formula below the header.

    A platform finds its columns by exact names, and those came from the platform itself.
    """
    safe = [[_safe(cell) for cell in row] for row in rows[1:]]
    return write_csv([rows[0], *safe])


def _safe(cell: str) -> str:
    return cell if _NUMBER.fullmatch(cell) else _HIDDEN.sub(r"\1'", guard(cell))
