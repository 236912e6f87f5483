"""Gradescope's list of submissions: ``submission_metadata.yml``, beside the folders it exports.

The list holds every test of every attempt, megabytes for a class. It is read as the events of its
YAML, which is quicker than making values of it all, and has no depth to fall into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from autograder.course import CourseError

METADATA = "submission_metadata.yml"
_DEEPEST = 40
_NULL = ("", "~", "null")


@dataclass(frozen=True)
class Record:
    """What it says of one submission.

    Attributes:
        people: For each who submitted it, what is known: ``id:301``, ``email:...``.
        made: When it was made, if that is said.
    """

    people: tuple[tuple[str, ...], ...]
    made: datetime | None


def read_metadata(folder: Path) -> Mapping[str, Record]:
    """Read Gradescope's list of submissions, where a folder has one.

    Raises:
        CourseError: It is there and cannot be read.
    """
    path = folder / METADATA
    if not path.is_file():
        return {}
    try:
        events = yaml.parse(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        data = _first(events)
    except (OSError, ValueError, yaml.YAMLError):
        data = None
    if not isinstance(data, dict):
        raise CourseError(f"{path} is not what Gradescope writes. Export the submissions again.")
    return {name: _record(entry) for name, entry in data.items() if isinstance(entry, dict)}


def _record(entry: dict[str, Any]) -> Record:
    people = []
    listed = entry.get(":submitters")
    for person in listed if isinstance(listed, list) else ():
        if isinstance(person, dict):
            pairs = (("id", _text(person.get(":sid"))), ("email", _text(person.get(":email"))))
            known = tuple(f"{kind}:{value}" for kind, value in pairs if value)
            people.append(known or (f"name:{person.get(':name')}",))
    return Record(tuple(people), _time(entry.get(":created_at")))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _time(text: object) -> datetime | None:
    constructor = yaml.constructor.SafeConstructor
    if not isinstance(text, str) or not constructor.timestamp_regexp.match(text):
        return None
    node = yaml.ScalarNode("tag:yaml.org,2002:timestamp", text)
    try:
        time = constructor().construct_yaml_timestamp(node)
    except (ValueError, OverflowError):
        return None
    return time if isinstance(time, datetime) else None


def _first(events: Iterator[Any]) -> Any:
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            return _value(event, events, 0)
    return None


def _value(event: Any, events: Iterator[Any], depth: int) -> Any:
    """Make text, lists and mappings of events; a name for something said before is nothing."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    if isinstance(event, yaml.ScalarEvent):
        return "" if event.implicit[0] and event.value in _NULL else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_value(event, events, depth + 1))
        return items
    if isinstance(event, yaml.MappingStartEvent):
        pairs = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = _value(event, events, depth + 1)
            pairs[str(key)] = _value(next(events), events, depth + 1)
        return pairs
    return None
