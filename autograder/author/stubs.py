"""Makes the stub that students get out of a reference file."""

from __future__ import annotations

import ast
import itertools
import re

from autograder.author import rules
from autograder.author.source import Source, SyncError

_DEFINES = re.compile(r"(async\s+def|def|class)\b|@")
_CLOSES = (")", "]", "}")


def stub(source: Source) -> str:
    """Return the file as students get it.

    A marked block inside a function becomes ``raise NotImplementedError("<assignment>: <part>")``;
    one at module or class level vanishes, and the blank lines around it are closed as ruff would.

    Raises:
        SyncError: The reference breaks a rule, or what is left does not parse.
    """
    rules.require(source)
    lines = source.lines
    kept: list[str | None] = []
    position = 0
    for block in source.blocks:
        kept += lines[position : block.begin - 1]
        if block.part is None:
            kept.append(None)
        else:
            message = f"{source.assignment.id}: {block.part.name}"
            kept.append(f'{block.indent}raise NotImplementedError("{message}")')
        position = block.end
    kept += lines[position:]
    text = "\n".join(_close_gaps(kept)) + "\n"
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise SyncError(
            f"{source.path}: without its marked blocks the file does not parse ({error.msg}, line "
            f"{error.lineno} of the stub). Does a class or an `if` lose all it holds?"
        ) from None
    return text


def _close_gaps(kept: list[str | None]) -> list[str]:
    """Replace each vanished block (None) and the blank lines around it by the right gap."""
    out: list[str] = []
    runs = [(empty, list(run)) for empty, run in itertools.groupby(kept, key=lambda line: not line)]
    for index, (_, run) in enumerate(runs):
        if None not in run:
            out += [line for line in run if line is not None]
        elif out and index + 1 < len(runs):
            following = [line for line in runs[index + 1][1] if line is not None]
            out += [""] * _gap(out, following, _longest(run))
    return out


def _longest(run: list[str | None]) -> int:
    """The longest stretch of blank lines in a run of blank lines and vanished blocks."""
    return max(len(list(g)) if k == "" else 0 for k, g in itertools.groupby(run))


def _gap(before: list[str], after: list[str], found: int) -> int:
    """How many blank lines ruff wants between two lines that have become neighbours."""
    follows = next((line for line in after if not line.lstrip().startswith("#")), "#")
    if follows[:1] != " ":
        around = _starts_definition(before) or bool(_DEFINES.match(follows))
        return 2 if around else min(found, 2)
    if before[-1].rstrip().endswith(":"):
        return 0
    return 1 if _DEFINES.match(follows.lstrip()) else min(found, 1)


def _starts_definition(before: list[str]) -> bool:
    """Whether the last statement at module level is a function or a class."""
    for line in reversed(before):
        if line and not line.startswith((" ", "#", *_CLOSES)):
            return bool(_DEFINES.match(line))
    return False
