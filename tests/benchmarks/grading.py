"""Grade N correct submissions of assignment 01 in one warm process, and say what it cost.

Run as a process by ``test_grading_overhead.py``; prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

from autograder.course import find, find_root
from autograder.grader import Grader
from autograder.intake import read_submission
from autograder.plugin import Tester, load_reference, run_session
from autograder.sandbox.launch import StudentProcess
from autograder.sandbox.rungs import open_sandbox

SPANS = {
    "start its process (namespaces, walls)": (StudentProcess, "_spawn"),
    "import it": (StudentProcess, "_load"),
    "fork a process for a part": (StudentProcess, "fork"),
    "end a part's process": (StudentProcess, "finish"),
    "kill it and wait": (StudentProcess, "close"),
    "run the tests over the wire": (Tester, "run"),
}


def main(folder: str, count: int) -> None:
    """Grade the first ``count`` submissions of a folder."""
    assignment = find("01", find_root())
    spent: dict[str, float] = defaultdict(float)
    for name, (owner, method) in SPANS.items():
        setattr(owner, method, _timed(getattr(owner, method), name, spent))
    sandbox = open_sandbox(assignment.warm)
    paths = sorted(Path(folder).iterdir())[:count]

    def body(tester: Tester) -> dict[str, float]:
        grader = Grader(tester, lambda o: sandbox.open(o, assignment.limits), sandbox.rung)
        started = time.perf_counter()
        for path in paths:
            before = time.perf_counter()
            submission = read_submission(path, assignment)
            spent["read the submission"] += time.perf_counter() - before
            assert grader.grade(submission).score == assignment.points
        wall = time.perf_counter() - started
        bodies = time.process_time()
        for _ in range(10):
            for test in tester.tests:
                tester.run(test, load_reference(assignment))
        return {"wall": wall, "bodies": (time.process_time() - bodies) / 10}

    found = run_session(assignment, body)
    parts = dict(spent)
    parts["run the tests over the wire"] -= found["bodies"] * 10
    sandbox.close()
    print(json.dumps({**found, "cpu": _cpu(), "spans": parts, "rung": sandbox.rung}))


def _timed(function, name, spent):
    def timed(*args, **kwargs):
        before = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - before

    return timed


def _cpu() -> float:
    """Seconds of processor time of this process and everything it started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
