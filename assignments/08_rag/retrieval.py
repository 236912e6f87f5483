"""Finding passages: by words that count, by vectors, and by what is known of them."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Passage = dict[str, Any]  # {"id": str, "text": str, "metadata": dict}; with "score" when found
Index = dict[str, Any]  # {"passages": list of Passage, "vectors": (N, C), "embed": function}
Embed = Callable[[list[str]], np.ndarray]  # texts → (len(texts), C), rows of length 1 or 0


def words(text: str) -> list[str]:  # given
    """Return the words of a text in order: runs of letters and digits, in lower case.

    Example:
        >>> words("Why divide by the root of d_k?")
        ['why', 'divide', 'by', 'the', 'root', 'of', 'd', 'k']
    """
    return re.findall(r"[^\W_]+", text.lower())


def make_index(passages: Sequence[Passage], embed: Embed) -> Index:  # given
    """Embed the text of every passage, and keep all that `retrieve` needs in one dict.

    Example:
        >>> make_index([{"id": "a", "text": "cats"}], HashEmbedder(8).embed)["vectors"].shape
        (1, 8)
    """
    vectors = embed([passage["text"] for passage in passages])
    return {"passages": list(passages), "vectors": vectors, "embed": embed}


def tfidf_fit(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the vocabulary of a corpus, sorted, and the inverse document frequency of each word.

    idf = ln((1 + N) / (1 + n)) + 1, where n of the N texts have the word, a word as in `words`.

    Shapes:
        idf: (V,), one number for each word of the vocabulary.

    Example:
        >>> vocabulary, idf = tfidf_fit(["a cat", "a dog, a cat"])
        >>> vocabulary, idf.round(2).tolist()
        (['a', 'cat', 'dog'], [1.0, 1.0, 1.41])
    """
    raise NotImplementedError("08_rag: tfidf_fit")


def tfidf_vectors(texts: Sequence[str], vocabulary: Sequence[str], idf: np.ndarray) -> np.ndarray:
    """Return how often each text has each word, times the word's idf, as rows of length 1.

    Words that the vocabulary does not have count for nothing; a text with no other words is a row
    of zeros. The idf is that of the corpus: it does not depend on these texts.

    Shapes:
        idf: (V,)
        Returns (len(texts), V), float64.

    Example:
        >>> tfidf_vectors(["dog dog cat"], ["cat", "dog"], np.array([1.0, 1.5])).round(2).tolist()
        [[0.32, 0.95]]
    """
    raise NotImplementedError("08_rag: tfidf_vectors")


def bm25_scores(query: str, corpus: Sequence[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """Score every text of a corpus for a query by Okapi BM25.

    A text with f occurrences of a word, and L words in all, gets for each word of the query
    idf · f (k1 + 1) / (f + k1 (1 - b + b L / mean L)). idf = ln(1 + (N - n + 0.5) / (n + 0.5)),
    where n of the N texts have the word. A word that the query has twice counts twice.

    Shapes:
        Returns (N,), float64.

    Example:
        >>> bm25_scores("cat", ["a cat", "a dog", "the cat sat"]).round(3).tolist()
        [0.499, 0.0, 0.421]
    """
    raise NotImplementedError("08_rag: bm25_scores")


class HashEmbedder:
    """Embed texts with no training: every word adds 1 or -1 to a column that its hash chooses.

    The hash h of a word is zlib.crc32 of its UTF-8 bytes, the same in every process. The column is
    h % dims; 1 is added when h < 2**31, and -1 otherwise. Rows are brought to length 1 at the end.

    Shapes:
        embed: texts → (len(texts), dims)

    Example:
        >>> HashEmbedder(4).embed(["cat", "the cat", ""]).round(2).tolist()
        [[-1.0, 0.0, 0.0, 0.0], [-0.71, 0.0, 0.71, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, dims: int) -> None:  # given
        self.dims = dims

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return a row of length 1 for each text; a text without words is a row of zeros.

        Shapes:
            Returns (len(texts), dims), float64.
        """
        raise NotImplementedError("08_rag: HashEmbedder")


class LsaEmbedder:
    """Latent semantic analysis: TF-IDF rows projected onto the corpus's main directions.

    The directions are the right singular vectors of the corpus's TF-IDF matrix with the largest
    singular values, at most `dims` of them; nothing is centred. A singular value of 1e-10 times the
    largest or less counts as 0, and its direction as none. The sign of a direction is free.

    Shapes:
        embed: texts → (len(texts), dims)

    Example:
        >>> lsa = LsaEmbedder(2)
        >>> lsa.fit(["cat purrs", "kitten purrs", "stock price", "share price"])
        >>> cat, kitten, stock = lsa.embed(["cat", "kitten", "stock"])
        >>> round(float(cat @ kitten), 3), round(abs(float(cat @ stock)), 3)
        (1.0, 0.0)
    """

    def __init__(self, dims: int) -> None:  # given
        self.dims = dims

    def fit(self, texts: Sequence[str]) -> None:
        """Learn the vocabulary, the idf and the directions from a corpus."""
        raise NotImplementedError("08_rag: LsaEmbedder")

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return a row of length 1 for each text; columns without a direction are 0.

        A text that has no word of the corpus is a row of zeros. Tiny rows (length at most 1e-12)
        count as zeros too.

        Shapes:
            Returns (len(texts), dims), float64.
        """
        raise NotImplementedError("08_rag: LsaEmbedder")


def retrieve(
    query: str,
    index: Index,
    k: int,
    filters: Mapping[str, Any] | None = None,
    threshold: float | None = None,
) -> list[Passage]:
    """Return the k passages nearest to the query that pass, best first, each with its "score".

    The score is the dot product of the passage's row of index["vectors"] with the embedded query.
    A passage passes when its "metadata" have every key of filters["metadata"] with an equal value,
    its text contains filters["contains"] (upper and lower case alike), and its score is at least
    the threshold. Of equals the earlier comes first. The index itself is not changed.

    Example:
        >>> passages = [{"id": "a", "text": "one cat"}, {"id": "b", "text": "two cats"}]
        >>> index = make_index(passages, HashEmbedder(64).embed)
        >>> [p["id"] for p in retrieve("a cat", index, 2, {"contains": "CATS"})]
        ['b']
    """
    raise NotImplementedError("08_rag: retrieve")
