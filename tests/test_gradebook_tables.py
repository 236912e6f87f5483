"""The tables that platforms import: their columns, what stays as it was, and no formulas."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from autograder.bridges.gradebook.roster import Roster, read_roster
from autograder.bridges.gradebook.tables import Grade, canvas, moodle, plain
from autograder.course import CourseError
from tests.report_samples import make_report, make_test

HEADER = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Notes,Lab (7),Lab (8),Exam (1) (9),Final Score"
)
MOODLE = (
    "Identifier,Full name,Status,Grade,Maximum Grade,Last modified (submission),"
    "Last modified (grade),Feedback comments"
)


def roster(folder: Path, *lines: str) -> Roster:
    (folder / "roster.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_roster(folder / "roster.csv")


def grades(people: Roster, **scores: float) -> dict[int, Grade]:
    rows = {student.name: student.row for student in people.students}
    work = make_report({"softmax": [make_test()]})
    return {rows[name]: Grade(work, score) for name, score in scores.items()}


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def gradebook(folder: Path, points: str = "4.00") -> Roster:
    return roster(
        folder,
        HEADER,
        ",,,,,,Manual Posting,,,",
        f"    Points Possible,,,,,,{points},9,9,(read only)",
        "Agate,1,s1,agate,One,n,3.00,7,7,70",
        "Beryl,2,s2,beryl,One and Two,,2.50,,,",
        "Citrine,3,s3,citrine,One,,EX,,,",
        "Dolomite,4,s4,dolomite,One,,,,,",
        '"Student, Test",5,,0f,One,,1,,,',
    )


def test_canvas_keeps_what_a_student_without_work_has(tmp_path: Path) -> None:
    people = gradebook(tmp_path)
    text = canvas(people, grades(people, Agate=3.3333, Citrine=4), "Lab (7)", 4)
    # An empty cell would take Beryl's grade away, and a number Citrine's excuse.
    assert table(text) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab (7)"],
        ["    Points Possible", "", "", "", "", "4.00"],
        ["Agate", "1", "s1", "agate", "One", "3.3333"],
        ["Beryl", "2", "s2", "beryl", "One and Two", "2.50"],
        ["Citrine", "3", "s3", "citrine", "One", "EX"],
        ["Dolomite", "4", "s4", "dolomite", "One", ""],
    ]


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("Lab", "has 2 assignments 'Lab'. Say which with --title: 'Lab (7)', 'Lab (8)'"),
        ("Notes", "has no assignment 'Notes'"),
        ("Final Score", "There are: Lab, Lab, Exam (1)."),
        ("Section", "has no assignment 'Section'"),
        ("Lab (8)", "has 9 points, the reports say 4"),
        ("Exam (1)", "has 9 points"),
        ("Exam", "has no assignment 'Exam'"),
    ],
)
def test_canvas_is_given_one_assignment_that_it_has(tmp_path: Path, title: str, says: str) -> None:
    people = gradebook(tmp_path)
    with pytest.raises(CourseError) as error:
        canvas(people, grades(people, Agate=1), title, 4)
    assert says in str(error.value)


@pytest.mark.parametrize("points", ["4", "4.00", '"4,00"', "", " 4 "])
def test_points_are_read_in_any_language(tmp_path: Path, points: str) -> None:
    people = gradebook(tmp_path, points)
    assert "Agate" in canvas(people, grades(people, Agate=1), "Lab (7)", 4)


@pytest.mark.parametrize(
    ("points", "most", "fits"),
    [
        ('"1,234.50"', 1234.5, True),
        ('"1.234,50"', 1234.5, True),
        ("1 234.50", 1234.5, True),
        ("0.5", 4, False),
        ("(read only)", 4, False),
        ("nan", 4, False),
        ("4e0", 4, False),
        ("-4", 4, False),
        (".", 4, False),
    ],
)
def test_points_that_differ_or_are_none_are_refused(
    tmp_path: Path, points: str, most: float, fits: bool
) -> None:
    people = gradebook(tmp_path, points)
    if fits:
        assert canvas(people, grades(people, Agate=1), "Lab (7)", most)
        return
    with pytest.raises(CourseError, match="points"):
        canvas(people, grades(people, Agate=1), "Lab (7)", most)


def worksheet(folder: Path, most: str = "4.00") -> Roster:
    return roster(
        folder,
        MOODLE,
        f'Participant 1,Agate,Submitted,3.00,{most},-,"Sunday, 1 March 2026, 10:15 PM",- more!',
        f"Participant 2,Beryl,Submitted,,{most},-,-,{'long ' * 2000}",
    )


def test_moodle_gets_no_comment_and_nobodys_old_grade_changed(tmp_path: Path) -> None:
    people = worksheet(tmp_path)
    assert table(moodle(people, grades(people, Beryl=2.5), 4)) == [
        ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"],
        ["Participant 1", "Agate", "3.00", "4.00", "Sunday, 1 March 2026, 10:15 PM"],
        ["Participant 2", "Beryl", "2.5", "4.00", "-"],
    ]


@pytest.mark.parametrize(
    ("most", "says"),
    [
        ("Excellent", "line 3: the maximum grade is 'Excellent' points, which is no number"),
        ("-", "'-' points, which is no number"),
        ("100.00", "is 100 points, the reports say 4"),
    ],
)
def test_a_scale_of_moodles_is_said(tmp_path: Path, most: str, says: str) -> None:
    people = worksheet(tmp_path, most)
    with pytest.raises(CourseError) as error:
        moodle(people, grades(people, Beryl=2.5), 4)
    assert says in str(error.value)


def test_a_list_is_nobodys_gradebook(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,login", "Agate,agate")
    with pytest.raises(CourseError, match="no gradebook of Canvas"):
        canvas(people, grades(people, Agate=1), "Lab", 4)
    with pytest.raises(CourseError, match="lacks Identifier, Grade"):
        moodle(people, grades(people, Agate=1), 4)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("Agate;=1+1", "Agate;'=1+1"),
        ("Agate\n=1+1", "Agate\n'=1+1"),
        ("Agate\t @x", "Agate\t '@x"),
        ("Agate; A-B", "Agate; A-B"),
        ("-", "-"),
        ("-4.5", "-4.5"),
    ],
)
def test_no_cell_is_a_formula_in_any_spreadsheet(tmp_path: Path, name: str, safe: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    people = roster(tmp_path, "name,login", f"{quoted},agate")
    text = plain(people, {0: Grade(make_report({"relu": [make_test()]}, "agate"), 1)})
    assert table(text)[1][1] == safe
