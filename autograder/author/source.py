"""Reads one reference file: its definitions, its marked blocks, and whose part each block is.

A body that students write themselves stands between ``### BEGIN SOLUTION`` and
``### END SOLUTION``. Inside a function the block becomes a ``raise`` in the stub; at module or
class level it vanishes. A function that students get as it is ends its ``def`` line with
``# given``.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, CourseError, Part

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
_ALMOST = re.compile(r"#+\s*(begin|end)\s+solution\b", re.IGNORECASE)

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class SyncError(CourseError):
    """A reference file cannot become a stub; the message gives file, line and remedy."""


@dataclass(frozen=True)
class Definition:
    """A function or class, with its dotted name and its lines, decorators included."""

    name: str
    node: Node
    first: int
    last: int

    @property
    def is_class(self) -> bool:
        """Whether this is a class rather than a function."""
        return isinstance(self.node, ast.ClassDef)


@dataclass(frozen=True)
class Block:
    """The lines from one BEGIN marker to its END marker, both counted from 1.

    Attributes:
        begin: The line of the BEGIN marker.
        end: The line of the END marker.
        indent: The white space before the markers.
        owner: Dotted name of the innermost definition around it, or an empty string.
        part: The part whose message the stub raises, or None where the block vanishes.
    """

    begin: int
    end: int
    indent: str
    owner: str
    part: Part | None


@dataclass(frozen=True)
class Source:
    """One reference file, understood."""

    path: Path
    assignment: Assignment
    text: str
    definitions: tuple[Definition, ...]
    blocks: tuple[Block, ...]
    comments: dict[int, str]

    @property
    def lines(self) -> list[str]:
        """The file's lines, without their newlines."""
        return self.text.split("\n")[:-1]

    def definition(self, name: str) -> Definition | None:
        """Return the definition with this dotted name, if there is one."""
        return next((each for each in self.definitions if each.name == name), None)


def read(path: Path, assignment: Assignment) -> Source:
    """Read and check one reference file.

    Raises:
        SyncError: The file is missing, does not parse, or its markers are not in order.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise SyncError(f"{path} does not exist, but assignment.toml lists it in files.") from None
    except UnicodeDecodeError as error:
        raise SyncError(f"{path} is not UTF-8: {error}.") from None
    return parse(text, path, assignment)


def parse(text: str, path: Path, assignment: Assignment) -> Source:
    """Understand the text of one reference file.

    Raises:
        SyncError: The text does not parse, or its markers are not in order.
    """
    if "\r" in text or not text.endswith("\n") or text.endswith("\n\n") or text.startswith("\n"):
        raise SyncError(f"{path} is not formatted: run `ruff format {path}`.")
    try:
        tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, tokenize.TokenError) as error:
        raise SyncError(f"{path}:{getattr(error, 'lineno', 0)}: {error.args[0]}.") from None
    comments = {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}
    definitions = tuple(_definitions(tree, ""))
    statements = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.stmt)}
    lines = text.split("\n")
    blocks = tuple(
        _block(begin, end, lines, definitions, statements, path, assignment)
        for begin, end in _pairs(comments, lines, path)
    )
    return Source(path, assignment, text, definitions, blocks, comments)


def part_of(assignment: Assignment, file: str, name: str) -> Part | None:
    """Return the part a dotted name belongs to: the most specific one that provides it.

    ``Value.backward`` belongs to a part that provides it by that name before it belongs to one
    that provides ``Value``.
    """
    words = name.split(".")
    for length in range(len(words), 0, -1):
        prefix = ".".join(words[:length])
        for part in assignment.parts:
            if part.file == file and prefix in part.provides:
                return part
    return None


def _definitions(node: ast.AST, prefix: str) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
            name = prefix + child.name
            yield Definition(name, child, first, child.end_lineno or child.lineno)
            yield from _definitions(child, f"{name}.")
        else:
            yield from _definitions(child, prefix)


def _pairs(comments: dict[int, str], lines: list[str], path: Path) -> Iterator[tuple[int, int]]:
    """Yield the lines of each BEGIN and its END."""
    opened = 0
    for line, comment in comments.items():
        if not _ALMOST.match(comment):
            continue
        if lines[line - 1].strip() not in (BEGIN, END):
            raise SyncError(
                f"{path}:{line}: a marker is a line of its own that reads exactly "
                f"`{BEGIN}` or `{END}`; this one reads `{lines[line - 1].strip()}`."
            )
        if (comment == BEGIN) == bool(opened):
            other = f"the block opened on line {opened} is not closed" if opened else "none is open"
            raise SyncError(f"{path}:{line}: `{comment}`, but {other}.")
        if comment == END:
            yield opened, line
        opened = line if comment == BEGIN else 0
    if opened:
        raise SyncError(f"{path}:{opened}: `{BEGIN}` has no `{END}`.")


def _block(
    begin: int,
    end: int,
    lines: list[str],
    definitions: tuple[Definition, ...],
    statements: set[int],
    path: Path,
    assignment: Assignment,
) -> Block:
    indent, closing = (lines[n - 1][: -len(lines[n - 1].lstrip())] for n in (begin, end))
    if indent != closing:
        raise SyncError(f"{path}:{end}: `{END}` is not indented as the `{BEGIN}` on line {begin}.")
    if not any(begin < line < end for line in statements):
        raise SyncError(f"{path}:{begin}: there is no code between the markers.")
    around = [d for d in definitions if d.first <= begin <= d.last]
    inner = max(around, key=lambda d: d.first, default=None)
    owner = inner.name if inner else ""
    for each in definitions:
        inside = begin < each.first < end
        if inside and (each.last > end or (owner and not each.name.startswith(f"{owner}."))):
            raise SyncError(
                f"{path}:{begin}: this block runs into {each.name} (line {each.first})."
            )
    if inner is None or inner.is_class:
        return Block(begin, end, indent, owner, None)
    part = part_of(assignment, path.name, owner)
    if part is None:
        raise SyncError(
            f"{path}:{begin}: markers inside {owner}, which no part of assignment.toml provides. "
            "Add it to a part's `provides`, or mark the whole helper at module level."
        )
    return Block(begin, end, indent, owner, part)
