"""What the commands share: the console, and finding an assignment."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from autograder.course import Assignment, find, find_root

NAME_HELP = "An assignment by number or name: 01, 1, networks or 01_networks."


def console() -> Console:
    """The console; at least 80 columns wide where the output is no terminal."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return Console(width=width, highlight=False, soft_wrap=False)


def assignment(name: str) -> Assignment:
    """Find an assignment in the course around the current folder."""
    return find(name, find_root())
