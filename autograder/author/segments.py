"""Cuts a file into what one notebook cell holds, and joins it again byte for byte.

A file formatted by ruff has two blank lines around each top-level definition and nowhere else at
top level, so the cuts are exactly the gaps of two blank lines between top-level statements.
"""

from __future__ import annotations

import ast

GAP = "\n\n\n"


def split(text: str) -> list[str]:
    """Cut a file into its head (docstring, imports) and its top-level definitions.

    Comments stay with what follows them. Any text comes back from ``join`` as it was, up to
    newlines at its beginning and end.
    """
    lines = text.strip("\n").split("\n")
    body = _body("\n".join(lines))
    if body is None:
        return ["\n".join(lines)]
    inside = {line for node in body for line in range(_first(node) + 1, _last(node) + 1)}
    pieces: list[list[str]] = [[]]
    for number, line in enumerate(lines, start=1):
        current = pieces[-1]
        gap = current[-2:] == ["", ""] and current[-3] != ""
        if gap and line[:1] not in ("", " ", "\t") and number not in inside and _has_code(current):
            del current[-2:]
            pieces.append([])
        pieces[-1].append(line)
    return ["\n".join(piece) for piece in pieces]


def join(pieces: list[str]) -> str:
    """Put cut pieces together: two blank lines between them, one newline at the end."""
    kept = [piece.strip("\n") for piece in pieces]
    return GAP.join(piece for piece in kept if piece) + "\n"


def names(piece: str) -> tuple[str, ...]:
    """Return the names that a piece defines or assigns at top level."""
    found: list[str] = []
    for node in _body(piece) or []:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found += [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(found)


def _body(text: str) -> list[ast.stmt] | None:
    try:
        return ast.parse(text).body
    except SyntaxError:
        return None


def _first(node: ast.stmt) -> int:
    """The first line of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _last(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _has_code(lines: list[str]) -> bool:
    """Whether there is more than comments, which belong to what follows."""
    return any(line and not line.startswith("#") for line in lines)
