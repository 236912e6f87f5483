"""Gradebooks: who a grade belongs to, what late work costs, and what the files hold."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograder.bridges.gradebook.late import read_rule, read_time
from autograder.cli.export import with_times
from autograder.course import CourseError
from autograder.results import Report, Status, from_json, to_json
from tests.course_tree import Course
from tests.report_samples import make_report, make_test

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Vectors and neural networks (77),Other (78)\n"
    "    Points Possible,,,,,4,10\n"
    '"Agate, A",101,s101,agate,One,,\n'
    '"=Beryl, B",102,s102,beryl,One,1,9\n'
)
MOODLE = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    "Participant 11,Agate A,agate@example.org,Submitted,,4.00,Yes,-,-,\n"
    "Participant 12,Beryl B,beryl@example.org,Submitted,,4.00,Yes,-,-,\n"
)


def report(student: str, status: Status = Status.PASSED, **more: object) -> Report:
    made = make_report({"softmax": [make_test(status=status, basic=True)]}, student)
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.fixture
def graded(tree: Path) -> Path:
    folder = tree / "graded"
    folder.mkdir()
    put(folder, report("agate", submitted="2026-03-03T00:59:59Z"))
    put(folder, report("x_102", Status.WRONG, identities=("canvas:102", "email:beryl@example.org")))
    (tree / "canvas.csv").write_text(CANVAS)
    (tree / "moodle.csv").write_text(MOODLE)
    return folder


def put(folder: Path, made: Report) -> None:
    (folder / f"{made.student}.json").write_text(to_json(made))


def table(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text("utf-8"))))


def test_canvas_gets_its_own_columns_back(course: Course, tree: Path, graded: Path) -> None:
    done = course("export", "graded", "--to", "canvas", "--roster", "canvas.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    title = "Vectors and neural networks (77)"
    assert table(graded / "canvas.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title],
        ["    Points Possible", "", "", "", "", "4"],
        ["Agate, A", "101", "s101", "agate", "One", "4"],
        ["'=Beryl, B", "102", "s102", "beryl", "One", "0"],
    ]


def test_canvas_refuses_a_title_that_it_would_make_anew(
    course: Course, tree: Path, graded: Path
) -> None:
    done = course("export", "graded", "--to", "canvas", "--roster", "canvas.csv", "--title", "New")
    assert done.returncode == 2
    assert "has no assignment 'New'" in done.stderr
    assert "Vectors and neural networks, Other" in done.stderr
    wrong = course(
        "export", "graded", "--to", "canvas", "--roster", "canvas.csv", "--title", "Other"
    )
    assert wrong.returncode == 2
    assert "has 10 points" in wrong.stderr
    assert not (graded / "canvas.csv").exists()


def test_nothing_is_written_while_somebody_is_not_matched(
    course: Course, tree: Path, graded: Path
) -> None:
    put(graded, report("agat"))
    words = ("export", "graded", "--to", "moodle", "--roster", "moodle.csv", "--out", "out.csv")
    done = course(*words)
    assert done.returncode == 2
    assert "report without a student: agat: nobody" in done.stderr
    assert "report without a student: agate: nobody" in done.stderr  # Moodle knows no logins
    assert "student without a report: Agate A" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tree / "out.csv").exists()
    assert course(*words, "--allow-missing").returncode == 0
    rows = table(tree / "out.csv")
    # Moodle would take a comment that comes back for a new one, and needs no other column.
    assert rows == [
        ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"],
        ["Participant 11", "Agate A", "", "4.00", "-"],
        ["Participant 12", "Beryl B", "0", "4.00", "-"],
    ]


def test_the_late_rule_lowers_a_score(course: Course, tree: Path, graded: Path) -> None:
    rule = ("--due", "2026-03-01T23:59:59", "--late", "days: 10% a day, 3 at most")
    words = ("export", "graded", "--to", "csv", "--roster", "canvas.csv", *rule)
    done = course(*words)
    assert done.returncode == 2
    assert "Nothing says when 1 of them handed in:\n  x_102\n" in done.stderr
    assert "agate" not in done.stderr
    (tree / "times.csv").write_text("student,submitted\nx_102,2026-03-01T12:00:00Z\n")
    done = course(*words, "--times", "times.csv")
    assert done.returncode == 0, done.stderr
    rows = table(graded / "csv.csv")
    assert rows[1] == ["agate", "Agate, A", "3.2", "4", "2", "2026-03-03T00:59:59Z", ""]
    assert rows[2][1:5] == ["'=Beryl, B", "0", "4", "0"]


def test_junit_holds_points_and_no_illegal_character(
    course: Course, tree: Path, graded: Path
) -> None:
    put(graded, report("bad\x00\x1b\ufffename".replace("\x00", ""), identities=("login:agate",)))
    (graded / "agate.json").unlink()
    done = course("export", "graded", "--to", "junit", "--roster", "canvas.csv")
    assert done.returncode == 0, done.stderr
    root = ElementTree.fromstring((graded / "junit.xml").read_text("utf-8"))
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["badname", "x_102"]
    points = {p.get("name"): p.get("value") for p in suites[1].findall("testcase/properties/*")}
    assert points == {"score": "0", "points": "4"}
    assert suites[1].find("testcase/failure") is not None


def test_a_fault_of_the_grader_stops_the_export(course: Course, tree: Path, graded: Path) -> None:
    put(graded, report("agate", Status.GRADER_ERROR))
    done = course("export", "graded", "--to", "csv", "--roster", "canvas.csv")
    assert done.returncode == 3
    assert "agate" in done.stderr
    assert not (graded / "csv.csv").exists()


def test_two_reports_of_one_student_stop_the_export(
    course: Course, tree: Path, graded: Path
) -> None:
    put(graded, report("s101"))
    words = ("export", "graded", "--to", "csv", "--roster", "canvas.csv", "--allow-missing")
    done = course(*words)
    assert done.returncode == 2
    assert "both belong to Agate, A" in done.stderr


@pytest.mark.parametrize(
    ("submitted", "left"),
    [
        ("2026-02-01T00:00:00Z", 80.0),
        ("2026-03-01T23:59:59Z", 80.0),
        ("2026-03-02T00:00:00Z", 72.0),
        ("2026-03-02T00:59:59+01:00", 80.0),
        ("2026-03-03T00:59:59Z", 64.0),
        ("2026-03-04T23:59:59Z", 56.0),
        ("2026-03-05T00:00:00Z", 0.0),
    ],
)
def test_every_day_begun_costs_a_share(submitted: str, left: float) -> None:
    rule = read_rule("2026-03-01T23:59:59Z", "days: 10% a day, 3 at most")
    assert rule is not None
    assert rule.apply(80, read_time(submitted, "here")) == left


def test_no_score_falls_below_nothing() -> None:
    rule = read_rule("2026-03-01T23:59:59Z", "days: 40% a day")
    assert rule is not None
    assert rule.apply(80, read_time("2026-03-31T00:00:00Z", "here")) == 0


@pytest.mark.parametrize("due", ["2026-03-01", "0001-01-01T00:00+14:00", "soon", "12:00"])
def test_a_time_that_could_be_two_is_none(due: str) -> None:
    with pytest.raises(CourseError, match=r"--due: .* is no time"):
        read_rule(due, "days: 10% a day")


@pytest.mark.parametrize("late", ["", "10%", "days: 200% a day", "hours: 1% a day"])
def test_a_late_rule_that_cannot_be_read_is_refused(late: str) -> None:
    with pytest.raises(CourseError, match="--late"):
        read_rule("2026-03-01", late)


def test_a_report_from_before_identities_is_read() -> None:
    import json

    old = json.loads(to_json(report("agate")))
    del old["identities"], old["submitted"], old["timing"], old["members"]
    assert from_json(json.dumps(old)) == report("agate")


def test_a_group_a_claim_and_a_late_mark_through_the_command(
    course: Course, tree: Path, graded: Path
) -> None:
    (graded / "x_102.json").unlink()
    members = (("login:beryl",), ("id:s103",))
    claim = "Its time is that of its last commit, which whoever commits can set."
    put(graded, report("pair", members=members, submitted="2026-03-02T01:00:00Z", timing=claim))
    late = "Canvas marked it late, and does not say when it came."
    put(graded, report("dolomite_104", identities=("canvas:104",), timing=late))
    people = f"{CANVAS}C,103,s103,citrine,One,,\nD,104,s104,dolomite,One,,\n"
    (tree / "canvas.csv").write_text(people)
    rule = ("--due", "2026-03-01T23:59:59Z", "--late", "days: 25% a day")
    words = ("export", "graded", "--to", "csv", "--roster", "canvas.csv")
    done = course(*words, *rule)
    assert done.returncode == 2
    assert f"Nothing says when 1 of them handed in:\n  dolomite_104: {late}\n" in done.stderr
    assert not (graded / "csv.csv").exists()
    (tree / "times.csv").write_text("student;submitted\ndolomite_104;2026-03-01T12:00:00Z\n")
    done = course(*words, *rule, "--times", "times.csv")
    assert done.returncode == 0, done.stderr
    assert f"2 x {claim}" in done.stdout
    assert late not in done.stdout
    rows = table(graded / "csv.csv")
    assert [row[1:5] + row[6:] for row in rows[1:]] == [
        ["Agate, A", "2", "4", "2", ""],
        ["'=Beryl, B", "3", "4", "1", claim],
        ["C", "3", "4", "1", claim],
        ["D", "4", "4", "0", ""],
    ]
    assert course(*words).returncode == 0  # without a rule no time is needed
    assert table(graded / "csv.csv")[4][6] == late
    assert course(*words[:3], "junit", *words[4:]).returncode == 0
    root = ElementTree.fromstring((graded / "junit.xml").read_text("utf-8"))
    names = [suite.get("name") for suite in root]
    assert names == ["agate", "pair (=Beryl, B)", "pair (C)", "dolomite_104"]
    said = {p.get("name"): p.get("value") for p in root[1].findall("properties/*")}
    assert (said["remark"], said["submitted"]) == (claim, "2026-03-02T01:00:00Z")


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ("student,when\nagate,x\n", "must have the columns student,submitted, and has: student"),
        ("student,submitted\nonyx,2026-03-01T00:00:00Z\n", "line 2 names 'onyx'"),
        ("student,submitted\nagate,soon\n", "line 2: 'soon' is no time"),
        ("student,submitted\nagate,2026-03-01\n", "line 2: '2026-03-01' is no time"),
        ("student,submitted\n" + "agate,2026-03-01T00:00:00Z\n" * 2, "line 3 names 'agate' again"),
        ("", "has: none"),
    ],
)
def test_a_list_of_times_that_will_not_do(tmp_path: Path, times: str, says: str) -> None:
    (tmp_path / "times.csv").write_text(times)
    with pytest.raises(CourseError) as error:
        with_times([report("agate")], tmp_path / "times.csv")
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--roster", "canvas.csv", "--out", "canvas.csv"), "would be lost"),
        (("--roster", "canvas.csv", "--out", "assignments"), "cannot be written"),
        (("--roster", "canvas.csv", "--due", "2026-03-01T00:00:00Z"), "belong together"),
        (("--roster", "nowhere.csv"), "cannot be read: No such file"),
        (("--roster", "canvas.csv", "--times", "nowhere.csv"), "list of times nowhere.csv"),
        (("--roster", "other.csv", "--allow-missing"), "No report belongs to a student"),
    ],
)
def test_a_wrong_request_is_explained(
    course: Course, tree: Path, graded: Path, words: tuple[str, ...], says: str
) -> None:
    (tree / "other.csv").write_text("login\nonyx\n")
    before = (tree / "canvas.csv").read_bytes()
    done = course("export", "graded", "--to", "csv", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (tree / "canvas.csv").read_bytes() == before
    assert not (graded / "csv.csv").exists()


def test_what_is_no_report_is_named(course: Course, tree: Path, graded: Path) -> None:
    words = ("export", "graded", "--to", "csv", "--roster", "canvas.csv")
    for text in ("{", "[" * 100_000, '{"schema": 1, "parts": [1]}', "\x00"):
        (graded / "onyx.json").write_text(text)
        done = course(*words)
        assert done.returncode == 2
        assert "onyx.json is no report" in done.stderr
        assert "Traceback" not in done.stderr
    assert "holds no reports" in course("export", "assignments", *words[2:]).stderr
    (graded / "onyx.json").unlink()
    put(graded, report("onyx", assignment="02_backprop"))
    assert "several assignments" in course(*words).stderr


def test_reading_reports_shows_how_far_it_is(
    course: Course, tree: Path, graded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("export", "graded", "--to", "csv", "--roster", "canvas.csv")
    assert course(*words).stdout == "2 grades: graded/csv.csv\n"
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
    assert "Reading reports" in course(*words).stdout


def test_a_report_of_a_group_comes_back_as_it_was() -> None:
    made = report("pair", members=(("id:1", "email:a@example.org"), ("id:2",)), timing="said")
    assert from_json(to_json(made)) == made
