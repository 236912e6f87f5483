"""How good is it? Four numbers between 0 and 1."""

import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence


def recall_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Return the share of the relevant ids that are among the first k of a ranking.

    An id that the ranking has twice counts once. 0.0 when nothing is relevant.

    Example:
        >>> recall_at_k(["a", "b", "c"], {"a", "c", "d"}, 2)
        0.3333333333333333
    """
    raise NotImplementedError("08_rag: recall_at_k")


def mrr(rankings: Sequence[Sequence[Hashable]], relevants: Sequence[Collection[Hashable]]) -> float:
    """Return the mean over the questions of 1 / rank of the first relevant id (0 without any).

    The best of a ranking has the rank 1. 0.0 for no questions.

    Example:
        >>> mrr([["a", "b"], ["c", "d"]], [{"b"}, {"c", "d"}])
        0.75
    """
    raise NotImplementedError("08_rag: mrr")


def ndcg_at_k(ranked: Sequence[Hashable], gains: Mapping[Hashable, float], k: int) -> float:
    """Return the discounted gain of the first k of a ranking, divided by the greatest possible.

    The discounted gain of a ranking is the sum of gain / log2(1 + rank), the best having rank 1;
    ids without a gain have 0. The greatest possible is that of the k largest of all gains, whether
    they were retrieved or not. 0.0 when that is 0.

    Example:
        >>> round(ndcg_at_k(["x", "a"], {"a": 1.0, "b": 1.0}, 2), 4)
        0.3869
    """
    raise NotImplementedError("08_rag: ndcg_at_k")


def faithfulness(
    claims: Sequence[str], texts: Sequence[str], supports: Callable[[str, str], bool]
) -> float:
    """Return the share of the claims of an answer that at least one text supports.

    supports(claim, text) is the judge: a model, a person, or a rule. It sees one text at a time.
    1.0 for no claims: an answer that claims nothing says nothing false.

    Example:
        >>> faithfulness(["purr", "bark"], ["purr"], lambda claim, text: claim == text)
        0.5
    """
    raise NotImplementedError("08_rag: faithfulness")
