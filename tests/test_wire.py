"""The wire: values go round unchanged, budgets hold, and any bytes give a value or WireError."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
import time
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder import wire
from autograder.wire import Budget, WireError

BUDGET = Budget()


def nothing(*_: Any) -> None:
    return None


def refuse(code: int, payload: Any) -> Any:
    raise WireError("a reference")


def split(frame: bytes) -> tuple[bytes, bytearray]:
    tree, blob = wire.HEADER.unpack_from(frame)
    start = wire.HEADER.size
    assert len(frame) == start + tree + blob
    return frame[start : start + tree], bytearray(frame[start + tree :])


def there_and_back(value: Any, *, inward: bool = False, budget: Budget = BUDGET) -> Any:
    """Cross as a test's argument (inward) or as a submission's answer."""
    frame = b"".join(wire.encode(value, nothing, budget, keep_layout=inward))
    return wire.decode(*split(frame), refuse, budget, keep_layout=inward)


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return (left.dtype, left.shape) == (right.dtype, right.shape) and (
            left.tobytes() == right.tobytes()
        )
    if isinstance(left, np.generic):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(v, right[k]) for k, v in left.items())
    if isinstance(left, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right)


PLAIN = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64,
    -(2**64) - 1,
    10**300,
    0.0,
    -0.0,
    1.5,
    math.inf,
    math.nan,
    "",
    "text",
    "\ud800 \x00 \U0001f600",
    b"",
    b"\x00\xff",
    1 + 2j,
    [],
    [1, [2, [3]]],
    (),
    (1, (2, "x"), [3]),
    {},
    {"a": 1, 2: "b", (1, 2): [3], None: 0.5, b"k": ()},
    set(),
    {1, 2, "x"},
    frozenset({(1, 2)}),
    slice(1, None, -1),
    range(3, 9, 2),
    Ellipsis,
    np.dtype("float32"),
    np.float64(1.5),
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.complex64(1 + 1j),
]


@pytest.mark.parametrize(
    "value", PLAIN, ids=[f"{i}-{type(v).__name__}" for i, v in enumerate(PLAIN)]
)
@pytest.mark.parametrize("inward", [True, False])
def test_plain_values(value: Any, inward: bool) -> None:
    assert same(there_and_back(value, inward=inward), value)


@pytest.mark.parametrize("name", sorted(wire._DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 2, 1, 3)])
def test_arrays(name: str, shape: tuple[int, ...]) -> None:
    raw = np.random.default_rng(0).integers(0, 2, (*shape, np.dtype(name).itemsize), np.uint8)
    value = np.frombuffer(raw.tobytes(), name).reshape(shape)
    assert same(there_and_back(value), value)


def test_subclasses_of_dict_become_dicts() -> None:
    for value in (OrderedDict(a=1), defaultdict(int, a=1), Counter("a")):
        assert same(there_and_back(value), {"a": 1})


def test_scalar_types_become_dtypes() -> None:
    assert there_and_back(np.float32) == np.dtype("float32")


LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: np.asfortranarray(x),
    "transposed": lambda x: x.T,
    "axes moved": lambda x: x.reshape(2, 3, 4).transpose(1, 2, 0),
    "every second": lambda x: x[:, ::2],
    "first column": lambda x: x[:, :1],
    "backwards": lambda x: x[::-1],
    "one number": lambda x: np.broadcast_to(x[0, 0], (4, 6)),
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writable", [True, False])
def test_layouts_of_arguments(layout: str, writable: bool) -> None:
    value = LAYOUTS[layout](np.arange(24.0).reshape(4, 6))
    if layout == "one number" and writable:
        pytest.skip("numpy makes it read-only")
    value.flags.writeable = writable
    got = there_and_back(value, inward=True)
    assert same(got, value)
    assert got.flags.writeable is writable
    if value.size:
        assert got.flags.c_contiguous == value.flags.c_contiguous
    if value.flags.f_contiguous and value.size:
        assert got.strides == value.strides
    answer = there_and_back(value)
    assert same(answer, value)
    assert answer.flags.c_contiguous
    assert answer.flags.writeable


def test_generators_cross_inwards_only() -> None:
    for make in (np.random.default_rng, lambda n: np.random.Generator(np.random.MT19937(n))):
        rng = make(5)
        rng.standard_normal(3)
        got = there_and_back(rng, inward=True)
        assert same(got.standard_normal(8), rng.standard_normal(8))
    with pytest.raises(WireError):
        there_and_back(np.random.default_rng(0))


class Float(float): ...


class Array(np.ndarray): ...


class Dict(dict): ...


class Text(str): ...


class Whole(int): ...


@pytest.mark.parametrize(
    "value",
    [
        Float(1),
        Text("x"),
        Whole(1),
        Dict(),
        [Float(1)],
        np.zeros(2).view(Array),
        np.array([1, None], dtype=object),
        np.zeros(2, ">f8"),
        np.zeros(2, [("x", "f8")]),
        np.array(["x"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.ma.array([1.0]),
        object(),
        object,
        print,
        iter([]),
        np.longdouble(1),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_value_is_refused(value: Any) -> None:
    with pytest.raises(WireError):
        there_and_back(value)


def test_what_is_no_value_goes_as_a_reference() -> None:
    thing = object()
    frame = b"".join(wire.encode([thing], lambda value: (wire.HANDLE, [7, "thing"]), BUDGET))
    got = wire.decode(*split(frame), lambda code, payload: (code, payload), BUDGET)
    assert got == [(wire.HANDLE, [7, "thing"])]


# budgets


def nested(levels: int, kind: type) -> Any:
    value: Any = kind()
    for _ in range(levels):
        value = {"k": value} if kind is dict else kind([value])
    return value


@pytest.mark.parametrize("kind", [list, tuple, dict])
@pytest.mark.parametrize("levels", [100, 1000, 100_000])
def test_depth(kind: type, levels: int) -> None:
    with pytest.raises(WireError):
        there_and_back(nested(levels, kind))
    assert there_and_back(nested(30, kind)) == nested(30, kind)


def test_cycles() -> None:
    ring: list[Any] = []
    ring.append(ring)
    knot: dict[str, Any] = {}
    knot["k"] = (knot,)
    for value in (ring, knot):
        with pytest.raises(WireError, match="nested"):
            there_and_back(value)


def test_size_of_the_tree() -> None:
    small = Budget(tree=1000)
    assert there_and_back("x" * 900, budget=small)
    with pytest.raises(WireError):
        there_and_back("x" * 1100, budget=small)


def test_size_of_the_data() -> None:
    small = Budget(blob=1000)
    assert same(there_and_back(np.zeros(100), budget=small), np.zeros(100))
    for value in (np.zeros(200), [np.zeros(100)] * 2, np.broadcast_to(0.0, (10**6, 10**6))):
        with pytest.raises(WireError):
            there_and_back(value, budget=small)


def test_large_integers() -> None:
    assert there_and_back(1 << 32000) == 1 << 32000
    with pytest.raises(WireError):
        there_and_back(1 << 33000)


def ext(code: int, payload: Any) -> msgpack.ExtType:
    return msgpack.ExtType(code, msgpack.packb(payload))


def colliding(count: int) -> list[msgpack.ExtType]:
    """Integers whose hashes are all 0."""
    numbers = (k * (2**61 - 1) for k in range(1, count + 1))
    return [msgpack.ExtType(wire.BIGINT, n.to_bytes(12, "little", signed=True)) for n in numbers]


def decode(value: Any, blob: bytes = b"") -> Any:
    return wire.decode(msgpack.packb(value), bytearray(blob), refuse, BUDGET)


FORGED = {
    "array beyond its data": ext(wire.ARRAY, ["float64", [4], 0, 0, True]),
    "array of negative size": ext(wire.ARRAY, ["float64", [-1], 0, 0, True]),
    "array before its data": ext(wire.ARRAY, ["float64", [1], -8, 0, True]),
    "array of enormous size": ext(wire.ARRAY, ["float64", [2**62, 2**62], 0, 0, True]),
    "empty array of enormous size": ext(wire.ARRAY, ["float64", [0, 2**63], 0, 0, True]),
    "array of objects": ext(wire.ARRAY, ["object", [1], 0, 0, True]),
    "array of nothing known": ext(wire.ARRAY, [["f8"], [1], 0, 0, True]),
    "array of too many axes": ext(wire.ARRAY, ["float64", [1] * 40, 0, 0, True]),
    "array with sizes that are true": ext(wire.ARRAY, ["float64", [True], 0, 0, True]),
    "array with an odd start": ext(wire.ARRAY, ["float64", [1], 0.0, 0, True]),
    "array of too few facts": ext(wire.ARRAY, ["float64", [1]]),
    "array that is a number": ext(wire.ARRAY, 3),
    "tensor of no known type": ext(wire.TENSOR, ["float128", [1], 0, 0, False]),
    "scalar of objects": ext(wire.SCALAR, ["O", b"12345678"]),
    "scalar without bytes": ext(wire.SCALAR, ["float64", b""]),
    "set of lists": ext(wire.SET, [[1]]),
    "set that is a number": ext(wire.SET, 1),
    "tuple that is a text": ext(wire.TUPLE, "ab"),
    "range without a step": ext(wire.RANGE, [0, 9, 0]),
    "slice of four": ext(wire.SLICE, [1, 2, 3, 4]),
    "complex text": ext(wire.COMPLEX, [1, "2"]),
    "dtype of objects": ext(wire.DTYPE, "object"),
    "dtype of a list": ext(wire.DTYPE, []),
    "generator": ext(wire.GENERATOR, {"bit_generator": "PCG64"}),
    "state of a generator": ext(wire.TORCH_GENERATOR, b""),
    "reference": ext(wire.HANDLE, [1, "x"]),
    "unknown code": ext(99, None),
    "timestamp": msgpack.ExtType(127, b""),
    "huge integer": msgpack.ExtType(wire.BIGINT, b"x" * 5000),
    "many integers": [msgpack.ExtType(wire.BIGINT, b"xx")] * 10_001,
    "colliding keys": dict.fromkeys(colliding(200), 0),
    "colliding set": ext(wire.SET, colliding(200)),
    "many sets": [ext(wire.SET, [])] * 260_000,
    "deep": nested(70, list),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged(name: str) -> None:
    with pytest.raises(WireError):
        decode(FORGED[name])


def test_key_that_cannot_be_one() -> None:
    for tree in (b"\x81\x90\x00", b"\x81\x80\x00"):
        with pytest.raises(WireError):
            wire.decode(tree, bytearray(), refuse, BUDGET)


def test_truncated_and_followed() -> None:
    frame = b"".join(wire.encode([1.5, "text", np.arange(4.0), (1, 2)], nothing, BUDGET))
    tree, blob = split(frame)
    for cut in range(len(tree)):
        with pytest.raises(WireError):
            wire.decode(tree[:cut], blob, refuse, BUDGET)
    for cut in range(len(blob)):
        with pytest.raises(WireError):
            wire.decode(tree, blob[:cut], refuse, BUDGET)
    with pytest.raises(WireError):
        wire.decode(tree + b"\xc0", blob, refuse, BUDGET)


# fuzzing

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from([np.float64(2.5), np.int8(1), np.arange(6).reshape(2, 3), np.zeros((0, 2))])
    | st.sampled_from([slice(1, 2), range(4), np.dtype("int16"), np.ones((2, 2), np.float32).T])
)
keys = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(keys | st.tuples(keys, keys), inner, max_size=5)
        | st.sets(keys, max_size=5)
        | st.frozensets(keys, max_size=5)
    ),
    max_leaves=20,
)
fuzzing = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzing
@given(values)
def test_any_value_goes_round(value: Any) -> None:
    assert same(there_and_back(value), value)
    assert same(there_and_back(value, inward=True), value)


def only_wire_errors(tree: bytes, blob: bytes, *, inward: bool) -> None:
    try:
        wire.decode(tree, bytearray(blob), refuse, BUDGET, keep_layout=inward)
    except WireError as error:
        text = str(error)
    else:
        text = ""
    assert len(text) <= 400


@fuzzing
@given(st.binary(max_size=300), st.binary(max_size=64))
def test_random_bytes(tree: bytes, blob: bytes) -> None:
    only_wire_errors(tree, blob, inward=False)


@fuzzing
@given(values, st.randoms(use_true_random=False))
def test_mutated_frames(value: Any, chance: random.Random) -> None:
    tree, blob = split(b"".join(wire.encode(value, nothing, BUDGET)))
    for _ in range(8):
        data = bytearray(tree)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(data) + 1)
            what = chance.randrange(4)
            if what == 0:
                data[place:place] = chance.randbytes(chance.randint(1, 4))
            elif what == 1:
                del data[place : place + chance.randint(1, 3)]
            elif what == 2 and place < len(data):
                data[place] ^= 1 << chance.randrange(8)
            else:
                data[place : place + 1] = chance.choice(
                    [b"\xdd\xff\xff\xff\xff", b"\xdf\x00\xff\xff\xff", b"\xc9\x00\x00\x01\x00\x04"]
                )
        only_wire_errors(bytes(data), bytes(blob), inward=False)


arbitrary = st.recursive(
    st.none()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=10)
    | st.binary(max_size=16)
    | st.sampled_from([*sorted(wire._DTYPES), "object", "PCG64"]),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        | st.builds(ext, st.integers(0, 20), inner)
    ),
    max_leaves=15,
)


@fuzzing
@given(st.builds(ext, st.integers(1, 18), arbitrary), st.binary(max_size=64))
def test_forged_payloads(value: Any, blob: bytes) -> None:
    only_wire_errors(msgpack.packb(value, unicode_errors="surrogatepass"), blob, inward=False)


BOMBS = """
import resource, struct, sys, time
from autograder import wire

