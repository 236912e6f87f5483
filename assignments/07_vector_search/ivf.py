"""Inverted files: sort the vectors into lists by their nearest centroid, and search a few lists.

Every search returns ids, squared distances, and how many distances were computed, which is what a
search costs on any machine: those to the centroids, and those to the vectors of the lists.
"""

import numpy as np

from exact import distances, top_k
from quantization import ProductQuantizer, kmeans


class IVF:
    """Inverted lists of whole vectors.

    Attributes:
        nlist: How many lists.
        centroids: (nlist, dim). May be set instead of trained, before anything is added.

    Shapes:
        vectors: (N, dim), float64. a query: (dim,).

    Example:
        >>> index = IVF(1, 2)
        >>> index.centroids = np.array([[0.0], [10.0]])
        >>> index.add(np.array([[11.0], [1.0], [4.0], [8.0]]))
        >>> index.search(np.array([4.5]), 3, nprobe=1)
        (array([2, 1]), array([ 0.25, 12.25]), 4)
    """

    def __init__(self, dim: int, nlist: int) -> None:  # given
        self.dim, self.nlist = dim, nlist
        self.centroids = np.empty((0, dim))
        self.vectors = np.empty((0, dim))  # all that were added, by id
        self.lists: list[list[int]] = [[] for _ in range(nlist)]  # the ids in each list

    def train(self, X: np.ndarray, rng: np.random.Generator, steps: int = 20) -> None:
        """Find the centroids by `kmeans`; nothing is added.

        Shapes:
            X: (N, dim), N >= nlist.
        """
        raise NotImplementedError("07_vector_search: IVF")

    def add(self, X: np.ndarray) -> None:
        """Add vectors, each to the list of its nearest centroid, of equals the first.

        Ids count on from the vectors that are there already.

        Shapes:
            X: (N, dim).
        """
        raise NotImplementedError("07_vector_search: IVF")

    def search(self, q: np.ndarray, k: int, nprobe: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the k nearest of the vectors in the `nprobe` lists whose centroids are nearest.

        Ids, squared distances and the number of distances computed, to centroids and to vectors.
        Nearest first, of equals the smaller id; fewer than k where the lists hold fewer. With
        nprobe = nlist the result is exact.

        Shapes:
            q: (dim,). returns: (n,), (n,), int, with n = min(k, vectors in those lists).
        """
        raise NotImplementedError("07_vector_search: IVF")


class IVFPQ:
    """Inverted lists of codes: what is stored of a vector is its residual, product-quantized.

    The residual is the vector minus the centroid of its list: a smaller thing, coded more finely.

    Attributes:
        nlist: How many lists.
        centroids: (nlist, dim). May be set instead of trained, before anything is added.
        pq: The ProductQuantizer of the residuals. Its codebooks may be set instead of trained.

    Shapes:
        vectors: (N, dim), float64. codes: (N, M), uint8. a query: (dim,).

    Example:
        >>> index = IVFPQ(1, 2, 1, 2)
        >>> index.centroids = np.array([[0.0], [10.0]])
        >>> index.pq.codebooks = np.array([[[-1.0], [1.0]]])
        >>> index.add(np.array([[10.7], [0.2]]))
        >>> index.search(np.array([9.0]), 1, nprobe=1)
        (array([0]), array([4.]), 3)
    """

    def __init__(self, dim: int, nlist: int, M: int, K: int = 256) -> None:  # given
        self.dim, self.nlist = dim, nlist
        self.centroids = np.empty((0, dim))
        self.pq = ProductQuantizer(M, K)
        self.codes = np.empty((0, M), dtype=np.uint8)  # of all that were added, by id
        self.lists: list[list[int]] = [[] for _ in range(nlist)]  # the ids in each list

    def train(self, X: np.ndarray, rng: np.random.Generator, steps: int = 20) -> None:
        """Find the centroids by `kmeans`, then train `pq` on the residuals of X, with the same rng.

        Shapes:
            X: (N, dim), N >= nlist and N >= K.
        """
        raise NotImplementedError("07_vector_search: IVFPQ")

    def add(self, X: np.ndarray) -> None:
        """Add the codes of vectors, each to the list of its nearest centroid; ids count on.

        Shapes:
            X: (N, dim).
        """
        raise NotImplementedError("07_vector_search: IVFPQ")

    def search(self, q: np.ndarray, k: int, nprobe: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the k nearest as `IVF.search` does, by the distance of q to what is coded.

        A code stands for the centroid of its list plus the decoded residual. Only the vectors are
        coded, the query is not.

        Shapes:
            q: (dim,). returns: (n,), (n,), int, with n = min(k, codes in those lists).
        """
        raise NotImplementedError("07_vector_search: IVFPQ")
