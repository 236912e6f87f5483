"""What a platform says of an entry: whose it is, and when it was handed in.

Stated rules, and nothing beside them:

- Canvas's and Moodle's names carry an id (``canvas:123``, ``moodle:77``). Canvas's ``_LATE_`` says
  that it was late, and no time.
- Gradescope's ``submission_metadata.yml`` carries an id and an e-mail address for each submitter,
  and a time.
- In nbgrader's ``submitted/`` the time stands in ``timestamp.txt``, which the student's side wrote.
- A clone's time is that of its last commit, which its author set. In a folder ``SLUG-submissions``,
  as ``gh classroom clone student-repos`` makes it, the clone ``SLUG-LOGIN`` is ``login:LOGIN``.

The times of files are never read: unpacking and copying change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.intake.clone import commit_time, is_clone
from autograder.intake.commits import Unreadable
from autograder.intake.folders import read_bytes
from autograder.intake.gradescope import Record
from autograder.intake.names import Who
from autograder.intake.values import Origin, Refused

_STAMP = "timestamp.txt"
_CLASSROOM = "-submissions"
_LATE = "Canvas marked it late, and does not say when it came."
_COMMITTED = "Its time is that of its last commit, which whoever commits can set."
_STAMPED = "Its time is that of nbgrader's timestamp.txt, which the student's side wrote."


def origin_of(path: Path, found: Sequence[Who], record: Record | None) -> Origin:
    """Return what is known of an entry.

    Args:
        path: Its folder, or its first file.
        found: What the names of its files say.
        record: Gradescope's record of it, where there is one.
    """
    named = tuple(dict.fromkeys(who.identity for who in found if who.identity))
    if record:
        people = record.people
        everybody = tuple(each for person in people for each in person)
        when = _utc(record.made) if record.made else ""
        return Origin(when, "", everybody, people if len(people) > 1 else ())
    if any(who.late for who in found):
        return Origin("", _LATE, named)
    if is_clone(path):
        return _of_clone(path)
    return Origin(identities=named)


def of_nbgrader(folder: Path) -> Origin:
    """Return what is known of one student's folder of an assignment in ``submitted/``."""
    try:
        text = read_bytes(folder / _STAMP, 200).decode("utf-8", "replace")
    except (OSError, Refused):
        return Origin(timing=f"It has no {_STAMP} that could be read.")
    time = _timestamp(text)
    return Origin(time, _STAMPED if time else f"What stands in its {_STAMP} is no time.")


def _of_clone(path: Path) -> Origin:
    slug = path.parent.resolve().name.removesuffix(_CLASSROOM)
    login = path.name.removeprefix(f"{slug}-")
    mapped = path.parent.resolve().name.endswith(_CLASSROOM) and login != path.name
    known = (f"repository:{path.name}", *((f"login:{login}",) if mapped else ()))
    try:
        return Origin(_utc(commit_time(path)), _COMMITTED, known)
    except Unreadable as error:
        return Origin("", f"The time of its last commit cannot be read: {error}.", known)


def _timestamp(text: str) -> str:
    # nbgrader writes "2026-03-01 22:15:00.000000 UTC", or another zone's name.
    day, _, rest = text.strip().partition(" ")
    clock, _, zone = rest.partition(" ")
    try:
        time = datetime.fromisoformat(f"{day} {clock}")
        return _utc(time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone or "UTC")))
    except (ValueError, OverflowError, OSError, LookupError):
        return ""


def _utc(time: datetime) -> str:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
