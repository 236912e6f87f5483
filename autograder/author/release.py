"""Writes the students' tree: everything except solutions/ and what needs or quotes it.

That is the project's own tests, and the authors' guide.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autograder.author.leaks import find_leaks
from autograder.author.sync import sync
from autograder.course import CourseError, assignment_ids, load_all

MARKER = ".course-release"
STAFF = ("solutions", "tests", ".ci", ".git", "CONTRIBUTING.md")
_RUBBISH = (
    ".venv",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".course",
    ".ipynb_checkpoints",
    "build",
    "dist",
    "demo",
    "graded",
)
_HEADER = "# Written by `course release`. It replaces the files listed here and no others.\n"


def release(
    root: Path, target: Path, only: str = "", extra: Mapping[str, str] | None = None
) -> list[Path]:
    """Write the tree that students get, and return its files, relative to the target.

    In a git checkout that is what git tracks; elsewhere, all but caches. A target that an earlier
    release wrote is brought up to date: its files are replaced, those of others (a ``.git``, say)
    stay.

    Args:
        root: The staff's copy of the course.
        target: The folder to write.
        only: The id of the one assignment to hand out; all by default.
        extra: Texts of files that the root does not have.

    Raises:
        CourseError: The target holds something else, a stub is stale, or a secret would leak.
    """
    old = _written_before(target)
    assignments = load_all(root)
    for assignment in assignments:
        stale = sync(assignment, root, check=True) if assignment.has_solutions else []
        if stale:
            raise CourseError(
                f"{stale[0].relative_to(root)} is not what its source gives. Run `course sync` "
                "first: the released stubs must be the generated ones."
            )
    files = [path for path in students_files(root) if not only or belongs(path, only)]
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        _copy(files, root, stage)
        for name, text in (extra or {}).items():
            files.append(Path(name))
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            (stage / name).write_text(text, encoding="utf-8")
        leaks = find_leaks(assignments, stage)
        if leaks:
            shown = "\n".join(leaks[:20])
            raise CourseError(f"Nothing was released: {len(leaks)} leaks.\n{shown}")
        for path in old:
            (target / path).unlink(missing_ok=True)
        _copy(files, stage, target)
    listing = "".join(f"{path.as_posix()}\n" for path in files)
    (target / MARKER).write_text(_HEADER + listing, encoding="utf-8")
    return files


def belongs(path: Path, only: str) -> bool:
    """Whether a file is of one assignment, or of none."""
    return path.parts[0] not in ("assignments", "lectures") or only in (
        path.parts[1],
        path.parts[1].removesuffix(".md"),
    )


def students_files(root: Path) -> list[Path]:
    """Return the files that students get, relative to the root, in order.

    Raises:
        CourseError: One of them is a link to a file that they do not get.
    """
    found = _tracked(root) if (root / ".git").exists() else _walked(root)
    drafts = set(assignment_ids(root, drafts=True)) - set(assignment_ids(root))
    kept = sorted(
        path
        for path in found
        if path.parts[0] not in STAFF
        and path.name != MARKER
        and not (len(path.parts) > 1 and path.parts[1].removesuffix(".md") in drafts)
    )
    for path in kept:
        true = (root / path).resolve()
        if true != root.resolve() / path and not any(true == root.resolve() / p for p in kept):
            raise CourseError(f"{path} is a link to {true}, which students do not get. Remove it.")
    return kept


def _tracked(root: Path) -> list[Path]:
    command = ["git", "-C", str(root), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode:
        raise CourseError(f"`{' '.join(command)}` failed: {listed.stderr.decode().strip()}.")
    paths = [Path(name) for name in listed.stdout.decode("utf-8").split("\0") if name]
    return [path for path in paths if (root / path).is_file()]


def _walked(root: Path) -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        if MARKER in names and Path(folder) != root:
            folders.clear()
            continue
        folders[:] = [n for n in folders if n not in _RUBBISH and not n.endswith(".egg-info")]
        here = Path(folder).relative_to(root)
        found += [here / name for name in names if not name.endswith((".pyc", ".pyo"))]
    return found


def _written_before(target: Path) -> list[Path]:
    """The files of an earlier release in the target.

    Raises:
        CourseError: The target holds something that no release wrote.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return []
    marker = target / MARKER
    if not marker.is_file():
        raise CourseError(
            f"{target} is not empty, and no earlier `course release` wrote it. Name a new folder, "
            "or empty this one yourself if nothing in it is needed."
        )
    lines = marker.read_text(encoding="utf-8").splitlines()
    paths = [Path(line) for line in lines if line and not line.startswith("#")]
    return [path for path in paths if not path.is_absolute() and ".." not in path.parts]


def _copy(files: list[Path], source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, target / path)
