"""What a platform says of an entry: whose it is, and when it was handed in.

Stated rules: Canvas's and Moodle's names carry an id; Gradescope's ``submission_metadata.yml`` an
id, an e-mail address and a time; nbgrader's ``timestamp.txt`` a time. The times of files are never
read: unpacking and copying change them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from autograder.course import CourseError
from autograder.intake.names import identify

METADATA = "submission_metadata.yml"
_PLATFORM_ID = re.compile(r"_(\d+)\Z")


def read_metadata(folder: Path) -> Mapping[str, Any]:
    """Read Gradescope's list of submissions, where a folder has one.

    Raises:
        CourseError: It is there and cannot be read.
    """
    path = folder / METADATA
    if not path.is_file():
        return {}
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise CourseError(f"{path} is not what Gradescope writes. Export the submissions again.")
    return {str(name): entry for name, entry in data.items() if isinstance(entry, dict)}


def identities(path: Path, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is known of the student: ``id:123``, ``email:...``; nothing is guessed."""
    who = identify(path.name, path.is_dir())
    found = []
    if who.platform and (match := _PLATFORM_ID.search(who.key)):
        found.append(f"id:{match[1]}")
    for person in record.get(":submitters") or ():
        if isinstance(person, dict):
            pairs = (("id", person.get(":sid")), ("email", person.get(":email")))
            found += [f"{kind}:{str(value).strip()}" for kind, value in pairs if value]
    return tuple(found)


def submitted(path: Path, assignment: str, record: Mapping[str, Any]) -> str:
    """Return when it was handed in, as ISO text in UTC; empty where nothing trustworthy says."""
    made = record.get(":created_at")
    if isinstance(made, datetime):
        return _utc(made)
    for place in (path / assignment / "timestamp.txt", path / "timestamp.txt"):
        if place.is_file() and not place.is_symlink() and place.stat().st_size < 200:
            return _timestamp(place.read_text(encoding="utf-8", errors="replace"))
    return ""


def _timestamp(text: str) -> str:
    # nbgrader writes "2026-03-01 22:15:00.000000 UTC", or another zone's name.
    day, _, rest = text.strip().partition(" ")
    clock, _, zone = rest.partition(" ")
    try:
        time = datetime.fromisoformat(f"{day} {clock}")
        return _utc(time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone or "UTC")))
    except (ValueError, OSError, LookupError):
        return ""


def _utc(time: datetime) -> str:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
