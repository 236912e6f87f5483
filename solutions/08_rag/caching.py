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
        ### BEGIN SOLUTION
        self.entries.append((user, self.embed([question])[0], answer, self.clock()))
        ### END SOLUTION

    def get(self, user: str, question: str) -> str | None:
        """Return the answer to the user's most similar question, or None.

        Of equally similar questions the newest counts. Being read makes no entry younger.
        """
        ### BEGIN SOLUTION
        vector, now = self.embed([question])[0], self.clock()
        best, found = self.threshold, None
        for owner, other, answer, born in self.entries:
            if owner != user or now - born >= self.ttl:  # subtle: nobody else's, nothing old
                continue
            similarity = float(vector @ other)
            if similarity >= best:
                best, found = similarity, answer
        return found
        ### END SOLUTION


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
    ### BEGIN SOLUTION
    system = [message for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    left = budget - sum(count_tokens(message["content"]) for message in system)
    if left < 0:
        raise ValueError(f"the system messages need {-left} tokens more than {budget}")
    first = len(others)
    while first > 0 and count_tokens(others[first - 1]["content"]) <= left:
        first -= 1
        left -= count_tokens(others[first]["content"])
    return [*system, *others[first:]]  # subtle: the newest, without gaps, oldest of them first
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    if sum(count_tokens(message["content"]) for message in messages) <= budget:
        return list(messages)
    kept = sliding_window(messages, budget - reserve, count_tokens)
    start = sum(message["role"] == "system" for message in messages)
    others = [message for message in messages if message["role"] != "system"]
    summary = summarize(others[: len(messages) - len(kept)])
    if count_tokens(summary) > reserve:
        raise ValueError(f"the summary has more than {reserve} tokens")
    # subtle: a user's words, so a user's role; as a system message they would give orders
    return [*kept[:start], {"role": "user", "content": summary}, *kept[start:]]
    ### END SOLUTION
