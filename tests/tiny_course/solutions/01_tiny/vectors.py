"""Vectors, and text as numbers."""

from __future__ import annotations

import functools
import math  # students need it
from collections.abc import Sequence

### BEGIN SOLUTION
import operator
### END SOLUTION

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
    ### BEGIN SOLUTION
    products = map(operator.mul, a, b)  # subtle: elementwise, then summed
    return _total_of_everything(products)
    ### END SOLUTION


### BEGIN SOLUTION
def _total_of_everything(numbers):
    return float(sum(numbers))


### END SOLUTION


LIMIT = 10


@functools.cache
def encode(text: str) -> tuple[int, ...]:
    """Return the numbers of the letters.

    Example:
        >>> encode("ab")
        (97, 98)
    """
    ### BEGIN SOLUTION
    return tuple(ord(letter) for letter in text)  # subtle: code points, not bytes
    ### END SOLUTION


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
    ### BEGIN SOLUTION

    def letter(number: int) -> str:
        return chr(number)

    return "".join(letter(number) for number in numbers)  # subtle: chr, not str
    ### END SOLUTION


if math.pi > 4:
    LIMIT = 11
