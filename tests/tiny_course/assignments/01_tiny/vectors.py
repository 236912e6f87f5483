"""Vectors, and text as numbers."""

from __future__ import annotations

import functools
import math  # students need it
from collections.abc import Sequence

ALPHABET = """abc


xyz"""


# Two comments that belong to what follows:
# the product.


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the dot product. It is a sum.

    Shapes:
        a, b: (D,)

    Example:
        >>> dot([1.0, 2.0], [3.0, 4.0])
        11.0
    """
    raise NotImplementedError("01_tiny: dot")


LIMIT = 10


@functools.cache
def encode(text: str) -> tuple[int, ...]:
    """Return the numbers of the letters.

    Example:
        >>> encode("ab")
        (97, 98)
    """
    raise NotImplementedError("01_tiny: codes")


def shown(text: str) -> str:  # given
    """Return the text in quotes."""
    return f"'{text}'"


# Attached to decode.
def decode(numbers: Sequence[int]) -> str:
    """Return the text of the numbers.

    Example:
        >>> decode((97, 98))
        'ab'
    """
    raise NotImplementedError("01_tiny: codes")


if math.pi > 4:
    LIMIT = 11
