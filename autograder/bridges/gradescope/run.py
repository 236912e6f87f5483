"""What runs in Gradescope's container for each submission: grade it, write ``results.json``."""

from __future__ import annotations

import json
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.bridges.gradescope.results import (
    results_of,
    staff_text,
    unfinished,
    write_results,
)
from autograder.course import Assignment, Part, load
from autograder.faults import GraderFault
from autograder.grader import Grader, result_of
from autograder.intake import Submission, read_submission
from autograder.plugin import Tester, run_session
from autograder.results import Message, Report, Status, TestResult
from autograder.sandbox.rungs import PROCESS, Sandbox, open_sandbox
from autograder.student.runner import Runner

SETTINGS = "settings.json"
_OWN_MB = {True: 500, False: 160}  # what tests and sandbox need themselves, with torch or without
_LEAST_MB = 96


class TimedGrader(Grader):
    """A grader that stops before the container is stopped, so that what was found is reported."""

    deadline = float("inf")

    def results(self, part: Part, submission: Submission, runner: Runner) -> list[TestResult]:
        """The results of a part's tests; past the deadline, that they were not run."""
        if time.monotonic() < self.deadline:
            return super().results(part, submission, runner)
        message = Message(got="The tests before it took all the time that there is.")
        tests = self.tester.of_part(part.name)
        return [result_of(test, Status.TIMEOUT, message) for test in tests]


def grade(root: Path, folder: Path, settings: dict[str, Any], began: float) -> Report:
    """Grade what lies in a folder.

    Args:
        root: The course, or what the zip holds of it.
        folder: What the student handed in.
        settings: ``assignment``, ``seconds``, ``memory_mb``, ``torch``.
        began: When the time began to run, as ``time.monotonic`` tells it.

    Raises:
        GraderFault: The grader itself failed.
    """
    assignment = fitted(
        load(settings["assignment"], root), settings["memory_mb"], settings["torch"]
    )
    sandbox = open_sandbox(assignment.warm)
    try:
        if sandbox.rung == PROCESS:
            raise GraderFault(f"there is no sandbox to be had: {sandbox.why}")
        say(f"Sandbox rung {sandbox.rung}. {sandbox.why} {sandbox.costs}")
        submission = read_submission(folder, assignment)
        deadline = began + settings["seconds"]
        return run_session(
            assignment, lambda tester: timed(tester, sandbox, deadline).grade(submission)
        )
    finally:
        sandbox.close()


def timed(tester: Tester, sandbox: Sandbox, deadline: float) -> TimedGrader:
    """Make the grader."""
    limits = tester.assignment.limits
    grader = TimedGrader(tester, lambda order: sandbox.open(order, limits), sandbox.rung)
    grader.deadline = deadline
    return grader


def fitted(assignment: Assignment, container_mb: int, torch: bool) -> Assignment:
    """Give the submission no more memory than the container has left."""
    left = max(_LEAST_MB, container_mb - _OWN_MB[torch])
    limits = replace(assignment.limits, memory_mb=min(assignment.limits.memory_mb, left))
    return replace(assignment, limits=limits)


def say(text: str) -> None:
    """Tell the instructor: Gradescope keeps what is printed and does not show it to students."""
    print(text, flush=True)


def main() -> None:
    """Start: ``run.py SOURCE``; ``results`` and ``submission`` lie beside that folder."""
    began = time.monotonic()
    source = Path(sys.argv[1])
    place, root = source.parent, source / "course"
    settings = json.loads((source / SETTINGS).read_text(encoding="utf-8"))
    assignment = load(settings["assignment"], root)
    try:
        report = grade(root, place / "submission", settings, began)
        results = results_of(report, settings["policy"])
        say(staff_text(report))
    except BaseException as error:  # whatever it is, there must be results
        say(traceback.format_exc())
        results = unfinished(assignment, f"{type(error).__name__}: {error}")
    results["execution_time"] = round(time.monotonic() - began, 1)
    write_results(place / "results", results)


if __name__ == "__main__":
    main()
