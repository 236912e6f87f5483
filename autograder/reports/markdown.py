"""Text that others chose, made harmless inside Markdown."""

from __future__ import annotations

import re

from autograder.reports.words import line
from autograder.show import clean

_SPECIAL = re.compile(r"([\\`*_\[\](){}<>#|~!@$&^])")
_BLOCK = re.compile(r"^([-+=]|\d+[.)])")


def prose(text: str, limit: int = 600) -> str:
    """Escape text for a line of prose: no markup, no HTML, no links or mentions of its own."""
    safe = _SPECIAL.sub(r"\\\1", line(text, limit))
    safe = safe.replace("://", ":\\/\\/").replace("www.", "www\\.")
    return _BLOCK.sub(lambda match: match[0][:-1] + "\\" + match[0][-1], safe)


def fence(text: str, limit: int = 4000) -> str:
    """Put text into a code fence longer than any run of backticks in it, so none can end it."""
    body = clean(text, limit)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}text\n{body}\n{ticks}"
