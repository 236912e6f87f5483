"""What a student is told first: how it stands, and what to do next."""

from __future__ import annotations

from autograder.course import Assignment
from autograder.reports.words import count, failures, passed
from autograder.results import PartResult, Report, Status


def verdict(report: Report, hidden_ran: bool) -> str:
    """Say how the work stands, never more than the tests that ran can prove."""
    good = sum(passed(part) for part in report.parts)
    bad = sum(len(failures(part)) for part in report.parts)
    skipped = sum(test.status is Status.SKIPPED for part in report.parts for test in part.tests)
    later = "" if hidden_ran else "; the hidden ones run when it is graded"
    kind = "tests, public and hidden," if hidden_ran else "public tests"
    left_out = f" ({skipped} skipped)" if skipped else ""
    if report.has_grader_error:
        return "The grader itself failed, which is not your fault. Please tell the course staff."
    if good + bad == 0:
        return f"No {kind.rstrip(',')} ran{left_out}, so nothing is known yet{later}."
    if bad:
        return f"{good} of {good + bad} {kind} pass{left_out}{later}."
    return f"{kind[0].upper()}{kind[1:]} pass{left_out}{later}."


def next_part(report: Report, assignment: Assignment) -> PartResult | None:
    """Choose the part to work on next: the first failing one that rests on no other failing one."""
    failing = {part.name: part for part in report.parts if failures(part)}
    for part in assignment.parts:
        if part.name in failing and not broken_uses(part.name, report, assignment):
            return failing[part.name]
    return next(iter(failing.values()), None)


def broken_uses(name: str, report: Report, assignment: Assignment) -> list[str]:
    """Name the failing parts whose code this part calls; they may be why it fails."""
    failing = {part.name for part in report.parts if failures(part)}
    uses = next((part.uses for part in assignment.parts if part.name == name), ())
    return [used for used in uses if used in failing]


def advice(report: Report, assignment: Assignment) -> list[str]:
    """Say what to do next, the command last; empty when nothing is left to do."""
    part = next_part(report, assignment)
    if part is None:
        return []
    known = next((each for each in assignment.parts if each.name == part.name), None)
    where = f" in {known.file}" if known else ""
    if all(test.status is Status.NOT_ATTEMPTED for test in failures(part)):
        minutes = f" (about {count(known.minutes, 'minute')})" if known else ""
        first = f"Write {part.name}{where}{minutes}."
    else:
        first = f"Mend {part.name}{where}."
    steps = [first]
    if known is None or known.hints:
        steps.append(f"course hint {assignment.number} {part.name}")
    return steps
