"""Whose work it is and when it came: by each platform's own rules, and never by a guess."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import Assignment, CourseError
from autograder.intake import Origin, find_submissions, read_entry
from tests.course_tree import Course
from tests.intake_samples import GOOD, make_assignment, notebook, write
from tests.test_clone import commit, git, git_only

LATE = "Canvas marked it late, and does not say when it came."
COMMITTED = "Its time is that of its last commit, which whoever commits can set."
STAMPED = "Its time is that of nbgrader's timestamp.txt, which the student's side wrote."
METADATA = """---
submission_5:
  :submitters:
  - :name: Citrine
    :sid: '0300'
    :email: citrine@example.org
  :created_at: 2026-03-01 22:15:00.123456789 Z
  :score: 0.0
submission_6:
  :submitters:
  - :name: Dolomite
    :sid: '301'
    :email: dolomite@example.org
  - :name: Epidote
    :email: epidote@example.org
  - :name: Fluorite
  :created_at: 2026-03-02 01:00:00 +02:00
  :results: &results
    tests:
    - output: "a: \\n:submitters: [x]\\n"
submission_7:
  :submitters: 3
  :created_at: 2026-13-01 00:00:00 Z
submission_8:
  :submitters:
  - :name: Garnet
    :sid:
    :email: null
  - 7
  :created_at: *results
submission_9:
  :score: 1.0
submission_10:
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return make_assignment(tmp_path)


def origins(folder: Path, assignment: Assignment, name: str = "") -> dict[str, Origin]:
    return {e.student: e.origin for e in find_submissions(folder, assignment, name)}


def test_names_of_canvas_and_moodle_carry_an_id(tmp_path: Path, assignment: Assignment) -> None:
    inbox = write(
        tmp_path / "inbox",
        {
            "beryl_LATE_12_901_vectors.py": GOOD["vectors.py"],
            "beryl_12_902_network.py": GOOD["network.py"],
            "calcite_13_903_vectors.py": GOOD["vectors.py"],
            "Agate A_77_assignsubmission_file_/vectors.py": GOOD["vectors.py"],
            "dolomite/vectors.py": GOOD["vectors.py"],
            "dolomite/timestamp.txt": "2026-03-01 14:15:00.5 UTC",  # no nbgrader here: not read
        },
    )
    assert origins(inbox, assignment) == {
        "Agate_A_77": Origin(identities=("moodle:77",)),
        "beryl_12": Origin("", LATE, ("canvas:12",)),
        "calcite_13": Origin(identities=("canvas:13",)),
        "dolomite": Origin(),
    }
    notes = {
        e.student: read_entry(e, assignment).notes for e in find_submissions(inbox, assignment)
    }
    assert LATE in notes["beryl_12"]
    assert LATE not in notes["calcite_13"]


def test_gradescope_says_who_and_when(tmp_path: Path, assignment: Assignment) -> None:
    files = {f"submission_{i}/vectors.py": GOOD["vectors.py"] for i in (5, 6, 7, 8, 9)}
    inbox = write(tmp_path / "inbox", {**files, "submission_metadata.yml": METADATA})
    group = (
        ("id:301", "email:dolomite@example.org"),
        ("email:epidote@example.org",),
        ("name:Fluorite",),
    )
    everybody = tuple(each for member in group for each in member)
    assert origins(inbox, assignment) == {
        "submission_5": Origin(
            "2026-03-01T22:15:00Z", "", ("id:0300", "email:citrine@example.org")
        ),
        "submission_6": Origin("2026-03-01T23:00:00Z", "", everybody, group),
        "submission_7": Origin(),
        "submission_8": Origin(identities=("name:Garnet",)),
        "submission_9": Origin(),
    }


@pytest.mark.parametrize(
    "text", ["a: [", "- a", "\x00", "a: &a [*a]\n? [a", "[" * 10**6, "a: " + "[" * 99 + "]" * 99]
)
def test_broken_metadata_is_said(tmp_path: Path, assignment: Assignment, text: str) -> None:
    write(tmp_path / "inbox", {"submission_metadata.yml": text, "agate.py": "x = 1"})
    with pytest.raises(CourseError, match="not what Gradescope writes"):
        find_submissions(tmp_path / "inbox", assignment)


