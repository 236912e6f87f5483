"""Parse source that a stranger wrote, so that no file can stop or slow the one who reads it.

CPython's parser takes time or memory quadratic in some inputs (dotted names, f-strings) and gives
up with other exceptions on deep nesting, so each of these is bounded before or after it.
"""

from __future__ import annotations

import ast
import re
import warnings

from autograder.intake.values import shown

DEEPEST_BRACKETS = 200
DEEPEST_TREE = 300
MOST_TOKENS = 100_000
_SCAN = re.compile(
    r"""'''(?:[^\\']++|\\.|'(?!''))*+(?:''')?"""
    r'|"""(?:[^\\"]++|\\.|"(?!""))*+(?:""")?'
    r"""|'(?:[^'\\\n]|\\.)*+'?|"(?:[^"\\\n]|\\.)*+"?|#[^\n]*|[(\[{]|[)\]}]""",
    re.DOTALL,
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_DOTTED = re.compile(r"\b(?:\w++[ \t\f\\\n]*+\.[ \t\f\\\n]*+){100}")
_OURS = re.compile(r"^<<<<<<< ", re.MULTILINE)
_THEIRS = re.compile(r"^>>>>>>> ", re.MULTILINE)


class Unparsable(Exception):
    """The source cannot be parsed; the message starts with the line where that is known."""


class Unreasonable(Unparsable):
    """No person wrote this: nested, dotted or long enough to stop a parser that is not guarded."""


def parse(text: str) -> ast.Module:
    """Parse source.

    Raises:
        Unparsable: It is not Python.
        Unreasonable: It is nested or long beyond reason; no other room should parse it.
    """
    _bounds(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise Unparsable(_say(error, text)) from None
    except (RecursionError, MemoryError):
        raise Unreasonable("the code is nested too deeply for Python to read") from None
    except ValueError as error:
        raise Unparsable(shown(str(error))) from None
    _depth(tree)
    return tree


def _say(error: SyntaxError, text: str) -> str:
    ours = _OURS.search(text)
    if ours and _THEIRS.search(text):
        line = text.count("\n", 0, ours.start()) + 1
        return f"line {line}: a merge conflict was left in the file: decide on one side of <<<<<<<"
    return f"line {error.lineno or 1}: {shown(error.msg or 'invalid syntax')}"


def _bounds(text: str) -> None:
    depth = 0
    for match in _SCAN.finditer(text):
        mark = match[0]
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth = max(0, depth - 1)
        if depth > DEEPEST_BRACKETS:
            line = text.count("\n", 0, match.start()) + 1
            raise Unreasonable(f"line {line}: more than {DEEPEST_BRACKETS} brackets are open")
    if dotted := _DOTTED.search(text):
        line = text.count("\n", 0, dotted.start()) + 1
        raise Unreasonable(f"line {line}: a name has more than 100 dots")
    for count, _ in enumerate(_TOKEN.finditer(text)):
        if count >= MOST_TOKENS:
            raise Unreasonable(f"the file has more than {MOST_TOKENS:,} words and symbols")


def _depth(tree: ast.AST) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST_TREE):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    line = getattr(level[0], "lineno", 1)
    raise Unreasonable(f"line {line}: the code is nested more than {DEEPEST_TREE} levels deep")
