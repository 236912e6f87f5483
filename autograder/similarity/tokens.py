"""From source to a stream of symbols in which names, numbers, texts and formatting are gone.

One scanner reads everything, so a file that is no Python (any more) gives nearly the same stream as
the good one it was made from, and every version of Python gives the same. Names are all one symbol,
and so are strings and numbers; keywords and operators stay. What carries no evidence is left out:
comments, docstrings, imports, line breaks, indentation, semicolons, round brackets that only group,
a comma before a closing bracket.
"""

from __future__ import annotations

import functools
import hashlib
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
Numbers = NDArray[np.int32]

NAME, TEXT, NUMBER = "name", '"', "0"
_KEYWORDS = frozenset(keyword.kwlist)
# No expression has a line that begins with one of these: an open bracket before it is a mistake.
_BEGINS = frozenset(
    "assert break class continue def del global import nonlocal pass raise return try while "
    "with".split()
)
_SCAN = re.compile(
    r"(?P<space>[ \t\f\r]+|\\\r?\n|\#[^\n]*)"
    r"|(?P<newline>\n)"
    r"|(?P<text>(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU])?(?:"
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'(?:[^'\\\n]++|\\.)*+'?))"
    r"|(?P<number>0[xXoObB][\da-fA-F_]+"
    r"|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?[jJ]?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<mark>\*\*=|//=|>>=|<<=|\.\.\.|[-+*/%@&|^=!<>:]=|->|\*\*|//|<<|>>|\S)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Stream:
    """The symbols of one submission's files, one file after the other.

    Attributes:
        codes: A number for each symbol, the same in every process; 0 stands between two files.
        lines: The line each symbol stands on, from 1.
        files: Which of the files it stands in, by position.
    """

    codes: Codes
    lines: Numbers
    files: Numbers

    def __len__(self) -> int:
        return len(self.codes)


def stream(files: Mapping[str, str]) -> Stream:
    """Scan the files of one submission, in the order in which they come."""
    codes: list[int] = []
    lines: list[int] = []
    homes: list[int] = []
    for home, text in enumerate(files.values()):
        for symbol, line in scan(text):
            codes.append(_code(symbol))
            lines.append(line)
        codes.append(0)
        lines.append(0)
        homes += [home] * (len(codes) - len(homes))
    return Stream(
        np.array(codes, dtype=np.uint64),
        np.array(lines, dtype=np.int32),
        np.array(homes, dtype=np.int32),
    )


def scan(text: str) -> Iterator[tuple[str, int]]:
    """Yield the symbols of a text, each with its line."""
    statement: list[tuple[str, int]] = []
    brackets: list[bool] = []  # those that are open, and whether each stands in the stream
    fresh = True
    for symbol, line in symbols(text):
        if (fresh and symbol in _BEGINS) or (symbol in ("\n", ";") and not brackets):
            yield from _evidence(statement)
            statement, brackets = [], []
        fresh = symbol == "\n"
        if not fresh and (symbol != ";" or brackets):
            _place(symbol, line, statement, brackets)
    yield from _evidence(statement)


def symbols(text: str) -> Iterator[tuple[str, int]]:
    """Yield every symbol of a text and every line's end, each with its line."""
    line = 1
    for match in _SCAN.finditer(text):
        kind, found = match.lastgroup, match[0]
        if kind == "name":
            yield found if found in _KEYWORDS else NAME, line
        elif kind == "text":
            yield TEXT, line
        elif kind != "space":
            yield NUMBER if kind == "number" else found, line
        line += found.count("\n")


def _place(symbol: str, line: int, statement: list[tuple[str, int]], brackets: list[bool]) -> None:
    """Add a symbol to a statement, unless it is there for looks only."""
    last = statement[-1][0] if statement else ""
    kept = True
    if symbol in ("(", "[", "{"):
        # A bracket that calls nothing groups, and is there or not as its writer likes.
        kept = symbol != "(" or last in (NAME, TEXT, ")", "]", "}")
        brackets.append(kept)
    elif symbol in (")", "]", "}"):
        if last == ",":
            statement.pop()
        kept = brackets.pop() if brackets else True
    if kept:
        statement.append((symbol, line))


def _evidence(statement: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """A statement, or nothing where it is an import or a text that nobody uses."""
    if not statement or statement[0][0] in ("import", "from"):
        return []
    return [] if all(symbol == TEXT for symbol, _ in statement) else statement


@functools.cache
def _code(symbol: str) -> int:
    """A number for a symbol, never 0, the same in every process and on every machine."""
    digest = hashlib.blake2b(symbol.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1
