"""What test authors import: each comparison accepts what it should and refuses the rest."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import numpy as np
import pytest
import torch

from autograder.faults import Mismatch
from autograder.show import clean, describe
from autograder.testing import close, ensure, equal, first_difference


def str_id(value: object) -> str:
    return describe(value)[:40]


ACCEPTED: list[tuple[Any, Any]] = [
    (1.0, 1.0),
    (1.0 + 1e-12, 1.0),
    (np.float64(1.0), 1.0),
    (1, 1.0),
    (float("nan"), float("nan")),
    (float("inf"), float("inf")),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (Counter("aab"), {"a": 2, "b": 1}),
    (defaultdict(int, a=1), {"a": 1}),
    (OrderedDict(b=1, a=2), {"a": 2, "b": 1}),
    ([1, (2.0, "x")], [1, (2.0, "x")]),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    (torch.ones(2), torch.ones(2) + 1e-7),
    (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    ({1, 2}, {2, 1}),
    (None, None),
]
REFUSED: list[tuple[Any, Any, str]] = [
    (1.1, 1.0, "1.1 instead of 1"),
    (True, 1.0, "bool instead of float"),
    ("1.0", 1.0, "str instead of float"),
    (np.float32(1.0), 1.0, "float32 instead of float"),
    (np.array(1.0), 1.0, "ndarray instead of float"),
    (10**400, 1.0, "instead of 1"),
    (float("nan"), 1.0, "nan instead of 1"),
    (1.0, float("nan"), "instead of nan"),
    (1.0, 1, "float instead of int"),
    (True, 1, "bool instead of int"),
    (1, True, "int instead of bool"),
    ([1.0], np.array([1.0]), "list instead of a numpy array"),
    (np.zeros((3, 1)), np.zeros(3), "shape (3, 1) instead of (3,)"),
    (np.zeros(3, np.float32), np.zeros(3), "dtype float32 instead of float64"),
    (np.zeros(3, ">f8"), np.zeros(3), "dtype >f8"),
    (np.array([0.0, 2.0, 0.0]), np.zeros(3), "[1] is 2 instead of 0 (1 of 3 differ)"),
    (np.array([0.0, np.nan]), np.zeros(2), "[1] is nan instead of 0"),
    (np.ma.masked_array([0.0]), np.zeros(1), "MaskedArray instead of a numpy array"),
    (np.zeros(2), torch.zeros(2), "ndarray instead of a tensor"),
    (torch.zeros(2, device="meta"), torch.zeros(2), "meta"),
    (torch.zeros(2).to_sparse(), torch.zeros(2), "sparse"),
    ((1, 2), [1, 2], "tuple instead of list"),
    ([1, 2], [1, 2, 3], "length 2 instead of 3"),
    ([1, [2, 4]], [1, [2, 3]], "at [1][1]: 4 instead of 3"),
    ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
    ({"a": 1, "c": 2}, {"a": 1}, "an extra key 'c'"),
    ([("a", 1)], {"a": 1}, "list instead of dict"),
    ({1}, {1, 2}, "{1} instead of {1, 2}"),
    ("a", "b", "'a' instead of 'b'"),
    (0, None, "int instead of NoneType"),
]


@pytest.mark.parametrize(("got", "want"), ACCEPTED, ids=str_id)
def test_close_accepts(got: Any, want: Any) -> None:
    close(got, want)


@pytest.mark.parametrize(("got", "want", "says"), REFUSED, ids=str_id)
def test_close_refuses_and_says_why(got: Any, want: Any, says: str) -> None:
    with pytest.raises(Mismatch) as caught:
        close(got, want)
    assert says in caught.value.difference


def test_equal_has_no_tolerance() -> None:
    equal(0.1 + 0.2, 0.1 + 0.2)
    with pytest.raises(Mismatch):
        equal(0.1 + 0.2, 0.3)


@pytest.mark.parametrize("claim", [0, "", None, "yes", [1], np.zeros(2), 0.0])
def test_ensure_believes_only_true(claim: Any) -> None:
    with pytest.raises(Mismatch, match="not so"):
        ensure(claim, "not so", np.ones(2))


def test_ensure_accepts_true() -> None:
    for claim in (True, np.bool_(True), 1):
        ensure(claim, "not so")


def test_nesting_cannot_exhaust_the_stack() -> None:
    left: list[Any] = []
    right: list[Any] = []
    for _ in range(500):
        left, right = [left], [right]
    assert "too deeply" in first_difference(left, right)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.arange(3.0), "float64 (3,) [0., 1., 2.]"),
        (torch.arange(2), "tensor int64 (2,) [0, 1]"),
        (np.zeros((0, 2)), "float64 (0, 2)"),
        ((1,), "(1,)"),
        ({"a": [1, 2]}, "{'a': [1, 2]}"),
        (10**5000, "an integer of 16,610 bits"),
        (print, "<function print>"),
        (lambda: 0, "<a function>"),
        (set(), "set()"),
        (object(), "<object>"),
    ],
    ids=str_id,
)
def test_describe(value: Any, shown: str) -> None:
    assert describe(value) == shown


def test_describe_is_short_and_safe() -> None:
    assert len(describe([list(range(1000))] * 1000)) < 400
    assert len(describe("x" * 10**6)) < 400
    assert "\x1b" not in describe("\x1b[31mred")
    assert "\u202e" not in clean("a\u202eb")
    clean("lone \ud800 surrogate").encode("utf-8")
