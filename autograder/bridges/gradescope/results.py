"""What Gradescope shows of a report: ``results.json``.

One test a part, since a part's points are not the sum of its tests'. Its text is what the
assignment's policy lets a student see of hidden tests. Gradescope shows a total only when no test
is hidden; so one hidden test, for the instructor, withholds the total while the grader has failed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.reports.feedback import feedback_part
from autograder.reports.markdown import fence, prose
from autograder.reports.words import reason
from autograder.results import PartResult, Report, Status

PENDING = (
    "The grader itself failed. That is not your fault and is not charged to you: your points are "
    "pending until it is mended and run again."
)
_FEW_CHARACTERS = 20_000  # of one part; Gradescope cuts what is very long


def results_of(report: Report, policy: str) -> dict[str, Any]:
    """Return what is written to ``results.json`` for a report."""
    output = [f"{prose(note)}" for note in report.notes]
    tests = [_test(number, part, policy) for number, part in enumerate(report.parts, 1)]
    if report.has_grader_error:
        output.insert(0, PENDING)
        tests.append(_for_staff(_errors(report)))
    return {
        "output": "\n\n".join(output),
        "output_format": "md",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {"rung": report.rung, "key": report.key, "seed": report.seed},
    }


def unfinished(assignment: Assignment, why: str) -> dict[str, Any]:
    """Return what stands in ``results.json`` until there is a report: nothing is charged."""
    tests = [
        {
            "number": str(number),
            "name": part.name,
            "score": 0.0,
            "max_score": part.points,
            "status": "failed",
            "output": PENDING,
            "output_format": "md",
            "visibility": "visible",
        }
        for number, part in enumerate(assignment.parts, 1)
    ]
    return {
        "output": PENDING,
        "output_format": "md",
        "stdout_visibility": "hidden",
        "tests": [*tests, _for_staff(why)],
        "extra_data": {"rung": "", "key": "", "seed": assignment.seed},
    }


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Write ``results.json``, so that there is always an old one or a new one, whole."""
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")


def staff_text(report: Report) -> str:
    """Say everything, for the output that only instructors see."""
    lines = [f"{report.score:g} of {report.points:g} points, sandbox rung {report.rung}"]
    lines += [f"flag: {flag}" for flag in report.flags]
    for part in report.parts:
        lines.append(f"{part.name}: {part.status}, {part.score:g} of {part.points:g}")
        for test in part.tests:
            if test.status is not Status.PASSED:
                lines.append(f"  {test.id}: {test.status}")
                lines += [f"    {label}: {text}" for label, text in test.message.lines()]
    if report.output:
        lines += ["printed by the submission:", report.output]
    return "\n".join(lines)


def _test(number: int, part: PartResult, policy: str) -> dict[str, Any]:
    blocks = feedback_part(part, policy)[1:] or [prose(reason(part))]
    return {
        "number": str(number),
        "name": part.name,
        "score": part.score,
        "max_score": part.points,
        "status": "passed" if part.status in (Status.PASSED, Status.SKIPPED) else "failed",
        "output": _cut(blocks),
        "output_format": "md",
        "visibility": "visible",
        "tags": [part.status.value],
    }


def _cut(blocks: list[str]) -> str:
    """Join whole blocks, as many as there is room for: a fence that is cut would not end."""
    text = ""
    for block in blocks:
        if len(text) + len(block) > _FEW_CHARACTERS:
            return f"{text}\n\nThere is more; this is the first of it."
        text = f"{text}\n\n{block}" if text else block
    return text


def _for_staff(why: str) -> dict[str, Any]:
    return {
        "name": "The grader failed",
        "score": 0.0,
        "max_score": 0.0,
        "status": "failed",
        "output": f"Rerun the autograder when this is mended:\n\n{fence(why)}",
        "output_format": "md",
        "visibility": "hidden",
    }


def _errors(report: Report) -> str:
    lines = [
        f"{part.name}: {test.id}: {test.message.got}"
        for part in report.parts
        for test in part.tests
        if test.status is Status.GRADER_ERROR
    ]
    return "\n".join(dict.fromkeys(lines))
