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
        ### BEGIN SOLUTION
        return int(-math.log(draw) / math.log(self.M))  # subtle: level l has 1 node in M**l
        ### END SOLUTION

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
        ### BEGIN SOLUTION
        seen = set(entries)
        candidates = self._measure(q, entries)  # a heap: the nearest is on top
        heapq.heapify(candidates)
        kept = [(-d, -i) for d, i in candidates]  # a heap: the worst is on top
        heapq.heapify(kept)
        while candidates:
            distance, i = heapq.heappop(candidates)
            if len(kept) >= ef and distance > -kept[0][0]:  # subtle: not as soon as ef are found
                break
            fresh = [j for j in self.links[i][level] if j not in seen]
            seen.update(fresh)
            for d, j in self._measure(q, fresh):
                if len(kept) < ef or (-d, -j) > kept[0]:
                    heapq.heappush(candidates, (d, j))
                    heapq.heappush(kept, (-d, -j))
                    if len(kept) > ef:
                        heapq.heappop(kept)
        return sorted((-d, -i) for d, i in kept), len(seen)
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _measure(self, q: np.ndarray, ids: Sequence[int]) -> Near:
        if not ids:
            return []
        squares = np.sum((np.array([self.vectors[i] for i in ids]) - q) ** 2, axis=1)  # (n,)
        return list(zip(squares.tolist(), ids, strict=True))

    ### END SOLUTION

    def select(self, candidates: Near, count: int) -> list[int]:
        """Choose up to `count` links that lead in different directions.

        Go through the candidates from the nearest on; take one unless it is nearer to one already
        taken than to the node itself. (That one leads there, too.)

        Shapes:
            candidates: pairs (squared distance to the node, id), nearest first. returns: ids.
        """
        ### BEGIN SOLUTION
        taken: list[int] = []
        for distance, i in candidates:
            if len(taken) >= count:
                break
            to_taken = self._measure(self.vectors[i], taken)
            if all(d >= distance for d, _ in to_taken):  # subtle: not simply the nearest
                taken.append(i)
        return taken
        ### END SOLUTION

    def add(self, x: np.ndarray, draw: float) -> None:
        """Add a vector: its id is the number of vectors there were, its level is `level(draw)`.

        Above its level, walk down with ef 1. From there on down to level 0, find `ef_construction`
        candidates, starting from those found one level higher; `select` M of them; link both ways.
        A node with too many links keeps those that `select` chooses among all it has.

        Shapes:
            x: (D,). draw: uniform in 0 < draw <= 1, made by the caller.
        """
        ### BEGIN SOLUTION
        new, level = len(self.vectors), self.level(draw)
        self.vectors.append(np.asarray(x, dtype=np.float64))
        self.links.append([[] for _ in range(level + 1)])
        if self.entry < 0:
            self.entry = new
            return
        entries, top = [self.entry], len(self.links[self.entry]) - 1
        for floor in range(top, -1, -1):
            ef = 1 if floor > level else self.ef_construction
            found, _ = self.search_layer(x, entries, ef, floor)
            entries = [i for _, i in found]
            if floor <= level:
                self.links[new][floor] = self.select(found, self.M)
                for i in self.links[new][floor]:
                    self._link(i, new, floor)  # subtle: links lead both ways
        if level > top:
            self.entry = new  # subtle: or the new level is never reached
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _link(self, i: int, new: int, level: int) -> None:
        links = self.links[i][level]
        links.append(new)
        room = self.M if level else 2 * self.M  # subtle: level 0 has room for twice as many
        if len(links) > room:
            near = sorted(self._measure(self.vectors[i], links))
            self.links[i][level] = self.select(near, room)

    ### END SOLUTION

    def search(self, q: np.ndarray, k: int, ef: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return ids, squared distances and the number of distances computed, nearest first.

        Walk down with ef 1 to level 1, then search level 0 with max(ef, k) and keep k. An empty
        graph gives nothing at no cost.

        Shapes:
            q: (D,). returns: (n,), (n,), int, with n <= k.
        """
        ### BEGIN SOLUTION
        found: Near = []
        entries, computed = ([self.entry], 0) if self.vectors else ([], 0)
        for floor in range(len(self.links[self.entry]) - 1 if entries else -1, -1, -1):
            width = max(ef, k) if floor == 0 else 1  # subtle: never less than k
            found, work = self.search_layer(q, entries, width, floor)
            entries, computed = [i for _, i in found], computed + work
        ids = np.array([i for _, i in found[:k]], dtype=np.int64)
        return ids, np.array([d for d, _ in found[:k]], dtype=np.float64), computed
        ### END SOLUTION
