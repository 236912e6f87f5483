"""Byte-pair encoding on one text: count pairs, merge the commonest, and do it again.

Ids 0 to 255 are the bytes themselves. Every merge makes one new id, from 256 on. Nothing here
knows of words, special tokens or speed; tokenizer.py adds these one by one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

Pair = tuple[int, int]

### BEGIN SOLUTION
FIRST_ID = 256  # the ids below it are bytes


def byte_tokens() -> dict[int, bytes]:
    """Return the 256 tokens that every vocabulary begins with."""
    return {i: bytes([i]) for i in range(FIRST_ID)}


def token_bytes(merges: Mapping[Pair, int]) -> dict[int, bytes]:
    """Return the byte string of every token; a merge stands after those it is made of."""
    vocabulary = byte_tokens()
    for (left, right), new_id in merges.items():
        vocabulary[new_id] = vocabulary[left] + vocabulary[right]
    return vocabulary


def best_pair(counts: Mapping[Pair, int], vocabulary: Mapping[int, bytes]) -> Pair | None:
    """Return the commonest pair, of equally common ones that of the greatest byte strings.

    None when no pair occurs twice.
    """

    def rank(pair: Pair) -> tuple[int, bytes, bytes]:
        return counts[pair], vocabulary[pair[0]], vocabulary[pair[1]]

    best = max(counts, key=rank, default=None)
    return None if best is None or counts[best] < 2 else best


### END SOLUTION


def pair_counts(ids: Sequence[int]) -> dict[Pair, int]:
    """Count how often each pair of neighbouring ids occurs.

    Pairs may overlap: 7 7 7 holds the pair (7, 7) twice. A sequence of fewer than two ids has none.
    Only pairs that occur are in the result. Its order does not matter, and a `Counter` is welcome.

    Example:
        >>> dict(pair_counts([1, 2, 1, 2, 3]))
        {(1, 2): 2, (2, 1): 1, (2, 3): 1}
    """
    ### BEGIN SOLUTION
    return Counter(pairwise(ids))  # subtle: every position, the last pair and overlaps too
    ### END SOLUTION


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Return a new list in which every occurrence of the pair has become one id.

    From left to right, and without overlap: in 7 7 7 the first two are merged, the third is left.
    `ids` itself stays as it is.

    Example:
        >>> merge([7, 7, 7, 1, 7, 1], (7, 1), 256)
        [7, 7, 256, 256]
    """
    ### BEGIN SOLUTION
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:  # subtle: the last id has no right
            merged.append(new_id)
            i += 2  # subtle: past both, so that no id is used twice
        else:
            merged.append(ids[i])
            i += 1
    return merged
    ### END SOLUTION


def train(text: str, vocab_size: int) -> dict[Pair, int]:
    """Learn merges from a text: merge its commonest pair, again and again.

    The text becomes UTF-8 bytes first. The first merge makes id 256, the next 257, and so on, until
    the vocabulary, the 256 bytes included, has `vocab_size` tokens (at least 256), or until no pair
    occurs twice. Of equally common pairs the one with the greatest byte strings is merged: compare
    the bytes of the left tokens, and where they are equal those of the right ones.

    Example:
        >>> train("banana", 300)
        {(110, 97): 256}
        >>> train("xyxyxyxy", 258)
        {(120, 121): 256, (256, 256): 257}
    """
    ### BEGIN SOLUTION
    ids = list(text.encode("utf-8"))  # subtle: bytes, not characters
    vocabulary = byte_tokens()
    merges: dict[Pair, int] = {}  # subtle: made anew in every call
    for new_id in range(FIRST_ID, vocab_size):  # subtle: vocab_size counts the bytes too
        best = best_pair(pair_counts(ids), vocabulary)  # subtle: ties by bytes, not by ids
        if best is None:  # subtle: too short a text, or nothing occurs twice
            break
        merges[best] = new_id
        vocabulary[new_id] = vocabulary[best[0]] + vocabulary[best[1]]
        ids = merge(ids, best, new_id)
    return merges
    ### END SOLUTION


def encode(text: str, merges: Mapping[Pair, int]) -> list[int]:
    """Turn a text into token ids, making the merges in the order in which they were learned.

    Start from the UTF-8 bytes. Among the pairs that are there and have a merge, take the one with
    the lowest new id, merge it everywhere, and look again. `merges` stand in the order of their
    ids, which need not be 256, 257, and so on.

    Example:
        >>> encode("abcab", {(98, 99): 256, (97, 98): 257, (97, 256): 258})
        [258, 257]
    """
    ### BEGIN SOLUTION
    ids = list(text.encode("utf-8"))  # subtle: bytes, not characters
    while True:
        known = [pair for pair in pair_counts(ids) if pair in merges]
        if not known:  # subtle: also when fewer than two ids are left
            return ids
        pair = min(known, key=lambda p: merges[p])  # subtle: learned first, not longest, not left
        ids = merge(ids, pair, merges[pair])
    ### END SOLUTION


def decode(ids: Sequence[int], merges: Mapping[Pair, int]) -> str:
    """Turn token ids back into text.

    Join the bytes of all tokens, then decode them as UTF-8. Bytes that are no valid UTF-8 become
    U+FFFD, as `bytes.decode` does it with errors="replace": any ids give some text.

    Example:
        >>> decode([258, 33], {(195, 164): 256, (98, 256): 257, (257, 104): 258})
        'bäh!'
        >>> decode([195, 33], {})
        '�!'
    """
    ### BEGIN SOLUTION
    vocabulary = token_bytes(merges)
    data = b"".join(vocabulary[i] for i in ids)  # subtle: a character may span several tokens
    return data.decode("utf-8", errors="replace")
    ### END SOLUTION
