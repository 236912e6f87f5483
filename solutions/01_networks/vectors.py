"""Vectors: lists of numbers that stand for words, pictures and layers of neurons.

Six short functions. The first three compare two vectors; the other three turn words into vectors
and reason with them. Arrays are float64, token ids are integers. No function changes its inputs.
"""

import math
from collections.abc import Sequence

import numpy as np


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return the dot product: how far two vectors point the same way, times their lengths.

    Write the sum yourself; `np.dot`, `@` and their relatives are not allowed in this part.

    Shapes:
        a, b: (D,), D >= 0. The dot product of empty vectors is 0.0.

    Example:
        >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        11.0
    """
    ### BEGIN SOLUTION
    return float(np.sum(a * b))  # subtle: sum of products, not product of sums
    ### END SOLUTION


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors: 1 same way, 0 square, -1 opposite.

    A zero vector points nowhere: its similarity with anything is 0.0. Every other vector has a
    direction, however short it is, so nothing may be added to the lengths.

    Shapes:
        a, b: (D,).

    Example:
        >>> cosine_similarity(np.array([3.0, 0.0]), np.array([2.0, 2.0]))
        0.7071067811865475
    """
    ### BEGIN SOLUTION
    lengths = math.sqrt(dot(a, a)) * math.sqrt(dot(b, b))  # subtle: both lengths, with roots
    if lengths == 0.0:  # subtle: exactly zero; a tiny vector still has a direction
        return 0.0
    return dot(a, b) / lengths
    ### END SOLUTION


def euclidean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the length of the straight line from a to b.

    Subtract first: the expanded form a·a - 2a·b + b·b loses its digits when the two are close
    together and far from the origin.

    Shapes:
        a, b: (D,), D >= 0. The distance of empty vectors is 0.0.

    Example:
        >>> euclidean_distance(np.array([1.0, 5.0]), np.array([4.0, 1.0]))
        5.0
    """
    ### BEGIN SOLUTION
    difference = a - b  # (D,)  subtle: a new array, so that a keeps its values
    return math.sqrt(np.sum(difference**2))  # subtle: squares, a sum, then one root
    ### END SOLUTION


def one_hot(token_ids: Sequence[int] | np.ndarray, V: int) -> np.ndarray:
    """Return one row per token: all zeros but for a 1 in the column of its id.

    Shapes:
        token_ids: (T,), a list or an integer array, T >= 0, ids from 0 to V - 1, repeats allowed.
        returns: (T, V), float64. No tokens give shape (0, V).

    Example:
        >>> one_hot([2, 0], 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    ### BEGIN SOLUTION
    rows = np.zeros((len(token_ids), V))  # (T, V)
    for t, token in enumerate(token_ids):
        rows[t, token] = 1.0  # subtle: one column in one row; rows[:, token] fills them all
    return rows
    ### END SOLUTION


def embed(token_ids: Sequence[int] | np.ndarray, E: np.ndarray) -> np.ndarray:
    """Look every token up in the embedding matrix: the row of a token is its vector.

    The same as `one_hot(token_ids, V) @ E`, without the multiplications.

    Shapes:
        token_ids: (T,), a list or an integer array, T >= 0, ids from 0 to V - 1, repeats allowed.
        E: (V, C).
        returns: (T, C). No tokens give shape (0, C).

    Example:
        >>> embed([2, 0], np.array([[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]))
        array([[3. , 3.5],
               [1. , 1.5]])
    """
    ### BEGIN SOLUTION
    ids = np.asarray(token_ids, dtype=np.int64)  # (T,)  subtle: an empty list would be float
    return E[ids]  # (T, C)  subtle: rows, not columns
    ### END SOLUTION


def analogy(words: Sequence[str], E: np.ndarray, a: str, b: str, c: str) -> str:
    """Answer "a is to b as c is to ...?": the word whose vector is nearest to b - a + c.

    Nearest means the greatest cosine similarity. The answer is never a, b or c; of equally near
    words it is the one that comes first in `words`.

    Shapes:
        words: V different words, V >= 4. E: (V, C), row i (perhaps zero) is words[i].

    Example:
        >>> E = np.array([[1.0, 0.0], [1.0, 1.0], [3.0, 0.0], [3.0, 1.0]])
        >>> analogy(["man", "king", "woman", "queen"], E, "man", "king", "woman")
        'queen'
    """
    ### BEGIN SOLUTION
    vector = dict(zip(words, E, strict=True))
    target = vector[b] - vector[a] + vector[c]  # (C,)  subtle: the step from a to b, taken from c
    others = [word for word in words if word not in (a, b, c)]  # subtle: often c itself is nearest
    return max(others, key=lambda word: cosine_similarity(vector[word], target))
    ### END SOLUTION
