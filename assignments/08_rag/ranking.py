"""Ordering what was found: several rankings made one, variety, and a second look."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

Passage = dict[str, Any]  # {"id": str, "text": str, "metadata": dict}; with "score" when found


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Hashable]], k: float = 60
) -> list[tuple[Hashable, float]]:
    """Merge rankings into one: every id gets 1 / (k + rank) from each ranking that has it.

    The best of a ranking has the rank 1. Returns (id, score) of every id that is in any ranking,
    best first; of equals the one that was met first, reading one ranking after the other.

    Example:
        >>> [(i, round(score, 4)) for i, score in reciprocal_rank_fusion([["a", "b"], ["b"]])]
        [('b', 0.0325), ('a', 0.0164)]
    """
    raise NotImplementedError("08_rag: reciprocal_rank_fusion")


def mmr(query: np.ndarray, X: np.ndarray, lam: float, k: int) -> list[int]:
    """Choose k rows that are like the query and unlike each other (maximal marginal relevance).

    One row at a time, the one with the greatest lam · cos(row, query) - (1 - lam) · (the greatest
    cosine between the row and any that are chosen already; 0 while none are). Of equals the lowest
    number. The cosine with a zero vector is 0. A k above N gives all N rows.

    Shapes:
        query: (C,), X: (N, C), of any lengths.

    Example:
        >>> X = np.array([[1.0, 0.1], [1.0, 0.1], [1.0, -0.6]])
        >>> mmr(np.array([1.0, 0.0]), X, 0.5, 2)
        [0, 2]
    """
    raise NotImplementedError("08_rag: mmr")


def rerank(
    query: str, passages: Sequence[Passage], scorer: Callable[[str, str], float]
) -> list[Passage]:
    """Score every passage anew by scorer(query, text) and return them best first.

    The scorer is slow (a model reads both texts together), so it is called once for each passage,
    in order. Returned are new dicts, whose "score" is the new one; of equals the earlier is first.

    Example:
        >>> passages = [{"id": "a", "text": "short"}, {"id": "b", "text": "longer"}]
        >>> [p["id"] for p in rerank("?", passages, lambda query, text: len(text))]
        ['b', 'a']
    """
    raise NotImplementedError("08_rag: rerank")
