"""What tests of commands do with a copy of the course."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

Course = Callable[..., subprocess.CompletedProcess[str]]


def heed_interrupts() -> None:
    """Run in a child before it starts: a shell's background jobs are born deaf to ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def solve(tree: Path, *parts: str, name: str = "01_networks") -> None:
    """Write the reference into the stubs of a tree: all of it, or some files."""
    for path in sorted((tree / "solutions" / name).glob("*.py")):
        if not path.name.startswith("test_") and (not parts or path.name in parts):
            shutil.copy(path, tree / "assignments" / name / path.name)
