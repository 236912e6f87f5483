"""Something to look at."""

from pathlib import Path


def play(student, out: Path, options) -> None:
    """Print a dot product."""
    print(student.dot([1.0], [2.0]))
