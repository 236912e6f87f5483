"""A grader that stays warm: a pytest session in a thread, fed one submission at a time."""

from __future__ import annotations

import queue
import threading
from functools import cache
from pathlib import Path
from typing import Any

from autograder.course import Limits, load
from autograder.faults import GraderFault
from autograder.grader import Grader
from autograder.intake import Submission
from autograder.plugin import Tester, run_session
from autograder.results import Report
from autograder.sandbox.rungs import open_sandbox


class WarmGrader:
    """Loads tests, reference and sandbox once; pytest owns a thread, and waits there for work."""

    def __init__(self, root: Path, assignment_id: str, seed: int | None, rung: str) -> None:
        """Start; returns when it is ready.

        Raises:
            GraderFault: The tests cannot be loaded.
            CourseError: The sandbox rung cannot be had.
        """
        self.assignment = load(assignment_id, root)
        self.sandbox = open_sandbox(self.assignment.warm, rung)
        self.work: queue.Queue[Submission | None] = queue.Queue()
        self.answers: queue.Queue[Any] = queue.Queue()
        self.thread = threading.Thread(target=self._run, args=(seed,), daemon=True)
        self.thread.start()
        ready = self.answers.get()
        if isinstance(ready, BaseException):
            self.sandbox.close()
            raise ready

    def _run(self, seed: int | None) -> None:
        try:
            run_session(self.assignment, self._serve, seed=seed)
        except BaseException as error:  # whoever waits for an answer must get it
            self.answers.put(error)

    def _serve(self, tester: Tester) -> None:
        limits = self.assignment.limits
        grader = Grader(tester, lambda order: self._open(order, limits), self.sandbox.rung)
        self.answers.put("ready")
        while (submission := self.work.get()) is not None:
            try:
                self.answers.put(grader.grade(submission))
            except Exception as error:  # a fault of ours; the next submission may fare better
                self.answers.put(GraderFault(f"{type(error).__name__}: {error}"))

    def _open(self, order: dict[str, Any], limits: Limits) -> Any:
        """Start the process of a submission, in a new sandbox should the old one be gone."""
        try:
            return self.sandbox.open(order, limits)
        except GraderFault:
            self.sandbox.close()
            self.sandbox = open_sandbox(self.assignment.warm, self.sandbox.rung)
            return self.sandbox.open(order, limits)

    def grade(self, submission: Submission) -> Report:
        """Grade one submission.

        Raises:
            GraderFault: The grader itself failed.
        """
        self.work.put(submission)
        answer = self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Report)
        return answer

    def close(self) -> None:
        """Stop the session and the sandbox."""
        self.work.put(None)
        self.thread.join(5)
        self.sandbox.close()


@cache
def warm_grader(root: Path, assignment_id: str, seed: int | None, rung: str) -> WarmGrader:
    """The warm grader of this process, started when it is first needed."""
    return WarmGrader(root, assignment_id, seed, rung)
