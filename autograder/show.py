"""Short, safe, deterministic descriptions of values for people to read."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import numpy as np

LIMIT = 160
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str, limit: int = 4000) -> str:
    """Make text that a submission chose fit to show: no control characters, no lone surrogates.

    Terminal escapes, bidirectional overrides and NUL are written out in hexadecimal; the text is
    cut at ``limit`` characters.
    """
    if len(text) > limit:
        text = text[:limit] + f" … ({len(text):,} characters)"
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def describe(value: object, limit: int = LIMIT) -> str:
    """Describe a value in about one line: arrays by dtype, shape and their first numbers."""
    return clean(_describe(value, limit), limit * 2)


def _describe(value: object, limit: int) -> str:
    if isinstance(value, np.ndarray):
        return _array(f"{value.dtype}", value.shape, value, limit)
    if is_tensor(value):
        tensor: Any = value
        return _tensor(tensor, limit)
    if isinstance(value, list | tuple):
        return _sequence(value, limit)
    if isinstance(value, dict):
        return _mapping(value, limit)
    if type(value) in (set, frozenset):
        inner = _sequence(sorted(value, key=repr), limit)  # type: ignore[call-overload]
        return f"{{{inner[1:-1]}}}" if value else "set()"
    if isinstance(value, int) and value.bit_length() > 4096:
        return f"an integer of {value.bit_length():,} bits"  # Python refuses to print it
    if isinstance(value, bool | int | float | complex | str | bytes | type(None) | range | slice):
        return _cut(_repr(value), limit)
    if callable(value) and hasattr(value, "__name__") and not hasattr(value, "_handle_"):
        return f"<function {value.__name__}>" if value.__name__ != "<lambda>" else "<a function>"
    described = getattr(type(value), "_describe_", None)
    if described is not None:
        return str(described(value))
    if isinstance(value, np.generic | np.dtype):
        return _cut(repr(value), limit)
    return f"<{type(value).__name__}>"


def is_tensor(value: object) -> bool:
    """Whether the value is a torch tensor; does not import torch to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _tensor(value: Any, limit: int) -> str:
    kind = str(value.dtype).removeprefix("torch.")
    if value.layout is not sys.modules["torch"].strided or value.device.type == "meta":
        return f"tensor {kind} {tuple(value.shape)} ({value.layout}, {value.device})"
    if value.numel() > 10_000_000:
        return f"tensor {kind} {tuple(value.shape)}"
    plain = value.detach().cpu()
    if kind == "bfloat16":
        plain = plain.float()
    return "tensor " + _array(kind, tuple(value.shape), plain.resolve_conj().numpy(), limit)


def _array(kind: str, shape: tuple[int, ...], value: Any, limit: int) -> str:
    head = f"{kind} {shape}"
    shown = math.prod(min(n, 7) for n in value.shape)  # numpy prints three of each end of an axis
    if value.size == 0 or value.size > 10_000_000 or (value.size > 12 and shown > 5000):
        return head
    with np.printoptions(precision=5, threshold=12, edgeitems=3, linewidth=10_000):
        body = re.sub(r"\s+", " ", np.array2string(value, separator=", "))
    return f"{head} {_cut(body, limit)}"


def _sequence(value: list[Any] | tuple[Any, ...], limit: int) -> str:
    opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
    texts: list[str] = []
    used = 0
    for item in value:
        text = _describe(item, max(limit // 2, 24))
        if used + len(text) > limit and texts:
            texts.append(f"… {len(value)} in all")
            break
        texts.append(text)
        used += len(text) + 2
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return opening + ", ".join(texts) + comma + closing


def _mapping(value: dict[Any, Any], limit: int) -> str:
    texts: list[str] = []
    used = 0
    for key, item in value.items():
        text = f"{_describe(key, 40)}: {_describe(item, max(limit // 2, 24))}"
        if used + len(text) > limit and texts:
            texts.append(f"… {len(value)} in all")
            break
        texts.append(text)
        used += len(text) + 2
    return "{" + ", ".join(texts) + "}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return f"<{type(value).__name__} with too many digits>"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
