"""What the course remembers for a student, in ``.course/state.json``: hints seen, last results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.results import Report, Status


class Memory:
    """Reads and writes the state; a broken file is put aside rather than trusted."""

    def __init__(self, root: Path) -> None:
        self.path = root / ".course" / "state.json"
        self.data: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            self.path.replace(self.path.with_suffix(".broken"))
            return {}
        return data if isinstance(data, dict) else {}

    def save(self) -> None:
        """Write the state."""
        write_atomically(self.path, json.dumps(self.data, indent=1, sort_keys=True) + "\n")

    def next_hint(self, assignment: Assignment, part: str, last: int) -> int:
        """Return the index of the next hint of a part, and remember that it was shown."""
        seen = self.data.setdefault("hints", {}).setdefault(assignment.id, {})
        index = min(int(seen.get(part, 0)), last)
        seen[part] = min(index + 1, last)
        self.save()
        return index

    def record(self, assignment: Assignment, report: Report, work: str) -> None:
        """Remember how the parts of a check went, and on what state of the files."""
        kept = self.data.setdefault("results", {}).setdefault(assignment.id, {})
        for part in report.parts:
            kept[part.name] = {
                "status": part.status.value,
                "score": part.score,
                "points": part.points,
            }
        if len(report.parts) == len(assignment.parts):
            self.data.setdefault("work", {})[assignment.id] = work
        else:
            self.data.setdefault("work", {}).pop(assignment.id, None)
        self.save()

    def results(self, assignment: Assignment) -> dict[str, Any]:
        """The last known result of each part."""
        found: dict[str, Any] = self.data.get("results", {}).get(assignment.id, {})
        return found

    def passed(self, assignment: Assignment, part: str) -> bool:
        """Whether a part passed its tests when last checked."""
        return bool(self.results(assignment).get(part, {}).get("status") == Status.PASSED.value)
