"""Check one's own work in process: fast, debuggable, on every platform. Not a grade."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograder.course import Assignment, Part
from autograder.diagnosis import Diagnosis, Outcome, run_on_sources
from autograder.faults import StudentFault
from autograder.forbidden import find_forbidden
from autograder.grader import explained, read_error, result_of, with_mistake
from autograder.mistakes import Edit
from autograder.plugin import Test, Tester, homes, load_reference
from autograder.results import (
    Message,
    PartResult,
    Report,
    Status,
    TestResult,
    make_part,
)
from autograder.student.local import LocalStudent, Overdue, Sources, read_sources

_PATIENCE = 5.0  # a student's machine may be this much slower than the kill limit assumes


class LocalCheck:
    """Runs tests on the files of one folder, as often as asked."""

    def __init__(self, tester: Tester) -> None:
        self.tester = tester
        self.assignment = tester.assignment
        self.diagnosis: Diagnosis | None = None
        if self.assignment.has_solutions:
            self.diagnosis = Diagnosis(tester, self.explain)

    def explain(self, part: str) -> Any:
        """Return how the faults of a part are explained."""
        return lambda fault: explained(fault, part, self.assignment, {})

    def run(self, parts: Sequence[Part], sources: Sources | None = None) -> Report:
        """Run the tests of some parts on the files as they are now."""
        if sources is None:
            sources = read_own_work(self.assignment)
        results = tuple(self.part(part, sources) for part in parts)
        return Report(
            assignment=self.assignment.id,
            student="",
            key="",
            seed=self.tester.seed,
            rung="in process",
            score=round(sum(result.score for result in results), 4),
            points=sum(part.points for part in parts),
            parts=results,
        )

    def part(self, part: Part, sources: Sources) -> PartResult:
        """Run the tests of one part."""
        tests = self.tester.of_part(part.name)
        found = find_forbidden(part, sources.texts)
        if found:
            message = Message(got=found)
            return make_part(
                part.name,
                part.points,
                tuple(result_of(test, Status.FORBIDDEN, message) for test in tests),
            )
        outcomes = {test.id: self.outcome(part, test, sources) for test in tests}
        named = self.name(part, tests, outcomes, sources)
        return make_part(
            part.name,
            part.points,
            tuple(self.result(test, outcomes[test.id], named.get(test.id)) for test in tests),
        )

    def outcome(self, part: Part, test: Test, sources: Sources) -> Outcome:
        """Run one test on the real modules, with an alarm where the system has one."""
        student = LocalStudent(sources, self.explain(part.name))
        seconds = test.seconds * _PATIENCE
        try:
            with alarm(seconds):
                error = student._blamed(self.tester.run(test, student))
        except Overdue:
            error = Overdue()
        if isinstance(error, Overdue):
            error = StudentFault(Status.TIMEOUT, f"No answer after {seconds:g} seconds.")
        return Outcome(error, student._transcript)

    def name(
        self, part: Part, tests: list[Test], outcomes: dict[str, Outcome], sources: Sources
    ) -> dict[str, Edit]:
        """Name the mistake, where the catalogue is at hand: run the part as the grader does."""
        failed = [o.error for o in outcomes.values() if o.error is not None]
        hung = any(isinstance(e, StudentFault) and e.status is Status.TIMEOUT for e in failed)
        if self.diagnosis is None or not failed or hung:
            return {}
        explain = self.explain(part.name)
        replayed = {t.id: run_on_sources(self.tester, t, sources, explain) for t in tests}
        return self.diagnosis.name(part.name, replayed)

    def result(self, test: Test, outcome: Outcome, mistake: Edit | None) -> TestResult:
        """Turn what a test raised into a status and five lines."""
        if outcome.error is None:
            return result_of(test, Status.PASSED, Message())
        status, message = read_error(outcome.error, outcome.transcript)
        if status is Status.GRADER_ERROR and self.blames_student(test):
            status = Status.WRONG
        return result_of(test, status, with_mistake(message, mistake) if mistake else message)

    def blames_student(self, test: Test) -> bool:
        """Whether an odd exception in a test is due to odd values: public tests are proved."""
        if not self.assignment.has_solutions:
            return True
        return self.tester.run(test, load_reference(self.assignment)) is None


def read_own_work(assignment: Assignment) -> Sources:
    """Import the files of the assignment's folder."""
    return read_sources(assignment.folder, assignment.files, homes(assignment))


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise ``Overdue`` after a while, where this thread can have an alarm."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(*_: object) -> None:
        raise Overdue

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
