"""Plain values as bytes: the only thing that crosses between tests and student code.

A frame is a header (two little-endian 32-bit lengths), a msgpack tree and a blob with the raw bytes
of arrays. Both lengths are checked against a budget before anything is allocated, and a tree of n
bytes decodes to at most n objects, so a frame cannot ask for more memory than its budget allows.
Only exact base types are values; there is no pickle. What is no value crosses as a reference,
through the ``refer`` and ``resolve`` functions of the side in question.
"""

from __future__ import annotations

import math
import struct
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

HEADER = struct.Struct("<II")
TUPLE, BIGINT, COMPLEX, ARRAY, TENSOR, SCALAR, SET, FROZENSET = range(1, 9)
HANDLE, CALLBACK, SLICE, RANGE, ELLIPSIS, DTYPE, GENERATOR, TORCH_GENERATOR = range(9, 17)
TORCH_DTYPE = 17

_DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "float16 float32 float64 complex64 complex128".split()
)
_TORCH_DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 float16 bfloat16 float32 float64 "
    "complex64 complex128".split()
)
_DICTS = (OrderedDict, defaultdict, Counter)
_MAX_BIGINT_BYTES = 4096
_MAX_COLLISIONS = 64
_MAX_EXTENSIONS = 250_000  # each costs a call of ours; lists and numbers do not

Refer = Callable[[Any], "tuple[int, Any] | None"]
Resolve = Callable[[int, Any], Any]


class WireError(Exception):
    """A frame breaks the rules, or a value cannot cross; the message says how."""


@dataclass(frozen=True)
class Budget:
    """What one frame may hold: bytes of tree, bytes of array data, levels of nesting."""

    tree: int = 4 << 20
    blob: int = 256 << 20
    depth: int = 64


class Exposed:
    """An object of the tester's and the methods of it that a submission may call."""

    def __init__(self, target: object, methods: tuple[str, ...]) -> None:
        self.target = target
        self.methods = methods


class Opaque:
    """Stands for a value this side has no library for, such as a tensor where torch is not used."""

    def __init__(self, kind: str) -> None:
        self._type_ = kind

    def _describe_(self) -> str:
        return f"<{self._type_}>"


def encode(
    value: object, refer: Refer, budget: Budget, *, keep_layout: bool = False
) -> list[bytes | memoryview]:
    """Encode a value as one frame.

    Args:
        value: What to send.
        refer: Turns an object that is no value into a code and a payload, or None to refuse it.
        budget: What the frame may hold.
        keep_layout: Keep strides and read-only flags of arrays, as a test's inputs need.

    Returns:
        The frame in pieces, to be written one after another.

    Raises:
        WireError: The value is too large, too deep, or holds something that cannot cross.
    """
    return _Encoder(refer, budget, keep_layout).frame(value)


