"""Proves that an assignment is done: ``course verify NN``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from autograder.author import marks
from autograder.author.bench import Bench
from autograder.author.catches import Mistakes, Mutants
from autograder.author.doctests import run_doctests
from autograder.author.judge import Judge
from autograder.author.lint import lint
from autograder.author.sabotage import KINDS
from autograder.author.seeds import seeds
from autograder.author.sync import sync
from autograder.author.verification import Finding, PartProof, Verification
from autograder.course import Assignment, CourseError
from autograder.faults import GraderFault
from autograder.grader import Grader
from autograder.mistakes import load_variants
from autograder.plugin import Tester, run_session
from autograder.sandbox.rungs import Sandbox, open_sandbox

Report = Callable[[str], None]


def verify(assignment: Assignment, report: Report, *, sandbox: bool = True) -> Verification:
    """Check every rule of a finished assignment that a machine can check.

    Call it in the main thread: what never ends is stopped by signals there.

    Args:
        assignment: Which one; its solutions must be at hand.
        report: Told in a line what is done next.
        sandbox: Whether to grade in the sandbox as well as in process. Without it, mistakes that
            never end are not run.

    Raises:
        CourseError: The solutions are not in this copy of the course, or there is no sandbox.
    """
    if not assignment.has_solutions:
        raise CourseError(
            f"{assignment.solutions} is not in this copy of the course. `course verify` is for "
            "authors, who have the solutions."
        )
    report("files, doctests, stubs")
    findings = list(_on_paper(assignment))
    box = open_sandbox(assignment.warm) if sandbox else None
    try:
        return run_session(assignment, lambda tester: _prove(tester, box, findings, report))
    except (GraderFault, CourseError) as error:
        first = Finding(1, f"Nothing can be proved yet: {error}")
        return Verification(assignment.id, assignment.title, (first, *findings))
    finally:
        if box is not None:
            box.close()


def _prove(
    tester: Tester, box: Sandbox | None, findings: list[Finding], report: Report
) -> Verification:
    assignment = tester.assignment
    rung = box.rung if box else "none"

    def open_process(order: dict[str, object]) -> object:
        assert box is not None, "the sandbox was not asked for"
        return box.open(order, assignment.limits)

    bench = Bench(tester)
    judge = Judge(bench, Grader(tester, open_process, rung), box is not None)
    report("reference and stub")
    wrong = [*marks.reference(judge)]
    notes = list(_notes(bench, rung))
    if wrong:
        notes.append("The reference fails, so mistakes, variants and mutants were not looked at.")
        return Verification(
            assignment.id, assignment.title, (*wrong, *findings), notes=tuple(notes)
        )
    variants = load_variants(assignment)
    wrong += marks.stub(judge)
    report("three seeds")
    wrong += seeds(judge)
    mistakes = Mistakes(judge, report)
    wrong += mistakes.findings
    report(f"{len(KINDS) + 1} kinds of sabotage")
    wrong += marks.sabotages(judge)
    report(f"{len(variants)} variants")
    wrong += marks.variants(judge, variants)
    mutants = Mutants(judge, report)
    wrong += mutants.findings
    parts = tuple(
        PartProof(
            name=part.name,
            points=part.points,
            tests=tuple(test.id for test in judge.tests(part.name)),
            rows=tuple(mistakes.rows[m.id] for m in mistakes.listed if m.part == part.name),
            sabotages=len(KINDS) + 1,
            variants=sum(variant.part == part.name for variant in variants),
            mutants=sum(mutant.part == part.name for mutant in mutants.all),
            killed=sum(mutant.part == part.name for mutant in mutants.killed),
        )
        for part in assignment.parts
    )
    return Verification(
        assignment.id,
        assignment.title,
        tuple(sorted([*wrong, *findings], key=lambda finding: finding.rule)),
        parts,
        tuple(mutant.entry() for mutant in mutants.survivors),
        tuple(notes),
    )


def _on_paper(assignment: Assignment) -> Iterator[Finding]:
    """What can be seen without running a test."""
    for line in lint(assignment):
        yield Finding(_rule(line), line)
    for line in run_doctests(assignment):
        yield Finding(0, f"{line}. Mend the example or the code.")
    try:
        for path in sync(assignment, assignment.folder.parent.parent, check=True):
            yield Finding(13, f"{path.name} is not what its source gives. Run `course sync`.")
    except CourseError as error:
        yield Finding(13, str(error))


def _rule(line: str) -> int:
    """The rule that a line of the lint is about, by the file that it begins with."""
    if line.startswith("test_"):
        return 2 if "basic" in line else 10
    rules = {
        "mistakes.toml": 3,
        "assignment.toml": 12,
        "README.md": 14,
        "lectures/": 15,
        "play.py": 16,
    }
    return next((rule for start, rule in rules.items() if line.startswith(start)), 0)


def _notes(bench: Bench, rung: str) -> Iterator[str]:
    """What is worth knowing and decides nothing, times above all."""
    seconds = bench.seconds
    slowest = max(seconds, key=lambda name: seconds[name])
    yield (
        f"{len(seconds)} tests take {sum(seconds.values()):.2f} s of processor time on the "
        f"reference, {slowest} the most: {seconds[slowest]:.2f} s."
    )
    for test in bench.tester.tests:
        if seconds[test.id] > test.seconds / 10:
            yield (
                f"{test.id} took {seconds[test.id]:.2f} s; its kill limit of {test.seconds:g} s "
                "should be ten times what it needs."
            )
    yield f"Sandbox: {rung}."
