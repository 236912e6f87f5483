"""What is handed back to a student, as Markdown."""

from __future__ import annotations

from autograder.course import Assignment
from autograder.reports.markdown import fence, prose
from autograder.reports.words import (
    failures,
    number,
    part_word,
    passed,
    ran,
    reason,
    word,
)
from autograder.results import PartResult, Report, Status, TestResult

_PROSE = ("Looks like", "Try")
_UNTRIED = (Status.MISSING, Status.NOT_ATTEMPTED, Status.NOT_GRADABLE)


def feedback_markdown(report: Report, assignment: Assignment) -> str:
    """Return a student's feedback: points, reasons, and what each failed test may say.

    Public tests say everything. Hidden ones say what the assignment's policy allows: ``title``
    their title, ``message`` also the kind of failure, the mistake it looks like and what to try,
    ``full`` everything.
    """
    blocks = [
        f"# {prose(assignment.number)} {prose(assignment.title)}",
        f"{prose(report.student)}: {_total(report)}",
        _overview(report),
    ]
    for part in report.parts:
        blocks += feedback_part(part, assignment.policy)
    if report.notes:
        blocks.append("## What was noticed in what you handed in")
        blocks.append("\n".join(f"- {prose(note)}" for note in report.notes))
    return "\n\n".join(blocks) + "\n"


def visible_lines(test: TestResult, policy: str) -> list[tuple[str, str]]:
    """Return the lines of a failed test's message that its student may see."""
    if not test.hidden or policy == "full":
        return test.message.lines()
    if policy == "message":
        return [pair for pair in test.message.lines() if pair[0] in _PROSE]
    return []


def _total(report: Report) -> str:
    points = f"**{number(report.score)} of {number(report.points)} points**"
    if report.has_grader_error:
        return (
            f"{points} so far, **pending**. The grader itself failed on a part of this. "
            "That is not your fault and is not charged to you: it will be graded again."
        )
    return points


def _overview(report: Report) -> str:
    rows = ["| Part | Points | Tests passed | |", "|:--|--:|--:|:--|"]
    for part in report.parts:
        pending = part.status is Status.GRADER_ERROR
        score = "pending" if pending else number(part.score)
        shown = part_word(part)
        rows.append(
            f"| {prose(part.name)} | {score} / {number(part.points)} "
            f"| {passed(part)} / {len(ran(part))} | {shown.mark} {shown.word} |"
        )
    return "\n".join(rows)


def feedback_part(part: PartResult, policy: str) -> list[str]:
    """Return the blocks about one part; none where all its tests passed."""
    if part.status is Status.PASSED:
        return []
    pending = part.status is Status.GRADER_ERROR
    score = "pending" if pending else number(part.score)
    blocks = [
        f"## {prose(part.name)}: {score} of {count_points(part.points)}",
        prose(reason(part)),
    ]
    if part.status in _UNTRIED:
        return blocks
    told = [(test, visible_lines(test, policy)) for test in failures(part)]
    silent = [_item(test, policy) for test, lines in told if not lines]
    for test, lines in told:
        if lines:
            blocks += _test(test, lines)
    return [*blocks, "\n".join(silent)] if silent else blocks


def count_points(points: float) -> str:
    """Write points with their noun."""
    return f"{number(points)} point" + ("" if points == 1 else "s")


def _item(test: TestResult, policy: str) -> str:
    """A failed test that may say no more than its title, or its title and its kind of failure."""
    title = f"- {word(test.status).mark} {_title(test)}"
    if test.hidden and policy == "title" and test.status is not Status.GRADER_ERROR:
        return title
    return f"{title}: {word(test.status).sentence}"


def _test(test: TestResult, lines: list[tuple[str, str]]) -> list[str]:
    shown = word(test.status)
    blocks = [f"### {shown.mark} {_title(test)}", shown.sentence]
    values = [(label, text) for label, text in lines if label not in _PROSE]
    if values:
        blocks.append(fence("\n".join(f"{label + ':':<18}{text}" for label, text in values)))
    blocks += [f"**{label}.** {prose(text)}" for label, text in lines if label in _PROSE]
    return blocks


def _title(test: TestResult) -> str:
    return f"{prose(test.title)} ({'hidden' if test.hidden else 'public'} test)"
