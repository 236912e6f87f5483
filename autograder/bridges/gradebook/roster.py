"""Rosters as the platforms export them, and which student of one a report belongs to."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import CourseError
from autograder.results import Report

_IDS = ("ID", "SIS User ID", "Identifier", "ID number", "id", "student_id")
_LOGINS = ("SIS Login ID", "Username", "login", "username")
_MAILS = ("Email address", "Email", "email")
_NAMES = ("Student", "Full name", "Name", "name")


@dataclass(frozen=True)
class Student:
    """One row of a roster, and what it may be matched by."""

    row: int
    name: str
    ids: frozenset[str]
    logins: frozenset[str]
    emails: frozenset[str]


@dataclass(frozen=True)
class Roster:
    """A roster: its cells as they stand in the file, and the students in them."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    students: tuple[Student, ...]


@dataclass(frozen=True)
class Matches:
    """Who belongs to whom.

    Attributes:
        found: Reports by the row of their student.
        unmatched: For reports that belong to nobody, or not to one only, a sentence each.
        missing: Students of the roster without a report.
    """

    found: dict[int, Report]
    unmatched: tuple[str, ...]
    missing: tuple[Student, ...]


def read_roster(path: Path) -> Roster:
    """Read a roster.

    Raises:
        CourseError: It cannot be read, or has no column that students could be matched by.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [tuple(row) for row in csv.reader(io.StringIO(text), strict=True) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(
            f"The roster {path} cannot be read as CSV in UTF-8 ({error}). Export it again."
        ) from None
    header = lines[0] if lines else ()
    if not set(header) & {*_IDS, *_LOGINS, *_MAILS}:
        raise CourseError(
            f"The roster {path} has no column to match students by. It needs one of: "
            f"{', '.join((*_IDS, *_LOGINS, *_MAILS))}."
        )
    for at, row in enumerate(lines[1:], 2):
        if len(row) != len(header):
            raise CourseError(
                f"{path}: row {at} has {len(row)} cells, the header has {len(header)}. "
                "Export the roster again."
            )
    rows = tuple(lines[1:])
    students = tuple(_student(i, header, row) for i, row in enumerate(rows) if _is_student(row))
    return Roster(path, header, rows, students)


def _is_student(row: Sequence[str]) -> bool:
    # Canvas adds these two rows to every export.
    return row[0].strip() not in ("Points Possible", "Student, Test")


def _student(at: int, header: Sequence[str], row: Sequence[str]) -> Student:
    cells = dict(zip(header, row, strict=True))

    def some(names: Sequence[str]) -> frozenset[str]:
        return frozenset(_plain(cells[name]) for name in names if cells.get(name, "").strip())

    name = next((cells[each] for each in _NAMES if cells.get(each)), row[0])
    return Student(at, name, some(_IDS), some(_LOGINS), some(_MAILS))


def _plain(text: str) -> str:
    return text.strip().removeprefix("Participant ").casefold()


def match(reports: Sequence[Report], roster: Roster) -> Matches:
    """Match reports with students: by id, then login, then e-mail, and never by a likely name.

    Raises:
        CourseError: Two reports belong to one student, and either could be the one that counts.
    """
    found: dict[int, Report] = {}
    unmatched = []
    for report in reports:
        students = _owners(report, roster.students)
        if len(students) != 1:
            names = ", ".join(student.name for student in students)
            unmatched.append(f"{report.student}: " + (f"several: {names}" if names else "nobody"))
        elif students[0].row in found:
            other = found[students[0].row].student
            raise CourseError(
                f"{other} and {report.student} both belong to {students[0].name}. Move one of "
                "their reports out of the folder."
            )
        else:
            found[students[0].row] = report
    missing = tuple(student for student in roster.students if student.row not in found)
    return Matches(found, tuple(unmatched), missing)


def _owners(report: Report, students: Sequence[Student]) -> list[Student]:
    # A platform's identities come first; where there is none, the entry's name is the identity.
    known = [each.partition(":") for each in report.identities]
    for kind, field in (("id", "ids"), ("login", "logins"), ("email", "emails")):
        wanted = {_plain(value) for name, _, value in known if name == kind}
        wanted = wanted if known else {_plain(report.student)}
        owners = [student for student in students if wanted & getattr(student, field)]
        if owners:
            return owners
    return []
