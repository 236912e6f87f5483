"""The template repository for GitHub Classroom: its workflow, and the step that reports."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.course_tree import Course

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ".github/workflows/classroom.yml"
TEXT, NUMBER = {"type": "string"}, {"type": "number", "minimum": 0}
STATUS = {"enum": ["pass", "fail", "error"]}
TEST = {
    "name": TEXT,
    "status": STATUS,
    "score": NUMBER,
    "message": TEXT,
    "test_code": TEXT,
    "filename": TEXT,
    "line_no": NUMBER,
    "duration": NUMBER,
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "status", "max_score", "tests"],
    "properties": {
        "version": {"const": 1},
        "status": STATUS,
        "max_score": NUMBER,
        "tests": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": list(TEST),
                "properties": TEST,
            },
        },
    },
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template repository of assignment 01."""
    folder = tmp_path_factory.mktemp("classroom") / "template"
    command = [sys.executable, "-m", "autograder", "classroom", "01", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mark the repository as a template" in " ".join(done.stdout.split())
    return folder


@pytest.fixture
def template(written: Path, tmp_path: Path) -> Path:
    """A student's repository, made from it."""
    return Path(shutil.copytree(written, tmp_path / "agate"))


@dataclass
class Step:
    """What came of the grading step."""

    code: int
    result: dict[str, Any]
    stdout: str
    summary: str

    @property
    def points(self) -> tuple[float, float]:
        """What the reporter tells Classroom: the sum of the scores, and the most there is."""
        return sum(test["score"] for test in self.result["tests"]), self.result["max_score"]


def step_of(folder: Path) -> str:
    """The command of the workflow's grading step."""
    steps = yaml.safe_load((folder / WORKFLOW).read_text())["jobs"]["run-autograding-tests"][
        "steps"
    ]
    return str(next(step["run"] for step in steps if step.get("id") == "public"))


@pytest.fixture
def grade(template: Path, tmp_path: Path) -> Callable[[], Step]:
    """Run the step as the runner does; the interpreter here has what course.py would install."""

    def run() -> Step:
        output, summary = tmp_path / "output", tmp_path / "summary"
        for path in (output, summary):
            path.write_text("")
        command = step_of(template).replace("python course.py", f"{sys.executable} -m autograder")
        names = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=template,
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        (line,) = output.read_text().splitlines()
        name, _, text = line.partition("=")
        assert name == "result"
        result = json.loads(base64.b64decode(text, validate=True))
        jsonschema.validate(result, SCHEMA)
        return Step(done.returncode, result, done.stdout, summary.read_text())

    return run


def hand_in(template: Path, name: str, text: str = "") -> None:
    source = ROOT / "solutions" / "01_networks" / name
    target = template / "assignments" / "01_networks" / name
    target.write_text(source.read_text() + text if text.startswith("\n") or not text else text)


def test_the_workflow_is_valid(written: Path) -> None:
    """Against the published schema of GitHub's workflows."""
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", str(written / WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reporter_finds_the_result(written: Path) -> None:
    """It wants ``runners`` of letters and digits, and ``RUNNER_RESULTS`` for each."""
    flow = yaml.safe_load((written / WORKFLOW).read_text())
    job = flow["jobs"]["run-autograding-tests"]
    assert flow["name"] == "Autograding Tests"
    assert flow["permissions"]["checks"] == "write"
    assert job["if"] == "github.actor != 'github-classroom[bot]'"
    step = job["steps"][-1]
    assert step["uses"] == "classroom-resources/autograding-grading-reporter@v1"
    assert step["with"]["runners"] == "public"
    assert step["env"] == {"PUBLIC_RESULTS": "${{ steps.public.outputs.result }}"}
    assert step_of(written) == "python course.py classroom 01 --grade"
    assert (written / "course.py").is_file()


def test_it_holds_one_assignment_and_no_secret(written: Path) -> None:
    assert [path.name for path in (written / "assignments").iterdir()] == ["01_networks"]
    assert [path.name for path in (written / "lectures").iterdir()] == ["01_networks.md"]
    assert not (written / "solutions").exists()
    assert not (written / "tests").exists()
    assert not list(written.rglob("test_hidden.py"))
    assert (written / "assignments" / "01_networks" / "test_public.py").is_file()


def test_writing_again_brings_it_up_to_date(template: Path) -> None:
    (template / WORKFLOW).write_text("changed")
    (template / "notes.txt").write_text("kept")
    command = [sys.executable, "-m", "autograder", "classroom", "01", str(template)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert "Autograding Reporter" in (template / WORKFLOW).read_text()
    assert (template / "notes.txt").read_text() == "kept"


def test_what_was_just_handed_out(grade: Callable[[], Step]) -> None:
    got = grade()
    assert got.code == 0
    assert got.result["status"] == "fail"
    assert got.points[0] == 0 < got.points[1]
    assert {test["status"] for test in got.result["tests"]} == {"fail"}
    assert "still the stub" in got.result["tests"][0]["message"]


def test_right_work(grade: Callable[[], Step], template: Path) -> None:
    hand_in(template, "vectors.py")
    hand_in(template, "network.py")
    got = grade()
    assert got.code == 0
    assert got.result["status"] == "pass"
    assert got.points[0] == got.points[1] > 0
    assert all(test["name"].endswith(": public tests") for test in got.result["tests"])
    assert "hidden tests run when marks are given" in " ".join(got.stdout.split())
    assert "| dot | 5 / 5 |" in got.summary


def test_wrong_work(grade: Callable[[], Step], template: Path) -> None:
    hand_in(template, "vectors.py", "\n\ndef dot(a, b):\n    return 2.0 * float(np.sum(a * b))\n")
    hand_in(template, "network.py")
    got = grade()
    (failed,) = (test for test in got.result["tests"] if test["status"] != "pass")
    assert got.result["status"] == "fail"
    assert failed["name"] == "dot: public tests"
    assert failed["score"] < 5
    assert "Expected: " in failed["message"]
    assert failed["filename"] == "assignments/01_networks/vectors.py"
    assert failed["test_code"] == "python course.py check 01 dot"
    assert got.points[0] == got.points[1] - 5 + failed["score"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def dot(a, b:\n", "cannot be read: line 1"),
        ("import os\nos._exit(3)\n", "exit code 3"),
        ("while True:\n    pass\n", "still being imported"),
    ],
    ids=["syntax", "exit", "hang"],
)
def test_broken_work(grade: Callable[[], Step], template: Path, text: str, words: str) -> None:
    hand_in(template, "vectors.py", text)
    hand_in(template, "network.py")
    got = grade()
    assert got.code == 0
    assert got.result["status"] == "fail"
    assert words in got.result["tests"][0]["message"]
    assert 0 < got.points[0] < got.points[1]


def test_a_grader_that_fails_reports_no_points(grade: Callable[[], Step], template: Path) -> None:
    """With no points to gain the reporter sends none, so nothing is charged."""
    path = template / "assignments" / "01_networks" / "test_public.py"
    path.write_text("import granite\n")
    got = grade()
    assert got.code == 3
    assert got.result["status"] == "error"
    assert got.points == (0, 0)
    assert "granite" in got.result["tests"][0]["message"]


def test_a_value_that_a_test_stumbles_over(grade: Callable[[], Step], template: Path) -> None:
    """The public tests are proved on the solution, so what they stumble over is the work's."""
    hand_in(template, "vectors.py")
    hand_in(template, "network.py")
    path = template / "assignments" / "01_networks" / "test_public.py"
    odd = '@part("dot")\ndef test_of_a_sum(student):\n    """It adds."""\n    raise KeyError(1)\n'
    path.write_text(f"{path.read_text()}\n\n{odd}")
    got = grade()
    assert got.code == 0
    assert got.result["status"] == "fail"
    assert "It adds. (wrong)" in got.result["tests"][0]["message"]


def test_outside_of_a_workflow(template: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    command = [sys.executable, "-m", "autograder", "classroom", "01", "--grade"]
    done = subprocess.run(command, cwd=template, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "GITHUB_OUTPUT names no file" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["01"], "Give a folder"),
        (["01", "somewhere", "--grade"], "Give a folder"),
        (["13", "somewhere"], "There is no assignment '13'"),
        (["01", "."], "not empty"),
    ],
)
def test_a_request_that_makes_no_sense(course: Course, words: list[str], says: str) -> None:
    done = course("classroom", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_draft_is_not_handed_out(course: Course, tree: Path, tmp_path: Path) -> None:
    path = tree / "assignments" / "01_networks" / "assignment.toml"
    path.write_text("draft = true\n" + path.read_text())
    done = course("classroom", "01", str(tmp_path / "new"))
    assert done.returncode == 2
    assert "is a draft" in done.stderr
    assert not (tmp_path / "new").exists()
