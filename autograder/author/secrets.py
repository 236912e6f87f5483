"""Lists what no student may read: marked code, hidden tests' titles, mistakes and their messages.

Some lines of code are public by an author's decision: a lecture, a handout, a hint or ``play.py``
may show a line of a solution. Such a line is no secret, but only as long as another line of its
block stays one: a body shown in full is a leak. What stands outside the markers is in the stub and
so public. A title may repeat a sentence of the contract, in a stub or the handout, and so may the
advice of a mistake (its ``try``), which is often a formula. What a mistake is, its name and its
``says``, has no allowance at all.
"""

from __future__ import annotations

import ast
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.author.source import Source, read
from autograder.course import Assignment

LONG = 24
_TITLE = 12


@dataclass(frozen=True)
class Secret:
    """A text that must not occur in the students' tree.

    Attributes:
        text: The text, its white space normalised.
        what: What it is and where it stands, for a person.
    """

    text: str
    what: str


def secrets(assignment: Assignment) -> list[Secret]:
    """Return every secret text of an assignment, each once."""
    sources = [read(assignment.solutions / file, assignment) for file in assignment.files]
    given = normal("\n".join(line for source in sources for line in _given(source)))
    shown = normal("\n".join(_read(path) for path in _public(assignment)))
    contract = normal("\n".join(_read(path) for path in _public(assignment)[1:]))
    found = [
        *_titles(assignment, given),
        *_messages(assignment, given + " " + contract),
        *(secret for source in sources for secret in _code(source, given, shown)),
    ]
    return list({secret.text: secret for secret in found}.values())


def digests(assignment: Assignment) -> dict[str, str]:
    """Return the SHA-256 of every file of an assignment's solutions, with its name."""
    files = sorted(path for path in assignment.solutions.rglob("*") if path.is_file())
    return {
        hashlib.sha256(path.read_bytes()).hexdigest(): f"solutions/{assignment.id}/{path.name}"
        for path in files
        if path.stat().st_size
    }


def normal(text: str) -> str:
    """Make every run of white space one blank."""
    return " ".join(text.split())


def _public(assignment: Assignment) -> tuple[Path, ...]:
    """The files in which an author decides, line by line, what to show of a solution."""
    names = ("README.md", "assignment.toml", "play.py")
    return (assignment.lecture, *(assignment.folder / name for name in names))


def _code(source: Source, given: str, shown: str) -> Iterator[Secret]:
    lines = _texts(source)
    for block in source.blocks:
        inside = {
            number: [text for text in texts if text not in given]
            for number, texts in lines.items()
            if block.begin < number < block.end
        }
        told = all(text in shown for texts in inside.values() for text in texts)
        for number, texts in inside.items():
            what = f"line {number} of solutions/{source.assignment.id}/{source.path.name}"
            yield from (Secret(text, what) for text in texts if told or text not in shown)


def _given(source: Source) -> Iterator[str]:
    """The lines outside the markers: they are in the stub, so they are public everywhere."""
    for number, line in enumerate(source.lines, start=1):
        if not any(block.begin <= number <= block.end for block in source.blocks):
            yield line


def _texts(source: Source) -> dict[int, list[str]]:
    """The long texts of each line: its code and its comment."""
    found: dict[int, list[str]] = {}
    for number, line in enumerate(source.lines, start=1):
        comment = source.comments.get(number, "")
        texts = [normal(line.removesuffix(comment)), normal(comment.lstrip("#"))]
        found[number] = [text for text in texts if len(text) > LONG]
    return found


def _titles(assignment: Assignment, given: str) -> Iterator[Secret]:
    shown = (assignment.folder / "test_public.py", assignment.folder / "README.md")
    contract = given + normal(" ".join(map(_read, shown)))
    for title in _docstrings(assignment.solutions / "test_hidden.py"):
        if len(title) > _TITLE and normal(title) not in contract:
            yield Secret(normal(title), f"a title in solutions/{assignment.id}/test_hidden.py")


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(_read(path))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield (ast.get_docstring(node) or "").partition("\n")[0]


def _messages(assignment: Assignment, public: str) -> Iterator[Secret]:
    for file, table in (("mistakes", "mistake"), ("variants", "variant")):
        data: dict[str, Any] = tomllib.loads(_read(assignment.solutions / f"{file}.toml"))
        for entry in data.get(table, []):
            for key in ("id", "says", "try", "why", "because"):
                text = normal(str(entry.get(key, "")))
                repeated = key == "try" and text in public
                if text and not repeated:
                    yield Secret(text, f"{key} in solutions/{assignment.id}/{file}.toml")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
