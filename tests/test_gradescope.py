"""The zip for Gradescope, run as Gradescope runs it: as root, in /autograder, unprivileged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autograder.course import load
from autograder.inside import landlock
from tests.course_tree import Course
from tests.gradescope_container import ROOT, can_contain, enter

pytestmark = pytest.mark.slow
in_container = pytest.mark.skipif(not can_contain(), reason="no container can be made here")
TEXT = {"type": "string"}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
TEST = {
    "score": {"type": "number", "minimum": 0},
    "max_score": {"type": "number", "minimum": 0},
    "status": {"enum": ["passed", "failed"]},
    "name": TEXT,
    "name_format": FORMAT,
    "number": TEXT,
    "output": TEXT,
    "output_format": FORMAT,
    "tags": {"type": "array", "items": TEXT},
    "visibility": VISIBILITY,
    "extra_data": {"type": "object"},
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tests"],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number", "minimum": 0},
        "output": TEXT,
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "score", "max_score"],
                "properties": TEST,
            },
        },
        "leaderboard": {"type": "array"},
    },
}
METADATA = {
    "id": 123456,
    "created_at": "2026-03-01T10:00:00.000000-08:00",
    "users": [{"email": "agate@example.org", "id": 1, "name": "Agate"}],
    "previous_submissions": [],
}
HOSTILE = r"""
import os, signal, sys, time
import numpy as _np
for path in sys.argv + [
    "/autograder/source/course/solutions/01_networks/test_hidden.py",
    "/autograder/source/course/solutions/01_networks/vectors.py",
    "/autograder/results/results.json", "/autograder/submission_metadata.json",
    "/autograder/source/settings.json", "/autograder/source", "/autograder/results",
]:
    try:
        with open(path) as file:
            print("LEAK read", path)
    except OSError:
        pass
    try:
        print("LEAK listed", path, os.listdir(path))
    except OSError:
        pass
for place in ("/autograder", "/autograder/results", "/autograder/source", "/etc", "/usr/bin"):
    try:
        with open(place + "/results.json", "w") as file:
            print("LEAK wrote", place)
    except OSError:
        pass
for pid in (1, os.getppid(), *range(2, 60)):
    try:
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
            print("LEAK killed", pid)
    except OSError:
        pass
