"""Grade one submission: run its tests in a trusted process, its code in the sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from autograder import __version__
from autograder.course import Assignment, Part
from autograder.diagnosis import Diagnosis, Outcome
from autograder.faults import GraderFault, Mismatch, StudentFault
from autograder.forbidden import find_detours, find_forbidden
from autograder.intake.values import Submission
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
from autograder.show import clean
from autograder.student.peer import Peer
from autograder.student.remote import RemoteStudent
from autograder.student.runner import PipeLink, Runner
from autograder.student.transcript import Transcript

Explain = Callable[[StudentFault], StudentFault]


class Grader:
    """A warm session, a sandbox and a catalogue of mistakes: grades submission after submission."""

    def __init__(self, tester: Tester, open_process: Callable[[Any], Any], rung: str) -> None:
        """Prepare.

        Args:
            tester: The warm session with the assignment's tests.
            open_process: Starts a student process for an order.
            rung: The sandbox rung that gives, for the report.
        """
        self.tester = tester
        self.assignment = tester.assignment
        self.open_process = open_process
        self.rung = rung
        self.diagnosis = Diagnosis(tester, self.explain, self.run_texts)

    def explain(self, part: str, missing: Mapping[str, str] | None = None) -> Explain:
        """Return how the faults of a part are explained."""
        return lambda fault: explained(fault, part, self.assignment, missing or {})

    def grade(self, submission: Submission) -> Report:
        """Grade one submission. Whatever it does, a report comes back."""
        runner = Runner(self.open_process, self.order(submission.files))
        try:
            parts = tuple(self.part(part, submission, runner) for part in self.assignment.parts)
        finally:
            runner.kill()
        points = self.assignment.points
        return Report(
            assignment=self.assignment.id,
            student=submission.student,
            key=report_key(submission, self.assignment, self.tester.seed, self.rung),
            seed=self.tester.seed,
            rung=self.rung,
            score=round(sum(part.score for part in parts), 4),
            points=points,
            parts=parts,
            notes=submission.notes,
            flags=submission.flags + self.detours(submission),
            output=clean(runner.output_text(), 8192),
            submitted=submission.origin.submitted,
            timing=submission.origin.timing,
            identities=submission.origin.identities,
            members=submission.origin.members,
        )

    def order(self, files: Mapping[str, str]) -> dict[str, Any]:
        """What the student's side needs to know: the files, and what is forbidden where."""
        return {
            "files": dict(files),
            "load": distinct(self.assignment.files, files),
            "homes": homes(self.assignment),
            "forbidden": {p.name: list(p.forbidden) for p in self.assignment.parts if p.forbidden},
        }

    def detours(self, submission: Submission) -> tuple[str, ...]:
        """What a person should look at in parts that may not use everything."""
        found = (find_detours(part, submission.files) for part in self.assignment.parts)
        return tuple(text for text in found if text)

    def part(self, part: Part, submission: Submission, runner: Runner) -> PartResult:
        """Grade one part; a fault of the grader's own costs this part its tests, not the rest."""
        try:
            results = self.results(part, submission, runner)
        except Exception as error:
            message = Message(got=clean(f"{type(error).__name__}: {error}", 300))
            tests = self.tester.of_part(part.name)
            results = [result_of(test, Status.GRADER_ERROR, message) for test in tests]
        return make_part(part.name, part.points, tuple(results))

    def results(self, part: Part, submission: Submission, runner: Runner) -> list[TestResult]:
        """The results of a part's tests."""
        tests = self.tester.of_part(part.name)
        verdict = self.verdict(part, submission)
        if verdict is None:
            runner.start()
            verdict = self.import_verdict(part, submission, runner)
        if verdict is not None:
            return [result_of(test, verdict.status, Message(got=verdict.text)) for test in tests]
        return self.run(part, tests, submission, runner)

    def verdict(self, part: Part, submission: Submission) -> StudentFault | None:
        """What can be said of a part without running anything, if something can."""
        if submission.refused:
            return StudentFault(Status.NOT_GRADABLE, submission.refused)
        culprit = unreadable(part, submission, self.assignment)
        if culprit:
            text = f"{culprit} cannot be read: {submission.syntax_errors[culprit]}"
            return StudentFault(Status.NOT_GRADABLE, text)
        if part.name in submission.untouched:
            return StudentFault(Status.NOT_ATTEMPTED, f"{part.name} is still the stub.")
        found = find_forbidden(part, submission.files)
        return StudentFault(Status.FORBIDDEN, found) if found else None

    def import_verdict(
        self, part: Part, submission: Submission, runner: Runner
    ) -> StudentFault | None:
        """Whether the part's file could be imported."""
        file = twin(part.file, self.assignment.files, submission.files)
        if file in runner.failures:
            fault = self.explain(part.name)(runner.failures[file])
            return StudentFault(fault.status, f"{part.file} cannot be imported: {fault.text}")
        if part.file not in submission.files and not submission.files:
            return StudentFault(Status.MISSING, f"{part.file} was not handed in.")
        return None

    def run(
        self, part: Part, tests: list[Test], submission: Submission, runner: Runner
    ) -> list[TestResult]:
        """Run a part's tests in the sandbox and say what their failures look like."""
        explain = self.explain(part.name, submission.missing)
        outcomes = self.outcomes(part, tests, runner, explain)
        named = self.diagnosis.name(part.name, outcomes)
        return [
            self.result(test, outcomes[test.id], named.get(test.id), submission) for test in tests
        ]

    def outcomes(
        self, part: Part, tests: list[Test], runner: Runner, explain: Explain
    ) -> dict[str, Outcome]:
        """Run tests one after another; after a fault that ends the process, in a new one."""
        found: dict[str, Outcome] = {}
        link: PipeLink | None = None
        try:
            for test in tests:
                if link is None or link.dead is not None:
                    link = runner.connect(part.name, test.seconds)
                    peer = Peer(link, explain)
                peer.transcript = Transcript()
                link.restart_clock(test.seconds)
                error = self.tester.run(test, RemoteStudent(peer))
                found[test.id] = Outcome(error, peer.transcript)
        except (GraderFault, StudentFault) as fault:
            for test in tests:
                found.setdefault(test.id, Outcome(fault, Transcript()))
        finally:
            if link is not None:
                link.close()
        return found

    def run_texts(self, texts: dict[str, str], tests: list[Test]) -> dict[str, Outcome]:
        """Run tests on trusted source texts in the sandbox: mistakes that never end."""
        runner = Runner(self.open_process, self.order(texts))
        part = self.assignment.part(tests[0].part)
        try:
            return self.outcomes(part, tests, runner, self.explain(part.name))
        finally:
            runner.kill()

    def result(
        self, test: Test, outcome: Outcome, mistake: Edit | None, submission: Submission
    ) -> TestResult:
        """Turn what a test raised into a status and five lines."""
        error = outcome.error
        if error is None:
            return result_of(test, Status.PASSED, Message())
        status, message = read_error(error, outcome.transcript)
        if status is Status.GRADER_ERROR and self.reference_passes(test):
            status = Status.WRONG
        if mistake is not None:
            message = with_mistake(message, mistake)
        return result_of(test, status, message)

    def reference_passes(self, test: Test) -> bool:
        """Whether the solution passes: then an odd exception in a test is due to odd values.

        Where the solution is not at hand there are public tests only, which it is known to pass.
        """
        if not self.assignment.has_solutions:
            return True
        try:
            return self.tester.run(test, load_reference(self.assignment)) is None
        except GraderFault:
            return False


