"""Rosters as the platforms export them, and which student of one a report belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.bridges.gradebook.sheet import Sheet, plain_name, read_sheet
from autograder.course import CourseError
from autograder.results import Report

CANVAS, MOODLE = "canvas", "moodle"
_CLASSROOM = ("identifier", "roster_identifier")
# What a column says of a student, by the kinds that `autograder.intake.origin` writes. The order is
# that of matching: an id, then a login, then an e-mail address.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    CANVAS: ("ID",),
    MOODLE: ("Identifier",),
    "id": ("SIS User ID", "ID number", "id", "student_id", "SID", *_CLASSROOM),
    "repository": ("student_repository_name",),
    "login": ("SIS Login ID", "Username", "login", "github_username"),
    "email": ("Email address", "Email", "E-mail"),
}
_NAMES = ("Student", "Full name", "Name", "LastName")
_KNOWN = tuple(name for names in _COLUMNS.values() for name in names)
_SECTION = "Section"


@dataclass(frozen=True)
class Student:
    """One row of a roster, and what it may be matched by: kinds and values."""

    row: int
    name: str
    known: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Roster:
    """A roster: its cells as they stand in the file, and the students in them."""

    sheet: Sheet
    platform: str
    students: tuple[Student, ...]

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.sheet.path


@dataclass(frozen=True)
class Matches:
    """Who belongs to whom.

    Attributes:
        found: Reports by the row of their student; work of a group stands at every member's.
        unmatched: For reports that belong to nobody, or not to one only, a sentence each.
        missing: Students of the roster without a report.
    """

    found: dict[int, Report]
    unmatched: tuple[str, ...]
    missing: tuple[Student, ...]


def read_roster(path: Path) -> Roster:
    """Read a roster.

    Raises:
        CourseError: It cannot be read, has no column that students could be matched by or no
            students, or two of its rows are one student's.
    """
    sheet = read_sheet(path, (*_KNOWN, *_NAMES, _SECTION), "roster")
    platform = _platform(sheet)
    places = _places(sheet, platform)
    if not places:
        raise CourseError(
            f"The roster {path} has no column to match students by, but: "
            f"{', '.join(sheet.header) or 'none'}. It needs one of: {', '.join(_KNOWN)}. "
            "(Export it while the platform speaks English.)"
        )
    name_at = sheet.column(_NAMES)
    students = tuple(
        _student(at, row, places, name_at)
        for at, row in enumerate(sheet.rows)
        if not is_no_student(row, platform)
    )
    if not students:
        raise CourseError(f"The roster {path} names no students. Export it again.")
    for kind, place in places:
        _refuse_doubles(sheet, students, kind, place)
    return Roster(sheet, platform, students)


def _platform(sheet: Sheet) -> str:
    if sheet.header[:1] in (("Student",), ("LastName",)) and _SECTION in sheet.header:
        return CANVAS
    return MOODLE if "Identifier" in sheet.header else ""


def _places(sheet: Sheet, platform: str) -> list[tuple[str, int]]:
    """Which columns say what: of Canvas's only those of students, of which `Section` is last."""
    end = sheet.header.index(_SECTION) if platform == CANVAS else len(sheet.header)
    columns = dict(_COLUMNS)
    if platform == CANVAS:
        columns |= {"id": ("SIS User ID",), MOODLE: ()}
    elif platform == MOODLE:
        columns |= {"id": ("ID number",), CANVAS: ()}
    else:  # in a list of one's own, an id is whatever the entries carry
        columns |= {CANVAS: columns["id"], MOODLE: columns["id"]}
    names = [plain_name(name) for name in sheet.header[:end]]
    return [
        (kind, at)
        for kind, known in columns.items()
        for at, name in enumerate(names)
        if name in {plain_name(each) for each in known}
    ]


