"""Grade the reference of one assignment through the sandbox on one core, and say what it took.

Run as a process by ``test_references_on_one_core.py``; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time

from autograder.course import find, find_root
from autograder.grader import Grader
from autograder.intake import read_submission
from autograder.plugin import Tester, run_session
from autograder.sandbox.rungs import open_sandbox


def main(number: str) -> None:
    """Grade it; ``grading`` leaves out what happens once a class: imports and the zygote."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started = time.perf_counter()
    assignment = find(number, find_root())
    sandbox = open_sandbox(assignment.warm)

    def body(tester: Tester) -> dict[str, float]:
        grader = Grader(tester, lambda o: sandbox.open(o, assignment.limits), sandbox.rung)
        submission = read_submission(assignment.solutions, assignment)
        before = time.perf_counter()
        report = grader.grade(submission)
        assert report.score == assignment.points, (report.score, assignment.points)
        tests = sum(len(part.tests) for part in report.parts)
        return {"tests": tests, "grading": time.perf_counter() - before}

    found = run_session(assignment, body)
    sandbox.close()
    print(json.dumps({**found, "all": time.perf_counter() - started, "rung": sandbox.rung}))


if __name__ == "__main__":
    main(sys.argv[1])
