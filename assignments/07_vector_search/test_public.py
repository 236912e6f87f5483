"""The tests you have: small numbers to check by hand. Hidden ones, with drawn numbers, follow."""

import math

import numpy as np

from autograder.testing import close, ensure, equal, part, raises

POINTS = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [0.0, 1.0]])
ORIGIN = np.zeros(2)


def ids(*numbers):
    return np.array(numbers, dtype=np.int64)


@part("distances")
def test_distances_by_hand(student):
    """From (0, 0) the squared distances are 0, 25, 100 and 1; inner products count negatively."""
    q = np.array([[1.0, 1.0]])
    close(student.distances(ORIGIN[None], POINTS, "l2"), np.array([[0.0, 25.0, 100.0, 1.0]]))
    close(student.distances(q, POINTS, "ip"), np.array([[0.0, -7.0, -14.0, -1.0]]))


@part("distances")
def test_cosine_by_hand(student):
    """The cosine distance of (1, 1) to (0, 1) is 1 - √½, and to a zero vector 1."""
    got = student.distances(np.array([[1.0, 1.0]]), POINTS, "cosine")
    close(got, np.array([[1.0, 1 - 7 / math.sqrt(50), 1 - 7 / math.sqrt(50), 1 - math.sqrt(0.5)]]))


@part("top_k")
def test_top_k_by_hand(student):
    """The three nearest of 5, 1, 4, 1 are the ids 1, 3 and 2."""
    close(
        student.top_k(np.array([5.0, 1.0, 4.0, 1.0]), 3), (ids(1, 3, 2), np.array([1.0, 1.0, 4.0]))
    )


@part("within_threshold")
def test_within_threshold_by_hand(student):
    """Nearer than 5 to the origin are the ids 0 and 3; (3, 4) is at 5 and so not nearer."""
    equal(student.within_threshold(ORIGIN[None], POINTS, 5.0), [ids(0, 3)])


@part("recall_at_k")
def test_recall_by_hand(student):
    """Three of four found, in any order, is a recall of 0.75."""
    close(student.recall_at_k([[8, 2, 5, 1]], [[1, 2, 3, 8]]), 0.75)


@part("KDTree")
def test_tree_by_hand(student):
    """The two nearest to the origin are the ids 0 and 3, at the squared distances 0 and 1."""
    found = student.KDTree(POINTS).query(ORIGIN, 2)
    ensure(type(found) is tuple and len(found) == 3, "query returns ids, distances, count.", found)
    close(found[:2], (ids(0, 3), np.array([0.0, 1.0])))


@part("kmeans")
def test_lloyd_step_by_hand(student):
    """The points 0, 2 and 9 move the centroids 1 and 8 to 1 and 9."""
    X = np.array([[0.0], [2.0], [9.0]])
    close(student.lloyd_step(X, np.array([[1.0], [8.0]])), np.array([[1.0], [9.0]]))


@part("kmeans")
def test_kmeans_of_two_clusters(student):
    """The points 0, 2, 100 and 102 have the centroids 1 and 101."""
    X = np.array([[0.0], [100.0], [2.0], [102.0]])
    found = student.kmeans(X, 2, np.random.default_rng(7))
    ensure(type(found) is tuple and len(found) == 2, "kmeans returns centroids and labels.", found)
    close(np.sort(np.ravel(found[0])), np.array([1.0, 101.0]))


@part("pca")
def test_pca_of_points_on_a_line(student):
    """Points on the line through (10, 10) and (13, 6) have the component (-0.6, 0.8)."""
    X = np.array([[10.0, 10.0], [13.0, 6.0], [16.0, 2.0]])
    close(student.pca(X, 1), (np.array([[5.0], [0.0], [-5.0]]), np.array([[-0.6, 0.8]])), atol=1e-9)


@part("ScalarQuantizer")
def test_scalar_levels_by_hand(student):
    """With the range 0 to 51 a level is 0.2 wide: 10.13 has level 51, which stands for 10.2."""
    quantizer = student.ScalarQuantizer()
    quantizer.train(np.array([[0.0], [51.0], [30.0]]))
    codes = quantizer.encode(np.array([[10.13], [51.0]]))
    equal(codes, np.array([[51], [255]], dtype=np.uint8))
    close(quantizer.decode(codes), np.array([[10.2], [51.0]]))


