"""What a class costs with `course grade` and with nbgrader's own autograde, in one run.

Prints; never fails on a clock. Figures of one run are comparable with each other only.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from autograder.course import find
from autograder.mistakes import reference_texts
from tests.test_nbgrader import ID, ROOT, School, write_notebook

MANY = int(os.environ.get("BENCHMARK_NBGRADER", "5"))
WAYS = {
    "course grade, one process": ("autograder", "grade", "flat", "-a", "01", "--workers", "1"),
    "nbgrader autograde": ("nbgrader", "autograde", ID),  # first: it skips what is there
    "course nbgrader grade, one process": ("autograder", *"nbgrader grade class -a 01".split()),
}


@pytest.mark.slow
def test_nbgrader_beside_grade(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One submission, then several more: what the further ones cost is free of starting up."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for count in (1, MANY):
        school = a_class(tmp_path / f"course{count}")
        hand_in(school, count)
        for name, words in WAYS.items():
            seconds[name].append(timed(school, name, words))
        assert list(school.exported().values()) == [100] * count
    each = {name: (many - one) / (MANY - 1) for name, (one, many) in seconds.items()}
    with capsys.disabled():
        print(f"\n\nCorrect submissions of 01: one, then {MANY} in a new course, in seconds:")
        for name, (one, many) in seconds.items():
            print(f"  {name:36} {one:6.2f}  {many:6.2f}  a further one {each[name]:6.3f}")
        ours, theirs, _ = each.values()
        print(f"nbgrader autograde beside course grade, a further one: {theirs / ours:.0f} times")


def a_class(tree: Path) -> School:
    for room in ("assignments", "solutions"):
        shutil.copytree(ROOT / room / ID, tree / room / ID)
    school = School(tree)
    assert school.course("nbgrader", "class", "-a", "01").returncode == 0
    school.teacher("generate_assignment", ID)
    return school


def hand_in(school: School, count: int) -> None:
    """Put new students' notebooks where nbgrader collects them, and flat for `course grade`."""
    files = reference_texts(find("01", school.tree))
    (school.tree / "flat").mkdir(exist_ok=True)
    for index in range(count):
        who = f"student{count}-{index}"
        path = school.folder / "submitted" / who / ID / f"{ID}.ipynb"
        path.parent.mkdir(parents=True)
        shutil.copy(school.folder / "release" / ID / f"{ID}.ipynb", path)
        write_notebook(path, {name: f"{text}\n\n# {who}\n" for name, text in files.items()})
        shutil.copy(path, school.tree / "flat" / f"{who}.ipynb")


def timed(school: School, name: str, words: tuple[str, ...]) -> float:
    more = ("--workers", "1") if "nbgrader grade" in name else ()
    place = school.tree if words[0] == "autograder" else school.folder
    started = time.perf_counter()
    done = school.run(words[0], (*words[1:], *more), place, "teacher", 600)
    took = time.perf_counter() - started
    assert done.returncode == 0, done.stdout + done.stderr
    return took
