"""The catalogue: finding assignments, and saying what is wrong with a description."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.author.release import students_files
from autograder.course import CourseError, assignment_ids, find, find_root, load_all

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["1", "01", "networks", "01_networks", "assignments/01_networks/"])
def test_an_assignment_has_many_names(name: str) -> None:
    assert find(name, ROOT).id == "01_networks"


def test_a_draft_is_the_authors_alone(tree: Path) -> None:
    shutil.copytree(tree / "assignments/01_networks", tree / "assignments/02_more")
    (tree / "lectures").mkdir()
    (tree / "lectures/02_more.md").write_text("soon")
    assert assignment_ids(tree) == ["01_networks", "02_more"]
    toml = tree / "assignments/02_more/assignment.toml"
    toml.write_text("draft = true\n" + toml.read_text())
    assert assignment_ids(tree) == ["01_networks"]
    assert [a.id for a in load_all(tree)] == ["01_networks"]
    assert find("02", tree).id == "02_more"
    released = {path.as_posix() for path in students_files(tree)}
    assert "assignments/01_networks/README.md" in released
    assert not any("02_more" in path for path in released)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "', 'titel = "', "'title' is missing"),
        ('name = "layer"', 'name = "dot"', "two parts have the same name"),
        ('policy = "message"', 'policy = "all"', "policy is one of"),
        ("seed = ", "seed = [", "not valid TOML"),
        ('file = "network.py"', 'file = "networks.py"', "which is not in files"),
        ('uses = ["dot"', 'uses = ["dit"', "which is no part"),
        ("seconds = ", "secnods = ", "secnods"),
    ],
)
def test_a_wrong_description_is_explained(tree: Path, old: str, new: str, says: str) -> None:
    toml = tree / "assignments/01_networks/assignment.toml"
    assert old in toml.read_text(), old
    toml.write_text(toml.read_text().replace(old, new, 1))
    with pytest.raises(CourseError, match=r"assignment\.toml") as caught:
        find("01", tree)
    assert says in str(caught.value)


def test_no_course_around(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="No course found"):
        find_root(tmp_path)


def test_what_owns_a_forbidden_name_is_imported_once_a_class() -> None:
    """Else the guards import it in every submission's process: most of a second for sklearn."""
    assignment = find("08", ROOT)
    assert assignment.libraries == ("numpy",)
    assert {"numpy", "sklearn.feature_extraction.text"} <= set(assignment.warm)
    assert len(set(assignment.warm)) == len(assignment.warm)
