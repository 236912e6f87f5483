"""Judges edited references as the grader would: in this process, and in the sandbox."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from autograder.author.bench import Bench
from autograder.course import Assignment, Part
from autograder.diagnosis import Outcome
from autograder.grader import Grader, read_error
from autograder.intake.reader import read_submission
from autograder.intake.values import Submission
from autograder.mistakes import reference_texts
from autograder.plugin import Test
from autograder.results import PartResult, Report, make_part
from autograder.student.runner import Runner


class Judge:
    """A bench and a grader for one assignment.

    Attributes:
        sandboxed: Whether there is a sandbox; without one, nothing is run in it.
        reference: The solution's files.
        honest: The solution, imported.
    """

    def __init__(self, bench: Bench, grader: Grader, sandboxed: bool) -> None:
        self.bench = bench
        self.grader = grader
        self.sandboxed = sandboxed
        self.assignment: Assignment = bench.assignment
        self.reference = reference_texts(self.assignment)
        self.honest = bench.sources(self.reference, "reference")

    def tests(self, part: str) -> list[Test]:
        """The tests of a part."""
        return self.bench.tester.of_part(part)

    def result(self, part: Part, outcomes: Mapping[str, Outcome]) -> PartResult:
        """Turn what tests raised into a result, with the mistake named as the grader names it."""
        named = self.grader.diagnosis.name(part.name, dict(outcomes))
        submission = Submission("", self.reference)
        tests = self.tests(part.name)
        results = [
            self.grader.result(test, outcomes[test.id], named.get(test.id), submission)
            for test in tests
        ]
        return make_part(part.name, part.points, tuple(results))

    def in_sandbox(self, parts: Iterable[Part], texts: Mapping[str, str]) -> list[PartResult]:
        """Grade some parts of source texts in the sandbox."""
        runner = Runner(self.grader.open_process, self.grader.order(texts))
        submission = Submission("", texts)
        try:
            return [self.grader.part(part, submission, runner) for part in parts]
        finally:
            runner.kill()

    def grade(self, submission: Submission) -> Report:
        """Grade a whole submission in the sandbox."""
        return self.grader.grade(submission)

    def handed_in(self, name: str, texts: Mapping[str, str]) -> Submission:
        """Read source texts as if a student had handed them in."""
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder, name)
            home.mkdir()
            for file, text in texts.items():
                (home / file).write_text(text, encoding="utf-8")
            return read_submission(home, self.assignment)


def reason(outcome: Outcome) -> str:
    """Say in a few words why a test did not pass."""
    if outcome.error is None:
        return "it passed"
    status, message = read_error(outcome.error, outcome.transcript)
    text = message.difference or message.got or status.value
    return f"{message.called}: {text}" if message.called else text
