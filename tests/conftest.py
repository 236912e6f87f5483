"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.course_tree import Course

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the course that a test may write in: assignment 01 with its solutions."""
    for room in ("assignments", "solutions"):
        shutil.copytree(ROOT / room / "01_networks", tmp_path / "course" / room / "01_networks")
    return tmp_path / "course"


@pytest.fixture
def course(tree: Path) -> Course:
    """Run the command ``course`` as a process in the copy."""

    def run(*words: str, cwd: Path | None = None, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "autograder", *words],
            cwd=cwd or tree,
            env={**os.environ, "COLUMNS": "110", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    return run
