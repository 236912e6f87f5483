"""What was handed in, as paths and bytes in memory, under a budget counted while reading."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from autograder.intake.kinds import Kind, in_cache, kind_of
from autograder.intake.values import Refused, shown

MOST_ENTRIES = 1_000
MOST_BYTES = 20 * 2**20
MOST_SOURCE = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass
class Tree:
    """A collector of files.

    Attributes:
        files: Sources and notebooks by path, with forward slashes.
        too_large: The size so far of sources beyond the limit of one file.
        archives: Archives found inside.
        others: Paths that play no part: data, caches, pictures.
        steering: Paths that would configure the grader.
        links: Links that stay inside, and are not followed.
        notes: Sentences for a person.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    too_large: dict[str, int] = field(default_factory=dict)
    archives: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    steering: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    size: int = 0

    def count(self) -> None:
        """Count one more entry.

        Raises:
            Refused: There are too many.
        """
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise Refused(f"It holds more than {MOST_ENTRIES:,} files and folders.")

    def spend(self, size: int) -> None:
        """Count bytes read.

        Raises:
            Refused: There are too many.
        """
        self.size += size
        if self.size > MOST_BYTES:
            raise Refused(f"It unpacks to more than {MOST_BYTES // 2**20} MB.")

    def sort_in(self, path: str) -> bool:
        """Note what kind of file a path is; say whether its content is wanted."""
        kind = kind_of(path)
        if kind is Kind.ARCHIVE:
            self.archives.append(path)
        elif kind is Kind.OTHER:
            self.others.append(path)
        elif kind is Kind.STEERING:
            self.steering.append(path)
        return kind in (Kind.SOURCE, Kind.NOTEBOOK)

    def add(self, path: str, data: bytes) -> None:
        """Keep a source or a notebook.

        Raises:
            Refused: Another file of that path is there, with other content.
        """
        if self.files.get(path, data) != data:
            raise Refused(f"It holds two different files called {shown(path)}.")
        if kind_of(path) is Kind.SOURCE and len(data) > MOST_SOURCE:
            self.too_large[path] = len(data)
        self.files[path] = data[: MOST_SOURCE + 1] if path in self.too_large else data

    def link(self, path: str, target: str, base: str) -> None:
        """Note a link that is not followed.

        Args:
            path: Where it stands.
            target: Where it leads.
            base: The folder that the target is relative to.

        Raises:
            Refused: It leads out of what was handed in.
        """
        if in_cache(path):
            return
        aim = posixpath.normpath(posixpath.join(base, target))
        if target.startswith(("/", "\\")) or _DRIVE.match(target) or aim.split("/")[0] == "..":
            raise Refused(f"{shown(path)} is a link to {shown(target)}, which is outside of it.")
        self.links.append(path)


def inside(name: str) -> str:
    """Return a member's path with forward slashes; empty for the root itself.

    Raises:
        Refused: The path leads, or could lead, out of the archive.
    """
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or _DRIVE.match(path) or ".." in parts or "\0" in path:
        raise Refused(f"The archive holds a path that leads out of it: {shown(name)}.")
    return "/".join(parts)
