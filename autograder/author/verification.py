"""What ``course verify`` found out, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

KILLED_AT_LEAST = 0.95


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        rule: The number of the rule in the list of what makes an assignment done; 0 is for the
            form of stubs and solutions, which the list ends with.
        text: What was found, where, and what to do.
    """

    rule: int
    text: str


@dataclass(frozen=True)
class Row:
    """A mistake, and the tests of its part that it fails.

    Attributes:
        mistake: Its id.
        failed: Ids of tests; None where it was not run.
    """

    mistake: str
    failed: frozenset[str] | None


@dataclass(frozen=True)
class PartProof:
    """What was proved of one part.

    Attributes:
        name: The part.
        points: What it is worth.
        tests: Ids of its tests, public before hidden.
        rows: Its mistakes.
        sabotages: How many kinds of answers that know nothing were tried.
        variants: How many unusual right answers were tried.
        mutants: How many mutants there are.
        killed: How many of them a test notices.
    """

    name: str
    points: float
    tests: tuple[str, ...]
    rows: tuple[Row, ...] = ()
    sabotages: int = 0
    variants: int = 0
    mutants: int = 0
    killed: int = 0

    @property
    def caught(self) -> int:
        """How many mistakes fail a test."""
        return sum(bool(row.failed) for row in self.rows)


@dataclass(frozen=True)
class Verification:
    """All that is known of an assignment after ``verify``.

    Attributes:
        assignment: Its id.
        title: Its title.
        findings: What must be mended; nothing when the assignment is done.
        parts: What was proved, part by part.
        survivors: Entries to paste into ``mutants.toml``, should the mutants be equivalent.
        notes: For information: times, tests that were skipped.
    """

    assignment: str
    title: str
    findings: tuple[Finding, ...]
    parts: tuple[PartProof, ...] = ()
    survivors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing needs mending."""
        return not self.findings