N = 4 << 20
def of(code, count): return code + struct.pack(">I", count)
bombs = {
    "lists in lists": of(b"\\xdd", N - 9) * 1000,
    "maps in maps": of(b"\\xdf", N // 2 - 9) * 1000,
    "empty lists": of(b"\\xdd", N - 5) + b"\\x90" * (N - 5),
    "empty maps": of(b"\\xdd", N - 5) + b"\\x80" * (N - 5),
    "empty sets": of(b"\\xdd", (N - 5) // 3) + b"\\xd4\\x07\\x90" * ((N - 5) // 3),
    "sets in tuples": of(b"\\xc9", N - 6) + b"\\x01" + of(b"\\xc9", N - 12) + b"\\x07",
    "texts": of(b"\\xdb", 2**32 - 1),
}
data = bombs[sys.argv[1]]
data += b"\\x90" * (N - len(data))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.process_time()
try:
    wire.decode(data, bytearray(), None, wire.Budget())
except wire.WireError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - begin)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in kilobytes, as Linux does")
@pytest.mark.parametrize(
    "bomb",
    [
        "lists in lists",
        "maps in maps",
        "empty lists",
        "empty maps",
        "empty sets",
        "sets in tuples",
        "texts",
    ],
)
def test_bombs_are_bounded(bomb: str) -> None:
    """A frame of the greatest size takes less than half a gigabyte and a few seconds."""
    done = subprocess.run(
        [sys.executable, "-c", BOMBS, bomb], capture_output=True, text=True, check=True, timeout=100
    )
    kilobytes, seconds = map(float, done.stdout.split())
    assert kilobytes < 512 << 10
    assert seconds < 15


def test_ten_thousand_frames_are_quick() -> None:
    frame = split(b"".join(wire.encode(("answer", 1, ("return", 32.0)), nothing, BUDGET)))
    begin = time.process_time()
    for _ in range(10_000):
        wire.decode(*frame, refuse, BUDGET)
    assert time.process_time() - begin < 10


def test_header() -> None:
    assert wire.HEADER.size == 8
    assert struct.calcsize("<II") == wire.HEADER.size


torch_values = [
    "torch.arange(6.0).reshape(2, 3)",
    "torch.arange(6.0).reshape(2, 3).T",
    "torch.zeros(0, 2)",
    "torch.tensor(1.5, dtype=torch.bfloat16)",
    "torch.ones(3, dtype=torch.complex64).conj()",
    "torch.tensor([True, False])",
    "torch.ones(2, requires_grad=True)",
]


@pytest.mark.slow
def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    for text in torch_values:
        value = eval(text, {"torch": torch})
        for inward in (True, False):
            got = there_and_back(value, inward=inward)
            assert got.dtype == value.dtype
            assert got.shape == value.shape
            assert torch.equal(got.detach(), value.detach().resolve_conj())
            assert got.requires_grad == (value.requires_grad and inward)
            if inward and value.is_contiguous():
                assert got.stride() == value.stride()
    assert there_and_back(torch.float32) is torch.float32
    assert there_and_back(torch.Size([2, 3])) == (2, 3)
    generator = torch.Generator().manual_seed(3)
    other = there_and_back(generator, inward=True)
    assert torch.equal(torch.rand(4, generator=other), torch.rand(4, generator=generator))
    for refused in (
        torch.eye(3).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.zeros(1).expand(10**12),
    ):
        with pytest.raises(WireError):
            there_and_back(refused)
