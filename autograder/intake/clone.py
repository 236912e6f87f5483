"""When a cloned repository was last committed to: HEAD, its branch, and that commit's time.

The time is that of the committer, and whoever commits can set it (``GIT_COMMITTER_DATE``): it is a
student's own word. What cannot be read has no time; nothing is guessed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from autograder.intake.commits import Unreadable, read_commit, read_inside

_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,250}")
_COMMITTER = re.compile(rb"(?m)^committer [^\n]*> (\d{1,12}) [+-]\d{4}$")
_MOST_REF = 2**12
_MOST_PACKED = 2**22
_MOST_HOPS = 5


def is_clone(folder: Path) -> bool:
    """Whether a folder is a repository with its files checked out."""
    return os.path.lexists(folder / ".git")


def commit_time(folder: Path) -> datetime:
    """Return the time of the commit that is checked out.

    Raises:
        Unreadable: It cannot be told; the message says why.
    """
    git = folder / ".git"
    if git.is_symlink() or not git.is_dir():
        raise Unreadable("its .git is no folder")
    header, _, _ = read_commit(git, _head(git)).partition(b"\n\n")
    times = _COMMITTER.findall(header)
    if len(times) != 1:
        raise Unreadable("its commit names no time")
    try:
        return datetime.fromtimestamp(int(times[0]), UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable("the time of its commit is no date") from None


def _head(git: Path) -> str:
    """Follow HEAD to the name of a commit."""
    place = "HEAD"
    for _ in range(_MOST_HOPS):
        text = _text(read_inside(git, place, _MOST_REF))
        if text is None:
            return _packed_ref(git, place)
        if _NAME.fullmatch(text):
            return text
        place = text.removeprefix("ref:").strip()
        dotted = any(part.startswith(".") or not part for part in place.split("/"))
        if not text.startswith("ref:") or not _BRANCH.fullmatch(place) or dotted:
            raise Unreadable("its HEAD names no branch that can be read")
    raise Unreadable("its HEAD leads nowhere")


def _packed_ref(git: Path, branch: str) -> str:
    for line in (_text(read_inside(git, "packed-refs", _MOST_PACKED)) or "").splitlines():
        name, _, where = line.partition(" ")
        if where == branch and _NAME.fullmatch(name):
            return name
    raise Unreadable("nothing was committed to its branch")


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "replace").strip()
