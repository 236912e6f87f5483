"""Rule 8: hidden tests draw their inputs from the seed, and hold for every seed."""

from __future__ import annotations

from collections.abc import Iterator

from autograder import wire
from autograder.author.bench import failed
from autograder.author.judge import Judge, reason
from autograder.author.verification import Finding
from autograder.student.transcript import Transcript

SEEDS = 3


def seeds(judge: Judge) -> Iterator[Finding]:
    """Run the reference on several seeds: full marks on all, and other inputs for each."""
    first = judge.assignment.seed
    asked: list[dict[str, bytes]] = []
    for seed in range(first, first + SEEDS):
        asked.append({})
        with judge.bench.seed(seed):
            for test in judge.bench.tester.tests:
                outcome = judge.bench.run(test, judge.honest)
                asked[-1][test.id] = digest(outcome.transcript)
                if failed(outcome) and seed != first:
                    yield Finding(
                        8,
                        f"With seed {seed} the reference fails {test.id}: {reason(outcome)}. Let "
                        "the test draw only inputs on which its claim holds.",
                    )
    for part in judge.assignment.parts:
        basic = [t.id for t in judge.tests(part.name) if t.hidden and t.basic]
        if not any(asked[0][name] != asked[1][name] for name in basic):
            yield Finding(
                8,
                f"{part.name}: no basic hidden test asks anything else with another seed, so its "
                "answers can be written down. Draw its sizes and values from `rng`.",
            )


def digest(transcript: Transcript) -> bytes:
    """What was asked and answered, as bytes; functions and objects count by their kind alone."""
    parts = []
    for call in transcript.calls:
        for value in (call.verb, call.name, call.args, call.kwargs, call.value):
            try:
                parts += [bytes(piece) for piece in wire.encode(value, _by_kind, wire.Budget())]
            except wire.WireError:
                parts.append(b"?")
    return b"".join(parts)


def _by_kind(value: object) -> tuple[int, object]:
    return wire.HANDLE, [type(value).__name__]
