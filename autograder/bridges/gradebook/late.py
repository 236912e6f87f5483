"""Late rules: what a day costs, in exact arithmetic and in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from autograder.course import CourseError

_RULE = re.compile(
    r"days:\s*(\d{1,3}(?:\.\d{1,4})?)\s*%\s*a\s+day(?:\s*,\s*(\d{1,3})\s+at\s+most)?"
)


@dataclass(frozen=True)
class LateRule:
    """A share of the score for each day begun; nothing is left after ``most`` days."""

    due: datetime
    share: Fraction
    most: int | None

    def days(self, submitted: datetime) -> int:
        """How many days late: each day begun counts whole, and the due second is in time."""
        return max(0, -((self.due - submitted) // timedelta(days=1)))

    def apply(self, score: float, submitted: datetime) -> float:
        """The score that is left."""
        days = self.days(submitted)
        if self.most is not None and days > self.most:
            return 0.0
        left = max(Fraction(0), 1 - days * self.share)
        return round(float(Fraction(str(score)) * left), 4)


def read_rule(due: str, late: str) -> LateRule | None:
    """Read ``--due`` and ``--late``; None where neither is given.

    Raises:
        CourseError: One of them is missing or cannot be read.
    """
    if not due and not late:
        return None
    if not due or not late:
        raise CourseError("--due and --late belong together: give both, or neither.")
    found = _RULE.fullmatch(late.strip())
    if not found or Fraction(found[1]) > 100:
        raise CourseError(
            f"--late {late!r} is no late rule. Write it as 'days: 10% a day, 3 at most', or "
            "without an end: 'days: 10% a day'."
        )
    most = int(found[2]) if found[2] else None
    return LateRule(read_time(due, "--due"), Fraction(found[1]) / 100, most)


def read_time(text: str, where: str) -> datetime:
    """Read an ISO time; one without an offset is in UTC.

    Raises:
        CourseError: It is no time, or a day only: whether its first or last second is meant, only
            who wrote it knows.
    """
    try:
        if ":" not in text:
            raise ValueError
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CourseError(
            f"{where}: {text!r} is no time. Write it as 2026-03-01T23:59:59Z; without an offset "
            "it is UTC."
        ) from None
