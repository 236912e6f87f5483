"""The code cells of a notebook, read defensively from its JSON."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograder.intake.decode import Undecodable, decode
from autograder.intake.syntax import Unparsable, parse

_MAGIC = re.compile(r"[ \t]*(?:[%!?]|[\w.]+\s*=\s*[%!]|[\w.]+\?{1,2}[ \t]*$)")
_OTHER_LANGUAGES = re.compile(r"%%(?!time\b|timeit\b|capture\b|prun\b|python3?\b)\w")


class BrokenNotebook(Exception):
    """The file is no notebook; the message says where it breaks."""


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Attributes:
        number: Its place among the code cells, from 1.
        source: Its text, without magics.
        magics: Whether lines of magics were taken out.
        tree: The parsed text, or None if it cannot be parsed.
        problem: Why it cannot be parsed.
        id: Its id in the notebook.
        course: The course's own metadata.
        nbgrader: The metadata of nbgrader.
    """

    number: int
    source: str
    magics: bool
    tree: ast.Module | None
    problem: str
    id: str
    course: Mapping[str, Any]
    nbgrader: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Return a field of the course's metadata that is text."""
        value = self.course.get(key, "")
        return value if isinstance(value, str) else ""


def read_cells(data: bytes) -> list[Cell]:
    """Return the code cells of a notebook.

    Raises:
        BrokenNotebook: It is not JSON, or no notebook.
    """
    try:
        text, _ = decode(data)
        book = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BrokenNotebook(f"its JSON breaks at {where}: {error.msg}") from None
    except Undecodable as error:
        raise BrokenNotebook(f"it is no text ({error})") from None
    except (RecursionError, ValueError):
        raise BrokenNotebook("its JSON is nested too deeply or holds an endless number") from None
    found = _raw_cells(book)
    if found is None:
        raise BrokenNotebook("it is JSON, but has no list of cells")
    code = [cell for cell in found if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_cell(number, cell) for number, cell in enumerate(code, 1)]


def _raw_cells(book: object) -> list[Any] | None:
    if not isinstance(book, dict):
        return None
    sheets = book.get("worksheets")
    if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict):
        book = sheets[0]
    cells = book.get("cells")
    return cells if isinstance(cells, list) else None


def _cell(number: int, raw: dict[str, Any]) -> Cell:
    value = raw.get("source", raw.get("input", ""))
    lines = value if isinstance(value, list) else [value]
    source = "".join(line for line in lines if isinstance(line, str))
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    source = source.encode("utf-8", "replace").decode("utf-8")
    metadata = _mapping(raw.get("metadata"))
    tree, problem = _try(source)
    plain = _without_magics(source) if tree is None else source
    magics = plain != source
    if magics:
        source = plain
        tree, problem = _try(source)
    return Cell(
        number,
        source,
        magics,
        tree,
        problem,
        str(raw.get("id", "")),
        _mapping(metadata.get("course")),
        _mapping(metadata.get("nbgrader")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _try(source: str) -> tuple[ast.Module | None, str]:
    try:
        return parse(source), ""
    except Unparsable as problem:
        return None, str(problem)


def _without_magics(source: str) -> str:
    if _OTHER_LANGUAGES.match(source.lstrip()):
        return ""
    lines = source.split("\n")
    if not any(_MAGIC.match(line) for line in lines):
        return source
    out: list[str] = []
    for line in lines:
        if not _MAGIC.match(line):
            out.append(line)
        elif indent := line[: len(line) - len(line.lstrip())]:
            out.append(f"{indent}pass")
    return "\n".join(out).strip("\n")
