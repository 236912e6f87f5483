"""Rosters as platforms and spreadsheets write them, and who is matched with whom."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.bridges.gradebook.roster import Matches, Roster, match, read_roster
from autograder.course import CourseError
from autograder.results import Report
from tests.report_samples import make_report, make_test

CANVAS = "Student,ID,SIS User ID,SIS Login ID,Section,Lab (7),Current Score"
MOODLE = "Identifier,Full name,Email address,ID number,Grade,Maximum Grade,Last modified (grade)"
CLASSROOM = "github_username,roster_identifier,student_repository_name,points_awarded"


def report(student: str, *identities: str, **more: object) -> Report:
    made = make_report({"relu": [make_test()]}, student)
    return replace(made, identities=identities, **more)  # type: ignore[arg-type]


def roster(folder: Path, *lines: str) -> Roster:
    path = folder / "roster.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_roster(path)


def found(matches: Matches, people: Roster) -> dict[str, str]:
    names = {student.row: student.name for student in people.students}
    return {names[row]: each.student for row, each in matches.found.items()}


COMMAS = 'name,login,email\n"Beryl, B",beryl,b@example.org\nJörg,jorg,j@example.org\n'
SEMICOLONS = "name;login;email\nBeryl, B;beryl;b@example.org\nJörg;jorg;j@example.org\n"


@pytest.mark.parametrize(
    "data",
    [
        COMMAS.encode(),
        COMMAS.encode("utf-8-sig"),
        COMMAS.encode("utf-16"),
        COMMAS.encode("cp1252"),
        COMMAS.replace("\n", "\r\n").encode(),
        COMMAS.replace("\n", "\r").encode(),
        COMMAS.replace("\n", "\n,,\n\n").encode(),
        SEMICOLONS.encode("utf-8-sig"),
        SEMICOLONS.encode("cp1252"),
        SEMICOLONS.replace(";", "\t").encode("utf-16"),
        ("sep=;\n" + SEMICOLONS).encode(),
        b"\xef\xbb\xbfSEP=,\r\n" + COMMAS.encode(),
        COMMAS.replace("name,login,email", " Name , LOGIN,E-Mail").encode(),
    ],
)
def test_a_roster_is_read_as_spreadsheets_write_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "roster.csv").write_bytes(data)
    people = read_roster(tmp_path / "roster.csv")
    assert [student.name for student in people.students] == ["Beryl, B", "Jörg"]
    reports = [report("jorg"), report("b@example.org")]
    assert found(match(reports, people), people) == {"Jörg": "jorg", "Beryl, B": "b@example.org"}
    assert ("Windows-1252" in people.sheet.note) is (
        b"J\xf6rg" in data and b"J\x00" not in data[:40]
    )


def test_a_cell_may_hold_lines_quotes_and_separators(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,login", '"Agate ""A""', 'of; the, house",agate', "B,beryl")
    assert people.students[0].name == 'Agate "A"\nof; the, house'
    assert people.sheet.lines == (3, 4)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column to match students by, but: none"),
        (b"\xef\xbb\xbf\n\n", "no column to match students by, but: none"),
        ("Vollständiger Name,Bewertung\nA,1\n".encode(), "but: Vollständiger Name, Bewertung"),
        (b"name,login\n", "names no students"),
        (f"{CANVAS}\n    Points Possible,,,,,4,\n".encode(), "names no students"),
        (b"name,login\nA,agate,1\n", "line 2: this row has 3 cells, the header has 2"),
        (b'name,login\n"A\nB",agate\nC\n', "line 4: this row has 1 cells"),
        (b'name,login\n"A"B,agate\n', "line 2: it is no CSV"),
        (b'name,login\n"A,agate\n', "it is no CSV"),
        (b"name,login\n\0,agate\n", "is no text"),
        (b"name,login\nJ\xf6rg\x81,jorg\n", "neither UTF-8 nor Windows-1252"),
        (b"name,login\nA,agate\nB,Agate \n", "lines 2 and 3 have the same login, 'agate'"),
        (f"{CANVAS}\nA,1,,a,One,,\nB,1,,b,One,,\n".encode(), "lines 2 and 3 have the same ID, '1'"),
        (f"{MOODLE}\nParticipant 1,A,,,,4,-\n1,B,,,,4,-\n".encode(), "same Identifier, '1'"),
    ],
)
def test_a_roster_that_will_not_do_is_said(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "roster.csv").write_bytes(data)
    with pytest.raises(CourseError) as error:
        read_roster(tmp_path / "roster.csv")
    assert says in str(error.value)
    assert "roster.csv" in str(error.value)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_roster_that_cannot_be_opened_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(CourseError, match="cannot be read"):
        read_roster(tmp_path / name)


def test_an_id_counts_for_the_platform_that_gave_it(tmp_path: Path) -> None:
    people = roster(
        tmp_path, CANVAS, '"Agate, A",12,77,agate,One,,', '"Beryl, B",13,12,beryl,One,,'
    )
    canvas, moodle = report("a_12", "canvas:12"), report("b_12", "moodle:12")
    assert found(match([canvas], people), people) == {"Agate, A": "a_12"}
    assert match([moodle], people).unmatched == ("b_12: nobody",)
    # Gradescope's id is the school's, which Canvas calls SIS User ID.
    assert found(match([report("s", "id:12")], people), people) == {"Beryl, B": "s"}
    # The name of an entry is whatever the class agreed on, and here it could be two.
    assert match([report("12")], people).unmatched == ("12: several: Agate, A, Beryl, B",)
    assert match([report("14", "canvas:14")], people).unmatched == ("14: nobody",)


def test_moodle_knows_participants_ids_and_addresses(tmp_path: Path) -> None:
    people = roster(
        tmp_path,
        MOODLE,
        "Participant 77,Agate A,a@example.org,s1,,4.00,-",
        "Participant 78,Beryl B,b@example.org,77,,4.00,-",
        "Participant 79,Citrine C,C@Example.org,,,4.00,-",
    )
    reports = [
        report("x", "moodle:77"),
        report("y", "id:77"),
        report("z", "id:none", "email:c@example.ORG"),
    ]
    assert found(match(reports, people), people) == {
        "Agate A": "x",
        "Beryl B": "y",
        "Citrine C": "z",
    }


def test_in_a_list_of_ones_own_an_id_is_what_the_entries_carry(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,id", "Agate,12", "Beryl,13", "Citrine,14")
    reports = [report("x", "canvas:12"), report("y", "moodle:13"), report("z", "id:14")]
    assert found(match(reports, people), people) == {"Agate": "x", "Beryl": "y", "Citrine": "z"}


def test_where_a_platform_says_who_the_entrys_name_says_nothing(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,login", "Agate,agate")
    assert match([report("agate", "email:b@x.org")], people).unmatched == ("agate: nobody",)


def test_an_id_comes_before_a_login_and_a_login_before_an_address(tmp_path: Path) -> None:
    people = roster(tmp_path, "id,login,email", "1,2,3", "2,3,1", "3,1,2")
    assert list(match([report("2")], people).found) == [1]
    assert list(match([report("x", "email:3", "login:1")], people).found) == [2]
    assert list(match([report("x", "email:3", "login:9")], people).found) == [0]


def test_names_alone_match_nobody(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,login", "Agate A,a1")
    assert match([report("Agate_A"), report("agate")], people).unmatched == (
        "Agate_A: nobody",
        "agate: nobody",
    )


def test_an_address_of_several_is_nobodys(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,id,email", "Agate,1,us@example.org", "Beryl,2,us@example.org")
    matches = match([report("x", "email:us@example.org")], people)
    assert matches.unmatched == ("x: several: Agate, Beryl",)
    assert [student.name for student in matches.missing] == ["Agate", "Beryl"]


def test_two_ids_of_two_students_are_settled_by_hand(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,id", "Agate,1", "Beryl,2")
    assert match([report("x", "id:1", "id:2")], people).unmatched == ("x: several: Agate, Beryl",)


def test_every_member_of_a_group_gets_the_mark(tmp_path: Path) -> None:
    people = roster(tmp_path, "name,id,email", "Agate,1,", "Beryl,2,b@example.org", "Citrine,3,")
    members = (("id:1", "email:x@example.org"), ("id:", "email:b@example.org"), ("name:Dolomite",))
    work = report("submission_5", *(each for one in members for each in one), members=members)
    matches = match([work], people)
    assert found(matches, people) == {"Agate": "submission_5", "Beryl": "submission_5"}
    assert matches.unmatched == ("submission_5, member name:Dolomite: nobody",)
    assert [student.name for student in matches.missing] == ["Citrine"]
    with pytest.raises(CourseError, match="submission_5 and submission_6 both belong to Beryl"):
        match([work, report("submission_6", "id:2")], people)
    twice = report("submission_5", members=(members[0], members[0]))
    assert found(match([twice], people), people) == {"Agate": "submission_5"}


def test_classroom_says_whose_repository_it_is(tmp_path: Path) -> None:
    people = roster(
        tmp_path,
        CLASSROOM,
        "agate,s1,lab-agate,0",
        "beryl,s2,lab-team,0",
        "citrine,s3,lab-team,0",
        "dolomite,,lab-dolomite-1,0",
    )
    reports = [
        report("lab-agate", "repository:lab-agate", "login:agate"),
        report("lab-team", "repository:lab-team", "login:team"),
        report("lab-dolomite-1"),
    ]
    matches = match(reports, people)
    assert matches.unmatched == ()
    assert list(matches.found.values()) == [reports[0], reports[1], reports[1], reports[2]]


def test_rows_of_canvas_that_are_no_students(tmp_path: Path) -> None:
    people = roster(
        tmp_path,
        "LastName,FirstName,ID,SIS Login ID,Section,Lab (7),Current Score",
        ",,,,,Manual Posting,",
        "    Points Possible,,,,,10.00,(read only)",
        "Agate,A,12,agate,One,,",
    )
    assert [student.name for student in people.students] == ["Agate"]
    assert found(match([report("x", "canvas:12")], people), people) == {"Agate": "x"}
    test = roster(tmp_path, CANVAS, '"Agate, A",1,,agate,One,,', '"Student, Test",2,,0f,One,,')
    assert [student.name for student in test.students] == ["Agate, A"]


def test_an_assignment_called_id_is_no_id(tmp_path: Path) -> None:
    lines = f"{CANVAS},Email", "A,1,,agate,One,5,,5", "B,2,,beryl,One,5,,5"
    assert match([report("5")], roster(tmp_path, *lines)).unmatched == ("5: nobody",)


def test_two_thousand_students_in_under_a_second(tmp_path: Path) -> None:
    lines = (f'"Name {i}, X",{i},s{i},login{i},One,,' for i in range(2000))
    reports = [report(f"x{i}", f"login:login{i}") for i in range(2000)]
    begun = time.process_time()
    people = roster(tmp_path, CANVAS, *lines)
    assert len(match(reports, people).found) == 2000
    assert time.process_time() - begun < 1
