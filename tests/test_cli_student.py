"""The student's commands, each run as a process in a copy of the course."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.main import get_command

from autograder.cli.app import app
from autograder.cli.playing import read_options
from tests.course_tree import Course, heed_interrupts, solve


def test_check_of_untouched_stubs(course: Course) -> None:
    done = course("check", "01")
    assert done.returncode == 1
    assert "0 of 100 points" in done.stdout
    assert done.stdout.count("not written") == 14
    assert "course hint 01 dot" in done.stdout
    assert done.stderr == ""


def test_check_of_right_work_never_says_all(course: Course, tree: Path) -> None:
    solve(tree)
    done = course("check", "networks")
    assert done.returncode == 0
    assert "hidden ones run when it is graded" in done.stdout
    assert "all passed" not in done.stdout.lower()


def test_check_names_the_five_lines(course: Course, tree: Path) -> None:
    solve(tree)
    path = tree / "assignments/01_networks/vectors.py"
    text = path.read_text()
    path.write_text(text.replace("np.sum(a * b)", "np.sum(a) * np.sum(b)", 1))
    done = course("check", "1", "dot")
    assert done.returncode == 1
    for label in ("Called", "Got", "Expected", "First difference", "Looks like", "Try"):
        assert label in done.stdout, label
    assert "cosine_similarity" not in done.stdout


def test_check_without_solutions_still_explains(course: Course, tree: Path) -> None:
    path = tree / "assignments/01_networks/vectors.py"
    text = path.read_text()
    path.write_text(text.replace('raise NotImplementedError("01_networks: dot")', "return 1.0", 1))
    (tree / "solutions").rename(tree.parent / "gone")
    done = course("check", "01", "dot")
    assert "Called" in done.stdout
    assert "Expected" in done.stdout
    assert "Looks like" not in done.stdout
    assert course("check", "01", "--hidden").returncode == 2


def test_check_hidden(course: Course, tree: Path) -> None:
    solve(tree)
    done = course("check", "01", "--hidden")
    assert done.returncode == 0
    assert "100 of 100" in done.stdout


def test_check_survives_broken_work(course: Course, tree: Path) -> None:
    solve(tree)
    path = tree / "assignments/01_networks/network.py"
    path.write_text("def relu(z:\n")
    done = course("check", "01")
    assert done.returncode == 1
    assert "SyntaxError" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "passed" in done.stdout or "5 / 5" in done.stdout  # vectors.py is still checked


def test_check_stops_an_endless_loop(course: Course, tree: Path) -> None:
    solve(tree)
    toml = tree / "assignments/01_networks/assignment.toml"
    toml.write_text(re.sub(r"(?m)^seconds = .*$", "seconds = 0.2", toml.read_text()))
    path = tree / "assignments/01_networks/vectors.py"
    text = path.read_text()
    path.write_text(text.replace("    return float(np.sum(a * b))", "    while True: pass", 1))
    assert "while True" in path.read_text()
    done = course("check", "01", "dot")
    assert done.returncode == 1
    assert "No answer after" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "netwroks"), "Did you mean networks?"),
        (("check", "01", "layr"), "Did you mean layer?"),
        (("hint", "01", "nothing_like_it"), "There is no part"),
        (("play", "01", "digit"), "key=value"),
    ],
)
def test_a_wrong_name_gets_the_nearest(course: Course, words: tuple[str, ...], says: str) -> None:
    done = course(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_course(course: Course, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 2)  # the checkout this package lives in is a course too
    assert "Traceback" not in done.stderr


def test_hints_grow_and_are_remembered(course: Course) -> None:
    first = course("hint", "01", "layer").stdout
    second = course("hint", "01", "layer").stdout
    third = course("hint", "01", "layer").stdout
    fourth = course("hint", "01", "layer").stdout
    assert "hint 1 of 3" in first
    assert "hint 2 of 3" in second
    assert "hint 3 of 3" in third
    assert third == fourth
    assert len({first, second, third}) == 3


def test_solution_is_shut_until_the_part_passes(course: Course, tree: Path) -> None:
    done = course("solution", "01", "dot")
    assert done.returncode == 2
    assert "--give-up" in done.stderr
    assert "np.sum(a * b)" not in done.stdout + done.stderr
    shown = course("solution", "01", "dot", "--give-up")
    assert shown.returncode == 0
    assert "np.sum(a * b)" in shown.stdout
    assert "BEGIN SOLUTION" not in shown.stdout
    solve(tree)
    assert course("solution", "01", "dot").returncode == 0


def test_status_shows_what_changed(course: Course, tree: Path) -> None:
    before = course("status")
    assert "0 of 100" in before.stdout
    assert "Next: dot" in before.stdout
    solve(tree, "vectors.py")
    after = course("status")
    gained = re.search(r"\+(\d+)", after.stdout)
    assert gained, after.stdout
    assert int(gained[1]) > 0
    assert "+" not in course("status").stdout.split("Next")[0]


def test_status_survives_a_broken_memory(course: Course, tree: Path) -> None:
    course("status")
    state = tree / ".course/state.json"
    state.write_text("{ not json")
    assert course("status").returncode == 0
    assert state.with_suffix(".broken").exists()


def test_play_says_what_is_not_written(course: Course) -> None:
    done = course("play", "01")
    assert done.returncode in (0, 2)
    assert "written yet" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("digit=7 ask=1=2", {"digit": "7", "ask": "1=2"}),
        ("--digit 7 --mine", {"digit": "7", "mine": "yes"}),
        ("--mine --device=cuda load=yes", {"mine": "yes", "device": "cuda", "load": "yes"}),
        ("--mine load=yes", {"mine": "yes", "load": "yes"}),
    ],
)
def test_options_of_a_play(words: str, options: dict[str, str]) -> None:
    assert read_options(words.split()) == options


@pytest.mark.slow
def test_play_on_the_solution(course: Course, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    done = course("play", "01", "--digit", "7", "--solution", "--digitt=7", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "This play does not take digitt" in done.stdout
    pictures = sorted((tmp_path / "out").glob("*.png"))
    assert pictures
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in pictures)
    assert all(path.name in done.stdout for path in pictures)


@pytest.mark.slow
def test_watch_runs_the_touched_part_again(course: Course, tree: Path) -> None:
    path = tree / "assignments/01_networks/vectors.py"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "autograder", "check", "01", "--watch"],
        cwd=tree,
        env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout is not None
    seen = ""
    deadline = time.monotonic() + 60
    while "Watching" not in seen and time.monotonic() < deadline:
        seen += process.stdout.readline()
    time.sleep(0.5)
    text = path.read_text()
    path.write_text(
        text.replace(
            'raise NotImplementedError("01_networks: dot")', "return float((a * b).sum())", 1
        )
    )
    again = ""
    while "public tests pass" not in again and time.monotonic() < deadline:
        again += process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert "dot" in again
    assert "5 / 5" in again
    assert "one_hot" not in again


@pytest.mark.parametrize("command", sorted(get_command(app).commands))
def test_every_command_teaches(course: Course, command: str) -> None:
    done = course(command, "--help")
    assert done.returncode == 0
    assert f"python3 course.py {command}" in done.stdout
    assert len(done.stdout) > 200


@pytest.mark.slow
def test_lab_serves_the_notebook(tree: Path) -> None:
    pytest.importorskip("jupyterlab", reason="the extra `lab` is not installed")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "autograder", "lab", "01", "--no-browser"],
        cwd=tree,
        env={**os.environ, "HOME": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    alarm = threading.Timer(90, os.killpg, (process.pid, signal.SIGKILL))
    alarm.start()
    seen = ""
    for line in process.stdout:
        seen += line
        if "/lab/tree/notebook.ipynb" in line:
            break
    alarm.cancel()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "/lab/tree/notebook.ipynb" in seen
