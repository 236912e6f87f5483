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

    Shapes:
        a vector, a query: (dim,).

    Example:
        >>> store = VectorStore(2)
        >>> store.insert(np.array([3.0, 4.0]), {"lang": "en"})
        0
        >>> store.search(np.array([0.0, 0.0]), 1), len(store)
        ([(0, 5.0)], 1)
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
        raise NotImplementedError("07_vector_search: VectorStore")

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
        raise NotImplementedError("07_vector_search: VectorStore")

    def save(self) -> bytes:
        """Return the whole store as bytes, which `load` reads in any process. Not by pickle."""
        raise NotImplementedError("07_vector_search: VectorStore")

    @staticmethod
    def load(data: bytes) -> "VectorStore":
        """Return a store equal to the one that was saved, ids, vectors and metadata.

        Example:
            >>> len(VectorStore.load(VectorStore(3).save()))
            0
        """
        raise NotImplementedError("07_vector_search: VectorStore")