def is_no_student(row: Sequence[str], platform: str) -> bool:
    """Whether a row of Canvas's is no student's: points, the posting policy, the test student."""
    first = row[0].strip()
    hidden = all(
        not cell.strip() or cell.strip().startswith(("Manual Posting", "Muted")) for cell in row
    )
    return platform == CANVAS and (hidden or is_points(row) or first == "Student, Test")


def is_points(row: Sequence[str]) -> bool:
    """Whether a row of Canvas's says how many points each assignment has."""
    return row[0].strip() == "Points Possible"


def _student(
    at: int, row: Sequence[str], places: Sequence[tuple[str, int]], name_at: int | None
) -> Student:
    known = tuple((kind, _plain(row[place])) for kind, place in places if row[place].strip())
    name = row[name_at].strip() if name_at is not None else ""
    return Student(at, name or (known[0][1] if known else "(no name)"), known)


def _plain(text: str) -> str:
    return plain_name(plain_name(text).removeprefix("participant "))


def _refuse_doubles(sheet: Sheet, students: Sequence[Student], kind: str, place: int) -> None:
    if kind in ("repository", "email"):  # a group has one repository, and a family one address
        return
    lines: dict[str, int] = {}
    for student in students:
        value, line = _plain(sheet.rows[student.row][place]), sheet.lines[student.row]
        if value and lines.setdefault(value, line) != line:
            raise CourseError(
                f"The roster {sheet.path}: lines {lines[value]} and {line} have the same "
                f"{sheet.header[place]}, {value!r}. Keep one of them."
            )


def match(reports: Sequence[Report], roster: Roster) -> Matches:
    """Match reports with students: by id, then login, then e-mail, and never by a likely name.

    Raises:
        CourseError: Two reports belong to one student, and either could be the one that counts.
    """
    index = _index(roster.students)
    found: dict[int, Report] = {}
    unmatched = []
    for report in reports:
        for person in report.members or (report.identities,):
            who = report.student + (f", member {', '.join(person)}" if report.members else "")
            owners = _owners(person, report.student, index)
            if not owners:
                unmatched.append(f"{who}: nobody")
            elif len(owners) > 1 and not _share(owners):
                names = ", ".join(student.name for student in owners)
                unmatched.append(f"{who}: several: {names}")
            else:
                for student in owners:
                    _give(report, student, found)
    missing = tuple(student for student in roster.students if student.row not in found)
    return Matches(found, tuple(unmatched), missing)


def _give(report: Report, student: Student, found: dict[int, Report]) -> None:
    other = found.setdefault(student.row, report)
    if other is not report:
        raise CourseError(
            f"{other.student} and {report.student} both belong to {student.name}. Move one of "
            "their reports out of the folder."
        )


def _share(owners: Sequence[Student]) -> bool:
    """Whether the roster itself says that several have one repository."""
    shared = [{value for kind, value in s.known if kind == "repository"} for s in owners]
    return bool(set.intersection(*shared))


def _index(students: Sequence[Student]) -> Mapping[tuple[str, str], list[Student]]:
    index: dict[tuple[str, str], list[Student]] = defaultdict(list)
    for student in students:
        for pair in dict.fromkeys(student.known):
            index[pair].append(student)
    return dict(index)


def _owners(
    person: Sequence[str], name: str, index: Mapping[tuple[str, str], list[Student]]
) -> list[Student]:
    # A platform's identities come first; where there is none, the entry's name is the identity,
    # of whatever kind. Ids are all of one rank: who is found by two of them is not found.
    known = [each.partition(":")[::2] for each in person]
    for kinds in ((CANVAS, MOODLE, "id", "repository"), ("login",), ("email",)):
        wanted = known or [(kind, name) for kind in kinds]
        pairs = [(kind, _plain(value)) for kind, value in wanted if kind in kinds]
        owners = {student.row: student for pair in pairs for student in index.get(pair, ())}
        if owners:
            return [owners[row] for row in sorted(owners)]
    return []
