"""HNSW: a graph of near neighbours, with express lanes above it (Malkov and Yashunin 2016).

Every vector is a node of level 0; one in M of them also of level 1, one in M² of level 2. A search
walks greedily down the levels and looks around more widely on level 0.
"""

import heapq
import math
from collections.abc import Sequence

import numpy as np

Near = list[tuple[float, int]]  # (squared distance, id), nearest first


class HNSW:
    """A hierarchical navigable small world.

    Attributes:
        M: How many links a new node makes on each level. A node keeps M links at most on the levels
            from 1 on, and 2 M on level 0.
        ef_construction: How many candidates a new node looks at.
        vectors: The vectors, by id.
        links: links[i][l] are the ids that node i links to on level l, so len(links[i]) - 1 is its
            highest level.
        entry: The node where searches begin: the first that reached the highest level. -1 for none.

    Shapes:
        a vector, a query: (D,).

    Example:
        >>> index = HNSW(M=4)
        >>> for i in range(9):
        ...     index.add(np.array([float(i)]), draw=0.1 if i == 4 else 0.9)
        >>> index.search(np.array([6.2]), k=2, ef=5)[:2]
        (array([6, 7]), array([0.04, 0.64]))
    """

    def __init__(self, M: int = 16, ef_construction: int = 100) -> None:  # given
        self.M, self.ef_construction = M, ef_construction
        self.vectors: list[np.ndarray] = []
        self.links: list[list[list[int]]] = []
        self.entry = -1

    def level(self, draw: float) -> int:
        """Turn a number drawn uniformly from 0 < draw <= 1 into a level: ⌊-ln(draw) / ln(M)⌋.

        Example:
            >>> [HNSW(M=16).level(draw) for draw in (1.0, 0.1, 0.06, 0.003)]
            [0, 0, 1, 2]
        """
        raise NotImplementedError("07_vector_search: HNSW")

    def search_layer(
        self, q: np.ndarray, entries: Sequence[int], ef: int, level: int
    ) -> tuple[Near, int]:
        """Walk one level from some entries; return the ef nearest found and the work done.

        Take the nearest candidate not yet looked at, measure those of its links that were never
        measured, and keep the ef nearest of all. Stop when the nearest candidate is farther than
        the worst of ef kept.

        Shapes:
            q: (D,). returns: up to ef pairs (squared distance, id), nearest first, of equals the
            smaller id; and how many distances were computed, those to the entries included.
        """
        raise NotImplementedError("07_vector_search: HNSW")

    def select(self, candidates: Near, count: int) -> list[int]:
        """Choose up to `count` links that lead in different directions.

        Go through the candidates from the nearest on; take one unless it is nearer to one already
        taken than to the node itself. (That one leads there, too.)

        Shapes:
            candidates: pairs (squared distance to the node, id), nearest first. returns: ids.
        """
        raise NotImplementedError("07_vector_search: HNSW")

    def add(self, x: np.ndarray, draw: float) -> None:
        """Add a vector: its id is the number of vectors there were, its level is `level(draw)`.

        Above its level, walk down with ef 1. From there on down to level 0, find `ef_construction`
        candidates, starting from those found one level higher; `select` M of them; link both ways.
        A node with too many links keeps those that `select` chooses among all it has.

        Shapes:
            x: (D,). draw: uniform in 0 < draw <= 1, made by the caller.
        """
        raise NotImplementedError("07_vector_search: HNSW")

    def search(self, q: np.ndarray, k: int, ef: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return ids, squared distances and the number of distances computed, nearest first.

        Walk down with ef 1 to level 1, then search level 0 with max(ef, k) and keep k. An empty
        graph gives nothing at no cost.

        Shapes:
            q: (D,). returns: (n,), (n,), int, with n <= k.
        """
        raise NotImplementedError("07_vector_search: HNSW")
