"""Proofs about tests: they catch every mistake, name it rightly, and notice mutants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from autograder.author.bench import hung
from autograder.author.judge import Judge
from autograder.author.mutants import Mutant, generate, load_equivalents
from autograder.author.reach import touched, users
from autograder.author.verification import KILLED_AT_LEAST, Finding, Row
from autograder.course import CourseError, Part
from autograder.mistakes import Edit, apply
from autograder.results import PartResult, Status

Report = Callable[[str], None]


class Mistakes:
    """Rule 3: every mistake loses points where it should, nowhere else, and is called by its name.

    Attributes:
        findings: What is not so.
        rows: For each mistake, the tests that it fails.
        listed: All mistakes, in the order of the catalogue.
    """

    def __init__(self, judge: Judge, report: Report) -> None:
        self.judge = judge
        self.assignment = judge.assignment
        self.findings: list[Finding] = []
        self.rows: dict[str, Row] = {}
        self.repeated: set[str] = set()
        self.listed = mistakes = judge.grader.diagnosis.mistakes
        texts = {mistake.id: self._texts(mistake) for mistake in mistakes}
        usable = [m for m in mistakes if texts[m.id] and (judge.sandboxed or not m.hangs)]
        judge.grader.diagnosis.mistakes = tuple(usable)
        report(f"{len(mistakes)} mistakes in process")
        for mistake in usable:
            if not mistake.hangs:
                self._in_process(mistake, texts[mistake.id])
        where = "in the sandbox" if judge.sandboxed else "by their names"
        report(f"{len(usable)} mistakes {where}")
        for mistake in usable:
            self._named(mistake, texts[mistake.id], usable)
        for mistake in mistakes:
            self.rows.setdefault(mistake.id, Row(mistake.id, None))

    def _add(self, text: str) -> None:
        self.findings.append(Finding(3, text))

    def _texts(self, mistake: Edit) -> dict[str, str]:
        try:
            return apply(mistake, self.assignment)
        except CourseError as error:
            self._add(f"{error} Bring mistakes.toml up to date.")
            return {}

    def _in_process(self, mistake: Edit, texts: dict[str, str]) -> None:
        """Run the tests of its own part, then those of parts that must not suffer."""
        bench = self.judge.bench
        sources = bench.sources(texts, mistake.id)
        outcomes = bench.outcomes(self.judge.tests(mistake.part), sources)
        self.judge.grader.diagnosis.known[mistake.id] = outcomes
        never = [name for name, outcome in outcomes.items() if hung(outcome)]
        if never:
            self._add(f"{mistake.id} does not end in {never[0]}. Give it `hangs = true`.")
        for part in self._bystanders(mistake, texts):
            score = bench.score(part, sources)
            if score != part.points:
                self._spills(mistake, part, score)

    def _bystanders(self, mistake: Edit, texts: dict[str, str]) -> list[Part]:
        """Parts that the edit could touch, but that do not use its part."""
        allowed = users(self.assignment.part(mistake.part), self.assignment)
        reached = touched(self.judge.reference, texts, self.assignment)
        return [part for part in reached if part.name not in allowed]

    def _spills(self, mistake: Edit, part: Part, score: float) -> None:
        self._add(
            f"{mistake.id} leaves {part.name} only {score:g} of {part.points:g} points. If "
            f"{part.name} calls {mistake.part}, say so in its `uses`; else keep them apart."
        )

    def _named(self, mistake: Edit, texts: dict[str, str], all_of_them: Sequence[Edit]) -> None:
        part = self.assignment.part(mistake.part)
        if self.judge.sandboxed:
            others = self._bystanders(mistake, texts) if mistake.hangs else []
            result, *rest = self.judge.in_sandbox([part, *others], texts)
            for other, bystander in zip(others, rest, strict=True):
                if bystander.score != other.points:
                    self._spills(mistake, other, bystander.score)
            if not mistake.hangs and part.name not in self.repeated:
                self.repeated.add(part.name)
                self._again(mistake, part, texts, result)
        else:
            result = self.judge.result(part, self.judge.grader.diagnosis.known[mistake.id])
        self.rows[mistake.id] = Row(mistake.id, _failures(result))
        self._check(mistake, result, all_of_them)

    def _again(self, mistake: Edit, part: Part, texts: dict[str, str], first: PartResult) -> None:
        """Grade a failure a second time: the report must be the same to the last byte."""
        [second] = self.judge.in_sandbox([part], texts)
        if second != first:
            pairs = zip(first.tests, second.tests, strict=True)
            names = [one.id for one, other in pairs if one != other]
            text = f"Two gradings of {mistake.id} differ in {', '.join(names)}. Look there for "
            text += "clocks, addresses, the order of sets, and random numbers without a seed."
            self.findings.append(Finding(1, text))

    def _check(self, mistake: Edit, result: PartResult, all_of_them: Sequence[Edit]) -> None:
        first = result.first_failure
        if result.score >= result.points or first is None:
            self._add(
                f"{mistake.id} scores full marks: no test of {result.name} notices it. Add a test "
                "whose inputs tell it from the reference."
            )
            return
        if mistake.hangs and not any(test.status is Status.TIMEOUT for test in result.tests):
            self._add(f"{mistake.id} ends after all. Take out `hangs = true`.")
            return
        alike = {mistake.id, mistake.same_as} | {
            other.id for other in all_of_them if other.same_as == mistake.id
        }
        shown = first.message.mistake
        if shown and shown in alike:
            return
        if first.status is Status.FORBIDDEN:
            self._add(
                f"{mistake.id} is refused as forbidden ({first.message.got}), so its message is "
                "never shown. Take it out, or write it without what is forbidden."
            )
        elif shown:
            self._add(
                f"{mistake.id} is shown as {shown}. Add inputs that tell them apart to a test of "
                f'{result.name}; if nothing can, say `same_as = "{shown}"` and `because`.'
            )
        else:
            self._add(
                f"{mistake.id} is not recognised in {first.id} ({first.status.value}): its calls "
                "went otherwise in the sandbox than in process, or several mistakes look like it. "
                "Make its answers repeatable, or the test tell them apart."
            )


def _failures(result: PartResult) -> frozenset[str]:
    fine = (Status.PASSED, Status.SKIPPED)
    return frozenset(test.id for test in result.tests if test.status not in fine)


class Mutants:
    """Rule 5: the tests notice mutants of the reference.

    Attributes:
        findings: What is not so.
        killed: The mutants that a test noticed.
        survivors: The mutants that none did and that are not listed as equivalent.
        all: All of them.
    """

    def __init__(self, judge: Judge, report: Report) -> None:
        self.judge = judge
        self.all = generate(judge.assignment)
        report(f"{len(self.all)} mutants")
        self.killed = [mutant for mutant in self.all if self._is_killed(mutant)]
        dead = {mutant.id for mutant in self.killed}
        listed = load_equivalents(judge.assignment)
        alive = [mutant for mutant in self.all if mutant.id not in dead]
        self.survivors = [mutant for mutant in alive if mutant.id not in listed]
        self.findings = [
            *map(self._survived, self.survivors),
            *self._stale(listed, dead, {mutant.id for mutant in alive}),
            *self._too_few(),
        ]

    def _is_killed(self, mutant: Mutant) -> bool:
        judge = self.judge
        sources = judge.bench.sources({**judge.reference, mutant.file: mutant.text}, "mutant")
        tests = [test for part in mutant.parts for test in judge.tests(part)]
        return judge.bench.killer(tests, sources) is not None

    def _survived(self, mutant: Mutant) -> Finding:
        return Finding(
            5,
            f"{mutant.file}:{mutant.line}: no test notices the mutant “{mutant.id}”. Add a test "
            "that does; if none can, paste its entry into mutants.toml with the reason.",
        )

    def _stale(self, listed: dict[str, str], dead: set[str], alive: set[str]) -> Iterator[Finding]:
        for name, reason in listed.items():
            if name not in dead | alive:
                yield Finding(5, f"mutants.toml: there is no mutant “{name}” any more. Remove it.")
            elif name in dead:
                yield Finding(5, f"mutants.toml: a test does notice “{name}”. Remove it.")
            if not reason:
                yield Finding(5, f"mutants.toml: “{name}” has no reason. Say why none can notice.")

    def _too_few(self) -> Iterator[Finding]:
        if self.all and len(self.killed) < KILLED_AT_LEAST * len(self.all):
            yield Finding(
                5,
                f"{len(self.killed)} of {len(self.all)} mutants are killed, which is less than "
                f"{KILLED_AT_LEAST:.0%}. Add tests; a simpler reference has fewer mutants, too.",
            )