def distinct(order: tuple[str, ...], files: Mapping[str, str]) -> list[str]:
    """The course files to import: of files with the same text, which one stray gave, the first."""
    return list(dict.fromkeys(twin(file, order, files) for file in order if file in files))


def twin(file: str, order: tuple[str, ...], files: Mapping[str, str]) -> str:
    """The first course file with the same text."""
    return next((f for f in order if f in files and files[f] == files.get(file)), file)


def unreadable(part: Part, submission: Submission, assignment: Assignment) -> str:
    """The file that keeps a part from being read: its own, or a stray one that may hold it."""
    if part.file in submission.syntax_errors:
        return part.file
    if part.file in submission.files:
        return ""
    strays = [file for file in submission.syntax_errors if file not in assignment.files]
    return next(iter(strays), "")


def read_error(error: BaseException, transcript: Transcript) -> tuple[Status, Message]:
    """Sort what a test raised; its own exceptions are ``grader_error`` until explained."""
    called = transcript.last_text()
    if isinstance(error, StudentFault):
        return error.status, Message(called=called, got=error.text)
    if isinstance(error, Mismatch):
        difference = clean(error.difference, 600)
        return Status.WRONG, Message(called, error.got, error.expected, difference)
    if isinstance(error, pytest.skip.Exception):
        return Status.SKIPPED, Message(got=str(error))
    text = clean(f"{type(error).__name__}: {error}", 300)
    if isinstance(error, AssertionError):
        return Status.WRONG, Message(called=called, difference=text)
    got = "" if not transcript.calls else f"a value that the test could not use ({text})"
    return Status.GRADER_ERROR, Message(called=called, got=got or text)


