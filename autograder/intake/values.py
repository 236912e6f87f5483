"""The values that this room hands on: an entry of a class folder, and a submission."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course import Assignment
from autograder.show import clean


class Refused(Exception):
    """Nothing of what was handed in can be used; the message says why, in one sentence."""


@dataclass(frozen=True)
class Origin:
    """What a platform says of an entry.

    Attributes:
        submitted: When it was handed in, ISO text in UTC; empty where nothing said.
        timing: What there is to say of that time: who claims it, or why there is none.
        identities: What is known of the student: ``canvas:123``, ``email:...``.
        members: For work of several students, what is known of each.
    """

    submitted: str = ""
    timing: str = ""
    identities: tuple[str, ...] = ()
    members: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Entry:
    """What one student has in a folder of submissions.

    Attributes:
        student: The student's stable name, fit for a file name.
        paths: What belongs to the student: one path, or several of one upload.
        notes: How the name was made, if it is not the one on the disk.
        refused: Why it cannot be read, if it cannot.
        origin: Whose it is and when it was handed in, where a platform says.
    """

    student: str
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    refused: str = ""
    origin: Origin = Origin()


@dataclass(frozen=True)
class Submission:
    """What a student handed in, read and checked but never run.

    Attributes:
        student: The student's stable name, fit for a file name.
        files: Source text by file name: the course's files, then helper modules of the student's.
        notes: What was ignored, renamed or repaired, and why: sentences for a person.
        flags: What an instructor should look at.
        refused: Why nothing is run, and what to do; empty if it can be graded.
        syntax_errors: For files that cannot be parsed or read, ``"line 12: ..."`` or a reason.
        missing: For parts that no file defines, a sentence with the nearest name.
        untouched: Parts whose definitions are still the stub's.
        origin: Whose it is and when it was handed in, as the entry says.
    """

    student: str
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    refused: str = ""
    syntax_errors: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    untouched: frozenset[str] = frozenset()
    origin: Origin = Origin()

    @property
    def digest(self) -> str:
        """SHA-256 of what is graded: sorted names and contents, and what could not be read."""
        graded = [sorted(self.files.items()), sorted(self.syntax_errors.items()), self.refused]
        return hashlib.sha256(json.dumps(graded).encode("ascii")).hexdigest()


def shown(name: str) -> str:
    """Make a name that a stranger chose fit to stand in a sentence: one line, not long."""
    return clean(name, 120).replace("\n", "\\n").replace("\t", "\\t")


def listed(names: list[str], most: int = 6) -> str:
    """Put names in a row for a sentence, the first few of many."""
    row = ", ".join(shown(name) for name in names[:most])
    return row if len(names) <= most else f"{row} and {len(names) - most} more"


def advice(assignment: Assignment) -> str:
    """Say what to hand in."""
    files = " and ".join(assignment.files)
    return f"Hand in {files}: as files, in a folder, a .zip or a .tar.gz, or as the notebook."
