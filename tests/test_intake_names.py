"""Who an entry belongs to: never two students under one name, and every name safe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course import Assignment, CourseError
from autograder.intake import Entry, find_submissions, read_entry, read_submission
from autograder.intake.names import distinct, identify, safe
from tests.intake_samples import GOOD, make_assignment, make_zip, write

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]*(?<!\.)")


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return make_assignment(tmp_path)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.mark.parametrize(
    ("name", "is_folder", "key", "file"),
    [
        ("doejane_123_456_vectors.py", False, "doejane_123", "vectors.py"),
        ("doejane_LATE_123_456_my_work.py", False, "doejane_123", "my_work.py"),
        ("doejane_123_456_vectors-1.py", False, "doejane_123", "vectors-1.py"),
        (
            "Jane van Doe_4711_assignsubmission_file_",
            True,
            "Jane van Doe_4711",
            "Jane van Doe_4711_assignsubmission_file_",
        ),
        ("Jane Doe_4711_assignsubmission_file_a.zip", False, "Jane Doe_4711", "a.zip"),
        ("ann.tar.gz", False, "ann", "ann.tar.gz"),
        ("ann.b.zip", False, "ann.b", "ann.b.zip"),
        ("ann.b", True, "ann.b", "ann.b"),
        (".py", False, ".py", ".py"),
        ("homework_2_final.py", False, "homework_2_final", "homework_2_final.py"),
    ],
)
def test_names_are_read_by_stated_rules(name: str, is_folder: bool, key: str, file: str) -> None:
    who = identify(name, is_folder)
    assert (who.key, who.file) == (key, file)


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("$(rm -rf ~)", "rm_-rf___-"),
        ("a;b|c&d", "a_b_c_d-"),
        ("a\nb", "a_b-"),
        ("..", "student-"),
        (".hidden", "hidden-"),
        ("-rf", "rf-"),
        ("Jörg Müller", "Jorg_Muller-"),
        ("李明", "student-"),
        ("CON", "student-CON-"),
        ("nul.txt", "student-nul.txt-"),
        ("COM7", "student-COM7-"),
        ("ends.", "ends-"),
        ("a/b", "a_b-"),
        ("x" * 300, "x" * 80 + "-"),
        ("\udce9", "student-"),
    ],
)
def test_a_changed_name_carries_a_hash_of_the_original(key: str, start: str) -> None:
    assert safe(key)[:-8] == start
    assert re.fullmatch("[0-9a-f]{8}", safe(key)[-8:])
    assert safe(key) == safe(key)


@pytest.mark.parametrize("key", ["ann", "doejane_123", "ann@example.org", "a.b-c+d", "Ann"])
def test_a_safe_name_is_kept(key: str) -> None:
    assert safe(key) == key


def test_a_space_becomes_an_underscore() -> None:
    assert safe("Jane Doe_4711") == "Jane_Doe_4711"


@given(st.lists(st.text(max_size=12), unique=True, max_size=8))
def test_no_two_people_share_a_name(keys: list[str]) -> None:
    names = distinct(keys)
    assert list(names) == keys
    assert len({name.casefold() for name in names.values()}) == len(keys)
    for name in names.values():
        assert SAFE.fullmatch(name)
        assert len(name) < 160


def test_names_that_differ_in_case_or_a_space_get_a_hash() -> None:
    names = distinct(["ann", "Ann", "a b", "a_b", "eve"])
    assert names["eve"] == "eve"
    assert {name[:-9] for key, name in names.items() if key != "eve"} == {"ann", "Ann", "a_b"}


def test_two_forms_of_one_accented_name_are_one_person(inbox: Path, assignment: Assignment) -> None:
    write(inbox / "Jo\u0308rg", GOOD)
    make_zip(inbox / "J\u00f6rg.zip", GOOD)
    (entry,) = find_submissions(inbox, assignment)
    assert entry.refused.startswith("J\u00f6rg is there more than once: ")


def test_a_class_folder_gives_one_entry_a_student(inbox: Path, assignment: Assignment) -> None:
    write(inbox / "eve", GOOD)
    make_zip(inbox / "ann.zip", GOOD)
    write(
        inbox,
        {
            "doejane_12_901_vectors.py": GOOD["vectors.py"],
            "doejane_LATE_12_902_network.py": GOOD["network.py"],
            "doejane_13_903_vectors.py": GOOD["vectors.py"],
            "Bob Roe_77_assignsubmission_file_/vectors.py": GOOD["vectors.py"],
            "roster.csv": "x",
            ".DS_Store": "x",
            "late.docx": "x",
        },
    )
    entries = find_submissions(inbox, assignment)
    assert [entry.student for entry in entries] == [
        "Bob_Roe_77",
        "ann",
        "doejane_12",
        "doejane_13",
        "eve",
        "late",
    ]
    assert [len(entry.paths) for entry in entries] == [1, 1, 2, 1, 1, 1]
    read = {entry.student: read_entry(entry, assignment) for entry in entries}
    assert read["doejane_12"].files == GOOD
    assert read["doejane_12"].notes == ("Canvas marked it late, and does not say when it came.",)
    assert read["doejane_13"].notes == ()
    assert read["doejane_13"].files == {"vectors.py": GOOD["vectors.py"]}
    assert read["ann"].files == read["eve"].files == GOOD
    assert read["Bob_Roe_77"].notes == (
        "The name Bob Roe_77 was changed to Bob_Roe_77, to be safe as a file name.",
    )
    assert read["late"].refused.startswith("late.docx is a Word document.")


def test_one_student_twice_is_refused_with_both_named(inbox: Path, assignment: Assignment) -> None:
    write(inbox / "ann", GOOD)
    make_zip(inbox / "ann.zip", GOOD)
    (entry,) = find_submissions(inbox, assignment)
    assert entry.student == "ann"
    submission = read_entry(entry, assignment)
    assert submission.refused == "ann is there more than once: ann, ann.zip. Keep one of them."
    assert submission.files == {}


def test_one_upload_with_two_versions_of_a_file_is_refused(
    inbox: Path, assignment: Assignment
) -> None:
    write(inbox, {"doe_1_2_vectors.py": "x = 1\n", "doe_1_3_vectors.py": "x = 2\n"})
    (entry,) = find_submissions(inbox, assignment)
    refused = read_entry(entry, assignment).refused
    assert refused.startswith("It holds two different files called vectors.py.")


def test_an_upload_of_several_archives_is_read_together(
    inbox: Path, assignment: Assignment
) -> None:
    make_zip(inbox / "doe_1_2_a.zip", {"vectors.py": GOOD["vectors.py"]})
    make_zip(inbox / "doe_1_3_b.zip", {"network.py": GOOD["network.py"]})
    write(inbox, {"doe_1_4_report.pdf": "x"})
    (entry,) = find_submissions(inbox, assignment)
    submission = read_entry(entry, assignment)
    assert submission.files == GOOD
    assert submission.notes[0] == "Ignored, since they play no part: report.pdf."


def test_a_link_out_of_the_class_folder_is_refused(
    inbox: Path, tmp_path: Path, assignment: Assignment
) -> None:
    write(tmp_path / "elsewhere", GOOD)
    (inbox / "ann").symlink_to(tmp_path / "elsewhere")
    (entry,) = find_submissions(inbox, assignment)
    assert entry.refused == f"ann is a link to {tmp_path}/elsewhere. Put the work itself there."


def test_an_entry_that_vanished_is_refused(tmp_path: Path, assignment: Assignment) -> None:
    entry = Entry("ann", (tmp_path / "ann.zip",))
    assert read_entry(entry, assignment).refused == (
        "It could not be read: No such file or directory."
    )


def test_no_class_folder_is_the_callers_mistake(tmp_path: Path, assignment: Assignment) -> None:
    with pytest.raises(CourseError, match="There is no folder"):
        find_submissions(tmp_path / "nowhere", assignment)


def test_a_hostile_name_is_kept_in_a_note(inbox: Path, assignment: Assignment) -> None:
    write(inbox / "a\n$(id)", GOOD)
    (entry,) = find_submissions(inbox, assignment)
    assert entry.student.startswith("a___id_-")
    assert entry.notes == (
        f"The name a\\n$(id) was changed to {entry.student}, to be safe as a file name.",
    )
    assert read_submission(inbox / "a\n$(id)", assignment).student == entry.student
