"""The launcher: course.py makes, repairs and uses the environment, whatever state it finds."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.course_tree import heed_interrupts

ROOT = Path(__file__).resolve().parents[1]
PYTHON = getattr(sys, "_base_executable", sys.executable)  # what a person starts course.py with
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and paths of POSIX")

# A course that is set up in seconds: the same launcher, next to no dependencies.
PYPROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "small-course"
version = "1"
dependencies = ["iniconfig"]
[project.optional-dependencies]
lab = ["pluggy"]
dev = ["sortedcontainers"]
[tool.setuptools.packages.find]
include = ["autograder*"]
"""
COMMAND = """
import json, os, sys
if sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))
print(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd(), "prefix": sys.prefix}))
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("COURSE_VENV", "VIRTUAL_ENV")}
    return {**kept, **changes}


def offline() -> dict[str, str]:
    """An environment in which pip reaches nothing, and soon knows it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_") and k != "COURSE_VENV"}
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    return {**kept, **nowhere, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}


def start(tree: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    settings = {"env": environment(), "cwd": tree, "timeout": 600, **options}
    command = [PYTHON, str(tree / "course.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **settings
    )


def make_tree(folder: Path) -> Path:
    (folder / "autograder").mkdir(parents=True)
    (folder / "autograder/__init__.py").write_text("")
    (folder / "autograder/__main__.py").write_text(COMMAND)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    shutil.copy(ROOT / "course.py", folder)
    return folder


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A small course that nobody has started yet."""
    return make_tree(tmp_path / "fresh course")  # with a space: people have such folders


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("launcher") / "course")


@pytest.fixture
def ready(shared: Path) -> Path:
    """The same small course, set up."""
    result = start(shared, "exit", "0")
    assert result.returncode == 0, result.stderr
    return shared


def site_packages(tree: Path) -> Path:
    return next(path for path in (tree / ".venv").glob("[Ll]ib/**/site-packages"))


def venv_python(tree: Path) -> Path:
    return tree / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def load_launcher() -> object:
    spec = importlib.util.spec_from_file_location("launcher", ROOT / "course.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Before anything is installed


def test_an_old_python_gets_one_clear_sentence() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 8, 10, 'final', 0); "
        f"runpy.run_path({str(ROOT / 'course.py')!r}, run_name='__main__')"
    )
    result = subprocess.run([PYTHON, "-c", code, "demo"], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer, and this is Python 3.8" in result.stderr


def test_an_old_python_can_parse_the_whole_file() -> None:
    source = (ROOT / "course.py").read_text(encoding="utf-8")
    assert source.isascii()
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.Match, ast.YieldFrom)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, (*new, ast.AsyncFunctionDef)), f"line {node.lineno}"
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            assert not any(isinstance(item, ast.Starred) for item in node.elts), node.lineno
        if isinstance(node, ast.Dict):
            assert None not in node.keys, f"line {node.lineno}: {{**a}}"
        if isinstance(node, ast.Raise):
            assert node.cause is None, f"line {node.lineno}: raise ... from"
        if isinstance(node, ast.Call):
            assert not (isinstance(node.func, ast.Name) and node.func.id == "print")
            starred = [item for item in node.args[:-1] if isinstance(item, ast.Starred)]
            assert not starred, f"line {node.lineno}: f(*a, b)"
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            assert not arguments.kwonlyargs
            assert not arguments.posonlyargs
            assert node.returns is None
            assert not any(each.annotation for each in arguments.args), f"line {node.lineno}"


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_comes_at_once_and_installs_nothing(fresh: Path, arguments: tuple[str, ...]) -> None:
    result = start(fresh, *arguments)
    assert result.returncode == 0
    for command in ("demo", "check", "hint", "status", "lab", "grade", "doctor", "verify", "test"):
        assert f" {command}" in result.stdout
    assert not (fresh / ".venv").exists()


def test_the_students_tree_says_that_it_has_no_tests(fresh: Path) -> None:
    result = start(fresh, "test")
    assert result.returncode == 2
    assert "no tests/ folder" in result.stderr
    assert "course.py check" in result.stderr
    assert not (fresh / ".venv").exists()


def test_a_folder_of_something_else_is_left_alone(fresh: Path) -> None:
    home = fresh / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("the only copy")
    result = start(fresh, "check", env=environment(COURSE_VENV=str(home)))
    assert result.returncode == 1
    assert "holds files, but no Python environment" in result.stderr
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the plain torch has no CUDA")
@pytest.mark.parametrize(
    ("succeeds", "log", "tries"),
    [
        (1, "", ["--no-index"]),
        (2, "", ["--no-index", "--retries"]),
        (3, "", ["--no-index", "--retries", ""]),
        (
            3,
            "Downloading torch-2.13.0-cp311.whl (180 MB)",
            ["--no-index", "--retries", "--index-url"],
        ),
    ],
)
def test_torch_is_looked_for_without_cuda_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, succeeds: int, log: str, tries: list[str]
) -> None:
    launcher = load_launcher()
    venv = launcher.Environment(str(tmp_path))
    (tmp_path / "install.log").write_text(log)
    seen: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> bool:
        seen.append(arguments)
        return len(seen) == succeeds

    monkeypatch.setattr(venv, "pip", pip)
    venv.install_torch("--no-deps", "torch>=2")
    assert len(seen) == len(tries)
    for arguments, option in zip(seen, tries, strict=True):
        assert "--no-deps" in arguments
        assert "torch>=2" in arguments
        assert option in arguments or (option == "" and len(arguments) == 2)
        if option in ("--retries", "--index-url"):
            assert "https://download.pytorch.org/whl/cpu" in arguments
        assert ("--retries" in arguments) == (option == "--retries")


@posix_only
def test_on_windows_the_commands_exit_code_is_passed_on(tmp_path: Path) -> None:
    python = tmp_path / "Scripts" / "python.exe"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ "$2 $3 $4" = "-m autograder check" ] && exit 7\n')
    python.chmod(0o755)
    code = (
        "import contextlib, errno, glob, hashlib, json, os, re, shutil, subprocess, runpy, sys;"
        "os.name = 'nt';"
        f"names = runpy.run_path({str(ROOT / 'course.py')!r});"
        f"python = os.path.join({str(tmp_path)!r}, *names['PYTHON']);"
        "sys.exit(names['hand_over'](python, ['check']))"
    )
    assert subprocess.run([PYTHON, "-c", code]).returncode == 7


# The environment is made, used and repaired


@pytest.mark.slow
def test_two_first_starts_at_once_set_up_once_and_hand_over(fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder posed as a library')")
    options = {"cwd": tmp_path, "env": environment(), "text": True}
    command = [PYTHON, str(fresh / "course.py"), "check", "01", "--watch"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen(command, **pipes, **options) for _ in range(2)]
    texts = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    for told in (json.loads(stdout) for stdout, _ in texts):
        assert told["arguments"] == ["check", "01", "--watch"]
        assert Path(told["folder"]) == tmp_path
        assert Path(told["prefix"]) == fresh / ".venv"
    said = texts[0][1] + texts[1][1]
    assert said.count("there is none yet") == 1
    assert said.count("ready") == 1
    assert "pip install" in (fresh / ".venv/install.log").read_text()
    again = start(fresh, "exit", "2")
    assert (again.returncode, again.stderr) == (2, "")


@pytest.mark.slow
def test_a_second_start_says_nothing_and_never_runs_pip(
    ready: Path, record_property: pytest.RecordProperty
) -> None:
    bomb = site_packages(ready) / "pip" / "__init__.py"
    text, log = bomb.read_text(), (ready / ".venv/install.log").read_bytes()
    bomb.write_text("raise SystemExit('pip was run')")
    try:
        begun = time.perf_counter()
        result = start(ready, "check")
        whole = time.perf_counter() - begun
    finally:
        bomb.write_text(text)
    begun = time.perf_counter()
    subprocess.run([venv_python(ready), "-P", "-m", "autograder", "check"], capture_output=True)
    overhead = whole - (time.perf_counter() - begun)
    record_property("second_start_overhead_seconds", round(overhead, 3))
    print(f"a second start costs {overhead:.3f} s beyond the command's own")
    assert result.returncode == 0
    assert result.stderr == ""
    assert (ready / ".venv/install.log").read_bytes() == log


def delete_python(tree: Path) -> None:
    for path in venv_python(tree).parent.glob("python*"):
        path.unlink()


def truncate_stamp(tree: Path) -> None:
    stamp = tree / ".venv/course.json"
    stamp.write_text(stamp.read_text()[:20])


def interrupt_installing(tree: Path) -> None:
    stamp = tree / ".venv/course.json"
    stamp.write_text(stamp.read_text().replace('"ready"', '"installing"'))
    next(site_packages(tree).glob("iniconfig-*/INSTALLER")).unlink()
    shutil.rmtree(site_packages(tree) / "iniconfig")


def change_version(tree: Path) -> None:
    config = tree / ".venv/pyvenv.cfg"
    config.write_text(config.read_text().replace("version = 3.", "version = 2."))


def change_project(tree: Path) -> None:
    with (tree / "pyproject.toml").open("a") as file:
        file.write("# changed\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (delete_python, "its Python is missing"),
        (truncate_stamp, "its set-up was not finished"),
        (interrupt_installing, "its set-up was not finished"),
        (change_version, "it is for Python 2."),
        (change_project, "pyproject.toml or its place changed"),
    ],
)
def test_a_broken_environment_is_repaired_with_one_line(ready: Path, damage, reason: str) -> None:
    damage(ready)
    result = start(ready, "check")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(reason) == 1
    assert json.loads(result.stdout)["prefix"] == str(ready / ".venv")
    probe = [venv_python(ready), "-c", "import iniconfig, pip._internal"]
    assert subprocess.run(probe, capture_output=True).returncode == 0
    again = start(ready, "check")
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.slow
def test_a_command_gets_the_extra_it_needs_and_the_next_keeps_it(ready: Path) -> None:
    result = start(ready, "lab")
    assert result.returncode == 0, result.stderr
    probe = [venv_python(ready), "-c", "import pluggy"]
    assert subprocess.run(probe, capture_output=True).returncode == 0
    assert start(ready, "check").stderr == ""
    assert start(ready, "lab").stderr == ""
    change_project(ready)
    assert start(ready, "check").returncode == 0
    assert start(ready, "lab").stderr == "", "a repair forgot the extra"


@pytest.mark.slow
def test_what_is_installed_works_offline_after_a_failed_addition(ready: Path) -> None:
    failed = start(ready, "verify", env=offline())
    assert failed.returncode == 1
    assert "No network" in failed.stderr
    result = start(ready, "check", env=offline())
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.slow
def test_course_venv_names_another_place_and_a_moved_one_is_repaired(
    fresh: Path, tmp_path: Path
) -> None:
    for name, reason in (("first", "there is none yet"), ("second", "it was moved here")):
        place = tmp_path / name
        result = start(fresh, "check", env=environment(COURSE_VENV=str(place)))
        assert result.returncode == 0, result.stderr
        assert reason in result.stderr
        assert json.loads(result.stdout)["prefix"] == str(place)
        place.rename(tmp_path / "second")
    assert not (fresh / ".venv").exists()


@pytest.mark.slow
def test_without_a_network_it_says_what_to_do_and_goes_on_later(fresh: Path) -> None:
    result = start(fresh, "check", env=offline())
    assert result.returncode == 1
    assert "No network" in result.stderr
    assert "start again" in result.stderr
    assert "Traceback" not in result.stderr
    result = start(fresh, "check")
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize(
    ("way", "stage"),
    [
        (signal.SIGKILL, "making the environment"),
        (signal.SIGKILL, "installing"),
        (signal.SIGINT, "installing"),
    ],
)
def test_the_next_start_repairs_what_a_killed_one_left(
    fresh: Path, way: signal.Signals, stage: str
) -> None:
    command = [PYTHON, str(fresh / "course.py"), "check"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if stage in line:
            break
    time.sleep(0.3)
    if way is signal.SIGINT:
        os.killpg(process.pid, way)  # as a terminal does: to pip too
        assert process.wait(60) == 130
        assert "The next start completes" in process.stderr.read()
    else:
        process.kill()  # pip lives on, and the next start waits for it
        process.wait(60)
    result = start(fresh, "check")
    assert result.returncode == 0, result.stderr
    assert "interrupted" in result.stderr or "not finished" in result.stderr
    assert start(fresh, "check").stderr == ""


# The real course


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this course, set up for real."""
    tree = tmp_path_factory.mktemp("real") / "course"
    names = shutil.ignore_patterns(".venv", ".git", ".*cache", "__pycache__", "*.egg-info", "build")
    shutil.copytree(ROOT, tree, ignore=names, symlinks=True)
    result = start(tree, "status")
    assert "ready" in result.stderr, result.stdout + result.stderr
    return tree


@pytest.mark.slow
def test_the_real_course_is_set_up_without_cuda(course: Path) -> None:
    code = "import torch; print(torch.version.cuda)"
    result = subprocess.run([venv_python(course), "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "None", result.stderr
    check = [venv_python(course), "-m", "pip", "check"]
    result = subprocess.run(check, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
def test_the_real_course_knows_its_commands(course: Path) -> None:
    helped = start(course, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "check" in helped.stdout
    unknown = start(course, "chekc")
    assert unknown.returncode == 2
    assert "chekc" in unknown.stderr + unknown.stdout
