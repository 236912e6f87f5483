"""What the page of a class knows about each student, as JSON to be drawn when a row is opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from autograder.reports.words import line, number, part_word, reason, word
from autograder.results import PartResult, Report, Status, TestResult
from autograder.show import clean

OUTPUT = 2000


def payload(reports: Sequence[Report]) -> str:
    """Return the reports as JSON that is safe inside a ``script`` element.

    Tests and status words are written once and referred to by number, so that a class of a thousand
    stays a few megabytes.
    """
    tests: dict[tuple[str, ...], int] = {}
    students = [_student(report, tests) for report in reports]
    words = {status.value: _word(status) for status in Status}
    data = {"words": words, "tests": list(tests), "students": students}
    return embed(data)


def embed(data: object) -> str:
    """Write JSON in ASCII without ``<``, ``>`` or ``&``, so that it can end or open no element."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _word(status: Status) -> list[str]:
    shown = word(status)
    return [shown.shape, shown.word, shown.sentence]


def _student(report: Report, tests: dict[tuple[str, ...], int]) -> dict[str, Any]:
    return {
        "parts": [_part(part, tests) for part in report.parts],
        "notes": [line(note) for note in report.notes],
        "flags": [line(flag) for flag in report.flags],
        "output": clean(report.output, OUTPUT),
    }


def _part(part: PartResult, tests: dict[tuple[str, ...], int]) -> list[Any]:
    shown = part_word(part)
    pending = part.status is Status.GRADER_ERROR
    score = "pending" if pending else f"{number(part.score)} of {number(part.points)}"
    results = [_test(part.name, test, tests) for test in part.tests]
    return [line(part.name, 60), score, shown.shape, shown.word, reason(part), results]


def _test(part: str, test: TestResult, tests: dict[tuple[str, ...], int]) -> list[Any]:
    kind = " ".join(["hidden" if test.hidden else "public", *(["basic"] if test.basic else [])])
    at = tests.setdefault((part, line(test.title), kind), len(tests))
    lines = [[label, clean(text)] for label, text in test.message.lines()]
    flags = [line(flag) for flag in test.flags]
    if not lines and not flags:
        return [at, test.status.value]
    return [at, test.status.value, lines, flags]
