"""What two streams have in common: the longest runs first, and no symbol twice.

Greedy string tiling (Wise, 1993), begun from the runs that both streams hold, so that a program
put together in another order is found piece by piece.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autograder.similarity.fingerprints import RUN, Flags
from autograder.similarity.tokens import Codes

Places = NDArray[np.intp]
_MOST_PLACES = (
    16  # of one run in one stream, or a program of a thousand equal lines would take all day
)


@dataclass(frozen=True)
class Index:
    """The runs of a stream that nothing explains, sorted by hash, and where each begins."""

    runs: Codes
    places: Places
    length: int


@dataclass(frozen=True)
class Tile:
    """Equal symbols: from ``left`` in one stream, from ``right`` in the other."""

    left: int
    right: int
    length: int


def index(found: Codes, usable: Flags, length: int) -> Index:
    """Index the usable runs of a stream of that many symbols."""
    places = np.flatnonzero(usable)
    order = np.argsort(found[places], kind="stable")
    places = places[order]
    return Index(found[places], places, length)


def tiles(left: Index, right: Index, run: int = RUN) -> list[Tile]:
    """Cover two streams with tiles; return them in the order of the left one."""
    taken_left = np.zeros(left.length, dtype=np.bool_)
    taken_right = np.zeros(right.length, dtype=np.bool_)
    waiting = [(-length, i, j) for i, j, length in _longest(left, right, run)]
    heapq.heapify(waiting)
    laid = []
    while waiting:
        length, i, j = heapq.heappop(waiting)
        taken = taken_left[i : i - length] | taken_right[j : j - length]
        if taken.any():
            for start, end in free(~taken):
                if end - start >= run:
                    heapq.heappush(waiting, (start - end, i + start, j + start))
            continue
        taken_left[i : i - length] = taken_right[j : j - length] = True
        laid.append(Tile(i, j, -length))
    return sorted(laid, key=lambda each: (each.left, each.right))


def free(flags: Flags) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2):
        yield int(start), int(end)


def _longest(left: Index, right: Index, run: int) -> Iterator[tuple[int, int, int]]:
    """Yield the longest equal stretches: begin on the left, begin on the right, length."""
    low = np.searchsorted(right.runs, left.runs, "left")
    many = np.searchsorted(right.runs, left.runs, "right") - low
    many = np.minimum(many, _MOST_PLACES)
    ahead = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    i = np.repeat(left.places, many)
    j = right.places[np.repeat(low, many) + ahead]
    order = np.lexsort((i, i - j))
    i, j = i[order], j[order]
    if not len(i):
        return
    cut = np.flatnonzero((np.diff(i - j) != 0) | (np.diff(i) != 1)) + 1
    begins = np.concatenate([[0], cut])
    ends = np.concatenate([cut, [len(i)]])
    for begin, end in zip(begins, ends, strict=True):
        yield int(i[begin]), int(j[begin]), int(end - begin) + run - 1
