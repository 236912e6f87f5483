"""What ``course verify`` proved, written down: a matrix for staff, totals in the README."""

from __future__ import annotations

import re
from pathlib import Path

from autograder.author.matrix import matrix_markdown
from autograder.author.verification import Verification
from autograder.course import Assignment, CourseError
from autograder.files import write_atomically

_BEGIN, _END = "<!-- proofs: written by `course verify --write` -->", "<!-- end of proofs -->"
_HEAD = (
    "| assignment | parts | tests | mistakes caught and named | variants accepted "
    "| mutants killed |",
    "|:--|--:|--:|--:|--:|--:|",
)


def matrix_path(assignment: Assignment) -> Path:
    """Where the kill matrix of an assignment lies: among what only staff see."""
    return assignment.solutions / "matrix.md"


def write_proofs(verification: Verification, assignment: Assignment, root: Path) -> list[Path]:
    """Write the matrix and the README's row; return the files that changed."""
    wanted = {
        matrix_path(assignment): matrix_markdown(verification),
        root / "README.md": readme_with(verification, root),
    }
    changed = [path for path, text in wanted.items() if _read(path) != text]
    for path in changed:
        write_atomically(path, wanted[path])
    return changed


def stale_proofs(verification: Verification, assignment: Assignment, root: Path) -> list[str]:
    """The files that no longer say what was proved, by name; none where nothing was written yet."""
    if not matrix_path(assignment).is_file():
        return []
    found = []
    if _read(matrix_path(assignment)) != matrix_markdown(verification):
        found.append(matrix_path(assignment).name)
    if total(verification) not in _read(root / "README.md"):
        found.append("README.md")
    return found


def total(verification: Verification) -> str:
    """The README's row of an assignment."""
    parts = verification.parts
    caught, mistakes = sum(p.caught for p in parts), sum(len(p.rows) for p in parts)
    killed, mutants = sum(p.killed for p in parts), sum(p.mutants for p in parts)
    return (
        f"| {verification.assignment} | {len(parts)} | {sum(len(p.tests) for p in parts)} "
        f"| {caught} of {mistakes} | {sum(p.variants for p in parts)} | {killed} of {mutants} |"
    )


def readme_with(verification: Verification, root: Path) -> str:
    """The README with this assignment's row put in or replaced.

    Raises:
        CourseError: The README has no place for the rows.
    """
    text = _read(root / "README.md")
    match = re.search(f"{re.escape(_BEGIN)}\n(.*?){re.escape(_END)}", text, re.DOTALL)
    if match is None:
        raise CourseError(f"README.md has no lines {_BEGIN!r} and {_END!r} to write between.")
    rows = {
        line.split("|")[1].strip(): line
        for line in match[1].splitlines()
        if line.startswith("|") and line not in _HEAD
    }
    rows[verification.assignment] = total(verification)
    table = "\n".join([*_HEAD, *(rows[name] for name in sorted(rows))])
    return f"{text[: match.start()]}{_BEGIN}\n{table}\n{text[match.end() - len(_END) :]}"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