class _Encoder:
    def __init__(self, refer: Refer, budget: Budget, keep_layout: bool) -> None:
        self.refer = refer
        self.budget = budget
        self.keep_layout = keep_layout
        self.blobs: list[bytes | memoryview] = []
        self.used = 0
        self.packed = 0

    def frame(self, value: object) -> list[bytes | memoryview]:
        try:
            tree = self.pack(value)
        except RecursionError:
            raise WireError(f"nested deeper than {self.budget.depth} levels") from None
        except WireError:
            raise
        except (ValueError, OverflowError, TypeError, UnicodeError) as error:
            if "recursion" in str(error):
                raise WireError(f"nested deeper than {self.budget.depth} levels") from None
            raise WireError(str(error)) from None
        if len(tree) > self.budget.tree:
            raise WireError(f"{len(tree):,} bytes of values; {self.budget.tree:,} may cross")
        return [HEADER.pack(len(tree), self.used), tree, *self.blobs]

    def pack(self, value: object) -> bytes:
        tree: bytes = msgpack.packb(
            value, default=self.other, strict_types=True, unicode_errors="surrogatepass"
        )
        self.packed += len(tree)
        if self.packed > 64 * self.budget.tree:  # nested tuples are packed once a level
            raise WireError(f"more than {self.budget.tree:,} bytes of values")
        return tree

    def ext(self, code: int, payload: object) -> msgpack.ExtType:
        return msgpack.ExtType(code, self.pack(payload))

    def other(self, value: Any) -> object:
        kind = type(value)
        if kind is tuple:
            return self.ext(TUPLE, list(value))
        if kind in _DICTS:
            return dict(value)
        if kind is np.ndarray and value.dtype.name in _DTYPES and value.dtype.isnative:
            return self.array(value)
        if kind is int:
            return self.bigint(value)
        if kind in (set, frozenset):
            return self.ext(SET if kind is set else FROZENSET, list(value))
        if isinstance(value, np.generic) and value.dtype.name in _DTYPES:
            return self.ext(SCALAR, [value.dtype.name, value.tobytes()])
        simple = self.simple(value)
        if simple is not None:
            return simple
        tensor = self.torch_value(value)
        if tensor is not None:
            return tensor
        reference = self.refer(value)
        if reference is None:
            raise WireError(f"a {kind.__name__} cannot cross to the submission")
        return self.ext(*reference)

    def simple(self, value: Any) -> msgpack.ExtType | None:
        kind = type(value)
        if kind is complex:
            return self.ext(COMPLEX, [value.real, value.imag])
        if kind is slice:
            return self.ext(SLICE, [value.start, value.stop, value.step])
        if kind is range:
            return self.ext(RANGE, [value.start, value.stop, value.step])
        if value is Ellipsis:
            return self.ext(ELLIPSIS, None)
        if isinstance(value, np.dtype) and value.name in _DTYPES:
            return self.ext(DTYPE, value.name)
        if kind is type and issubclass(value, np.generic) and value.__name__ in _DTYPES:
            return self.ext(DTYPE, value.__name__)
        if kind is np.random.Generator and self.keep_layout:
            return self.ext(GENERATOR, value.bit_generator.state)
        return None

    def bigint(self, value: int) -> msgpack.ExtType:
        size = value.bit_length() // 8 + 1
        if size > _MAX_BIGINT_BYTES:
            raise WireError(f"an integer of {size:,} bytes; {_MAX_BIGINT_BYTES:,} may cross")
        return msgpack.ExtType(BIGINT, value.to_bytes(size, "little", signed=True))

    def add_blob(self, data: bytes | memoryview) -> int:
        start = self.used
        if start + len(data) + 16 > self.budget.blob:
            raise WireError(f"more than {self.budget.blob:,} bytes of array data")
        padding = -len(data) % 16
        self.blobs.append(data)
        if padding:
            self.blobs.append(bytes(padding))
        self.used += len(data) + padding
        return start

    def array(self, value: np.ndarray[Any, Any]) -> msgpack.ExtType:
        if value.nbytes > self.budget.blob:
            raise WireError(f"an array of {value.nbytes:,} bytes")
        layout = _layout(value.shape, value.strides, value.itemsize) if self.keep_layout else 0
        plain = value.transpose(layout) if isinstance(layout, list) else value
        start = self.add_blob(np.ascontiguousarray(plain).tobytes())
        writable = bool(value.flags.writeable) or not self.keep_layout
        return self.ext(ARRAY, [value.dtype.name, list(value.shape), start, layout, writable])

    def torch_value(self, value: Any) -> msgpack.ExtType | None:
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        kind = type(value)
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            return self.tensor(value, torch)
        if kind is torch.dtype and str(value)[6:] in _TORCH_DTYPES:
            return self.ext(TORCH_DTYPE, str(value)[6:])
        if kind is torch.Size:
            return self.ext(TUPLE, [int(n) for n in value])
        if kind is torch.Generator and self.keep_layout:
            return self.ext(TORCH_GENERATOR, value.get_state().numpy().tobytes())
        return None

    def tensor(self, value: Any, torch: Any) -> msgpack.ExtType | None:
        name = str(value.dtype)[6:]
        dense = value.layout is torch.strided and value.device.type == "cpu"
        if not dense or name not in _TORCH_DTYPES or value.is_quantized:
            return None
        if value.numel() * value.element_size() > self.budget.blob:
            raise WireError(f"a tensor of shape {tuple(value.shape)}")
        plain = value.detach()
        layout: list[int] | int = 0
        if self.keep_layout:
            layout = _layout(tuple(plain.shape), plain.stride(), 1)
        packed = plain.permute(layout) if isinstance(layout, list) else plain
        packed = packed.resolve_conj().resolve_neg().contiguous()
        if name == "bfloat16":
            packed = packed.view(torch.int16)
        start = self.add_blob(packed.numpy().tobytes())
        grad = bool(value.requires_grad) and self.keep_layout
        return self.ext(TENSOR, [name, list(value.shape), start, layout, grad])