@git_only
def test_a_classroom_clone_has_a_login_and_the_time_of_its_commit(
    tmp_path: Path, assignment: Assignment
) -> None:
    inbox = tmp_path / "net-works-submissions"
    for name in ("net-works-agate", "net-works-beryl-b", "other-citrine"):
        write(inbox / name, GOOD)
        git(inbox / name, "init", "-q")
        commit(inbox / name)
    git(inbox / "other-citrine", "update-ref", "-d", "HEAD")
    write(inbox / "net-works-dolomite", GOOD)
    found = origins(inbox, assignment)
    when = "2026-03-01T21:55:00Z"
    assert found == {
        "net-works-agate": Origin(when, COMMITTED, ("repository:net-works-agate", "login:agate")),
        "net-works-beryl-b": Origin(
            when, COMMITTED, ("repository:net-works-beryl-b", "login:beryl-b")
        ),
        "net-works-dolomite": Origin(),
        "other-citrine": Origin(
            "",
            "The time of its last commit cannot be read: nothing was committed to its branch.",
            ("repository:other-citrine",),
        ),
    }
    elsewhere = tmp_path / "net-works"
    inbox.rename(elsewhere)  # named as one who clones by hand might name it
    assert origins(elsewhere, assignment)["net-works-agate"].identities == (
        "repository:net-works-agate",
    )


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    stamps = {
        "agate": "2026-03-01 22:15:00.123456 UTC",
        "beryl": "2026-03-01 14:15:00.5 America/Los_Angeles",
        "calcite": "yesterday",
    }
    files = {}
    for student, stamp in stamps.items():
        files[f"{student}/01_tiny/notebook.ipynb"] = notebook(GOOD)
        files[f"{student}/01_tiny/timestamp.txt"] = stamp
        files[f"{student}/02_next/vectors.py"] = "dot = None\n"
    files["dolomite/01_tiny/notebook.ipynb"] = notebook(GOOD)
    files["epidote/02_next/vectors.py"] = GOOD["vectors.py"]
    files["epidote/02_next/timestamp.txt"] = stamps["agate"]
    return write(tmp_path / "submitted", files)


def test_of_nbgraders_folders_one_assignment_is_taken(
    submitted: Path, assignment: Assignment
) -> None:
    entries = {each.student: each for each in find_submissions(submitted, assignment)}
    assert {name: each.origin for name, each in entries.items()} == {
        "agate": Origin("2026-03-01T22:15:00Z", STAMPED),
        "beryl": Origin("2026-03-01T22:15:00Z", STAMPED),
        "calcite": Origin("", "What stands in its timestamp.txt is no time."),
        "dolomite": Origin("", "It has no timestamp.txt that could be read."),
    }
    read = read_entry(entries["agate"], assignment)
    assert sorted(read.files) == ["network.py", "vectors.py"]
    assert not any("02_next" in note for note in read.notes)
    assert STAMPED in read.notes


def test_another_name_in_nbgrader_is_said_by_hand(submitted: Path, assignment: Assignment) -> None:
    for path in submitted.glob("*/01_tiny"):
        path.rename(path.with_name("ps1"))
    with pytest.raises(CourseError) as error:
        find_submissions(submitted, assignment)
    assert "nobody in it handed in '01_tiny'" in str(error.value)
    assert "02_next (4), ps1 (4)" in str(error.value)
    assert "--assignment-name" in str(error.value)
    assert list(origins(submitted, assignment, "ps1")) == ["agate", "beryl", "calcite", "dolomite"]
    (submitted / "readme.txt").write_text("x")
    assert len(origins(submitted, assignment, "ps1")) == 4
    bare = write(submitted.parent / "inbox", {"agate/ps1/vectors.py": "x = 1"})
    (entry,) = find_submissions(bare, assignment, "ps1")
    assert entry.paths == (bare / "agate/ps1",)


@pytest.mark.parametrize(
    ("rename", "more", "taken"),
    [
        ("submitted", {}, True),
        ("inbox", {}, True),  # nbgrader shows by its timestamp.txt
        ("submitted", {"fluorite/vectors.py": "x = 1"}, False),
        ("submitted", {"fluorite.py": "x = 1"}, False),
        ("submitted", {".DS_Store": "x"}, True),
    ],
)
def test_what_is_taken_for_nbgraders(
    submitted: Path, assignment: Assignment, rename: str, more: dict[str, str], taken: bool
) -> None:
    folder = submitted.rename(submitted.with_name(rename))
    write(folder, more)
    assert ("epidote" not in origins(folder, assignment)) is taken


def test_folders_of_a_course_are_not_taken_for_nbgraders(
    tmp_path: Path, assignment: Assignment
) -> None:
    files = {"agate/01_tiny/vectors.py": GOOD["vectors.py"], "beryl/week1/vectors.py": "x = 1"}
    assert len(origins(write(tmp_path / "inbox", files), assignment)) == 2
    assert len(origins(write(tmp_path / "submitted", files), assignment)) == 1


