"""Runs edited references on the tests, in this process and within limits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from autograder.author.guards import Overlong, limited
from autograder.course import Part
from autograder.diagnosis import Outcome, run_on_sources
from autograder.faults import StudentFault
from autograder.grader import explained, result_of
from autograder.plugin import Test, Tester, homes
from autograder.results import Message, Status, part_score
from autograder.student.local import LocalStudent, Sources
from autograder.student.transcript import Transcript

_TIMES_SLOWER = 20.0  # than the reference: then it is taken to hang
_AT_LEAST = 0.5
_GENEROUS = 2.0  # times the kill limit of the sandbox
_IMPORT = 5.0
_MEMORY_MB = 768


class Bench:
    """Where the reference, its mistakes and its mutants are run, test by test.

    Attributes:
        seconds: Processor time that the reference needed for each test, as far as known.
    """

    def __init__(self, tester: Tester) -> None:
        self.tester = tester
        self.assignment = tester.assignment
        self.homes = homes(tester.assignment)
        self.seconds: dict[str, float] = {}
        if "torch" in tester.assignment.libraries:
            import torch

            torch.set_num_threads(1)  # as in the sandbox

    def sources(self, texts: Mapping[str, str], label: str) -> Sources:
        """Import source texts; those that cannot be imported are among its failures."""
        with limited(_IMPORT, _MEMORY_MB):
            return Sources(texts, self.homes, f"<{label}>")

    def explain(self, part: str) -> Any:
        """How the faults of a part are explained."""
        return lambda fault: explained(fault, part, self.assignment, {})

    def run(self, test: Test, sources: Sources, *, hurry: bool = False) -> Outcome:
        """Run one test, through the wire's own encoding; one that hangs has timed out.

        Args:
            test: The test.
            sources: The modules to run it on.
            hurry: Stop it once it takes far longer than the reference did, whatever its limit.
        """
        seconds = self._much_slower(test) if hurry else test.seconds * _GENEROUS
        try:
            with limited(seconds, _MEMORY_MB), np.errstate():
                outcome = run_on_sources(self.tester, test, sources, self.explain(test.part))
        except Overlong:
            return Outcome(_overdue(), Transcript())
        if _hung(outcome):
            return Outcome(_overdue(), outcome.transcript)
        return outcome

    def direct(self, test: Test, sources: Sources) -> Outcome:
        """Run one test on the modules themselves, as on a student's own machine."""
        student = LocalStudent(sources, self.explain(test.part))
        try:
            with limited(test.seconds * _GENEROUS, _MEMORY_MB), np.errstate():
                error = student._blamed(self.tester.run(test, student))
        except Overlong as overlong:
            error = overlong
        return Outcome(_overdue() if isinstance(error, Overlong) else error, student._transcript)

    @contextmanager
    def seed(self, seed: int) -> Iterator[None]:
        """Let tests draw from another seed for a while."""
        before = self.tester.seed
        self.tester.seed = self.tester.context.seed = seed
        try:
            yield
        finally:
            self.tester.seed = self.tester.context.seed = before

    def measure(self, test: Test, sources: Sources) -> Outcome:
        """Run one test of the reference and note how long it takes."""
        start = time.process_time()
        outcome = self.run(test, sources)
        self.seconds[test.id] = time.process_time() - start
        return outcome

    def outcomes(self, tests: Iterable[Test], sources: Sources) -> dict[str, Outcome]:
        """Run tests one after another."""
        return {test.id: self.run(test, sources) for test in tests}

    def killer(self, tests: Sequence[Test], sources: Sources) -> Test | None:
        """Return a test that fails, if any does; quick tests are tried first."""
        quick = sorted(tests, key=lambda test: (self.seconds.get(test.id, 0.0), test.id))
        return next((test for test in quick if failed(self.run(test, sources, hurry=True))), None)

    def score(self, part: Part, sources: Sources) -> float:
        """Points of a part; nothing more is run once a basic test has failed."""
        tests = self.tester.of_part(part.name)
        results = []
        for test in sorted(tests, key=lambda test: not test.basic):
            status = status_of(self.run(test, sources))
            results.append(result_of(test, status, Message()))
            if test.basic and status not in (Status.PASSED, Status.SKIPPED, Status.GRADER_ERROR):
                break
        return part_score(part.points, tuple(results))

    def _much_slower(self, test: Test) -> float:
        return max(_AT_LEAST, _TIMES_SLOWER * self.seconds.get(test.id, test.seconds))


def failed(outcome: Outcome) -> bool:
    """Whether a test did not pass; one that was skipped did not fail."""
    return status_of(outcome) is Status.WRONG


def status_of(outcome: Outcome) -> Status:
    """Passed, skipped or wrong."""
    if outcome.error is None:
        return Status.PASSED
    skipped = isinstance(outcome.error, pytest.skip.Exception)
    return Status.SKIPPED if skipped else Status.WRONG


def hung(outcome: Outcome) -> bool:
    """Whether a test was stopped because it did not end."""
    return isinstance(outcome.error, StudentFault) and outcome.error.status is Status.TIMEOUT


def _hung(outcome: Outcome) -> bool:
    """Whether the alarm rang: the test raised it, or a call was ended by it."""
    if isinstance(outcome.error, Overlong):
        return True
    faults = [call.fault for call in outcome.transcript.calls if call.fault is not None]
    return any(fault.kinds[:1] == (Overlong.__name__,) for fault in faults)


def _overdue() -> StudentFault:
    return StudentFault(Status.TIMEOUT, "No answer; it was stopped.")
