"""Exact search: every query is compared with every vector. The truth that all others approximate.

A database is X, one vector a row, and the id of a vector is the number of its row. Queries are the
rows of Q. Smaller always means nearer. Arrays are float64, ids int64. No function changes its
inputs.
"""

from collections.abc import Sequence

import numpy as np


def distances(Q: np.ndarray, X: np.ndarray, metric: str = "l2") -> np.ndarray:
    """Return the distance of every query to every vector.

    "l2" is the squared Euclidean distance and never negative; "ip" is minus the inner product;
    "cosine" is 1 minus the cosine similarity, never negative, and 1 where a vector is zero. Any
    other metric raises ValueError. The numbers may come as integers of any kind.

    Shapes:
        Q: (Q, D). X: (N, D). returns: (Q, N), without NaN.

    Example:
        >>> distances(np.array([[0, 2]]), np.array([[0, 5], [3, 2], [0, 0]]))
        array([[9., 9., 4.]])
    """
    raise NotImplementedError("07_vector_search: distances")


def top_k(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the k nearest and their distances, nearest first.

    Of equally near ones the smaller id comes first. When k is greater than N, all N come.

    Shapes:
        distances: (..., N), such as (Q, N) or (N,). returns: ids and distances, (..., min(k, N)).

    Example:
        >>> top_k(np.array([3.0, 1.0, 2.0, 1.0]), 3)
        (array([1, 3, 2]), array([1., 1., 2.]))
    """
    raise NotImplementedError("07_vector_search: top_k")


def within_threshold(Q: np.ndarray, X: np.ndarray, T: float) -> list[np.ndarray]:
    """Return for each query the ids of all vectors nearer than T, nearest first.

    T >= 0 is a Euclidean distance, not a squared one. A vector at exactly T is not nearer than T.
    Of equally near ones the smaller id comes first.

    Shapes:
        Q: (Q, D). X: (N, D). returns: Q arrays of ids, of any lengths from 0 to N.

    Example:
        >>> within_threshold(np.array([[0.0], [9.0]]), np.array([[2.0], [1.0], [3.0]]), 3.0)
        [array([1, 0]), array([], dtype=int64)]
    """
    raise NotImplementedError("07_vector_search: within_threshold")


def recall_at_k(found: Sequence[Sequence[int]], truth: Sequence[Sequence[int]]) -> float:
    """Return which share of the true neighbours was found, from 0 to 1, averaged over queries.

    The order within a row does not matter. A row of `truth` holds the k true neighbours; a row of
    `found` may hold fewer, when a search has found fewer, and an id that it holds twice counts
    once.

    Shapes:
        found: Q rows of ids. truth: (Q, k), k >= 1.

    Example:
        >>> recall_at_k([[3, 1], [2]], [[1, 3], [2, 5]])
        0.75
    """
    raise NotImplementedError("07_vector_search: recall_at_k")
