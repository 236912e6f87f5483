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
    ### BEGIN SOLUTION
    Q, X = np.asarray(Q, dtype=np.float64), np.asarray(X, dtype=np.float64)  # subtle: bytes wrap
    if metric == "ip":
        return -(Q @ X.T)  # (Q, N)  subtle: minus, so that smaller is nearer
    if metric == "cosine":
        return np.maximum(1.0 - unit(Q) @ unit(X).T, 0.0)  # (Q, N)  subtle: both have length 1
    if metric != "l2":
        raise ValueError(f"unknown metric {metric!r}")
    squares = np.sum(Q**2, axis=1)[:, None] - 2.0 * (Q @ X.T) + np.sum(X**2, axis=1)  # (Q, N)
    return np.maximum(squares, 0.0)  # subtle: rounding leaves -1e-15 where a query is a vector of X
    ### END SOLUTION


### BEGIN SOLUTION
def unit(X: np.ndarray) -> np.ndarray:
    """Return the rows at length 1; rows of zeros stay zero."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)  # (N, 1)
    return X / np.where(lengths == 0.0, 1.0, lengths)


### END SOLUTION


def top_k(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the k nearest and their distances, nearest first.

    Of equally near ones the smaller id comes first. When k is greater than N, all N come.

    Shapes:
        distances: (..., N), such as (Q, N) or (N,). returns: ids and distances, (..., min(k, N)).

    Example:
        >>> top_k(np.array([3.0, 1.0, 2.0, 1.0]), 3)
        (array([1, 3, 2]), array([1., 1., 2.]))
    """
    ### BEGIN SOLUTION
    ids = np.argsort(distances, axis=-1, kind="stable")[..., :k]  # subtle: stable keeps ties by id
    return ids, np.take_along_axis(distances, ids, axis=-1)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    found = []
    for row in distances(Q, X):  # (N,)
        ids, near = top_k(row, len(row))
        found.append(ids[near < T**2])  # subtle: distances are squared, so T is squared too
    return found
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    shares = []
    for row, true in zip(found, truth, strict=True):
        hits = {int(i) for i in row} & {int(i) for i in true}  # subtle: as sets, not by position
        shares.append(len(hits) / len(true))  # subtle: over k, not over how many came
    return float(np.mean(shares))
    ### END SOLUTION
