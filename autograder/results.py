"""The result of grading: frozen values, and their JSON form with a schema version.

A report holds no clock reading and no path of this machine, so that grading the same work twice
gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Status(StrEnum):
    """How one test, or one part, ended: a closed list, and the reason of every zero."""

    PASSED = "passed"
    WRONG = "wrong"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    EXITED = "exited"
    OUTPUT = "output"
    PROTOCOL = "protocol"
    MISSING = "missing"
    NOT_ATTEMPTED = "not_attempted"
    NOT_GRADABLE = "not_gradable"
    FORBIDDEN = "forbidden"
    SKIPPED = "skipped"
    GRADER_ERROR = "grader_error"


@dataclass(frozen=True)
class Message:
    """What a failure says: five lines, and what to try next.

    Attributes:
        called: The call that failed, with its arguments in short form.
        got: What came back.
        expected: What was expected.
        difference: Where the two first differ, or one sentence saying what is wrong.
        looks_like: The catalogued mistake that returns exactly this, in words; empty if none does.
        mistake: The id of that mistake, for statistics over a class.
        attempt: What to try next.
    """

    called: str = ""
    got: str = ""
    expected: str = ""
    difference: str = ""
    looks_like: str = ""
    mistake: str = ""
    attempt: str = ""

    def lines(self) -> list[tuple[str, str]]:
        """Return the label and text of each line that has something to say."""
        labels = ("Called", "Got", "Expected", "First difference", "Looks like", "Try")
        texts = (
            self.called,
            self.got,
            self.expected,
            self.difference,
            self.looks_like,
            self.attempt,
        )
        return [(label, text) for label, text in zip(labels, texts, strict=True) if text]


@dataclass(frozen=True)
class TestResult:
    """One test of one submission.

    Attributes:
        id: ``file::function`` as pytest names it.
        title: The docstring's first line, which is what people see.
        hidden: Whether the test is one that students do not have.
        basic: Whether the part's points need it (see ``part_score``).
        weight: Its share of the part's points.
        status: How it ended.
        message: What to show of a failure.
        flags: Things an instructor should look at; they cost nothing by themselves.
    """

    __test__ = False  # not a test class, whatever its name

    id: str
    title: str
    hidden: bool
    basic: bool
    weight: float
    status: Status
    message: Message = Message()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartResult:
    """One part of one submission: its points and the tests that gave or cost them."""

    name: str
    points: float
    score: float
    status: Status
    tests: tuple[TestResult, ...]

    @property
    def first_failure(self) -> TestResult | None:
        """The first test that did not pass, if any: named mistakes before unnamed ones."""
        failed = [t for t in self.tests if t.status not in (Status.PASSED, Status.SKIPPED)]
        named = [t for t in failed if t.message.looks_like]
        return next(iter(named or failed), None)


@dataclass(frozen=True)
class Report:
    """Everything that grading one submission found out.

    Attributes:
        assignment: Its id, as ``01_networks``.
        student: Who handed it in, as the submission's name says.
        key: Hash of submission, assignment, seed and engine; equal keys need no second grading.
        seed: The seed that the hidden tests drew their inputs from.
        rung: The sandbox rung that the student's code ran on.
        score: Points given.
        points: Points possible.
        parts: Part by part.
        notes: What was ignored, renamed or odd in what was handed in.
        flags: What an instructor should look at.
        output: The first of what the submission printed.
        submitted: When it was handed in, ISO text in UTC; empty where nothing said.
        timing: What there is to say of that time: who claims it, or why there is none.
        identities: What a platform knows of the student: ``canvas:123``, ``email:...``.
        members: For work of several students, what is known of each.
    """

    assignment: str
    student: str
    key: str
    seed: int
    rung: str
    score: float
    points: float
    parts: tuple[PartResult, ...]
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    output: str = ""
    submitted: str = ""
    timing: str = ""
    identities: tuple[str, ...] = ()
    members: tuple[tuple[str, ...], ...] = ()

    @property
    def has_grader_error(self) -> bool:
        """Whether any test ended in the grader's own fault, which stops publication."""
        return any(t.status is Status.GRADER_ERROR for p in self.parts for t in p.tests)


def part_score(points: float, tests: tuple[TestResult, ...]) -> float:
    """Points of a part: shared among its tests by weight, once all its basic tests pass.

    A part's basic tests are those that no trivial answer passes. While one of them fails, passing
    an edge case (an empty input, say) is no evidence, and the part gives nothing. A test that was
    skipped, or that the grader itself failed at, costs nothing.
    """
    counted = [t for t in tests if t.status not in (Status.SKIPPED, Status.GRADER_ERROR)]
    if not counted or any(t.basic and t.status is not Status.PASSED for t in counted):
        return 0.0
    total = sum(t.weight for t in counted)
    passed = sum(t.weight for t in counted if t.status is Status.PASSED)
    return round(points * passed / total, 4)


def part_status(tests: tuple[TestResult, ...]) -> Status:
    """The status of a part: passed when all its tests did, else that of the first failure."""
    if not tests:
        return Status.SKIPPED
    for test in tests:
        if test.status is Status.GRADER_ERROR:
            return Status.GRADER_ERROR
    for test in tests:
        if test.status not in (Status.PASSED, Status.SKIPPED):
            return test.status
    if all(test.status is Status.SKIPPED for test in tests):
        return Status.SKIPPED
    return Status.PASSED


def make_part(name: str, points: float, tests: tuple[TestResult, ...]) -> PartResult:
    """Put a part's tests together with the score and status that follow from them."""
    return PartResult(name, points, part_score(points, tests), part_status(tests), tests)


def to_json(report: Report) -> str:
    """Return the report as JSON text, the same bytes for the same report."""
    return json.dumps({"schema": SCHEMA, **asdict(report)}, indent=1, ensure_ascii=True) + "\n"


def from_json(text: str) -> Report:
    """Read a report back.

    Raises:
        ValueError: The text is no report, or one of a schema this version does not know.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"a report of schema {SCHEMA} was expected, found {found!r}")
    del data["schema"]
    data["parts"] = tuple(_part(part) for part in data["parts"])
    for key in ("notes", "flags", "identities"):  # reports from before identities have none
        data[key] = tuple(data.get(key, ()))
    data["members"] = tuple(tuple(member) for member in data.get("members", ()))
    return Report(**data)


def _part(data: dict[str, Any]) -> PartResult:
    tests = []
    for test in data["tests"]:
        fields = dict(test)
        fields["status"] = Status(fields["status"])
        fields["message"] = Message(**fields["message"])
        fields["flags"] = tuple(fields["flags"])
        tests.append(TestResult(**fields))
    return PartResult(
        data["name"], data["points"], data["score"], Status(data["status"]), tuple(tests)
    )
