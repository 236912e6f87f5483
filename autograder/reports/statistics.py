"""What a class's reports say together: scores, parts, tests, mistakes.

Difficulty and discrimination are those of classical item analysis: L. Crocker and J. Algina,
*Introduction to Classical and Modern Test Theory* (1986), chapter 14. Discrimination is the
corrected point-biserial correlation: that of passing the test with the rest score, the number of
*other* tests the same student passed. (The uncorrected one counts the test itself on both sides.)
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.results import Message, PartResult, Report, Status, TestResult

BINS = 10
_UNCOUNTED = (Status.SKIPPED, Status.GRADER_ERROR)
_UNTRIED = (Status.MISSING, Status.NOT_ATTEMPTED, Status.NOT_GRADABLE)


@dataclass(frozen=True)
class PartStatistics:
    """One part over the class.

    Attributes:
        name: The part.
        points: What it is worth.
        count: How many submissions have a score for it.
        mean: Mean score.
        pass_rate: The share that has full marks.
    """

    name: str
    points: float
    count: int
    mean: float
    pass_rate: float


@dataclass(frozen=True)
class TestStatistics:
    """One test over the class.

    Attributes:
        part: The part it belongs to.
        id: Its id.
        title: Its title.
        hidden: Whether it is hidden.
        basic: Whether its part rests on it.
        count: How many submissions it counted for.
        pass_rate: The share of them that passed.
        difficulty: The textbook's p, the mean proportion right among those who tried: those that
            handed in no such function are left out. None when nobody tried.
        discrimination: Corrected point-biserial; None where it is undefined, because all passed,
            none did, or all rest scores are equal.
    """

    __test__ = False

    part: str
    id: str
    title: str
    hidden: bool
    basic: bool
    count: int
    pass_rate: float
    difficulty: float | None
    discrimination: float | None


@dataclass(frozen=True)
class MistakeCount:
    """A catalogued mistake, and how many students made it."""

    id: str
    part: str
    says: str
    attempt: str
    count: int


@dataclass(frozen=True)
class ClassStatistics:
    """A class in numbers.

    Attributes:
        submissions: How many there are.
        pending: How many of them await the grader; they are in no score statistic.
        scores: The scores, ascending.
        points: Points possible.
        histogram: How many scores lie in each tenth of the points; the last holds full marks.
        mean: Mean score; None for an empty class, like the others.
        quartiles: Lower quartile, median, upper quartile (linear interpolation, inclusive).
        parts: Part by part.
        tests: Test by test.
        mistakes: Catalogued mistakes, commonest first; each student counts once.
        statuses: How many parts ended in each status, commonest first.
    """

    submissions: int
    pending: int
    scores: tuple[float, ...]
    points: float
    histogram: tuple[int, ...]
    mean: float | None
    quartiles: tuple[float, float, float] | None
    parts: tuple[PartStatistics, ...]
    tests: tuple[TestStatistics, ...]
    mistakes: tuple[MistakeCount, ...]
    statuses: tuple[tuple[Status, int], ...]

    @property
    def median(self) -> float | None:
        """The middle score."""
        return self.quartiles[1] if self.quartiles else None


def class_statistics(reports: Sequence[Report]) -> ClassStatistics:
    """Compute a class's statistics; the order of the reports does not matter."""
    reports = sorted(reports, key=lambda report: (report.student, report.key))
    graded = [report for report in reports if not report.has_grader_error]
    scores = tuple(sorted(report.score for report in graded))
    points = max((report.points for report in reports), default=0.0)
    statuses = Counter(part.status for report in reports for part in report.parts)
    order = list(Status)
    return ClassStatistics(
        submissions=len(reports),
        pending=len(reports) - len(graded),
        scores=scores,
        points=points,
        histogram=histogram(scores, points),
        mean=statistics.fmean(scores) if scores else None,
        quartiles=quartiles(scores),
        parts=tuple(_parts(reports)),
        tests=tuple(_tests(reports)),
        mistakes=tuple(_mistakes(reports)),
        statuses=tuple(sorted(statuses.items(), key=lambda it: (-it[1], order.index(it[0])))),
    )


def histogram(scores: Sequence[float], points: float) -> tuple[int, ...]:
    """Count the scores in each tenth of the points; a bin holds its lower end, the last both."""
    bins = [0] * BINS
    for score in scores:
        share = score / points if points > 0 else 0.0
        bins[min(BINS - 1, max(0, int(share * BINS + 1e-9)))] += 1
    return tuple(bins)


def quartiles(scores: Sequence[float]) -> tuple[float, float, float] | None:
    """Return lower quartile, median and upper quartile, or None of nothing."""
    if len(scores) < 2:
        return (scores[0],) * 3 if scores else None
    low, middle, high = statistics.quantiles(scores, n=4, method="inclusive")
    return low, middle, high


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return Pearson's correlation, or None where either side does not vary."""
    if len(set(xs)) < 2 or len(set(ys)) < 2:
        return None
    return statistics.correlation(xs, ys)


def _parts(reports: Sequence[Report]) -> list[PartStatistics]:
    found: dict[str, list[PartResult]] = {}
    for report in reports:
        for part in report.parts:
            scored = found.setdefault(part.name, [])
            if part.status is not Status.GRADER_ERROR:
                scored.append(part)
    result = []
    for name, parts in found.items():
        points = max((part.points for part in parts), default=0.0)
        full = [part.score >= part.points - 1e-9 for part in parts]
        mean = statistics.fmean(part.score for part in parts) if parts else 0.0
        rate = statistics.fmean(full) if parts else 0.0
        result.append(PartStatistics(name, points, len(parts), mean, rate))
    return result


def _tests(reports: Sequence[Report]) -> list[TestStatistics]:
    found: dict[tuple[str, str], list[tuple[TestResult, int]]] = {}
    for report in reports:
        tests = [(part.name, test) for part in report.parts for test in part.tests]
        total = sum(test.status is Status.PASSED for _, test in tests)
        for name, test in tests:
            rest = total - (test.status is Status.PASSED)
            found.setdefault((name, test.id), []).append((test, rest))
    return [_test(name, results) for (name, _), results in found.items()]


def _test(part: str, results: Sequence[tuple[TestResult, int]]) -> TestStatistics:
    counted = [(test, rest) for test, rest in results if test.status not in _UNCOUNTED]
    right = [float(test.status is Status.PASSED) for test, _ in counted]
    tried = [float(t.status is Status.PASSED) for t, _ in counted if t.status not in _UNTRIED]
    first = results[0][0]
    return TestStatistics(
        part=part,
        id=first.id,
        title=first.title,
        hidden=first.hidden,
        basic=first.basic,
        count=len(counted),
        pass_rate=statistics.fmean(right) if right else 0.0,
        difficulty=statistics.fmean(tried) if tried else None,
        discrimination=correlation(right, [float(rest) for _, rest in counted]),
    )


def _mistakes(reports: Sequence[Report]) -> list[MistakeCount]:
    seen: dict[str, tuple[str, Message]] = {}
    counts: Counter[str] = Counter()
    for report in reports:
        made = {
            test.message.mistake: (part.name, test.message)
            for part in report.parts
            for test in part.tests
            if test.message.mistake
        }
        counts.update(made.keys())
        seen = {**made, **seen}
    return [
        MistakeCount(id, seen[id][0], seen[id][1].looks_like, seen[id][1].attempt, many)
        for id, many in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
