"""What a status is called, what it looks like, and the sentence that explains it."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.results import PartResult, Status, TestResult
from autograder.show import clean


@dataclass(frozen=True)
class Word:
    """How one status is shown; shape and word together, so that colour is never needed.

    Attributes:
        shape: The name of its symbol in HTML; statuses of one family share one.
        mark: The same symbol as a character, for terminals.
        word: One or two words, for tables.
        sentence: The reason in full, for the person whose points it cost.
    """

    shape: str
    mark: str
    word: str
    sentence: str


def word(status: Status) -> Word:
    """Return how a status is shown."""
    match status:
        case Status.PASSED:
            return Word("pass", "✓", "passed", "It does what was asked.")
        case Status.WRONG:
            return Word("fail", "✗", "wrong", "It runs, but its result is not the expected one.")
        case Status.EXCEPTION:
            return Word("fail", "✗", "exception", "It raised an exception instead of returning.")
        case Status.TIMEOUT:
            return Word("stop", "■", "timed out", "It ran past the time limit and was stopped.")
        case Status.MEMORY:
            return Word("stop", "■", "memory", "It needed more memory than the limit allows.")
        case Status.CRASHED:
            return Word("stop", "■", "crashed", "The Python process that ran it crashed.")
        case Status.EXITED:
            return Word("stop", "■", "exited", "It ended the Python process instead of returning.")
        case Status.OUTPUT:
            return Word("stop", "■", "output", "It printed more than the limit allows.")
        case Status.PROTOCOL:
            return Word(
                "stop", "■", "protocol", "It disturbed the channel over which its results travel."
            )
        case Status.MISSING:
            return Word("none", "○", "missing", "Its name is not defined in what was handed in.")
        case Status.NOT_ATTEMPTED:
            return Word("none", "○", "not written", "It is still the stub that was handed out.")
        case Status.NOT_GRADABLE:
            return Word(
                "none",
                "○",
                "not gradable",
                "What was handed in could not be loaded, so nothing ran.",
            )
        case Status.FORBIDDEN:
            return Word("ban", "⊘", "forbidden", "It uses something that this part rules out.")
        case Status.SKIPPED:
            return Word("skip", "·", "skipped", "It did not run here; it gives and costs nothing.")
        case Status.GRADER_ERROR:
            return Word(
                "alert",
                "!",
                "grader error",
                "The grader itself failed here. That is not the student's fault and is not charged "
                "to them: the points are pending until it is mended and run again.",
            )


def part_word(part: PartResult) -> Word:
    """Return how a part is shown: as its status, or as partly right when it earned some points."""
    if part.status in (Status.PASSED, Status.GRADER_ERROR) or part.score <= 0:
        return word(part.status)
    return Word("part", "◐", "partly right", word(part.status).sentence)


def reason(part: PartResult) -> str:
    """Say why a part has the points it has; every zero has its reason here."""
    if part.status is Status.GRADER_ERROR:
        return word(Status.GRADER_ERROR).sentence
    if not part.tests:
        return "No test of this part ran, so there is no evidence to give points for."
    if part.status is Status.SKIPPED:
        return "All tests of this part were skipped, so there is no evidence to give points for."
    if part.status is Status.PASSED:
        return "All its tests that ran passed."
    sentence = word(part.status).sentence
    if part.score > 0:
        return f"{count(len(failures(part)), 'test')} of {len(ran(part))} did not pass: {sentence}"
    basic = next((test for test in failures(part) if test.basic), None)
    if basic is None or len(failures(part)) == len(ran(part)):
        return sentence
    return (
        f"{word(basic.status).sentence} The test that this part rests on did not pass "
        f"(“{line(basic.title)}”), and without it the others are no evidence."
    )


def ran(part: PartResult) -> list[TestResult]:
    """The tests of a part that ran and count."""
    return [test for test in part.tests if test.status is not Status.SKIPPED]


def failures(part: PartResult) -> list[TestResult]:
    """The tests of a part that did not pass, in order; skipped ones are none."""
    return [test for test in ran(part) if test.status is not Status.PASSED]


def passed(part: PartResult) -> int:
    """How many tests of a part passed."""
    return sum(test.status is Status.PASSED for test in part.tests)


def number(value: float, places: int = 2) -> str:
    """Write a number of points without needless zeros: ``4``, ``2.5``, ``3.33``."""
    text = f"{value:.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def count(many: int, noun: str) -> str:
    """Write a count with its noun: ``1 test``, ``2 tests``."""
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"


def line(text: str, limit: int = 300) -> str:
    """Make student-chosen text fit for one line: safe characters, no line breaks, cut."""
    return " ".join(clean(text, limit).split())