def with_mistake(message: Message, mistake: Edit) -> Message:
    """Add what the failure looks like."""
    return Message(
        message.called,
        message.got,
        message.expected,
        message.difference,
        mistake.says,
        mistake.id,
        mistake.attempt,
    )


def result_of(test: Test, status: Status, message: Message) -> TestResult:
    """The result of a test."""
    return TestResult(test.id, test.title, test.hidden, test.basic, test.weight, status, message)


def explained(
    fault: StudentFault, part: str, assignment: Assignment, missing: Mapping[str, str]
) -> StudentFault:
    """Say what a fault means in this assignment: a stub not written yet, a name not defined."""
    if fault.status is not Status.EXCEPTION:
        return fault
    if fault.kinds[:1] == ("MissingName",):
        text = missing.get(part) or f"No `{fault.message}` was found in what was handed in."
        return StudentFault(Status.MISSING, text, fault.kinds)
    prefix = f"{assignment.id}: "
    if fault.kinds[:1] == ("NotImplementedError",) and fault.message.startswith(prefix):
        owner = fault.message.removeprefix(prefix)
        if owner == part:
            return StudentFault(Status.NOT_ATTEMPTED, f"{part} is still the stub.", fault.kinds)
        text = f"It uses `{owner}`, which is still the stub: write that first."
        return StudentFault(Status.EXCEPTION, text, fault.kinds)
    return fault


@cache
def engine_digest() -> str:
    """Hash of the engine's own source: another engine may grade differently."""
    digest = hashlib.sha256(__version__.encode())
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def assignment_digest(assignment: Assignment) -> str:
    """Hash of everything of an assignment that decides a mark."""
    digest = hashlib.sha256()
    paths = [assignment.folder / "assignment.toml", *assignment.test_files]
    if assignment.solutions.is_dir():
        paths += sorted(assignment.solutions.glob("*.py")) + sorted(
            assignment.solutions.glob("*.toml")
        )
    for path in dict.fromkeys(paths):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def report_key(submission: Submission, assignment: Assignment, seed: int, rung: str) -> str:
    """Hash of all that a report follows from; equal keys need no second grading."""
    words = (
        submission.student,
        submission.digest,
        assignment_digest(assignment),
        engine_digest(),
        str(seed),
        rung,
        *submission.notes,
        *submission.flags,
        submission.origin.submitted,
        *submission.origin.identities,
        repr(submission.origin.members),
    )
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
