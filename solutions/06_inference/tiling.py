"""Tiling: what counts is how often numbers travel from large, slow memory to small, fast memory.

Numbers in slow memory are reached by a call that somebody counts; what a call returned is in fast
memory, where little fits. Arrays are float64.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def tiled_matmul(A: str, B: str, tile: int, memory: Any) -> np.ndarray:
    """Return the product of two matrices in slow memory, tile by tile.

    A and B are names. `memory.shape(A)` is the shape of a matrix; `memory.load(A, rows, columns)`
    copies a tile of it into fast memory, where rows and columns are slices. A load of more than
    tile × tile numbers is refused. Slices that reach beyond the edge are cut off there.

    Each tile of the result is finished before the next is begun, and nothing is kept for later: one
    needs a tile of A and one of B for each step, which makes (2 / tile) · S³ words for S × S.

    Shapes:
        A: (M, K). B: (K, N). returns: (M, N). tile need not divide any of them.

    Example:
        >>> class Memory:
        ...     a = np.arange(6.0).reshape(2, 3)
        ...     def shape(self, name):
        ...         return (2, 3) if name == "A" else (3, 2)
        ...     def load(self, name, rows, columns):
        ...         return (self.a if name == "A" else self.a.T)[rows, columns]
        >>> tiled_matmul("A", "B", 2, Memory())
        array([[ 5., 14.],
               [14., 50.]])
    """
    ### BEGIN SOLUTION
    (M, K), (_, N) = memory.shape(A), memory.shape(B)
    C = np.zeros((M, N))
    for i in range(0, M, tile):  # subtle: the last tile may be a part of one, and still counts
        for j in range(0, N, tile):
            for k in range(0, K, tile):
                a = memory.load(A, slice(i, i + tile), slice(k, k + tile))
                b = memory.load(B, slice(k, k + tile), slice(j, j + tile))
                C[i : i + tile, j : j + tile] += a @ b  # subtle: the products along k add up
    return C
    ### END SOLUTION


def safe_softmax_3pass(read: Callable[[int], float], n: int) -> np.ndarray:
    """Return the softmax of n scores in slow memory, reading each of them three times.

    `read(i)` is score i, and is counted: 3 n reads. One pass for the largest, one for the sum of
    exp(score - largest), one for the results. No score is kept for later: nothing but a few
    numbers and the result. Scores may be ±1000, or -inf (masked); not all are -inf.

    Shapes:
        returns: (n,), float64, n >= 1.

    Example:
        >>> safe_softmax_3pass([1000.0, 1000.0].__getitem__, 2)
        array([0.5, 0.5])
    """
    ### BEGIN SOLUTION
    largest = max(read(i) for i in range(n))
    total = sum(math.exp(read(i) - largest) for i in range(n))  # subtle: never above exp(0)
    return np.array([math.exp(read(i) - largest) / total for i in range(n)])  # (n,)
    ### END SOLUTION


def online_softmax_2pass(read: Callable[[int], float], n: int) -> np.ndarray:
    """Return the softmax of n scores in slow memory, reading each of them only twice.

    The first pass finds the largest score and the sum together: whenever a larger score turns up,
    the sum so far is put right by exp(old largest - new largest). 2 n reads; the rest is as in
    `safe_softmax_3pass`. The first scores may be -inf: they add nothing.

    Shapes:
        returns: (n,), float64, n >= 1.

    Example:
        >>> online_softmax_2pass([-math.inf, 1000.0, 1000.0].__getitem__, 3)
        array([0. , 0.5, 0.5])
    """
    ### BEGIN SOLUTION
    largest, total = -math.inf, 0.0
    for i in range(n):
        score = read(i)
        if score > largest:  # subtle: what was summed so far was relative to another largest
            total, largest = total * math.exp(largest - score), score
        if score > -math.inf:  # subtle: -inf - (-inf) is NaN
            total += math.exp(score - largest)
    return np.array([math.exp(read(i) - largest) / total for i in range(n)])  # (n,)
    ### END SOLUTION


def online_weighted_sum_1pass(
    read: Callable[[int], tuple[float, np.ndarray]], n: int
) -> np.ndarray:
    """Return Σ softmax(scores)ᵢ · valueᵢ, reading each score and its value only once.

    `read(i)` is the pair (score i, value i), and is counted: n reads. This is attention for one
    query. The weights themselves are never known: the largest score, the sum of exponents and the
    weighted sum are kept up to date together, and divided once, at the end. Scores are as in
    `online_softmax_2pass`.

    Shapes:
        value i: (D_v,), float64. returns: (D_v,), float64.

    Example:
        >>> pairs = [(0.0, np.array([4.0, 0.0])), (0.0, np.array([8.0, 2.0]))]
        >>> online_weighted_sum_1pass(pairs.__getitem__, 2)
        array([6., 1.])
    """
    ### BEGIN SOLUTION
    largest, total, out = -math.inf, 0.0, 0.0
    for i in range(n):
        score, value = read(i)
        if score == -math.inf:  # subtle: a masked first score would make -inf - (-inf)
            continue
        new = max(largest, score)
        shrink, weight = math.exp(largest - new), math.exp(score - new)
        total = total * shrink + weight
        out = out * shrink + weight * value  # (D_v,)  subtle: shrinks as the sum does
        largest = new
    return out / total  # subtle: once, after all
    ### END SOLUTION
