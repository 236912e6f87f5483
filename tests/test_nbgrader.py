"""A class with nbgrader's own commands, its marks from `nbgrader autograde` and from our sandbox.

Three students: agate hands in the reference, beryl two mistakes, citrine a stub and a notebook that
gives itself all marks.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.author import notebooks
from autograder.bridges.nbgrader.collected import find_collected, stage
from autograder.bridges.nbgrader.sources import source_notebook
from autograder.course import STAFF, assignment_ids, find
from autograder.intake import read_entry
from autograder.mistakes import apply, load_mistakes, reference_texts
from tests.conftest import ROOT
from tests.course_tree import Course

pytest.importorskip("nbgrader", reason="needs the extra `nbgrader`")
from autograder.bridges.nbgrader.preprocessors import CourseStubs

ID = "01_networks"
MISTAKES = ("sigmoid.overflow", "analogy.zero_is_nan")  # each costs a share of its part
PATCH = """
import autograder

_POINTS = {points}
autograder.check = lambda part, hidden=False: type("Fine", (), {{"score": _POINTS[part]}})
"""


@dataclass(frozen=True)
class School:
    """A course of nbgrader's in a folder of its own, and a home for everybody."""

    tree: Path

    @property
    def folder(self) -> Path:
        return self.tree / "class"

    def home(self, person: str) -> Path:
        return self.tree / "homes" / person

    def course(self, *words: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return self.run("autograder", words, self.tree, "teacher", seconds)

    def teacher(self, *words: str) -> str:
        """Run a command of nbgrader's where the course is."""
        return self._fine(words, self.folder, "teacher")

    def student(self, who: str, *words: str) -> str:
        """Run a command of nbgrader's in a student's home."""
        return self._fine(words, self.home(who), who)

    def _fine(self, words: tuple[str, ...], folder: Path, who: str) -> str:
        done = self.run("nbgrader", words, folder, who, 300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(
        self, module: str, words: tuple[str, ...], folder: Path, who: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=folder,
            env=self.environment(who, activated=module != "autograder"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def environment(self, who: str, activated: bool = True) -> dict[str, str]:
        """A home and little else; nbgrader itself needs an activated environment, we do not."""
        home = self.home(who)
        home.mkdir(parents=True, exist_ok=True)
        places = {name: str(home / name) for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")}
        path = os.environ["PATH"]
        if activated:
            path = os.pathsep.join([str(Path(sys.executable).parent), path])
        return {**places, "PATH": path, "HOME": str(home), "COLUMNS": "110", "NO_COLOR": "1"}

    def exported(self) -> dict[str, float]:
        """What `nbgrader export` says that everybody has."""
        self.teacher("export", "--to", "grades.csv")
        with (self.folder / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}

    def enrol(self, who: str) -> None:
        """Give a student what a student needs to know."""
        self.home(who).mkdir(parents=True)
        lines = [
            "c = get_config()",
            'c.CourseDirectory.course_id = "language_model"',
            f"c.Exchange.root = {str(self.folder / 'exchange')!r}",
        ]
        (self.home(who) / "nbgrader_config.py").write_text("\n".join(lines))

    def work(self, who: str) -> Path:
        """The notebook that a student fetched."""
        return self.home(who) / ID / f"{ID}.ipynb"


def texts_of(school: School) -> dict[str, dict[str, str]]:
    """What each student writes into the course's files."""
    assignment = find("01", school.tree)
    known = {mistake.id: mistake for mistake in load_mistakes(assignment)}
    wrong = reference_texts(assignment)
    for name in MISTAKES:
        wrong = apply(known[name], assignment, wrong)
    stub = {file: (assignment.folder / file).read_text() for file in assignment.files}
    points = {part.name: part.points for part in assignment.parts}
    forged = {**stub, "vectors.py": stub["vectors.py"].rstrip("\n") + PATCH.format(points=points)}
    return {"agate": reference_texts(assignment), "beryl": wrong, "citrine": forged}


def write_notebook(path: Path, files: dict[str, str]) -> None:
    filled = notebooks.fill(notebooks.read(path.read_text("utf-8")), files)
    path.write_text(notebooks.write(filled), encoding="utf-8")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    """A course written, generated and released; three students fetch, solve and submit it."""
    tree = tmp_path_factory.mktemp("school") / "course"
    for room in ("assignments", "solutions"):
        shutil.copytree(ROOT / room / ID, tree / room / ID)
    made = School(tree)
    done = made.course("nbgrader", "class", "--assignment", "01")
    assert done.returncode == 0, done.stderr
    made.teacher("generate_assignment", ID)
    made.teacher("release_assignment", ID)
    for who, files in texts_of(made).items():
        made.enrol(who)
        made.student(who, "fetch_assignment", ID)
        write_notebook(made.work(who), files)
        made.student(who, "submit", ID, "--student", who)
    listed = made.teacher("list", "--inbound")
    assert all(who in listed for who in ("agate", "beryl", "citrine"))
    made.teacher("collect", ID)
    return made


@pytest.fixture(scope="module")
def ours(school: School) -> dict[str, float]:
    """What `course grade` gives for the same notebooks."""
    folder = school.tree / "submissions"
    folder.mkdir()
    for who in ("agate", "beryl", "citrine"):
        shutil.copy(school.work(who), folder / f"{who}.ipynb")
    done = school.course("grade", "submissions", "--assignment", "01", "--out", "graded")
    assert done.returncode == 0, done.stderr
    with (school.tree / "graded/scores.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: float(row["total"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def plain(school: School) -> dict[str, float]:
    """What nbgrader's own autograde gives."""
    school.teacher("autograde", ID)
    return school.exported()


@pytest.fixture(scope="module")
def trusted(school: School, plain: dict[str, float]) -> dict[str, float]:
    """What nbgrader says after `course nbgrader grade`."""
    done = school.course("nbgrader", "grade", "class", "--assignment", "01")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return school.exported()


@pytest.mark.slow
def test_students_get_exactly_the_course_s_stubs(school: School) -> None:
    released = school.folder / "release" / ID
    notebook = notebooks.read((released / f"{ID}.ipynb").read_text("utf-8"))
    for file, text in notebooks.to_files(notebook).items():
        assert text == (school.tree / "assignments" / ID / file).read_text("utf-8")
    points = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]["points"]
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    parts = find("01", school.tree).parts
    assert points == {f"test-{part.name}": part.points for part in parts}
    assert {path.name for path in released.iterdir()} == {
        f"{ID}.ipynb",
        "README.md",
        "assignment.toml",
        "test_public.py",
    }


@pytest.mark.slow
def test_a_student_s_check_finds_the_public_tests_only(school: School) -> None:
    program = (
        "from autograder import check\n"
        "def dot(a, b):\n    return float((a * b).sum())\n"
        "made = check('dot', hidden=True)\n"
        "tests = made.report.parts[0].tests\n"
        "print(made.score, made.hidden_ran, len(tests), any(test.hidden for test in tests))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=school.home("agate") / ID,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    score, hidden_ran, count, hidden = done.stdout.split()
    assert (float(score), hidden_ran, hidden) == (5.0, "False", "False")
    assert int(count) >= 1


@pytest.mark.slow
def test_nbgrader_s_own_autograde_gives_honest_work_our_marks(
    plain: dict[str, float], ours: dict[str, float]
) -> None:
    assert ours["agate"] == 100
    assert 90 < ours["beryl"] < 100
    assert plain["agate"] == ours["agate"]
    assert plain["beryl"] == ours["beryl"]


@pytest.mark.slow
def test_a_notebook_that_patches_the_checks_deceives_nbgrader_and_not_us(
    plain: dict[str, float], trusted: dict[str, float]
) -> None:
    assert plain["citrine"] == 100
    assert trusted["citrine"] == 0


@pytest.mark.slow
def test_the_gradebook_holds_the_marks_of_the_sandbox(
    school: School, trusted: dict[str, float], ours: dict[str, float]
) -> None:
    assert trusted == ours
    graded = json.loads((school.folder / "graded" / ID / "beryl.json").read_text())
    wanted = {part["name"]: part["score"] for part in graded["parts"]}
    for part, score in wanted.items():
        assert cell_score(school, "beryl", part) == score, part


def cell_score(school: School, student: str, part: str) -> float:
    """The score that formgrader shows for a cell."""
    query = (
        "select grade.auto_score from grade "
        "join base_cell on base_cell.id = grade.cell_id "
        "join submitted_notebook on submitted_notebook.id = grade.notebook_id "
        "join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id "
        "where base_cell.name = ? and submitted_assignment.student_id = ?"
    )
    with sqlite3.connect(school.folder / "gradebook.db") as database:
        [[score]] = database.execute(query, (f"test-{part}", student)).fetchall()
    return float(score)


@pytest.mark.slow
def test_feedback_goes_back_through_nbgrader(school: School, trusted: dict[str, float]) -> None:
    school.teacher("generate_feedback", ID)
    school.teacher("release_feedback", ID)
    school.student("beryl", "fetch_feedback", ID)
    [page] = (school.home("beryl") / ID / "feedback").glob("*/*.html")
    text = page.read_text("utf-8")
    mistake = {m.id: m for m in load_mistakes(find("01", school.tree))}[MISTAKES[1]]
    assert mistake.says.split("`")[0][:30] in text
    assert "test-analogy" in text
    graded = json.loads((school.folder / "graded" / ID / "beryl.json").read_text())
    failed = [t for p in graded["parts"] for t in p["tests"] if t["status"] == "wrong"]
    secret = [test["message"]["expected"] for test in failed if test["hidden"]]
    assert secret
    assert not [each for each in secret if each in text]


@pytest.mark.slow
def test_formgrader_shows_the_marks(school: School, trusted: dict[str, float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = "--no-browser --allow-root --ServerApp.port_retries=0 --IdentityProvider.token=known"
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *words.split(), f"--ServerApp.port={port}"],
        cwd=school.folder,
        env=school.environment("teacher"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/formgrader/api/submissions/{ID}?token=known"
        shown = json.loads(when_ready(url))
    finally:
        server.terminate()
        server.wait(60)
    assert {each["student"]: each["score"] for each in shown} == trusted
    assert not any(each["needs_manual_grade"] for each in shown)


def when_ready(url: str, seconds: float = 90) -> bytes:
    """What a server answers, once it does."""
    last = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.3)


@pytest.mark.slow
def test_other_points_than_the_gradebook_s_are_refused(school: School) -> None:
    path = school.tree / "assignments" / ID / "assignment.toml"
    before = path.read_text("utf-8")
    path.write_text(before.replace("points = 5\n", "points = 6\n", 1), encoding="utf-8")
    try:
        done = school.course("nbgrader", "grade", "class", "--assignment", "01")
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 2
    assert "The gradebook's test-dot" in done.stderr
    assert "generate_assignment" in done.stderr


@pytest.mark.slow
def test_damaged_work_is_graded_and_recorded(school: School, trusted: dict[str, float]) -> None:
    """Broken JSON, deleted marks, a cell twice, other points, another name, plain files."""
    good = json.loads((school.folder / "submitted/agate" / ID / f"{ID}.ipynb").read_text())
    submitted = school.folder / "submitted"
    hand_in(submitted / "dolomite", f"{ID}.ipynb", "{")
    kept = [c for c in good["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]
    hand_in(submitted / "epidote", f"{ID}.ipynb", json.dumps({**good, "cells": kept}))
    hand_in(submitted / "fluorite", f"{ID}.ipynb", json.dumps(doubled(good)))
    hand_in(submitted / "garnet", "mine.ipynb", json.dumps(good))
    hand_in(submitted / "garnet", "timestamp.txt", "yesterday")
    odd = [{**good["cells"][0], "source": "\ud800"}, {"cell_type": "code", "metadata": {}}]
    hand_in(submitted / "jade", f"{ID}.ipynb", json.dumps({**good, "cells": good["cells"] + odd}))
    hand_in(submitted / "kyanite", f"{ID}.ipynb", json.dumps({**good, "cells": 3}))
    for file, text in reference_texts(find("01", school.tree)).items():
        hand_in(submitted / "halite", file, text)
    done = school.course("nbgrader", "grade", "class", "--assignment", "01")
    assert done.returncode == 0, done.stdout + done.stderr
    found = school.exported()
    assert found["dolomite"] == found["kyanite"] == 0
    fine = ("epidote", "fluorite", "garnet", "halite", "jade")
    assert {who: found[who] for who in fine} == dict.fromkeys(fine, 100)
    assert {who: found[who] for who in trusted} == trusted


def hand_in(folder: Path, name: str, text: str) -> None:
    (folder / ID).mkdir(parents=True, exist_ok=True)
    (folder / ID / name).write_text(text, encoding="utf-8")


def doubled(book: dict[str, Any]) -> dict[str, Any]:
    """A notebook with every marked cell twice, worth a thousand points."""
    cells = []
    for cell in book["cells"]:
        cells.append(cell)
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            marks = {**cell["metadata"]["nbgrader"], "points": 1000}
            cells.append({**cell, "metadata": {**cell["metadata"], "nbgrader": marks}})
    return {**book, "cells": cells}


@pytest.mark.parametrize("name", assignment_ids(ROOT))
def test_every_assignment_s_source_becomes_its_stubs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STAFF, str(ROOT))
    assignment = find(name, ROOT)
    source = nbformat.from_dict(source_notebook(assignment))
    ids = [c.metadata.nbgrader.grade_id for c in source.cells if "nbgrader" in c.metadata]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", each) for each in ids)
    resources = {"nbgrader": {"notebook": name, "assignment": name}}
    made, _ = CourseStubs().preprocess(source, resources)
    stubs = {file: (assignment.folder / file).read_text("utf-8") for file in assignment.files}
    assert notebooks.to_files(made) == stubs
    assert not any("SOLUTION" in cell.source for cell in made.cells)


@pytest.mark.parametrize(
    ("damage", "solved"),
    [("nothing", True), ("doubled", True), ("lost", True), ("odd", True), ("broken", False)],
)
def test_nbgrader_s_copy_has_each_marked_cell_once(
    damage: str, solved: bool, tree: Path, tmp_path: Path
) -> None:
    assignment = find("01", tree)
    released = source_notebook(assignment)
    good = notebooks.fill(released, texts_of(School(tree))["beryl"])
    texts = {
        "nothing": json.dumps(good),
        "doubled": json.dumps(doubled(good)),
        "lost": json.dumps({**good, "cells": [c for c in good["cells"] if not is_marked(c)]}),
        "odd": json.dumps({**good, "cells": [*good["cells"], {"source": [3]}]}),
        "broken": "[]",
    }
    hand_in(tmp_path / "submitted/agate", f"{ID}.ipynb", texts[damage])
    [work] = find_collected(tmp_path, assignment)
    stage(work, read_entry(work.entry, assignment), released, {"a.txt": "b"}, tmp_path / "to")
    assert (tmp_path / "to/agate" / ID / "a.txt").read_text() == "b"
    made = notebooks.read((tmp_path / "to/agate" / ID / f"{ID}.ipynb").read_text("utf-8"))
    marked = [(c["metadata"], c["source"]) for c in made["cells"] if is_marked(c)]
    assert marked == [(c["metadata"], c["source"]) for c in released["cells"] if is_marked(c)]
    theirs = notebooks.to_files(good if solved else released)
    assert notebooks.to_files(made) == theirs


def is_marked(cell: dict[str, Any]) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("grade"))


def test_what_is_no_nbgrader_course_is_said(course: Course, tree: Path) -> None:
    (tree / "other").mkdir()
    (tree / "other/notes.txt").write_text("mine")
    done = course("nbgrader", "other", "-a", "01")
    assert done.returncode == 2
    assert "other is not empty" in done.stderr
    done = course("nbgrader", "grade", "other")
    assert done.returncode == 2
    assert "no nbgrader_config.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert course("nbgrader", "class", "-a", "01", "--course-id", "a b").returncode == 2


def test_each_step_that_is_missing_is_named(course: Course, tree: Path) -> None:
    assert course("nbgrader", "class", "-a", "01").returncode == 0
    done = course("nbgrader", "grade", "class", "-a", "01")
    assert done.returncode == 2
    assert f"nbgrader collect {ID}" in done.stderr
    hand_in(tree / "class/submitted/agate", f"{ID}.ipynb", "{}")
    done = course("nbgrader", "grade", "class", "-a", "01")
    assert done.returncode == 2
    assert f"nbgrader generate_assignment {ID}" in done.stderr
    (tree / "class/nbgrader_config.py").write_text("c = get_config(\n")
    done = course("nbgrader", "grade", "class", "-a", "01")
    assert done.returncode == 2
    assert "nbgrader_config.py cannot be read: SyntaxError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_writing_keeps_the_configuration(course: Course, tree: Path) -> None:
    assert course("nbgrader", "class", "-a", "01").returncode == 0
    config = tree / "class/nbgrader_config.py"
    config.write_text(config.read_text() + "c.Execute.timeout = 7\n")
    source = tree / "class/source" / ID / f"{ID}.ipynb"
    before = source.read_text()
    source.unlink()
    assert course("nbgrader", "class", "-a", "01").returncode == 0
    assert source.read_text() == before
    assert "timeout = 7" in config.read_text()


def test_the_help_teaches_the_way(course: Course) -> None:
    done = course("nbgrader", "--help")
    assert done.returncode == 0
    assert "generate_assignment" in done.stdout
    assert "grade" in done.stdout