for place in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", os.environ["HOME"]):
    try:
        os.mkdir(place + "/left")
        with open(place + "/left/over", "w") as file:
            file.write("here")
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print("DONE")
"""


@dataclass
class Outcome:
    """What came of a case."""

    results: dict[str, Any]
    stdout: str
    measured: dict[str, Any]

    @property
    def score(self) -> float:
        """What Gradescope adds up."""
        return sum(test["score"] for test in self.results["tests"])

    @property
    def total_is_shown(self) -> bool:
        """Whether students see their total: only where no test is hidden from them."""
        return all(test["visibility"] == "visible" for test in self.results["tests"])

    def test(self, name: str) -> dict[str, Any]:
        return next(test for test in self.results["tests"] if test["name"] == name)


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "autograder.zip"
    command = [sys.executable, "-m", "autograder", "gradescope", "01", "--out", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "100 points in 14 parts" in " ".join(done.stdout.split())
    return path


Contain = Callable[..., Outcome]


@pytest.fixture
def contain(zipped: Path, tmp_path: Path) -> Contain:
    """Hand something in and let the container grade it."""

    def run(
        files: dict[str, str], *, landlock: bool = True, zip_file: Path = zipped, **replaced: str
    ) -> Outcome:
        submission, out = tmp_path / "submission", tmp_path / "out"
        for folder in (submission, out):
            folder.mkdir()
        for name, text in files.items():
            (submission / name).write_text(text)
        case = {"zip": str(zip_file), "submission": str(submission), "out": str(out)}
        case |= {"metadata": METADATA, "landlock": landlock, "replaced": replaced}
        (tmp_path / "case.json").write_text(json.dumps(case))
        command = enter(tmp_path / "case.json")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        results = json.loads((out / "results.json").read_text())
        jsonschema.validate(results, SCHEMA)
        measured = json.loads((out / "measured.json").read_text())
        assert measured["code"] == 0
        assert measured["peak_mb"] < 768
        assert measured["seconds"] < 600
        assert measured["processes"] == []
        assert measured["left"] == []
        assert set(measured["modes"].values()) == {"0o700", "0o600"}
        return Outcome(results, (out / "stdout.txt").read_text(), measured)

    return run


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    folder = ROOT / "solutions" / "01_networks"
    return {name: (folder / name).read_text() for name in ("vectors.py", "network.py")}


def wrong(reference: dict[str, str]) -> dict[str, str]:
    text = reference["vectors.py"]
    assert "np.sum(np.abs(a - b))" in text or "a - b" in text
    return {**reference, "vectors.py": text + DOT_TIMES_TWO}


DOT_TIMES_TWO = "\n\ndef dot(a, b):\n    return 2.0 * float(np.sum(a * b))\n"


@in_container
def test_right_work_gets_everything(contain: Contain, reference: dict[str, str]) -> None:
    got = contain(reference)
    assert got.score == 100
    assert got.total_is_shown
    assert {test["status"] for test in got.results["tests"]} == {"passed"}
    assert [test["number"] for test in got.results["tests"]] == [str(n) for n in range(1, 15)]
    assert got.results["stdout_visibility"] == "hidden"
    assert got.results["extra_data"]["rung"] in ("user", "namespaces")
    assert "sandbox rung user" in got.stdout


@in_container
def test_wrong_work_is_told_what_the_policy_allows(
    contain: Contain, reference: dict[str, str]
) -> None:
    got = contain(wrong(reference))
    part = got.test("dot")
    assert (part["score"], part["status"], part["tags"]) == (0, "failed", ["wrong"])
    assert got.score < 100
    assert got.total_is_shown
    public, hidden = told(part["output"])
    assert public
    assert all("Expected:" in block for block in public)
    assert hidden
    assert not any(re.search("Called:|Got:|Expected:|First difference:", b) for b in hidden)
    assert "test_hidden.py::test_dot_matches_a_slow_loop: wrong" in got.stdout
    assert "Expected:" in got.stdout


def told(text: str) -> tuple[list[str], list[str]]:
    """What is said of public and of hidden tests."""
    blocks = re.split(r"(?m)^(?=### |- )", text)
    public = [block for block in blocks if "(public test)" in block.partition("\n")[0]]
    return public, [block for block in blocks if "(hidden test)" in block.partition("\n")[0]]


@in_container
@pytest.mark.parametrize("with_landlock", [True, False])
def test_hostile_work_reaches_nothing(
    contain: Contain, reference: dict[str, str], with_landlock: bool
) -> None:
    """Without Landlock too: the permissions of setup.sh and run_autograder keep it out."""
    if with_landlock and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    text = reference["vectors.py"] + HOSTILE
    got = contain({**reference, "vectors.py": text}, landlock=with_landlock)
    assert "LEAK" not in got.stdout
    assert "DONE" in got.stdout
    assert ("no Landlock" in got.stdout) is not with_landlock
    assert got.score == 100
    assert "DONE" not in json.dumps(got.results)  # what it prints could be a hidden test's input


@in_container
@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"vectors.py": "def dot(a, b:\n", "network.py": "x = (\n"}, "line 1"),
        ({}, "Hand in vectors.py and network.py"),
        ({"vectors.py": "raise SystemExit(3)\n", "network.py": "1 / 0\n"}, "division by zero"),
    ],
    ids=["syntax", "empty", "import"],
)
def test_broken_work_is_told_why(contain: Contain, files: dict[str, str], words: str) -> None:
    got = contain(files)
    assert got.score == 0
    assert got.total_is_shown
    assert words in got.stdout
    assert "pending" not in json.dumps(got.results)


def pending(got: Outcome, words: str) -> None:
    """Nothing is charged: every part is pending, and the total is withheld."""
    assert got.score == 0
    assert not got.total_is_shown
    assert "not your fault" in got.results["output"]
    parts = [test for test in got.results["tests"] if test["visibility"] == "visible"]
    assert len(parts) == 14
    assert all("not your fault" in test["output"] for test in parts)
    assert words in got.test("The grader failed")["output"]


@in_container
def test_a_grader_that_fails_charges_nothing(contain: Contain, reference: dict[str, str]) -> None:
    path = "source/course/solutions/01_networks/test_hidden.py"
    pending(contain(reference, **{path: "import granite\n"}), "granite")


@in_container
def test_a_hidden_test_that_fails_itself_charges_nothing(
    contain: Contain, reference: dict[str, str]
) -> None:
    """Its part is pending, the others are told, and the total is withheld."""
    path = "source/course/solutions/01_networks/test_hidden.py"
    text = (ROOT / "solutions" / "01_networks" / "test_hidden.py").read_text()
    odd = '@part("dot")\ndef test_of_a_sum(student):\n    """It adds."""\n    raise KeyError(1)\n'
    got = contain(reference, **{path: f"{text}\n\n{odd}"})
    assert not got.total_is_shown
    assert "pending" in got.results["output"]
    assert "pending" in got.test("dot")["output"]
    assert got.test("relu")["score"] == 4
    assert "test_of_a_sum" in got.test("The grader failed")["output"]


@in_container
def test_a_grader_that_dies_charges_nothing(contain: Contain, reference: dict[str, str]) -> None:
    got = contain(reference, **{"source/python": "/bin/false\n"})
    pending(got, "The grader was stopped")
    assert "ended with code 1" in got.stdout


@in_container
def test_a_grader_that_is_out_of_time_charges_nothing(
    contain: Contain, reference: dict[str, str]
) -> None:
    got = contain(reference, **{"source/seconds": "0.2\n"})
    pending(got, "The grader was stopped")
    assert "ended with code 124" in got.stdout


@in_container
def test_what_comes_after_the_time_is_over_says_so(
    contain: Contain, reference: dict[str, str], zipped: Path
) -> None:
    with zipfile.ZipFile(zipped) as archive:
        settings = json.loads(archive.read("settings.json"))
    got = contain(reference, **{"source/settings.json": json.dumps({**settings, "seconds": 0})})
    assert got.score == 0
    assert "took all the time" in got.stdout
    assert got.test("dot")["tags"] == ["timeout"]


def test_the_zip_holds_what_is_needed_and_no_more(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        names = archive.namelist()
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
        needed = archive.read("requirements.txt").decode()
    assert {name for name in names if "/" not in name} == {
        "setup.sh",
        "run_autograder",
        "requirements.txt",
        "settings.json",
        "seconds",
        "unfinished.json",
    }
    for room in ("assignments", "solutions"):
        inner = {name.split("/")[2] for name in names if name.startswith(f"course/{room}/")}
        assert inner == {"01_networks"}
    rooms = {
        n.split("/")[2] for n in names if n.startswith("course/autograder/") and n.count("/") > 2
    }
    assert rooms == {"bridges", "inside", "intake", "reports", "sandbox", "student"}
    assert not [name for name in names if "nbgrader" in name or "gradebook" in name]
    assert modes["setup.sh"] == modes["run_autograder"] == 0o700
    assert {mode for name, mode in modes.items() if name.startswith("course/")} == {0o600}
    assert "numpy" in needed
    for word in ("torch", "matplotlib", "typer", "rich", "tiktoken"):
        assert word not in needed


def test_requirements_follow_the_assignment(tmp_path: Path) -> None:
    from autograder.bridges.gradescope.package import Container, contents

    needed = {
        number: contents(load(number, ROOT), ROOT, Container())["requirements.txt"].decode()
        for number in ("03_bpe", "04_attention")
    }
    assert "torch" in needed["04_attention"]
    assert "regex" not in needed["04_attention"]
    assert "regex" in needed["03_bpe"]
    assert "torch" not in needed["03_bpe"]


def test_the_same_course_gives_the_same_zip(zipped: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    command = [sys.executable, "-m", "autograder", "gradescope", "networks", "--out", str(again)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert again.read_bytes() == zipped.read_bytes()


def test_the_scripts_are_sound(zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        for name in ("setup.sh", "run_autograder"):
            text = archive.read(name)
            assert b"\r" not in text
            done = subprocess.run(["bash", "-n"], input=text, capture_output=True)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["13"], "There is no assignment '13'"),
        (["01", "--out", "somewhere"], "ends in .zip"),
        (["01", "--policy", "granite"], "granite"),
        (["01", "--minutes", "0"], "--minutes"),
    ],
)
def test_a_request_that_makes_no_sense(course: Course, words: list[str], says: str) -> None:
    done = course("gradescope", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_students_have_nothing_to_zip(course: Course, tree: Path) -> None:
    for path in (tree / "solutions" / "01_networks").iterdir():
        path.unlink()
    done = course("gradescope", "01")
    assert done.returncode == 2
    assert "no solutions here" in done.stderr
