"""Spending less: answers that are used again, and conversations that fit into a budget."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": str}


class SemanticCache:
    """Keep answers, and give them again to the same user for a question that means about the same.

    Two questions are alike when the dot product of their embeddings is at least the threshold;
    embed(texts) returns a row of length 1 for each text. An entry is served while less than ttl
    seconds have passed since it was put in, by clock(), which returns the time in seconds.

    Shapes:
        embed: texts → (len(texts), C)

    Example:
        >>> cache = SemanticCache(lambda texts: np.ones((len(texts), 1)), 0.9, 60.0, lambda: 0.0)
        >>> cache.put("ada", "What is BPE?", "Byte pair encoding.")
        >>> cache.get("ada", "BPE, what is it?"), cache.get("bob", "What is BPE?")
        ('Byte pair encoding.', None)
    """

    def __init__(
        self,
        embed: Callable[[list[str]], np.ndarray],
        threshold: float,
        ttl: float,
        clock: Callable[[], float],
    ) -> None:  # given
        self.embed, self.threshold, self.ttl, self.clock = embed, threshold, ttl, clock
        self.entries: list[Any] = []

    def put(self, user: str, question: str, answer: str) -> None:
        """Remember an answer, and when it was given."""
        raise NotImplementedError("08_rag: SemanticCache")

    def get(self, user: str, question: str) -> str | None:
        """Return the answer to the user's most similar question, or None.

        Of equally similar questions the newest counts. Being read makes no entry younger.
        """
        raise NotImplementedError("08_rag: SemanticCache")


def sliding_window(
    messages: Sequence[Message], budget: int, count_tokens: Callable[[str], int]
) -> list[Message]:
    """Return the system messages and as many of the newest others as fit, in their order.

    All messages of the role "system" are kept and stand first. Of the others, the newest are kept
    up to the first that does not fit any more: no gaps. Tokens are those of the contents, all
    together at most `budget`. Raises ValueError when the system messages alone have more.

    Example:
        >>> talk = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
        >>> [message["role"] for message in sliding_window(talk, 2, lambda text: 1)]
        ['system', 'assistant']
    """
    raise NotImplementedError("08_rag: sliding_window")


def summarize_history(
    messages: Sequence[Message],
    budget: int,
    count_tokens: Callable[[str], int],
    summarize: Callable[[list[Message]], str],
    reserve: int,
) -> list[Message]:
    """Return the messages within a budget, the older ones replaced by a summary.

    When all messages have at most `budget` tokens, they are returned as a list, and nothing is
    summarised. Otherwise: the system messages, the summary as a message of the role "user", and
    the newest others that `sliding_window` keeps in budget - reserve tokens. The summary is
    summarize(the messages left out, oldest first), called once. Raises ValueError when it has more
    than `reserve` tokens.

    Example:
        >>> talk = [{"role": "user", "content": c} for c in ("a", "b", "c")]
        >>> short = summarize_history(talk, 2, len, lambda old: "+", 1)
        >>> [message["content"] for message in short]
        ['+', 'c']
    """
    raise NotImplementedError("08_rag: summarize_history")
