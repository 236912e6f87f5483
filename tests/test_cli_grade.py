"""The instructor's commands, each run as a process on a small class."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.course import find
from autograder.mistakes import apply, load_mistakes, reference_texts
from autograder.results import from_json
from tests.course_tree import Course, heed_interrupts


@pytest.fixture
def small_class(tree: Path) -> Path:
    """Six students: right, a mistake, the stub, one that leaves, a single file, nothing."""
    assignment = find("01", tree)
    reference = reference_texts(assignment)
    mistakes = {m.id: m for m in load_mistakes(assignment)}
    folder = tree / "submissions"
    works = {
        "agate": reference,
        "beryl": apply(mistakes["dot.product_of_sums"], assignment),
        "citrine": {f: (assignment.folder / f).read_text() for f in assignment.files},
        "dolomite": {**reference, "vectors.py": "import os\nos._exit(3)\n"},
    }
    for name, texts in works.items():
        for file, text in texts.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text(text)
    (folder / "epidote.py").write_text("\n\n".join(reference.values()))
    (folder / "fluorite").mkdir()
    return folder


def scores(folder: Path) -> dict[str, float]:
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: float(row["total"]) for row in csv.DictReader(file)}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def grade(course: Course, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    return course("grade", "submissions", "--assignment", "01", "--out", out, *more, seconds=300)


@pytest.mark.slow
def test_grade_a_class(course: Course, tree: Path, small_class: Path) -> None:
    done = grade(course, "graded")
    assert done.returncode == 0, done.stdout + done.stderr
    found = scores(tree / "graded")
    assert found["agate"] == found["epidote"] == 100
    assert found["citrine"] == found["fluorite"] == 0
    assert 50 < found["beryl"] < 100
    assert 0 < found["dolomite"] < 100
    report = from_json((tree / "graded/beryl.json").read_text())
    part = next(part for part in report.parts if part.name == "dot")
    assert part.first_failure is not None
    assert part.first_failure.message.mistake == "dot.product_of_sums"
    crashed = from_json((tree / "graded/dolomite.json").read_text())
    assert {p.status.value for p in crashed.parts if p.score == 0} == {"exited"}
    assert "product" in (tree / "graded/feedback/beryl.md").read_text()
    assert (tree / "graded/report.html").stat().st_size > 10_000
    again = grade(course, "graded")
    assert "6 unchanged and kept, 0 graded" in again.stdout


@pytest.mark.slow
def test_a_changed_submission_is_graded_again_and_the_difference_shown(
    course: Course, tree: Path, small_class: Path
) -> None:
    grade(course, "graded")
    shutil.copy(small_class / "agate/vectors.py", small_class / "beryl/vectors.py")
    done = grade(course, "graded")
    assert "5 unchanged and kept, 1 graded" in done.stdout
    assert re.search(r"beryl: \d\d → 100", done.stdout)
    one = grade(course, "graded", "--student", "citrine")
    assert one.returncode == 0
    assert len(scores(tree / "graded")) == 6
    unknown = grade(course, "graded", "--student", "citrin")
    assert unknown.returncode == 2
    assert "Did you mean citrine?" in unknown.stderr


@pytest.mark.slow
def test_the_same_bytes_with_one_worker_and_with_two(
    course: Course, tree: Path, small_class: Path
) -> None:
    for out, workers in (("one", "1"), ("two", "2")):
        assert grade(course, out, "--workers", workers).returncode == 0
    assert snapshot(tree / "one") == snapshot(tree / "two")
    assert len(snapshot(tree / "one")) == 14


@pytest.mark.slow
def test_another_seed_is_recorded(course: Course, tree: Path, small_class: Path) -> None:
    assert grade(course, "seeded", "--seed", "7", "--student", "agate").returncode == 0
    assert json.loads((tree / "seeded/agate.json").read_text())["seed"] == 7


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_batch_goes_on_where_it_stopped(
    course: Course, tree: Path, small_class: Path, how: signal.Signals
) -> None:
    for index in range(40):
        shutil.copytree(small_class / "agate", small_class / f"gneiss{index:02}")
        path = small_class / f"gneiss{index:02}" / "vectors.py"
        path.write_text(path.read_text() + f"\n# {index}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder", "grade", "submissions", "-a", "01", "--out", "killed"],
        cwd=tree,
        env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 60
    while len(list((tree / "killed").glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, how)
    _, errors = process.communicate(timeout=30)
    finished = len(list((tree / "killed").glob("*.json")))
    assert 3 <= finished < 46
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "Interrupted" in errors
        assert "Traceback" not in errors
    assert not (tree / "killed/scores.csv").exists()
    done = grade(course, "killed")
    assert done.returncode == 0
    assert "unchanged and kept" in done.stdout
    assert grade(course, "calm").returncode == 0
    killed = {k: v for k, v in snapshot(tree / "killed").items() if not k.endswith(".tmp")}
    assert killed == snapshot(tree / "calm")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere", "-a", "01"), "is no folder"),
        ((".", "-a", "17"), "no assignment"),
        (("empty", "-a", "01"), "no submissions"),
        (("submissions", "-a", "01", "--rung", "moat"), "namespaces, user, process"),
        (("submissions", "-a", "01", "--rung", "process"), "--allow-weak-sandbox"),
    ],
)
def test_a_wrong_request_is_explained(
    course: Course, tree: Path, small_class: Path, words: tuple[str, ...], says: str
) -> None:
    (tree / "empty").mkdir()
    done = course("grade", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_weak_rung_gives_the_same_scores(course: Course, tree: Path, small_class: Path) -> None:
    assert grade(course, "strong").returncode == 0
    weak = grade(course, "weak", "--rung", "process", "--allow-weak-sandbox")
    assert weak.returncode == 0, weak.stderr
    assert scores(tree / "strong") == scores(tree / "weak")
    assert json.loads((tree / "weak/agate.json").read_text())["rung"] == "process"


def test_grading_needs_solutions(course: Course, tree: Path, small_class: Path) -> None:
    shutil.rmtree(tree / "solutions")
    done = grade(course, "graded")
    assert done.returncode == 2
    assert "solutions" in done.stderr


def test_doctor_tries_the_walls(course: Course) -> None:
    done = course("doctor")
    assert done.returncode == 0, done.stdout
    assert "namespaces" in done.stdout
    assert done.stdout.count("closed") == 5
    assert "open" not in done.stdout.replace("open to", "")


@pytest.mark.slow
def test_demo(course: Course, tree: Path) -> None:
    done = course("demo", "--out", "demo", seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report.html" in done.stdout
    reports = [from_json(p.read_text()) for p in (tree / "demo/graded").glob("*.json")]
    assert len(reports) >= 30
    statuses = {part.status.value for report in reports for part in report.parts}
    wanted = {"passed", "wrong", "timeout", "memory", "exited", "not_attempted", "not_gradable"}
    assert wanted <= statuses
    named = [t for r in reports for p in r.parts for t in p.tests if t.message.mistake]
    assert len(named) > 30
    other = tree / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert course("demo", "--out", "mine").returncode == 2
    assert (other / "thesis.txt").exists()