def _layout(shape: tuple[int, ...], strides: tuple[int, ...], unit: int) -> list[int] | int:
    """Describe strides: 0 for C order, a permutation for another dense order, 1 for gaps."""
    sizes = [n for n in shape if n != 1]
    if 0 in shape or not sizes:
        return 0
    order = sorted(range(len(shape)), key=lambda i: (-strides[i], i))
    expected = unit
    for axis in reversed(order):
        if shape[axis] != 1 and strides[axis] != expected:
            return 1
        expected *= shape[axis]
    return 0 if order == list(range(len(shape))) else order


def decode(
    tree: bytes | bytearray | memoryview,
    blob: bytearray,
    resolve: Resolve,
    budget: Budget,
    *,
    keep_layout: bool = False,
) -> Any:
    """Decode one frame.

    Args:
        tree: The msgpack part.
        blob: The array data; arrays that come back share its memory.
        resolve: Turns the code and payload of a reference into an object of this side.
        budget: What the frame may hold.
        keep_layout: Accept layouts and generators, as only the student's side does.

    Raises:
        WireError: The frame is malformed or over the budget.
    """
    decoder = _Decoder(blob, resolve, budget, keep_layout)
    try:
        value = decoder.unpack(tree)
    except WireError:
        raise
    except RecursionError:
        raise WireError("nested too deeply") from None
    except Exception as error:  # msgpack raises many kinds; each is a malformed frame
        raise WireError(f"malformed frame: {type(error).__name__}: {error}"[:300]) from None
    _check_depth(value, budget.depth)
    return value


