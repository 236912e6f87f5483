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


# Files whose tests share something expensive: one worker of `pytest -n` runs all of them.
TOGETHER = {"test_launcher", "test_nbgrader", "test_report_browser", "test_walls", "test_zoo"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of some files together, and start with what takes longest."""
    for item in items:
        if item.path.stem in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    quick = {
        id(i) for i in items if i.path.stem not in TOGETHER and not i.get_closest_marker("slow")
    }
    items.sort(key=lambda item: id(item) in quick)  # a stable sort


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the course that a test may write in: assignment 01 with its solutions."""
    for room in ("assignments", "solutions"):
        shutil.copytree(ROOT / room / "01_networks", tmp_path / "course" / room / "01_networks")
    return tmp_path / "course"


@pytest.fixture
def course(tree: Path) -> Course:
    """Run the command ``course`` as a process in the copy."""

    def run(
        *words: str, cwd: Path | None = None, seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
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
