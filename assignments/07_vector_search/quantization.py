"""Fewer numbers for a vector: cluster centres, main directions, bytes for floats.

A quantizer is trained on vectors, encodes others as unsigned bytes, and measures the distance of a
query to the codes without giving up the query's own precision.
"""

import numpy as np

from exact import distances, top_k


def plus_plus(X: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Choose k rows of X to start k-means from, far from each other: k-means++.

    The first is drawn uniformly; each further one with a probability proportional to its squared
    distance to the nearest row chosen so far, or uniformly where all these distances are 0.

    Shapes:
        X: (N, D), N >= 1. returns: (k, D).

    Example:
        >>> plus_plus(np.array([[5.0, 1.0], [5.0, 1.0]]), 3, np.random.default_rng(0))
        array([[5., 1.],
               [5., 1.],
               [5., 1.]])
    """
    raise NotImplementedError("07_vector_search: kmeans")


def lloyd_step(X: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return the centroids after one step of k-means: each moves to the mean of its points.

    A point belongs to the nearest centroid, of equally near ones to the first. A centroid without
    points moves to the point that is farthest from its own centroid; a second one to the next
    farthest, and so on; of equally far points the first is taken first.

    Shapes:
        X: (N, D). centroids: (k, D), k <= N. returns: (k, D), a new array.

    Example:
        >>> lloyd_step(np.array([[0.0], [1.0], [8.0]]), np.array([[0.0], [0.0]]))
        array([[3.],
               [8.]])
    """
    raise NotImplementedError("07_vector_search: kmeans")


def kmeans(
    X: np.ndarray, k: int, rng: np.random.Generator, steps: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster the rows of X: a start by `plus_plus`, then `steps` times `lloyd_step`.

    Returns the centroids and for each row the number of the centroid that is nearest to it.

    Shapes:
        X: (N, D), N >= k. returns: (k, D) and (N,), int64.

    Example:
        >>> kmeans(np.array([[1.0], [3.0]]), 1, np.random.default_rng(0), steps=1)
        (array([[2.]]), array([0, 0]))
    """
    raise NotImplementedError("07_vector_search: kmeans")


def pca(X: np.ndarray, dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the centred rows of X in their `dims` main directions, and these directions.

    A direction has length 1, and its sign is fixed: its entry of largest absolute value is
    positive. The direction of greatest variance comes first.

    Shapes:
        X: (N, D). dims <= min(N, D). returns: projected (N, dims) and components (dims, D).

    Example:
        >>> projected, components = pca(np.array([[5.0, 1.0], [5.0, 3.0], [5.0, 8.0]]), 1)
        >>> projected.round(6).tolist(), np.abs(components).round(6).tolist()
        ([[-3.0], [-1.0], [4.0]], [[0.0, 1.0]])
    """
    raise NotImplementedError("07_vector_search: pca")


class ScalarQuantizer:
    """One byte for each coordinate: 256 levels from the least to the greatest value seen.

    Level c of a coordinate stands for low + c · (high - low) / 255.

    Attributes:
        low: (D,), the least value of each coordinate in training.
        high: (D,), the greatest.

    Shapes:
        vectors: (N, D), float64. codes: (N, D), uint8.

    Example:
        >>> quantizer = ScalarQuantizer()
        >>> quantizer.train(np.array([[0.0], [51.0]]))
        >>> quantizer.decode(quantizer.encode(np.array([[10.13]])))
        array([[10.2]])
    """

    def train(self, X: np.ndarray) -> None:
        """Take `low` and `high` from the rows of X, each coordinate for itself.

        Shapes:
            X: (N, D), N >= 1.
        """
        raise NotImplementedError("07_vector_search: ScalarQuantizer")

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the nearest level of each number.

        What lies outside of `low` to `high` gets the nearer end. A coordinate that was constant in
        training has level 0.

        Shapes:
            X: (N, D). returns: (N, D), uint8.

        Example:
            >>> quantizer = ScalarQuantizer()
            >>> quantizer.train(np.array([[0.0, 7.0], [51.0, 7.0]]))
            >>> quantizer.encode(np.array([[0.3, 7.0], [99.0, 7.0]]))
            array([[  2,   0],
                   [255,   0]], dtype=uint8)
        """
        raise NotImplementedError("07_vector_search: ScalarQuantizer")

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the numbers that the levels stand for.

        Shapes:
            codes: (N, D), uint8. returns: (N, D), float64.
        """
        raise NotImplementedError("07_vector_search: ScalarQuantizer")


class ProductQuantizer:
    """A vector cut into M pieces, each replaced by the number of the nearest of K centroids.

    With M = 8 and K = 256, a vector of 128 floats becomes 8 bytes.

    Attributes:
        M: How many pieces.
        K: How many centroids for each piece, at most 256.
        codebooks: (M, K, D / M), the centroids of each piece. May be set instead of trained.

    Shapes:
        vectors: (N, D), float64. codes: (N, M), uint8.

    Example:
        >>> pq = ProductQuantizer(2, 2)
        >>> pq.codebooks = np.array([[[0.0], [10.0]], [[0.0], [5.0]]])
        >>> pq.encode(np.array([[9.0, 1.0]]))
        array([[1, 0]], dtype=uint8)
        >>> pq.distances(np.array([[9.0, 1.0]]), np.array([[1, 0]], dtype=np.uint8))
        array([[2.]])
    """

    def __init__(self, M: int, K: int = 256) -> None:  # given
        self.M, self.K = M, K
        self.codebooks = np.empty((M, 0, 0))

    def train(self, X: np.ndarray, rng: np.random.Generator, steps: int = 20) -> None:
        """Run `kmeans` on each piece, in order, with the same rng.

        Raises ValueError where D is no multiple of M.

        Shapes:
            X: (N, D), N >= K.
        """
        raise NotImplementedError("07_vector_search: ProductQuantizer")

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return for each piece the number of its nearest centroid, of equals the first.

        Shapes:
            X: (N, D). returns: (N, M), uint8.
        """
        raise NotImplementedError("07_vector_search: ProductQuantizer")

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the vectors that the codes stand for.

        Shapes:
            codes: (N, M), uint8. returns: (N, D), float64.
        """
        raise NotImplementedError("07_vector_search: ProductQuantizer")

    def distances(self, Q: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the squared distances of queries, as they are, to what the codes stand for.

        For each piece, the distances of the query to all K centroids go into a table; the distance
        to a code is then M look-ups and a sum. The query itself is not encoded.

        Shapes:
            Q: (Q, D). codes: (N, M), uint8. returns: (Q, N).
        """
        raise NotImplementedError("07_vector_search: ProductQuantizer")
