"""Name the mistake: compare what a submission returned with what each catalogued mistake returns.

The calls of a test are a program; it is run on every mistake of the part. A mistake is named when
it returns, call for call, what the student's code returned. When none does, nothing is guessed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from autograder.faults import StudentFault
from autograder.mistakes import Edit, apply, load_mistakes
from autograder.plugin import Test, Tester, homes
from autograder.results import Status
from autograder.show import is_tensor
from autograder.student.handle import Handle
from autograder.student.local import Sources
from autograder.student.peer import Peer
from autograder.student.remote import Loopback, RemoteStudent
from autograder.student.transcript import Call, Transcript
from autograder.wire import Opaque

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True)
class Outcome:
    """How one test went on one student: what it raised, if anything, and what was said."""

    error: BaseException | None
    transcript: Transcript


def run_on_texts(
    tester: Tester, tests: list[Test], texts: dict[str, str], explain: Any, label: str
) -> dict[str, Outcome]:
    """Run tests on trusted source texts, in process but through the wire's own encoding."""
    sources = Sources(texts, homes(tester.assignment), f"<{label}>")
    return {test.id: run_on_sources(tester, test, sources, explain) for test in tests}


def run_on_sources(tester: Tester, test: Test, sources: Sources, explain: Any) -> Outcome:
    """Run one test on modules of this process, through the wire's own encoding."""
    link = Loopback(sources.lookup, sources.is_file)
    peer = Peer(link, explain)
    link.connect(peer)
    with np.errstate(), warnings.catch_warnings():  # both put back what the test may have set
        warnings.simplefilter("ignore")
        return Outcome(tester.run(test, RemoteStudent(peer)), peer.transcript)


class Diagnosis:
    """Knows how every catalogued mistake of an assignment fares; learns it when first needed."""

    def __init__(
        self,
        tester: Tester,
        explain: Callable[[str], Callable[[StudentFault], StudentFault]],
        in_sandbox: Callable[[dict[str, str], list[Test]], dict[str, Outcome]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            tester: The warm session.
            explain: For a part, how its faults are explained.
            in_sandbox: Runs tests on texts in the sandbox, for mistakes that never end.
        """
        self.tester = tester
        self.explain = explain
        self.in_sandbox = in_sandbox
        self.mistakes = load_mistakes(tester.assignment)
        self.known: dict[str, dict[str, Outcome]] = {}

    def outcomes(self, mistake: Edit) -> dict[str, Outcome]:
        """How the tests of its part go on a mistake."""
        if mistake.id not in self.known:
            tests = self.tester.of_part(mistake.part)
            texts = apply(mistake, self.tester.assignment)
            if mistake.hangs:
                found = self.in_sandbox(texts, tests) if self.in_sandbox else {}
            else:
                explain = self.explain(mistake.part)
                found = run_on_texts(self.tester, tests, texts, explain, mistake.id)
            self.known[mistake.id] = found
        return self.known[mistake.id]

    def name(self, part: str, outcomes: dict[str, Outcome]) -> dict[str, Edit]:
        """Say for each failed test of a part which mistake it shows, where one can be named.

        A mistake that fares alike on every test of the part is the answer. Otherwise a single test
        is put down to a mistake when just one of them fares alike on it.
        """
        failed = {key: o for key, o in outcomes.items() if o.error is not None}
        if not failed or all(_is_silent(o) for o in failed.values()):
            return {}
        timed_out = any(_status(o) is Status.TIMEOUT for o in failed.values())
        candidates = [m for m in self.mistakes if m.part == part and (not m.hangs or timed_out)]
        for mistake in candidates:
            if _alike(outcomes, self.outcomes(mistake)):
                return dict.fromkeys(failed, mistake)
        named = {}
        for key, outcome in failed.items():
            if _is_silent(outcome):
                continue
            fits = [m for m in candidates if _same_outcome(outcome, self.outcomes(m).get(key))]
            if len({m.same_as or m.id for m in fits}) == 1:
                named[key] = fits[0]
        return named


def _is_silent(outcome: Outcome) -> bool:
    """Whether the submission said nothing that could point to a mistake."""
    return _status(outcome) in (Status.NOT_ATTEMPTED, Status.MISSING, Status.FORBIDDEN)


def _status(outcome: Outcome) -> Status | None:
    return outcome.error.status if isinstance(outcome.error, StudentFault) else None


def _alike(left: dict[str, Outcome], right: dict[str, Outcome]) -> bool:
    return left.keys() == right.keys() and all(
        (o.error is None) == (right[key].error is None)
        and (o.error is None or _same_outcome(o, right[key]))
        for key, o in left.items()
    )


def _same_outcome(left: Outcome, right: Outcome | None) -> bool:
    """Whether two runs of one test went alike, call for call."""
    if right is None or (left.error is None) != (right.error is None):
        return False
    a, b = left.transcript.calls, right.transcript.calls
    return len(a) == len(b) and all(map(same_call, a, b))


def same_call(left: Call, right: Call) -> bool:
    """Whether two calls ended alike."""
    if left.verb != right.verb or left.name != right.name:
        return False
    if left.fault is not None and right.fault is not None:
        return _said(left.fault) == _said(right.fault)
    if left.fault is not None or right.fault is not None:
        return False
    return same(_lasting(left), _lasting(right))


def _said(fault: StudentFault) -> tuple[Status, tuple[str, ...], object]:
    """What can be compared: where a stack runs out is chance, and Python's message says where."""
    out_of_stack = fault.kinds[:1] == ("RecursionError",)
    return fault.status, fault.kinds[:1], None if out_of_stack else fault.message


def _lasting(call: Call) -> Any:
    """What came back, without the memory of a trace, which no two runs have in common."""
    pair = call.value
    if call.verb != "trace" or type(pair) is not tuple or type(pair[-1]) is not dict:
        return pair
    return pair[0], {key: value for key, value in pair[-1].items() if key != "peak_bytes"}


def same(left: Any, right: Any) -> bool:
    """Whether two values that came through the wire are the same, up to rounding."""
    if isinstance(left, Handle | Opaque) or isinstance(right, Handle | Opaque):
        return getattr(left, "_type_", 0) == getattr(right, "_type_", 1)
    if type(left) is not type(right):
        return False
    if is_tensor(left):
        return bool(left.dtype == right.dtype) and _close(left.detach(), right.detach())
    if isinstance(left, np.ndarray | np.generic):
        return left.dtype == right.dtype and _close(left, right)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())
    if isinstance(left, float):
        return _close(np.float64(left), np.float64(right))
    if isinstance(left, np.random.Generator):
        return True
    if isinstance(left, FunctionType):  # the test's own, made anew in every run of it
        return left.__code__ is right.__code__
    return bool(left == right) if not hasattr(left, "__dict__") else repr(left) == repr(right)


def _close(left: Any, right: Any) -> bool:
    if tuple(left.shape) != tuple(right.shape):
        return False
    if is_tensor(left):
        left, right = (x.to(x.dtype if x.dtype.itemsize > 2 else _wide(x)) for x in (left, right))
        left, right = left.resolve_conj().numpy(), right.resolve_conj().numpy()
    if left.dtype.kind not in "fc":
        return bool(np.array_equal(left, right))
    with np.errstate(all="ignore"):
        return bool(np.allclose(left, right, _RELATIVE, _ABSOLUTE, equal_nan=True))


def _wide(tensor: Any) -> Any:
    import torch

    return torch.float32 if tensor.dtype.is_floating_point else tensor.dtype