class _Decoder:
    def __init__(
        self, blob: bytearray, resolve: Resolve, budget: Budget, keep_layout: bool
    ) -> None:
        self.blob = blob
        self.resolve = resolve
        self.budget = budget
        self.keep_layout = keep_layout
        self.level = 0
        self.bigints = 0
        self.extensions = 0

    def unpack(self, data: bytes | bytearray | memoryview) -> Any:
        self.level += 1
        if self.level > self.budget.depth:
            raise WireError("nested too deeply")
        value = msgpack.unpackb(
            data,
            ext_hook=self.ext,
            object_pairs_hook=_mapping,
            strict_map_key=False,
            unicode_errors="surrogatepass",
        )
        self.level -= 1
        return value

    def ext(self, code: int, data: bytes) -> Any:
        self.extensions += 1
        if self.extensions > _MAX_EXTENSIONS:
            raise WireError("too many values of other kinds than numbers, texts and lists")
        if code == BIGINT:
            self.bigints += 1
            if len(data) > _MAX_BIGINT_BYTES or self.bigints > 10_000:
                raise WireError("too many or too large integers")
            return int.from_bytes(data, "little", signed=True)
        payload = self.unpack(data)
        if code == TUPLE:
            return tuple(_list(payload))
        if code == ARRAY:
            return self.array(*_list(payload))
        if code == TENSOR:
            return self.tensor(*_list(payload))
        if code in (SET, FROZENSET):
            return _set(code, _list(payload))
        if code in (HANDLE, CALLBACK):
            return self.resolve(code, payload)
        return self.simple(code, payload)

    def simple(self, code: int, payload: Any) -> Any:
        if code == SCALAR:
            name, raw = _list(payload)
            if name not in _DTYPES:
                raise WireError(f"dtype {name!r}")
            return np.frombuffer(raw, dtype=name)[0]
        if code == COMPLEX:
            return complex(*_list(payload))
        if code == SLICE:
            return slice(*_list(payload))
        if code == RANGE:
            return range(*_list(payload))
        if code == ELLIPSIS:
            return Ellipsis
        if code == DTYPE and payload in _DTYPES:
            return np.dtype(payload)
        if code == TORCH_DTYPE and payload in _TORCH_DTYPES:
            torch = sys.modules.get("torch")
            return getattr(torch, payload) if torch else Opaque("torch.dtype")
        if self.keep_layout and code == GENERATOR:
            bits = getattr(np.random, payload["bit_generator"])()
            bits.state = payload
            return np.random.Generator(bits)
        if self.keep_layout and code == TORCH_GENERATOR:
            return _torch_generator(payload)
        raise WireError(f"unknown code {code}")

    def span(self, name: str, shape: Any, start: int, size: int) -> tuple[int, int]:
        if type(start) is not int or not all(type(n) is int and n >= 0 for n in _list(shape)):
            raise WireError("a shape is no list of sizes")
        if len(shape) > 32:
            raise WireError(f"{len(shape)} dimensions")
        count = math.prod(shape)
        if start < 0 or start + count * size > len(self.blob):
            raise WireError(f"{name} {tuple(shape)} does not fit the data that came with it")
        return count, start

    def array(self, name: str, shape: Any, start: int, layout: Any, writable: bool) -> Any:
        if name not in _DTYPES:
            raise WireError(f"dtype {name!r}")
        dtype = np.dtype(name)
        count, start = self.span(name, shape, start, dtype.itemsize)
        empty = count == 0  # of which numpy wants no memory
        flat = np.zeros(0, dtype) if empty else np.frombuffer(self.blob, dtype, count, start)
        if empty or not self.keep_layout or layout == 0:
            value = flat.reshape(shape)
        elif layout == 1:
            wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
            value = wide[..., ::2]
            value[...] = flat.reshape(shape)
        else:
            value = flat.reshape([shape[i] for i in layout]).transpose(np.argsort(layout))
        if self.keep_layout and not writable:
            value.flags.writeable = False
        return value

    def tensor(self, name: str, shape: Any, start: int, layout: Any, grad: bool) -> Any:
        if name not in _TORCH_DTYPES:
            raise WireError(f"dtype {name!r}")
        torch = sys.modules.get("torch")
        if torch is None:
            return Opaque("Tensor")
        dtype = getattr(torch, name)
        count, start = self.span(name, shape, start, dtype.itemsize)
        if count == 0:
            value = torch.zeros(shape, dtype=dtype)
            return value.requires_grad_() if self.keep_layout and grad else value
        flat = torch.frombuffer(self.blob, dtype=dtype, count=count, offset=start)
        if not self.keep_layout or layout == 0:
            value = flat.reshape(shape)
        elif layout == 1:
            value = torch.zeros((*shape[:-1], 2 * shape[-1]), dtype=dtype)[..., ::2]
            value.copy_(flat.reshape(shape))
        else:
            back = sorted(range(len(layout)), key=lambda i: layout[i])
            value = flat.reshape([shape[i] for i in layout]).permute(back)
        return value.requires_grad_() if self.keep_layout and grad else value


def _torch_generator(state: bytes) -> Any:
    import torch

    generator = torch.Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator


def _list(payload: Any) -> list[Any]:
    if type(payload) is not list:
        raise WireError("a list was expected")
    return payload


def _mapping(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Build a dict, refusing keys chosen to collide: they would make this quadratic."""
    _check_hashes([key for key, _ in pairs])
    return dict(pairs)


def _set(code: int, items: list[Any]) -> Any:
    _check_hashes(items)
    return set(items) if code == SET else frozenset(items)


def _check_hashes(keys: list[Any]) -> None:
    if len(keys) > _MAX_COLLISIONS and len(keys) - len(set(map(hash, keys))) > _MAX_COLLISIONS:
        raise WireError("too many keys with the same hash")


def _check_depth(value: Any, limit: int) -> None:
    """Refuse nesting deeper than ``limit``, so that no later walk can overflow the stack."""
    level = [value]
    for _ in range(limit):
        deeper: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                deeper.extend(v for v in each.values() if type(v) in _NESTS)
                deeper.extend(k for k in each if type(k) is tuple)
            elif kind in _NESTS:
                deeper.extend(v for v in each if type(v) in _NESTS)
        if not deeper:
            return
        level = deeper
    raise WireError(f"nested deeper than {limit} levels")


_NESTS = frozenset((list, tuple, dict, set, frozenset))
