"""What test authors import: ``part``, ``close``, ``equal``, ``ensure``, ``raises``, ``expose``.

A test is plain pytest. It takes the fixtures ``student`` (the submission), ``reference`` (the
solution; hidden tests only) and ``rng`` (numpy, seeded per test from the assignment's seed).
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
import pytest

from autograder.faults import Mismatch, StudentFault
from autograder.results import Status
from autograder.show import describe, is_tensor
from autograder.student.local import raised_by_submission
from autograder.wire import Exposed

__all__ = ["close", "ensure", "equal", "expose", "part", "raises"]

_NOTHING = object()
_Test = TypeVar("_Test", bound=Callable[..., Any])
_DICTS = (dict, OrderedDict, defaultdict, Counter)
# Relative and absolute tolerance by the precision of what is expected.
_TOLERANCE = {"float64": (1e-9, 1e-11), "float32": (1e-4, 1e-5), "float16": (1e-2, 1e-3)}


def part(
    name: str, *, basic: bool = False, weight: float = 1.0, seconds: float | None = None
) -> Callable[[_Test], _Test]:
    """Say which part of the assignment a test belongs to.

    Args:
        name: The part's name in ``assignment.toml``.
        basic: The part gives no points while this test fails. Mark a test basic when no trivial
            answer (a constant, zeros, the input) passes it; each part needs at least one that is
            hidden.
        weight: Its share of the part's points.
        seconds: A kill limit of its own, in seconds.
    """
    return pytest.mark.part(name, basic=basic, weight=weight, seconds=seconds)


def close(
    got: object, expected: object, *, rtol: float | None = None, atol: float | None = None
) -> None:
    """Require the same type, shape and dtype, and values within a tolerance.

    Containers are compared item by item. Values must be finite unless the expected ones are not.
    numpy's own scalars pass for Python's (``np.float64`` for float, ``np.int64`` for int), an int
    for a float, and ``Counter`` or ``defaultdict`` for dict; nothing else stands in for anything.

    Args:
        got: What the submission returned.
        expected: What it should have.
        rtol: Relative tolerance; by default 1e-9 for float64, 1e-4 for float32.
        atol: Absolute tolerance; by default 1e-11 for float64, 1e-5 for float32.

    Raises:
        Mismatch: They differ; the exception says where first.
    """
    difference = first_difference(got, expected, rtol, atol)
    if difference:
        raise Mismatch(describe(got), describe(expected), difference)


def equal(got: object, expected: object) -> None:
    """Require exactly the same value: ``close`` with no tolerance.

    Raises:
        Mismatch: They differ; the exception says where first.
    """
    close(got, expected, rtol=0.0, atol=0.0)


def ensure(condition: object, message: str, got: object = _NOTHING, expected: str = "") -> None:
    """Require a property that is no comparison with one value.

    Args:
        condition: What must hold. A value from a submission counts only if it is really True.
        message: What is wrong when it does not hold, as a sentence to the student.
        got: The value that shows it.
        expected: What it should have been, in words.

    Raises:
        Mismatch: The condition does not hold.
    """
    if condition is not True and not isinstance(condition, np.bool_):
        condition = isinstance(condition, int) and bool(condition)
    if not condition:
        raise Mismatch("" if got is _NOTHING else describe(got), expected, message)


@contextmanager
def raises(*kinds: type[BaseException]) -> Iterator[None]:
    """Require the submission to raise one of these exceptions inside the ``with`` block.

    Raises:
        Mismatch: It raised nothing, or something else.
    """
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except StudentFault as fault:
        if fault.status is Status.EXCEPTION and {k.__name__ for k in kinds} & set(fault.kinds):
            return
        if fault.status is not Status.EXCEPTION:
            raise
        raise Mismatch(fault.text, f"{names} is raised", f"{fault.kinds[0]} instead") from None
    except Exception as error:  # by an object of the submission's, in process
        if isinstance(error, kinds) and raised_by_submission(error):
            return
        raise
    raise Mismatch("no exception", f"{names} is raised", "nothing was raised")


def expose(target: object, *methods: str) -> Any:
    """Let a submission call an object of the tester's: only these methods, nothing else of it.

    Use it for a memory that counts loads, a scripted model, a clock. A plain function can be passed
    without it.
    """
    return Exposed(target, methods)


def first_difference(
    got: object, expected: object, rtol: float | None = None, atol: float | None = None
) -> str:
    """Say where two values first differ, or return an empty string when they do not."""
    return _compare(got, expected, rtol, atol, "", 0)


def _compare(
    got: Any, want: Any, rtol: float | None, atol: float | None, where: str, depth: int
) -> str:
    at = f"at {where}: " if where else ""
    if depth > 64:
        return f"{at}nested too deeply to compare"
    if isinstance(want, np.ndarray):
        return _arrays(got, want, rtol, atol, at)
    if is_tensor(want):
        return _tensors(got, want, rtol, atol, at)
    if isinstance(want, list | tuple):
        return _sequences(got, want, rtol, atol, where, depth)
    if type(want) in _DICTS:
        return _mappings(got, want, rtol, atol, where, depth)
    if isinstance(want, bool | np.bool_):
        ok = type(got) in (bool, np.bool_) and bool(got) == bool(want)
        return "" if ok else f"{at}{_kinds(got, want, 'bool')}"
    if isinstance(want, int | np.integer) and not isinstance(want, bool):
        ok = (type(got) is int or isinstance(got, np.integer)) and int(got) == int(want)
        return "" if ok else f"{at}{_kinds(got, want, 'int')}"
    if isinstance(want, float | np.floating):
        return _floats(got, want, rtol, atol, at)
    if type(got) is not type(want):
        return f"{at}{_type_name(got)} instead of {_type_name(want)}"
    return "" if got == want else f"{at}{describe(got)} instead of {describe(want)}"


def _kinds(got: Any, want: Any, kind: str) -> str:
    if _type_name(got) == kind:
        return f"{describe(got)} instead of {describe(want)}"
    return f"{_type_name(got)} instead of {kind}"


def _type_name(value: object) -> str:
    return str(getattr(value, "_type_", None) or type(value).__name__)


def _tolerance(kind: str, rtol: float | None, atol: float | None) -> tuple[float, float]:
    default = _TOLERANCE.get(kind, (0.0, 0.0))
    if kind.startswith("complex"):
        default = _TOLERANCE["float64" if kind.endswith("128") else "float32"]
    if kind == "bfloat16":
        default = (2e-2, 1e-2)
    return (default[0] if rtol is None else rtol, default[1] if atol is None else atol)


def _floats(got: Any, want: Any, rtol: float | None, atol: float | None, at: str) -> str:
    kind = "float32" if isinstance(want, np.float32) else "float64"
    accepted = type(got) in (float, int, np.float64) or type(got) is type(want)
    if not accepted:
        return f"{at}{_type_name(got)} instead of float"
    relative, absolute = _tolerance(kind, rtol, atol)
    if isinstance(got, int) and got.bit_length() > 1023:
        return f"{at}{describe(got)} instead of {float(want):.6g}"
    value, target = float(got), float(want)
    if math.isnan(target) and math.isnan(value):
        return ""
    if value == target:
        return ""
    if math.isfinite(value) and math.isfinite(target):
        if abs(value - target) <= absolute + relative * abs(target):
            return ""
        return f"{at}{value:.6g} instead of {target:.6g}"
    return f"{at}{value} instead of {target:.6g}"


def _arrays(
    got: Any, want: np.ndarray[Any, Any], rtol: float | None, atol: float | None, at: str
) -> str:
    if type(got) is not np.ndarray:
        return f"{at}{_type_name(got)} instead of a numpy array"
    if got.shape != want.shape:
        return f"{at}shape {got.shape} instead of {want.shape}"
    if got.dtype != want.dtype:
        return f"{at}dtype {got.dtype} instead of {want.dtype}"
    relative, absolute = _tolerance(str(want.dtype), rtol, atol)
    return _values(got, want, relative, absolute, at)


def _tensors(got: Any, want: Any, rtol: float | None, atol: float | None, at: str) -> str:
    import torch

    if type(got) not in (torch.Tensor, torch.nn.Parameter):
        return f"{at}{_type_name(got)} instead of a tensor"
    if tuple(got.shape) != tuple(want.shape):
        return f"{at}shape {tuple(got.shape)} instead of {tuple(want.shape)}"
    if got.dtype != want.dtype:
        return f"{at}dtype {got.dtype} instead of {want.dtype}"
    if got.layout is not torch.strided or got.device.type != "cpu":
        return f"{at}a {got.layout} tensor on {got.device} instead of a dense one on the CPU"
    relative, absolute = _tolerance(str(want.dtype).removeprefix("torch."), rtol, atol)
    wide = torch.float32 if want.dtype is torch.bfloat16 else want.dtype
    left, right = (x.detach().to(wide).resolve_conj().numpy() for x in (got, want))
    return _values(left, right, relative, absolute, at)


def _values(got: Any, want: Any, rtol: float, atol: float, at: str) -> str:
    if want.size == 0:
        return ""
    if want.dtype.kind in "fc":
        good = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    else:
        good = got == want
    if bool(np.all(good)):
        return ""
    index = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), want.shape))
    wrong = int(good.size - np.count_nonzero(good))
    place = f"{at}[{', '.join(map(str, index))}] is" if index else f"{at}it is"
    many = f" ({wrong} of {good.size} differ)" if good.size > 1 else ""
    return f"{place} {_number(got[index])} instead of {_number(want[index])}{many}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if value.dtype.kind == "f" else str(value)


def _sequences(
    got: Any, want: Any, rtol: float | None, atol: float | None, where: str, depth: int
) -> str:
    at = f"at {where}: " if where else ""
    if type(got) is not type(want):
        return f"{at}{_type_name(got)} instead of {type(want).__name__}"
    for index, (left, right) in enumerate(zip(got, want, strict=False)):
        found = _compare(left, right, rtol, atol, f"{where}[{index}]", depth + 1)
        if found:
            return found
    if len(got) != len(want):
        return f"{at}length {len(got)} instead of {len(want)}"
    return ""


def _mappings(
    got: Any, want: Any, rtol: float | None, atol: float | None, where: str, depth: int
) -> str:
    at = f"at {where}: " if where else ""
    if type(got) not in _DICTS:
        return f"{at}{_type_name(got)} instead of dict"
    for key in want:
        if key not in got:
            return f"{at}the key {describe(key)} is missing"
        found = _compare(got[key], want[key], rtol, atol, f"{where}[{describe(key)}]", depth + 1)
        if found:
            return found
    extra = [key for key in got if key not in want]
    return f"{at}there is an extra key {describe(extra[0])}" if extra else ""


def fail(message: str) -> NoReturn:
    """Fail the test with one sentence to the student.

    Raises:
        Mismatch: Always.
    """
    raise Mismatch("", "", message)
