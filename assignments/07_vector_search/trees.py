"""A k-d tree: cut space in half again and again, and look only where a neighbour can be."""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np


class KDTree:
    """Exact nearest neighbours of points with few coordinates, without comparing with all.

    Build: cut the points at the median of the coordinate in which they spread most, and so on, down
    to leaves of at most `leaf_size` points. Many points may be equal; there may be no points.

    Shapes:
        X: (N, D), N >= 0.

    Example:
        >>> KDTree(np.array([[5.0], [2.0], [9.0]])).query(np.array([8.0]), 1)
        (array([2]), array([1.]), 3)
    """

    def __init__(self, X: np.ndarray, leaf_size: int = 8) -> None:
        """Build the tree over the rows of X."""
        raise NotImplementedError("07_vector_search: KDTree")

    def query(self, q: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the ids of the k nearest, their squared distances, and how many were computed.

        Nearest first, of equally near ones the smaller id: just what comparing with every point
        gives. When k is greater than N, all N come. The third value counts the points whose
        distance to q was computed. A branch is left out when its nearest corner is farther than
        the k-th best so far.

        Shapes:
            q: (D,). returns: (min(k, N),), (min(k, N),), int.

        Example:
            >>> KDTree(np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 1.0]])).query(np.array([1.0, 0]), 2)
            (array([0, 2]), array([1., 1.]), 3)
        """
        raise NotImplementedError("07_vector_search: KDTree")
