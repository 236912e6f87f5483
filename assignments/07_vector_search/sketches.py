"""From an object to a vector without learning: n-grams, a Bloom filter, MinHash."""

import hashlib
from collections.abc import Set

import numpy as np

HASHES = 2**32  # stable_hash is below this


def stable_hash(item: str, seed: int) -> int:  # given
    """Return a whole number from 0 to 2³² - 1: the same in every process, unlike Python's hash.

    Every seed gives another hash function.
    """
    salt = seed.to_bytes(8, "little")
    return int.from_bytes(
        hashlib.blake2b(item.encode(), digest_size=4, salt=salt).digest(), "little"
    )


def ngrams(text: str, n: int) -> set[str]:
    """Return the set of all pieces of n characters in a row.

    Pieces overlap, and spaces count as characters. A text shorter than n has none.

    Example:
        >>> sorted(ngrams("banana", 3))
        ['ana', 'ban', 'nan']
    """
    raise NotImplementedError("07_vector_search: ngrams")


class BloomFilter:
    """A set in a row of bits: it may say yes wrongly, and never says no wrongly.

    An item has `hashes` positions: `stable_hash(item, j) % size` for j = 0, 1, and so on. Adding it
    sets the bits there. An item may be in the set when all its bits are set.

    Attributes:
        bits: (size,), bool. As 0 and 1 they are a vector of the set.

    Example:
        >>> bloom = BloomFilter(64, 3)
        >>> bloom.add("cat")
        >>> "cat" in bloom, "dog" in bloom
        (True, False)
    """

    def __init__(self, size: int, hashes: int) -> None:  # given
        self.size, self.hashes = size, hashes
        self.bits = np.zeros(size, dtype=np.bool_)

    def add(self, item: str) -> None:
        """Set the bits of an item."""
        raise NotImplementedError("07_vector_search: BloomFilter")

    def __contains__(self, item: str) -> bool:
        """Say whether the item may have been added."""
        raise NotImplementedError("07_vector_search: BloomFilter")


def jaccard(a: Set[str], b: Set[str]) -> float:
    """Return the share of common items among all items of two sets; 1.0 for two empty sets.

    Example:
        >>> jaccard({"a", "b"}, {"b", "c", "d"})
        0.25
    """
    raise NotImplementedError("07_vector_search: jaccard")


def minhash(items: Set[str], count: int) -> np.ndarray:
    """Return the signature of a set: for each seed 0, 1, ... the least `stable_hash` of its items.

    The share of equal entries of two signatures estimates the Jaccard similarity of the sets. Every
    entry for an empty set is `HASHES`.

    Shapes:
        returns: (count,), int64.

    Example:
        >>> minhash({"a", "b"}, 2)
        array([1363123709, 2936660201])
    """
    raise NotImplementedError("07_vector_search: minhash")