@part("ProductQuantizer")
def test_product_codes_by_hand(student):
    """With the centroids (0, 0) and (10, 10) for each half, (1, 1, 9, 9) has the code 0 1."""
    pq = student.ProductQuantizer(2, 2)
    pq.codebooks = np.array([[[0.0, 0.0], [10.0, 10.0]]] * 2)
    codes = pq.encode(np.array([[1.0, 1.0, 9.0, 9.0]]))
    equal(codes, np.array([[0, 1]], dtype=np.uint8))
    close(pq.distances(np.array([[1.0, 0.0, 10.0, 8.0]]), codes), np.array([[5.0]]))


@part("IVF")
def test_ivf_by_hand(student):
    """One list of two holds the ids 1 and 3; four distances are computed to find them."""
    index = student.IVF(1, 2)
    index.centroids = np.array([[0.0], [10.0]])
    index.add(np.array([[9.0], [1.0], [11.0], [2.0]]))
    close(index.search(np.array([3.0]), 2, 1), (ids(3, 1), np.array([1.0, 4.0]), 4))


@part("IVFPQ")
def test_ivfpq_by_hand(student):
    """With the residuals -1 and +1, 10.7 is coded as 10 + 1, at 4 from the query 9."""
    index = student.IVFPQ(1, 2, 1, 2)
    index.centroids = np.array([[0.0], [10.0]])
    index.pq.codebooks = np.array([[[-1.0], [1.0]]])
    index.add(np.array([[10.7], [0.2]]))
    close(index.search(np.array([9.0]), 1, 1), (ids(0), np.array([4.0]), 3))


@part("HNSW")
def test_hnsw_finds_points_on_a_line(student):
    """Of twenty points on a line, the nearest to 7.2 are 7, 8 and 6."""
    index = student.HNSW(4, 20)
    for i in range(20):
        index.add(np.array([float(i)]), 0.2 if i % 5 == 2 else 0.9)
    found = index.search(np.array([7.2]), 3, 10)
    ensure(type(found) is tuple and len(found) == 3, "search returns ids, distances, count.", found)
    close(found[:2], (ids(7, 8, 6), np.array([0.04, 0.64, 1.44])))


@part("HNSW")
def test_hnsw_levels(student):
    """With M = 10, a draw of 0.5 is on level 0, one of 0.05 on level 1, one of 0.005 on level 2."""
    index = student.HNSW(10, 20)
    equal([index.level(draw) for draw in (0.5, 0.05, 0.005)], [0, 1, 2])


@part("ngrams")
def test_ngrams_by_hand(student):
    """The pairs of letters in "noon" are no, oo and on."""
    equal(student.ngrams("noon", 2), {"no", "oo", "on"})


@part("BloomFilter")
def test_bloom_remembers(student):
    """What was added is in the filter; an empty filter holds nothing."""
    bloom = student.BloomFilter(100, 3)
    equal("owl" in bloom, False)
    bloom.add("owl")
    equal("owl" in bloom, True)


@part("jaccard")
def test_jaccard_by_hand(student):
    """{a, b, c} and {b, c, d} have two of four items in common."""
    close(student.jaccard({"a", "b", "c"}, {"b", "c", "d"}), 0.5)


@part("minhash")
def test_minhash_of_a_union(student):
    """The signature of a union is the smaller of the two signatures, entry by entry."""
    a, b, both = (student.minhash(s, 6) for s in ({"x"}, {"y", "z"}, {"x", "y", "z"}))
    ensure(type(a) is np.ndarray and type(b) is np.ndarray, "A signature is an array.", a)
    equal(both, np.minimum(a, b))


@part("VectorStore")
def test_store_by_hand(student):
    """The nearest to the origin by <-> is at 1, and among those marked red at 5."""
    store = student.VectorStore(2)
    for x, colour in zip(POINTS[1:], ("red", "red", "blue"), strict=True):
        store.insert(x, {"colour": colour})
    close(store.search(ORIGIN, 1), [(2, 1.0)])
    close(store.search(ORIGIN, 1, "<->", {"colour": "red"}), [(0, 5.0)])


@part("VectorStore")
def test_store_refuses_a_wrong_dimension(student):
    """A vector of three numbers does not fit into a store of two."""
    store = student.VectorStore(2)
    with raises(ValueError):
        store.insert(np.ones(3))
