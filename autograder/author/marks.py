"""Proofs about marks: what must score everything, and what must score nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autograder.author.bench import failed
from autograder.author.judge import Judge, reason
from autograder.author.reach import touched
from autograder.author.sabotage import FIRST, IMPOSTOR, KINDS, SHAPED, sabotage
from autograder.author.verification import Finding
from autograder.course import CourseError, Part
from autograder.diagnosis import Outcome
from autograder.faults import StudentFault
from autograder.intake.values import Submission
from autograder.mistakes import Edit, apply
from autograder.results import Report, Status, to_json

SANDBOXED = ("None", FIRST, *SHAPED)  # the kinds of sabotage that are graded in the sandbox too


def reference(judge: Judge) -> Iterator[Finding]:
    """Rule 1: the reference scores full marks, and two gradings give the same bytes."""
    for test in judge.bench.tester.tests:
        for how, outcome in (
            ("in process", judge.bench.direct(test, judge.honest)),
            ("through the wire", judge.bench.measure(test, judge.honest)),
        ):
            if failed(outcome):
                yield Finding(
                    1,
                    f"The reference fails {test.id} {how}: {reason(outcome)}. "
                    "Mend the test or the solution.",
                )
    for part in judge.assignment.parts:
        if not judge.tests(part.name):
            yield Finding(1, f"{part.name} has no tests, so it can score nothing. Write some.")
    if judge.sandboxed:
        submission = judge.handed_in("reference", judge.reference)
        report = judge.grade(submission)
        yield from _short_of_full_marks(report)
        if to_json(judge.grade(submission)) != to_json(report):
            yield Finding(
                1,
                "Two gradings of the reference give different reports. Look for clocks, sets and "
                "random numbers without a seed in the tests.",
            )


def _short_of_full_marks(report: Report) -> Iterator[Finding]:
    for part in report.parts:
        if part.score != part.points:
            first = part.first_failure
            why = f": {first.id}: {first.message.difference or first.message.got}" if first else ""
            yield Finding(
                1,
                f"The reference scores {part.score:g} of {part.points:g} for {part.name} in the "
                f"sandbox{why}. Mend what differs there: files, libraries, limits.",
            )


def stub(judge: Judge) -> Iterator[Finding]:
    """Rule 1: the stub scores nothing, and every part of it counts as not attempted."""
    folder = judge.assignment.folder
    try:
        texts = {file: (folder / file).read_text("utf-8") for file in judge.assignment.files}
    except FileNotFoundError as error:
        yield Finding(1, f"There is no stub {error.filename}. Run `course sync`.")
        return
    submission = judge.handed_in("stub", texts)
    sources = judge.bench.sources(texts, "stub")
    for part in judge.assignment.parts:
        if part.name not in submission.untouched:
            yield Finding(
                1,
                f"The stub of {part.name} does not count as untouched. Run `course sync`; a part "
                "needs a function whose body is between markers.",
            )
    for test in judge.bench.tester.tests:
        outcome = judge.bench.direct(test, sources)
        if not _not_written(outcome):
            yield Finding(
                1,
                f"On the stub, {test.id} is no “not attempted” but: {reason(outcome)}. Let the "
                "test call the part before anything else can pass or fail.",
            )
    if judge.sandboxed:
        for part_result in judge.grade(submission).parts:
            if part_result.score or part_result.status is not Status.NOT_ATTEMPTED:
                yield Finding(
                    1,
                    f"The stub of {part_result.name} scores {part_result.score:g} in the sandbox, "
                    f"as {part_result.status.value}. It should be 0, not_attempted.",
                )


def _not_written(outcome: Outcome) -> bool:
    error = outcome.error
    if not isinstance(error, StudentFault):
        return error is not None and not failed(outcome)  # skipped: a peer is not installed
    return error.status is Status.NOT_ATTEMPTED or error.kinds[:1] == ("NotImplementedError",)


def sabotages(judge: Judge) -> Iterator[Finding]:
    """Rule 2: answers that know nothing score 0: one part at a time, and all in the sandbox."""
    for part in judge.assignment.parts:
        yield from _unreadable(part, judge)
    for kind in KINDS:
        spoilt = []
        for part in judge.assignment.parts:
            texts = sabotage(judge.assignment, [part], kind)
            sources = judge.bench.sources(texts, "sabotage")
            score = judge.bench.score(part, sources)
            if kind in SHAPED and not _altered(sources.modules, part):
                continue  # it has effects only, and they were honest
            spoilt.append(part)
            if score:
                yield _worth_something(part, kind, score, "")
        if judge.sandboxed and spoilt and kind in SANDBOXED:
            texts = sabotage(judge.assignment, spoilt, kind)
            for part, result in zip(spoilt, judge.in_sandbox(spoilt, texts), strict=True):
                if result.score:
                    yield _worth_something(
                        part, kind, result.score, " in the sandbox, like all parts"
                    )


def _altered(modules: Mapping[str, object], part: Part) -> bool:
    stand_in = getattr(modules.get(part.file), IMPOSTOR, None)
    return bool(getattr(stand_in, "altered", 0))


def _worth_something(part: Part, kind: str, score: float, where: str) -> Finding:
    what = kind if kind in SHAPED else f"`return {kind}`" if kind != FIRST else f"returning {kind}"
    return Finding(
        2,
        f"{part.name}: {what}{where} scores {score:g} of {part.points:g}. Mark a hidden test of it "
        "`basic=True` that such an answer fails; choose inputs whose answer is not trivial.",
    )


def _unreadable(part: Part, judge: Judge) -> Iterator[Finding]:
    """A file with a syntax error is not gradable, and nothing of it is run."""
    others = {file: text for file, text in judge.reference.items() if file != part.file}
    broken = {**others, part.file: judge.reference[part.file] + "\ndef broken(:\n"}
    submission: Submission = judge.handed_in("broken", broken)
    verdict = judge.grader.verdict(part, submission)
    if verdict is None or verdict.status is not Status.NOT_GRADABLE:
        yield Finding(
            2,
            f"{part.name}: with a syntax error in {part.file} the part is not `not_gradable`. "
            "This is a fault of the engine: please report it.",
        )


def variants(judge: Judge, found: tuple[Edit, ...]) -> Iterator[Finding]:
    """Rule 4: unusual right answers score full marks, in every part that they can touch."""
    for variant in found:
        try:
            texts = apply(variant, judge.assignment)
        except CourseError as error:
            yield Finding(4, f"{error} Bring variants.toml up to date.")
            continue
        sources = judge.bench.sources(texts, variant.id)
        parts = touched(judge.reference, texts, judge.assignment)
        for part in parts:
            outcomes = judge.bench.outcomes(judge.tests(part.name), sources)
            for name, outcome in outcomes.items():
                if failed(outcome):
                    yield _unfair(variant, part, f"{name}: {reason(outcome)}")
        if judge.sandboxed:
            part = judge.assignment.part(variant.part)
            [result] = judge.in_sandbox([part], texts)
            first = result.first_failure
            if result.score != part.points:
                why = f"{first.id}: {first.status.value}" if first else "no tests"
                yield _unfair(variant, part, f"in the sandbox, {why}")


def _unfair(variant: Edit, part: Part, why: str) -> Finding:
    return Finding(
        4,
        f"The variant {variant.id} loses points in {part.name} ({why}). Either the test asks for "
        "more than the handout says, or the variant is wrong.",
    )
