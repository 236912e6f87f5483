"""The fixture ``student``: the same verbs over the wire's encoding and in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from autograder.diagnosis import same, same_call
from autograder.faults import Mismatch, StudentFault
from autograder.results import Status
from autograder.student.handle import Handle
from autograder.student.local import LocalStudent, Sources
from autograder.student.peer import Peer
from autograder.student.remote import Loopback, RemoteStudent
from autograder.student.transcript import Call
from autograder.testing import close, ensure, equal, expose, raises

Make = Callable[[str], Any]


def over_the_wire(source: str) -> Any:
    sources = Sources({"work.py": source}, {}, "<work>")
    assert not sources.failures, sources.failures
    link = Loopback(sources.lookup, sources.is_file)
    peer = Peer(link, lambda fault: fault)
    link.connect(peer)
    return RemoteStudent(peer)


def in_process(source: str) -> Any:
    return LocalStudent(Sources({"work.py": source}, {}, "<work>"))


both = pytest.mark.parametrize("make", [over_the_wire, in_process])


@both
def test_values_come_back(make: Make) -> None:
    student = make("def twice(x): return x * 2")
    equal(student.twice(4), 8)
    equal(student.twice([1, 2]), [1, 2, 1, 2])
    close(student.twice(np.arange(3.0)), np.array([0.0, 2.0, 4.0]))
    close(student.twice(torch.ones(2, dtype=torch.bfloat16)), torch.full((2,), 2.0).bfloat16())


@both
def test_an_exception_becomes_a_fault_with_its_place(make: Make) -> None:
    student = make("def f(x):\n    y = x\n    return y / 0\n")
    with pytest.raises(StudentFault, match=r"division by zero \(work.py, line 3, in f") as caught:
        student.f(1)
    assert caught.value.status is Status.EXCEPTION
    with raises(ZeroDivisionError):
        student.f(1)
    with pytest.raises(Mismatch, match="nothing was raised"), raises(ValueError):
        pass
    with pytest.raises(Mismatch, match="ZeroDivisionError instead"), raises(KeyError):
        student.f(1)


@both
def test_sys_exit_is_exited(make: Make) -> None:
    with pytest.raises(StudentFault) as caught:
        make("import sys\ndef f(): sys.exit(3)").f()
    assert caught.value.status is Status.EXITED


@both
def test_a_missing_name_is_a_fault(make: Make) -> None:
    with pytest.raises(StudentFault) as caught:
        make("x = 1").layer(1)
    assert caught.value.kinds[0] == "MissingName"


@both
def test_observe_sees_inputs_that_changed(make: Make) -> None:
    student = make("def f(x):\n    x += 1\n    return x.sum()")
    result, (after,) = student.observe("f", np.zeros(3))
    close(result, 3.0)
    close(after, np.ones(3))


@both
def test_callbacks_run_on_the_tests_side(make: Make) -> None:
    seen = []

    class Memory:
        def load(self, index: int) -> int:
            seen.append(index)
            return index * 10

        def secret(self) -> int:
            return 42

    student = make("def f(memory, n, g): return [g(memory.load(i)) for i in range(n)]")
    equal(student.f(expose(Memory(), "load"), 3, lambda x: x + 1), [1, 11, 21])
    assert seen == [0, 1, 2]
    nosy = make("def f(memory): return memory.secret()")
    with pytest.raises(StudentFault):
        nosy.f(expose(Memory(), "load"))


@both
def test_generators_cross_as_their_state(make: Make) -> None:
    student = make("def f(rng): return rng.standard_normal(3)")
    close(student.f(np.random.default_rng(5)), np.random.default_rng(5).standard_normal(3))


@both
def test_objects_stay_on_their_side(make: Make) -> None:
    student = make(
        "class Value:\n"
        "    def __init__(self, data): self.data = data; self.children = []\n"
        "    def __add__(self, other):\n"
        "        other = other if isinstance(other, Value) else Value(other)\n"
        "        out = Value(self.data + other.data); out.children = [self, other]; return out\n"
        "    __radd__ = __add__\n"
        "    def __len__(self): return 2\n"
        "    def __iter__(self): return iter(self.children)\n"
        "    def double(self): self.data *= 2; return self\n"
        "def name(v): return type(v).__name__\n"
    )
    a = student.Value(3.0)
    b = 2 + a + 1
    equal(b.data, 6.0)
    equal(len(b), 2)
    equal([child.data for child in b], [5.0, 1.0])
    equal(b.double().data, 12.0)
    equal(student.name(a), "Value")
    a.data = 7.0
    equal(a.data, 7.0)


def test_a_lying_object_is_never_asked_to_compare_itself() -> None:
    student = over_the_wire(
        "heard = []\n"
        "class Liar:\n"
        "    def __eq__(self, other): heard.append(other); return True\n"
        "    def __sub__(self, other): heard.append(other); return 0.0\n"
        "    def __lt__(self, other): heard.append(other); return True\n"
        "    def __contains__(self, other): heard.append(other); return True\n"
        "    def __bool__(self): return True\n"
        "    def __getitem__(self, key): return Liar()\n"
        "    def __abs__(self): return 0.0\n"
        "def f(): return Liar()\n"
        "def g(): return [Liar()]\n"
        "def what(): return heard\n"
    )
    liar = student.f()
    assert isinstance(liar, Handle)
    assert liar != 3.0
    for attempt in (
        lambda: liar - 3.0,
        lambda: 3.0 - liar,
        lambda: liar < 3.0,
        lambda: 3.0 in liar,
        lambda: bool(liar),
        lambda: abs(liar),
        lambda: liar[0] - 3.0,
        lambda: student.g()[0] - 3.0,
    ):
        with pytest.raises(TypeError, match="was expected"):
            attempt()
    for check in (close, equal):
        with pytest.raises(Mismatch, match="Liar instead of float"):
            check(liar, 3.0)
    with pytest.raises(Mismatch):
        ensure(liar, "it is a lie")
    equal(student.what(), [])


def test_subclasses_of_arrays_and_numbers_never_pass() -> None:
    student = over_the_wire(
        "import numpy as np\n"
        "class A(np.ndarray): pass\n"
        "class F(float):\n"
        "    def __eq__(self, o): return True\n"
        "    __hash__ = float.__hash__\n"
        "def a(): return np.zeros(3).view(A)\n"
        "def f(): return F(2.0)\n"
        "def o(): return np.array([1.0, 2.0], dtype=object)\n"
        "def b(): return np.zeros(3, dtype='>f8')\n"
        "def m(): return np.ma.masked_array(np.zeros(3))\n"
    )
    for name, want in (("a", np.zeros(3)), ("b", np.zeros(3)), ("m", np.zeros(3))):
        with pytest.raises(Mismatch):
            close(getattr(student, name)(), want)
    with pytest.raises(Mismatch):
        close(student.f(), 2.0)
    with pytest.raises(Mismatch):
        close(student.o(), np.array([1.0, 2.0]))


@both
def test_vjp_gives_outputs_and_gradients(make: Make) -> None:
    student = make("def f(x, w): return x @ w, (x * x).sum()")
    x, w = torch.randn(2, 3, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    up = torch.randn(2, 4, dtype=torch.float64)
    (out, square), (dx, dw) = student.vjp("f", (x, w), (up, None), wrt=(0, 1))
    close(out, x @ w)
    close(square, (x * x).sum())
    close(dx, up @ w.T)
    close(dw, x.T @ up)


@both
def test_vjp_reaches_parameters(make: Make) -> None:
    student = make("import torch\ndef make(): return torch.nn.Linear(3, 2).double()")
    model = student.make()
    x, up = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    _, (dw,) = student.vjp(model, (x,), up, wrt=("weight",))
    close(dw, up.T @ x)


@both
def test_trace_counts(make: Make) -> None:
    student = make("def f(a, b): return (a @ b).sum()")
    trace = student.trace("f", torch.ones(4, 5), torch.ones(5, 6))
    assert trace.flops == 2 * 4 * 5 * 6
    assert trace.largest == 24
    assert trace.operators["aten.mm"] == 1
    close(trace.result, torch.tensor(120.0))


@both
def test_the_library_is_on_the_students_side(make: Make) -> None:
    student = make("import torch\ndef make(): return torch.nn.Linear(2, 1)")
    model = student.make()
    optimizer = student.library("torch.optim.SGD")(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    with pytest.raises((StudentFault, AttributeError)):
        student.library("os.system")


@both
def test_a_returned_function_can_be_called_and_passed_on(make: Make) -> None:
    student = make("def make(n): return lambda x: x + n\ndef apply(f, x): return f(x)")
    add = student.make(3)
    equal(add(4), 7)
    equal(student.apply(add, 1), 4)
    equal(student.apply(student.make(1), 1), 2)


def test_values_that_cannot_cross_are_said_to_be_so() -> None:
    student = over_the_wire(
        "def deep():\n    x = []\n    for _ in range(10**4): x = [x]\n    return x\n"
        "def cyclic():\n    x = []; x.append(x); return x\n"
        "def huge():\n    import torch; return torch.zeros(1).expand(10**12)\n"
    )
    for name in ("deep", "cyclic", "huge"):
        with pytest.raises(StudentFault, match="cannot be graded") as caught:
            getattr(student, name)()
        assert caught.value.status is Status.PROTOCOL


def scorer(calls: list[str]) -> Callable[[str, str], float]:
    """A function that a test makes anew each time it runs."""

    def score(query: str, text: str) -> float:
        calls.append(text)
        return 0.5

    return score


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        (1.0, 1.0 + 1e-12, True),
        (1.0, 1, False),
        (float("nan"), float("nan"), True),
        (np.zeros(3), np.zeros((3, 1)), False),
        (np.zeros(3), np.zeros(3, dtype=np.float32), False),
        (torch.ones(2), torch.ones(2) + 1e-8, True),
        (torch.ones(2).bfloat16(), torch.ones(2).bfloat16(), True),
        ({"a": [1, (2,)]}, {"a": [1, (2,)]}, True),
        ({"a": [1, (2,)]}, {"a": [1, [2]]}, False),
        ({1, 2}, {2, 1}, True),
        ("a", "b", False),
        (None, None, True),
        (scorer([]), scorer([]), True),
        (scorer([]), len, False),
        (scorer([]), lambda q, t: 0.5, False),
    ],
)
def test_same(left: object, right: object, alike: bool) -> None:
    assert same(left, right) is alike


@pytest.mark.parametrize(
    ("kind", "alike"), [("RecursionError", True), ("ValueError", False), ("KeyError", False)]
)
def test_where_a_stack_runs_out_is_chance(kind: str, alike: bool) -> None:
    """Python's message says in what call it did, which differs from process to process."""
    calls = []
    for message in ("too deep", "too deep in comparison"):
        fault = StudentFault(Status.EXCEPTION, message, (kind, "Exception"))
        fault.message = message
        calls.append(Call("call", "f", (), {}, fault=fault))
    assert same_call(*calls) is alike
