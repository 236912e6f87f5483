"""A vector store: rows with a vector and metadata, asked as one asks pgvector."""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exact import distances, top_k

Index = Callable[
    [np.ndarray, int], Any
]  # a query and n → the ids of about n nearest, nearest first


class VectorStore:
    """Vectors of one dimension, each with metadata: a dict of plain JSON values with str keys.

    The operators are pgvector's, and smaller is always nearer: "<->" is the Euclidean distance
    (with its root), "<#>" the negative inner product, "<=>" the cosine distance.
    """

    def __init__(self, dim: int) -> None:  # given
        self.dim = dim
        self.vectors: list[np.ndarray] = []
        self.metadata: list[dict[str, Any]] = []

    def __len__(self) -> int:  # given
        return len(self.vectors)

    def insert(self, vector: np.ndarray, metadata: Mapping[str, Any] | None = None) -> int:
        """Add a row and return its id: 0, 1, 2 and so on.

        Raises ValueError, and adds nothing, for a vector that is not of shape (dim,).

        Example:
            >>> VectorStore(2).insert(np.array([1.0, 2.0]), {"lang": "en"})
            0
        """
        ### BEGIN SOLUTION
        self.vectors.append(self._checked(vector))  # subtle: refused before anything is stored
        self.metadata.append(dict(metadata or {}))
        return len(self.vectors) - 1
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _checked(self, vector: np.ndarray) -> np.ndarray:
        if np.shape(vector) != (self.dim,):
            raise ValueError(f"expected {self.dim} dimensions, not {np.shape(vector)}")
        return np.array(vector, dtype=np.float64)

    def _matches(self, i: int, where: Mapping[str, Any] | None) -> bool:
        row = self.metadata[i]
        return all(key in row and row[key] == value for key, value in (where or {}).items())

    ### END SOLUTION

    def search(
        self,
        query: np.ndarray,
        k: int,
        operator: str = "<->",
        where: Mapping[str, Any] | None = None,
        index: Index | None = None,
    ) -> list[tuple[int, float]]:
        """Return (id, distance) of the k nearest rows that match, nearest first, of equals by id.

        A row matches when its metadata have every key of `where`, with an equal value.

        Without an index, the filter comes first: all rows that match are compared, which is exact.
        With one, the filter comes after: ask it for n = k, drop what does not match, and as long as
        fewer than k are left, ask again for 2 n, 4 n and so on, up to the whole store. What is left
        is measured by the operator and sorted.

        Raises ValueError for a query that is not of shape (dim,), and for another operator.

        Example:
            >>> store = VectorStore(1)
            >>> for x in (1.0, 4.0, 2.0):
            ...     _ = store.insert(np.array([x]), {"even": x % 2 == 0})
            >>> store.search(np.array([0.0]), 1, where={"even": True})
            [(2, 2.0)]
        """
        ### BEGIN SOLUTION
        query = self._checked(query)
        if index is None:
            ids = [i for i in range(len(self)) if self._matches(i, where)]
        else:
            ids = self._after(index, query, k, where)
        measured = self._measure(query, ids, operator)  # (n,)
        places, near = top_k(measured, k)
        return [(ids[p], d) for p, d in zip(places.tolist(), near.tolist(), strict=True)]
        ### END SOLUTION

    ### BEGIN SOLUTION
    def _after(
        self, index: Index, query: np.ndarray, k: int, where: Mapping[str, Any] | None
    ) -> list[int]:
        n = min(k, len(self))
        while True:
            ids = sorted(int(i) for i in index(query, n) if self._matches(int(i), where))
            if len(ids) >= k or n >= len(self):  # subtle: ask on until k are left after the filter
                return ids
            n = min(2 * n, len(self))

    def _measure(self, query: np.ndarray, ids: list[int], operator: str) -> np.ndarray:
        metric = {"<->": "l2", "<#>": "ip", "<=>": "cosine"}.get(operator)
        if metric is None:
            raise ValueError(f"unknown operator {operator!r}")
        rows = np.array([self.vectors[i] for i in ids]).reshape(-1, self.dim)  # (n, dim)
        found = distances(query[None], rows, metric)[0]  # (n,)
        return np.sqrt(found) if operator == "<->" else found  # subtle: pgvector takes the root

    ### END SOLUTION

    def save(self) -> bytes:
        """Return the whole store as bytes, which `load` reads in any process. Not by pickle."""
        ### BEGIN SOLUTION
        file = io.BytesIO()
        rows = np.array(self.vectors).reshape(-1, self.dim)  # (N, dim)
        np.savez(file, vectors=rows, metadata=np.array(json.dumps(self.metadata)))
        return file.getvalue()
        ### END SOLUTION

    @staticmethod
    def load(data: bytes) -> "VectorStore":
        """Return a store equal to the one that was saved, ids, vectors and metadata.

        Example:
            >>> len(VectorStore.load(VectorStore(3).save()))
            0
        """
        ### BEGIN SOLUTION
        saved = np.load(io.BytesIO(data), allow_pickle=False)
        store = VectorStore(saved["vectors"].shape[1])  # subtle: an empty store has a dimension too
        for vector, metadata in zip(
            saved["vectors"], json.loads(str(saved["metadata"])), strict=True
        ):
            store.insert(vector, metadata)
        return store
        ### END SOLUTION