def test_a_link_out_of_submitted_is_refused(submitted: Path, assignment: Assignment) -> None:
    outside = write(submitted.parent / "outside" / "01_tiny", GOOD).parent
    (submitted / "garnet").symlink_to(outside)
    found = {each.student: each for each in find_submissions(submitted, assignment)}
    assert "is a link to" in found["garnet"].refused
    assert found["garnet"].origin == Origin()


@pytest.mark.slow
def test_grade_takes_what_nbgrader_itself_collected(course: Course, tree: Path) -> None:
    """The real nbgrader: two assignments submitted and collected, one of them graded."""
    pytest.importorskip("nbgrader")
    home, root = tree / "home", tree / "exchange"
    config = f"c.Exchange.root = {str(root)!r}\nc.CourseDirectory.course_id = 'minerals'\n"
    write(tree / "minerals", {"nbgrader_config.py": config})
    for name in ("01_networks", "ps2"):
        write(root / f"minerals/outbound/{name}", {"vectors.py": "x = 1\n"})
        write(home / "agate" / name, {"vectors.py": "x = 2\n"})
    (root / "minerals/inbound").mkdir()
    (root / "minerals/inbound").chmod(0o733)

    beside = Path(sys.executable).parent

    def nbgrader(cwd: Path, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=cwd,
            # nbgrader runs the program alembic, which lies beside Python.
            env={**os.environ, "HOME": str(home), "PATH": f"{beside}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    shutil.copy(tree / "minerals/nbgrader_config.py", home / "agate")
    for name in ("01_networks", "ps2"):
        nbgrader(home / "agate", "submit", name, "--student", "agate")
        nbgrader(tree / "minerals", "collect", name)
    stamp = tree / "minerals/submitted/agate/01_networks/timestamp.txt"
    shutil.copytree(tree / "minerals/submitted/agate", tree / "minerals/submitted/beryl")
    shutil.rmtree(tree / "minerals/submitted/beryl/01_networks")
    done = course("grade", "minerals/submitted", "-a", "01", "--out", "graded")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = (tree / "graded").glob("*.json")
    text = report.read_text()
    assert report.name == "agate.json"
    assert f'"submitted": "{stamp.read_text()[:10]}T{stamp.read_text()[11:19]}Z"' in text
    assert STAMPED in (tree / "graded/feedback/agate.md").read_text()
    wrong = course("grade", "minerals/submitted", "-a", "01", "--assignment-name", "ps3")
    assert wrong.returncode == 2
    assert "01_networks (1), ps2 (2)" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@git_only
@pytest.mark.slow
def test_clones_from_the_folder_to_the_gradebook(course: Course, tree: Path) -> None:
    """Grade what `gh classroom clone student-repos` makes, and export it with a late rule."""
    folder = tree / "net-submissions"
    for name in ("net-agate", "net-pair", "net-citrine"):
        shutil.copytree(tree / "assignments/01_networks", folder / name)
        git(folder / name, "init", "-q")
        git(folder / name, "add", ".")
        commit(folder / name)
        git(folder / name, "gc", "-q")
    (folder / "net-citrine/.git/packed-refs").unlink()
    done = course("grade", "net-submissions", "-a", "01", "--out", "graded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert COMMITTED in (tree / "graded/feedback/net-agate.md").read_text()
    people = "github_username,roster_identifier,student_repository_name\n"
    people += "agate,s1,net-agate\nberyl,s2,net-pair\ncalcite,s3,net-pair\ncitrine,s4,net-citrine\n"
    (tree / "grades.csv").write_text(people)
    rule = ("--due", "2026-03-01T20:00:00Z", "--late", "days: 10% a day")
    words = ("export", "graded", "--to", "csv", "--roster", "grades.csv", *rule)
    done = course(*words)
    assert done.returncode == 2
    assert "  net-citrine: The time of its last commit cannot be read: nothing was" in done.stderr
    (tree / "times.csv").write_text("student,submitted\nnet-citrine,2026-03-01T20:00:00Z\n")
    done = course(*words, "--times", "times.csv")
    assert done.returncode == 0, done.stderr
    assert f"3 x {COMMITTED}" in done.stdout
    with (tree / "graded/csv.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (r["name"], r["days_late"], r["submitted"], r["remark"]) for r in csv.DictReader(file)
        ]
    when = ("1", "2026-03-01T21:55:00Z", COMMITTED)
    assert rows == [
        ("s1", *when),
        ("s2", *when),
        ("s3", *when),
        ("s4", "0", "2026-03-01T20:00:00Z", ""),
    ]
