"""``course similarity``, run as a process."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from autograder.author import notebooks
from autograder.course import find
from autograder.demo_class import make_class
from tests.course_tree import Course
from tests.similarity_samples import (
    AGATE,
    BERYL,
    CITRINE,
    disguised,
    hand_in,
    many_lines,
    written,
)

COMMAND = (sys.executable, "-m", "autograder", "similarity")


@pytest.fixture
def planted(tree: Path) -> Path:
    """The demo class, three who worked alone, and two disguised copies in other forms."""
    assignment = find("01", tree)
    folder = tree / "submissions"
    folder.mkdir()
    make_class(assignment, folder)
    for name, bodies in (("wulfenite", AGATE), ("wollastonite", BERYL), ("willemite", CITRINE)):
        hand_in(folder, name, written(assignment, bodies))
    empty = notebooks.read((assignment.folder / "notebook.ipynb").read_text("utf-8"))
    copy = disguised(written(assignment, AGATE), 1, reorder=False)
    (folder / "xenotime.ipynb").write_text(notebooks.write(notebooks.fill(empty, copy)))
    with zipfile.ZipFile(folder / "zoisite.zip", "w") as archive:
        for file, text in disguised(written(assignment, BERYL), 2, add=0.2).items():
            archive.writestr(file, text.replace("return", "retrun", 1))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_planted_copies_are_found_in_the_demo_class_and_nothing_else(
    course: Course, tree: Path, planted: Path
) -> None:
    done = course("similarity", "submissions", "--assignment", "01")
    assert done.returncode == 0, done.stderr
    assert "2 pairs to look at" in done.stdout
    assert "not a verdict" in done.stdout
    found = rows(tree / "similarity/similarity.csv")
    named = {(row["student"], row["other"]) for row in found}
    assert named == {("wulfenite", "xenotime"), ("wollastonite", "zoisite")}
    assert all(float(row["share of student"]) > 0.6 for row in found)
    assert "vectors.py:" in found[0]["where"]
    page = (tree / "similarity/similarity.html").read_text("utf-8")
    assert "A place to look, not a verdict" in page
    assert "xenotime" in page


@pytest.mark.slow
def test_the_same_bytes_in_every_process(tree: Path, planted: Path) -> None:
    made = []
    for seed, workers in (("1", "1"), ("2", "2"), ("random", "1")):
        out = tree / f"out-{seed}-{workers}"
        subprocess.run(
            [*COMMAND, "submissions", "-a", "01", "--out", str(out), "--workers", workers],
            cwd=tree,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=120,
        )
        made.append([path.read_bytes() for path in sorted(out.iterdir())])
    assert len(made[0]) == 2
    assert made[0] == made[1] == made[2]


def test_code_that_was_handed_out_is_set_aside(course: Course, tree: Path) -> None:
    assignment = find("01", tree)
    recipe = many_lines(1, 60)
    for name, bodies in (("agate", AGATE), ("beryl", BERYL)):
        files = written(assignment, bodies)
        hand_in(tree / "submissions", name, {**files, "vectors.py": files["vectors.py"] + recipe})
    done = course("similarity", "submissions", "-a", "01", "--out", "out")
    assert "1 pair to look at" in done.stdout
    (tree / "recipes").mkdir()
    (tree / "recipes" / "recipe.py").write_text(recipe)
    done = course("similarity", "submissions", "-a", "01", "--out", "out", "--given", "recipes")
    assert "0 pairs to look at" in done.stdout
    assert "No two submissions share more" in (tree / "out/similarity.html").read_text()


def test_one_can_ask_for_more_and_for_less(course: Course, tree: Path) -> None:
    for number, name in enumerate(("agate", "beryl")):
        text = many_lines(number, 80) + many_lines(9, 12)
        hand_in(tree / "submissions", name, {"vectors.py": text + "\n\ndef dot(a, b): pass\n"})
    words = ("similarity", "submissions", "-a", "01", "--out", "out")
    assert "1 pair to look at" in course(*words).stdout
    fewer = course(*words, "--stretch", "1000", "--share", "0.9")
    assert "0 pairs to look at" in fewer.stdout


def test_students_without_solutions_and_work_that_cannot_be_read(
    course: Course, tree: Path
) -> None:
    assignment = find("01", tree)
    files = written(assignment, CITRINE)
    hand_in(tree / "submissions", "agate", files)
    hand_in(tree / "submissions", "beryl", disguised(files, 1))
    for name in ("dolomite", "epidote"):
        hand_in(tree / "submissions", name, written(assignment, {"dot": AGATE["dot"]}))
    (tree / "submissions" / "citrine.zip").write_bytes(b"PK\x03\x04 no zip")
    for path in (tree / "solutions" / "01_networks").iterdir():
        path.unlink()
    done = course("similarity", "submissions", "-a", "01", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "4 submissions compared, 1 not: 1 pair to look at" in done.stdout
    page = (tree / "out/similarity.html").read_text()
    assert "citrine" in page
    assert "damaged" in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere", "-a", "01"], "nowhere"),
        (["empty", "-a", "01"], "holds no submissions"),
        (["empty", "-a", "77"], "no assignment '77'"),
        (["full", "-a", "01", "--given", "nothing.txt"], "--given"),
        (["full", "-a", "01", "--share", "2"], "--share"),
        (["full"], "--assignment"),
    ],
)
def test_bad_requests_get_one_clear_message(
    course: Course, tree: Path, words: list[str], says: str
) -> None:
    (tree / "empty").mkdir()
    hand_in(tree / "full", "agate", {"vectors.py": "x = 1\n"})
    done = course("similarity", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.slow
def test_a_large_class_does_not_take_long(course: Course, tree: Path) -> None:
    """A thousand in a minute, on two cores with nothing else to do; here with much to spare."""
    for number in range(250):
        hand_in(tree / "submissions", f"s{number:03}", long_work(number))
    hand_in(tree / "submissions", "s240", disguised(long_work(10), 1, add=0.1))
    begin = time.monotonic()
    done = course("similarity", "submissions", "-a", "01", "--out", "out", seconds=600)
    seconds = time.monotonic() - begin
    found = rows(tree / "out/similarity.csv")
    assert [(row["student"], row["other"]) for row in found] == [("s010", "s240")], done.stdout
    assert seconds < 60


def long_work(number: int) -> dict[str, str]:
    """Three hundred lines, nobody else's."""
    return {"vectors.py": "def dot(a, b):\n    return sum(a * b)\n" + many_lines(number, 298)}
