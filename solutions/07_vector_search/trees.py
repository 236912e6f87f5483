"""A k-d tree: cut space in half again and again, and look only where a neighbour can be."""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

### BEGIN SOLUTION


@dataclass
class Node:
    """A cut: points with coordinate `axis` up to `split` are on the left, from it on the right."""

    axis: int
    split: float
    left: Any  # a Node, or the ids of a leaf
    right: Any


### END SOLUTION


class KDTree:
    """Exact nearest neighbours of points with few coordinates, without comparing with all.

    Build: cut the points at the median of the coordinate in which they spread most, and so on, down
    to leaves of at most `leaf_size` points. Many points may be equal; there may be no points.
    """

    def __init__(self, X: np.ndarray, leaf_size: int = 8) -> None:
        """Build the tree over the rows of X.

        Shapes:
            X: (N, D), N >= 0.
        """
        ### BEGIN SOLUTION
        self.X = np.asarray(X, dtype=np.float64)
        self.leaf_size = leaf_size
        self.root = self._build(np.arange(len(X)))
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _build(self, ids: np.ndarray) -> Any:
        if len(ids) <= self.leaf_size:
            return ids
        points = self.X[ids]  # (n, D)
        axis = int(np.argmax(np.ptp(points, axis=0)))
        ids = ids[np.argsort(points[:, axis])]
        middle = len(ids) // 2  # subtle: halves by count, so that equal points are split as well
        split = float(self.X[ids[middle], axis])
        return Node(axis, split, self._build(ids[:middle]), self._build(ids[middle:]))

    ### END SOLUTION

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
        ### BEGIN SOLUTION
        best: list[tuple[float, int]] = []  # a heap of (-distance, -id): the worst is on top
        visited = self._visit(self.root, np.asarray(q, dtype=np.float64), k, best)
        found = sorted((-d, -i) for d, i in best)
        ids = np.array([i for _, i in found], dtype=np.int64)
        return ids, np.array([d for d, _ in found], dtype=np.float64), visited
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _visit(self, node: Any, q: np.ndarray, k: int, best: list[tuple[float, int]]) -> int:
        if not isinstance(node, Node):
            squares = np.sum((self.X[node] - q) ** 2, axis=1)  # (n,)
            for i, d in zip(node.tolist(), squares.tolist(), strict=True):
                heapq.heappush(best, (-d, -i))
                if len(best) > k:
                    heapq.heappop(best)
            return len(node)
        gap = float(q[node.axis]) - node.split
        near, far = (node.left, node.right) if gap < 0 else (node.right, node.left)
        visited = self._visit(near, q, k, best)
        # subtle: squared like the distances, and <= for an equal point with a smaller id
        if len(best) < k or gap**2 <= -best[0][0]:
            visited += self._visit(far, q, k, best)
        return visited

    ### END SOLUTION
