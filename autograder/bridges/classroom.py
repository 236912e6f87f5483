"""GitHub Classroom: the workflow of a template repository, and the result that its step writes.

A student's repository holds no hidden test, and its owner may change anything in it. So this
reports the public tests, for the student to see; marks come from ``course grade`` on the clones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.grader import Grader
from autograder.intake import read_submission
from autograder.plugin import Tester, run_session
from autograder.reports.feedback import feedback_markdown
from autograder.reports.words import failures, reason, word
from autograder.results import PartResult, Report, Status
from autograder.sandbox.rungs import open_sandbox

WORKFLOW = ".github/workflows/classroom.yml"
_RUNNER = "public"  # the reporter wants letters and digits
_LONGEST = 4000

_TEXT = """\
# GitHub Classroom runs this at every push. It reports the public tests; the hidden ones are run
# when marks are given. Written by `course classroom {number}`.
name: Autograding Tests
on:
  - push
  - workflow_dispatch
  - repository_dispatch
permissions:
  checks: write
  actions: read
  contents: read
jobs:
  run-autograding-tests:
    runs-on: ubuntu-latest
    if: github.actor != 'github-classroom[bot]'
    timeout-minutes: 20
    steps:
      - name: Checkout code
        uses: actions/checkout@v4
      - name: Python
        uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - name: Keep what is installed
        uses: actions/cache@v4
        with:
          path: .venv
          key: course-${{{{ runner.os }}}}-${{{{ hashFiles('pyproject.toml', 'course.py') }}}}
      - name: Let the sandbox make namespaces
        run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 || true
      - name: Public tests
        id: {runner}
        run: python course.py classroom {number} --grade
      - name: Autograding Reporter
        uses: classroom-resources/autograding-grading-reporter@v1
        env:
          {upper}_RESULTS: "${{{{ steps.{runner}.outputs.result }}}}"
        with:
          runners: {runner}
"""


def workflow(assignment: Assignment) -> str:
    """Return the workflow of an assignment's template repository."""
    return _TEXT.format(number=assignment.number, runner=_RUNNER, upper=_RUNNER.upper())


def grade_public(assignment: Assignment) -> Report:
    """Run the public tests on the work in the assignment's folder, in the best sandbox there is.

    Parts that only hidden tests ask for are left out.

    Raises:
        GraderFault: The tests cannot be loaded.
    """
    sandbox = open_sandbox(assignment.warm)
    try:
        submission = replace(read_submission(assignment.folder, assignment), student="")

        def body(tester: Tester) -> Report:
            grader = Grader(
                tester, lambda order: sandbox.open(order, assignment.limits), sandbox.rung
            )
            report = grader.grade(submission)
            asked = tuple(part for part in report.parts if part.tests)
            score = round(sum(part.score for part in asked), 4)
            points = sum(part.points for part in asked)
            return replace(report, parts=asked, score=score, points=points)

        return run_session(assignment, body, hidden=False)
    finally:
        sandbox.close()


def result_of(report: Report, assignment: Assignment) -> dict[str, Any]:
    """Return what the reporter reads: one test for each part.

    Where the grader itself failed there is nothing to gain and so nothing to lose: the reporter
    sends no points then.
    """
    broken = report.has_grader_error
    passed = all(part.status is Status.PASSED for part in report.parts)
    return {
        "version": 1,
        "status": "error" if broken else "pass" if passed else "fail",
        "max_score": 0 if broken else report.points,
        "tests": [_test(part, assignment) for part in report.parts],
    }


def failed_result(why: str) -> dict[str, Any]:
    """Return what the reporter reads when there is no report."""
    test = {"name": "The grader", "status": "error", "score": 0, "message": why[:_LONGEST]}
    where = {"test_code": "", "filename": "", "line_no": 0, "duration": 0}
    return {"version": 1, "status": "error", "max_score": 0, "tests": [{**test, **where}]}


def encoded(result: Mapping[str, Any]) -> str:
    """Return a result as the reporter reads it: JSON in base64, one line."""
    return base64.b64encode(json.dumps(result).encode()).decode("ascii")


def hand_over(result: Mapping[str, Any], output: Path) -> None:
    """Append a result to the file that ``GITHUB_OUTPUT`` names."""
    with output.open("a", encoding="utf-8") as file:
        file.write(f"result={encoded(result)}\n")


def write_summary(report: Report, assignment: Assignment, path: Path) -> None:
    """Add the feedback to the page of the run, which ``GITHUB_STEP_SUMMARY`` names."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    named = replace(report, student="Public tests")
    write_atomically(path, text + feedback_markdown(named, assignment))


def _test(part: PartResult, assignment: Assignment) -> dict[str, Any]:
    status = {Status.PASSED: "pass", Status.GRADER_ERROR: "error"}.get(part.status, "fail")
    file = assignment.part(part.name).file
    return {
        "name": f"{part.name}: public tests",
        "status": status,
        "score": part.score,
        "message": "" if status == "pass" else _message(part)[:_LONGEST],
        "test_code": f"python course.py check {assignment.number} {part.name}",
        "filename": f"assignments/{assignment.id}/{file}",
        "line_no": 0,
        "duration": 0,
    }


def _message(part: PartResult) -> str:
    lines = [reason(part)]
    for test in failures(part):
        lines.append(f"{test.title} ({word(test.status).word})")
        lines += [f"  {label}: {text}" for label, text in test.message.lines()]
    return "\n".join(lines)
