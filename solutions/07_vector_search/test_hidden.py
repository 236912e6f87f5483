"""Hidden tests of 07: slow loops, numpy's own linear algebra, closed forms and counts as oracles.

faiss, scikit-learn, scipy and pgvector are asked in tests/test_07_vector_search_peers.py.
"""

import copy
import math
from contextlib import contextmanager

import numpy as np

from autograder.testing import close, ensure, equal, first_difference, part, raises

CHANGED = "Something that was passed in has been changed; write into a new array instead."


def sizes(rng, count, low=3, high=9):
    """Return different sizes, so that no transposition can hide."""
    return [int(n) for n in rng.permutation(np.arange(low, high))[:count]]


def unchanged(student, name, *args):
    """Require that a call leaves its arrays as they were."""
    before = copy.deepcopy(args)
    _, after = student.observe(name, *args)
    for old, new in zip(before, after, strict=True):
        if isinstance(old, np.ndarray):
            ensure(not first_difference(new, old, 0.0, 0.0), CHANGED)


@contextmanager
def numpy_errors_raise(student):
    """Turn numpy's warnings into errors, where the student runs."""
    seterr = student.library("numpy.seterr")
    before = seterr(over="raise", invalid="raise", divide="raise")
    try:
        yield
    finally:
        seterr(**before)


def draws(rng):
    """A generator for the student."""
    return np.random.default_rng(int(rng.integers(2**31)))


def slow_square(a, b):
    return sum(((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)), start=0.0)


def slow_dot(a, b):
    return sum((float(x) * float(y) for x, y in zip(a, b, strict=True)), start=0.0)


def slow_distance(a, b, metric):
    if metric == "l2":
        return slow_square(a, b)
    if metric == "ip":
        return -slow_dot(a, b)
    lengths = math.sqrt(slow_dot(a, a) * slow_dot(b, b))
    return 1.0 - slow_dot(a, b) / lengths if lengths else 1.0


def slow_table(Q, X, metric="l2"):
    rows = [[slow_distance(q, x, metric) for x in X] for q in Q]
    return np.array(rows, dtype=np.float64).reshape(len(Q), len(X))


def slow_nearest(q, X, k, ids=None):
    """Return ids and squared distances of the k nearest of some rows, ties by id."""
    ids = range(len(X)) if ids is None else ids
    ranking = sorted((slow_square(q, X[i]), int(i)) for i in ids)[:k]
    found = np.array([i for _, i in ranking], dtype=np.int64)
    return found, np.array([d for d, _ in ranking], dtype=np.float64)


def nearest_centroids(q, centroids, count):
    return [int(j) for j in slow_nearest(q, centroids, count)[0]]


# distances

METRICS = ("l2", "ip", "cosine")


@part("distances", basic=True)
def test_distances_match_a_slow_loop(student, rng):
    """Each metric equals its formula, for every query and every vector."""
    n, N, D = sizes(rng, 3)
    Q, X = rng.standard_normal((n, D)), 3 * rng.standard_normal((N, D))
    close([student.distances(Q, X, m) for m in METRICS], [slow_table(Q, X, m) for m in METRICS])


@part("distances")
def test_distances_by_default(student, rng):
    """Without a metric it is the squared Euclidean distance, for a square table as well."""
    Q, X = rng.standard_normal((2, 5, 5))
    close(student.distances(Q, X), np.sum((Q[:, None] - X) ** 2, axis=2))


@part("distances")
def test_distances_of_queries_in_the_database(student, rng):
    """A vector is at distance 0 from itself, up to rounding, and never at a negative distance."""
    X = 10 * rng.standard_normal((30, int(rng.integers(6, 12))))
    for metric in ("l2", "cosine"):
        table = student.distances(X, X, metric)
        close(table, slow_table(X, X, metric), atol=1e-9)
        ensure(table.min() >= 0, "A distance is negative.", float(table.min()), "at least 0")


@part("distances")
def test_cosine_distance_ignores_lengths(student, rng):
    """The cosine distance is 0, 1 and 2 at 0, 90 and 180 degrees, however long both vectors are."""
    a, b = float(rng.uniform(2, 9)), float(rng.uniform(20, 90))
    Q, X = np.array([[a, a], [0.0, b]]), np.array([[b, b], [b, -b], [-a, -a], [0.0, -1.0]])
    root = math.sqrt(0.5)
    expected = np.array([[0.0, 1.0, 2.0, 1 + root], [1 - root, 1 + root, 1 + root, 2.0]])
    close(student.distances(Q, X, "cosine"), expected)


@part("distances")
def test_cosine_distance_of_zero_vectors(student, rng):
    """A zero vector is at cosine distance 1 from everything, without NaN and without a warning."""
    Q, X = rng.standard_normal((3, 4)), rng.standard_normal((5, 4))
    Q[1], X[2] = 0.0, 0.0
    expected = slow_table(Q, X, "cosine")
    close(student.distances(Q, X, "cosine"), expected)
    with numpy_errors_raise(student):
        close(student.distances(Q, X, "cosine"), expected)


@part("distances")
def test_distances_of_bytes(student, rng):
    """Vectors of bytes or integers are measured like floats: nothing wraps around."""
    Q = rng.integers(0, 256, (3, 5), dtype=np.uint8)
    X = rng.integers(0, 256, (5, 4), dtype=np.uint8).T
    whole = X.astype(np.int64)
    got = [student.distances(Q, X, m) for m in METRICS] + [student.distances(whole, X)]
    close(got, [slow_table(Q, X, m) for m in METRICS] + [slow_table(whole, X)], atol=1e-9)


@part("distances")
def test_distances_of_nothing(student, rng):
    """No queries, or no vectors, give an empty table of the right shape."""
    X = rng.standard_normal((4, 3))
    got = [student.distances(X[:0], X, m) for m in METRICS]
    got += [student.distances(X, X[:0], m) for m in METRICS]
    close(got, [np.zeros((0, 4))] * 3 + [np.zeros((4, 0))] * 3)


@part("distances")
def test_distances_refuse_other_metrics(student, rng):
    """An unknown metric raises ValueError."""
    with raises(ValueError):
        student.distances(np.ones((1, 2)), np.ones((1, 2)), "manhattan")


@part("distances")
def test_distances_leave_inputs_alone(student, rng):
    """Q and X keep their values under every metric."""
    for metric in METRICS:
        unchanged(student, "distances", rng.standard_normal((2, 3)), rng.random((4, 3)), metric)


# top_k


def slow_top_k(row, k):
    order = sorted(range(len(row)), key=lambda i: (float(row[i]), i))[:k]
    return np.array(order, dtype=np.int64), np.array([float(row[i]) for i in order])


def slow_tables(table, k):
    ids, near = zip(*(slow_top_k(row, k) for row in table), strict=True)
    return np.stack(ids), np.stack(near)


@part("top_k", basic=True)
def test_top_k_matches_a_slow_sort(student, rng):
    """The ids of the k nearest and their distances, sorted, for each query."""
    n, N = int(rng.integers(3, 7)), int(rng.integers(400, 500))
    table = rng.standard_normal((n, N))
    close([student.top_k(table, k) for k in (1, 7)], [slow_tables(table, k) for k in (1, 7)])


@part("top_k")
def test_top_k_of_one_row_and_of_a_stack(student, rng):
    """The last axis is the one of the vectors: for a row, and for a square table."""
    row, square = rng.standard_normal(20), rng.standard_normal((6, 6))
    stack = rng.standard_normal((2, 3, 8))
    ids, near = slow_tables(stack.reshape(6, 8), 4)
    got = [student.top_k(row, 5), student.top_k(square, 6), student.top_k(stack, 4)]
    whole = (ids.reshape(2, 3, 4), near.reshape(2, 3, 4))
    close(got, [slow_top_k(row, 5), slow_tables(square, 6), whole])


@part("top_k")
def test_top_k_ties(student, rng):
    """Equally near ones come in the order of their ids, also where the last place is shared."""
    table = rng.integers(0, 4, (4, 600)).astype(np.float64)
    close([student.top_k(table, k) for k in (10, 400)], [slow_tables(table, k) for k in (10, 400)])


@part("top_k")
def test_top_k_of_more_than_there_are(student, rng):
    """When k is at least N, all N come, sorted; infinite distances come last."""
    table = rng.standard_normal((2, 5))
    table[0, 1], table[1, 3] = np.inf, np.inf
    got = [student.top_k(table, k) for k in (5, 6, 100)] + [student.top_k(table[:, :0], 3)]
    empty = (np.zeros((2, 0), dtype=np.int64), np.zeros((2, 0)))
    close(got, [slow_tables(table, 5)] * 3 + [empty])


@part("top_k")
def test_top_k_leaves_its_input_alone(student, rng):
    """The distances stay where they are."""
    unchanged(student, "top_k", rng.standard_normal((3, 9)), 4)


# within_threshold


def slow_within(Q, X, T):
    found = []
    for q in Q:
        ids, near = slow_nearest(q, X, len(X))
        found.append(ids[np.sqrt(near) < T])
    return found


@part("within_threshold", basic=True)
def test_within_threshold_matches_a_slow_loop(student, rng):
    """All vectors whose Euclidean distance is below T, nearest first, for each query."""
    n, D = sizes(rng, 2, 3, 6)
    Q, X = rng.standard_normal((n, D)), rng.standard_normal((25, D))
    thresholds = (0.4 * math.sqrt(D), math.sqrt(D), 1.6 * math.sqrt(D))
    equal(
        [student.within_threshold(Q, X, T) for T in thresholds],
        [slow_within(Q, X, T) for T in thresholds],
    )


@part("within_threshold")
def test_within_threshold_at_the_threshold(student, rng):
    """A vector at exactly T is left out, and one a little nearer is in."""
    X = np.array([[3, 4], [-4, 3], [0, 5], [2, 4], [0, 0], [5, 1]], dtype=np.float64)
    s = float(2 ** rng.integers(0, 4))
    q = np.zeros((1, 2))
    got = [student.within_threshold(q, s * X, s * T) for T in (5.0, 5.01, 0.0, 100.0)]
    expected = [[4, 3], [4, 3, 0, 1, 2], [], [4, 3, 0, 1, 2, 5]]
    equal(got, [[np.array(ids, dtype=np.int64)] for ids in expected])


@part("within_threshold")
def test_within_threshold_of_nothing(student, rng):
    """No queries give an empty list; a query without neighbours gives an empty array of ids."""
    X = rng.standard_normal((6, 2))
    far = X[:2] + 1000
    none = np.zeros(0, dtype=np.int64)
    equal(
        [student.within_threshold(X[:0], X, 1.0), student.within_threshold(far, X, 1.0)],
        [[], [none, none]],
    )


@part("within_threshold")
def test_within_threshold_far_and_near(student, rng):
    """It works at any scale: with distances a thousand times larger, and smaller."""
    Q, X = rng.standard_normal((2, 3)), rng.standard_normal((20, 3))
    got = [student.within_threshold(Q * s, X * s, 1.5 * s) for s in (1000.0, 0.001)]
    equal(got, [slow_within(Q, X, 1.5)] * 2)


# recall_at_k


def slow_recall(found, truth):
    shares = [
        sum(t in list(f) for t in true) / len(true) for f, true in zip(found, truth, strict=True)
    ]
    return sum(shares) / len(shares)


@part("recall_at_k", basic=True)
def test_recall_matches_a_slow_count(student, rng):
    """The share of the true neighbours that were found, averaged over the queries."""
    cases = []
    for n, k in ((4, 5), (3, 7), (6, 1)):
        truth = np.stack([rng.permutation(12)[:k] for _ in range(n)])
        found = np.stack([rng.permutation(12)[:k] for _ in range(n)])
        found[0, 0] = truth[0, -1]
        cases.append((found, truth))
    close([student.recall_at_k(*c) for c in cases], [slow_recall(*c) for c in cases])


@part("recall_at_k")
def test_recall_ignores_the_order(student, rng):
    """The same ids in another order have recall 1; other ids have recall 0."""
    truth = np.stack([rng.permutation(50)[:8] for _ in range(3)])
    found = np.stack([row[rng.permutation(8)] for row in truth])
    close([student.recall_at_k(found, truth), student.recall_at_k(found + 50, truth)], [1.0, 0.0])


@part("recall_at_k")
def test_recall_of_short_rows(student, rng):
    """A search that found fewer than k is measured by k, and one that found nothing has found 0."""
    a, b, c, d, *_ = (int(i) for i in rng.permutation(90))
    truth = [[a, b, c, d], [d, c, b, a]]
    close(
        [student.recall_at_k([[a], [b, a, 99]], truth), student.recall_at_k([[], [c]], truth)],
        [0.375, 0.125],
    )


@part("recall_at_k")
def test_recall_of_repeated_ids(student, rng):
    """An id that was found twice counts once."""
    i = int(rng.integers(100))
    close(student.recall_at_k([[i, i, i, 100]], [[i, 101, 102, 103]]), 0.25)


# KDTree


def queried(tree, Q, k):
    return [tree.query(q, k) for q in Q]


def without_counts(results):
    """Take the counts off; None where a result is no triple."""
    if not all(type(r) is tuple and len(r) == 3 for r in results):
        return results
    return [r[:2] for r in results]


def counts_of(results):
    """The counts of searches, each checked to be a whole number."""
    found = []
    for r in results:
        ensure(type(r) is tuple and len(r) == 3, "A search returns ids, distances and a count.", r)
        ok = type(r[2]) is int or isinstance(r[2], np.integer)
        ensure(ok, "The third value is a count: a whole number.", r[2])
        found.append(int(r[2]))
    return found


@part("KDTree", basic=True)
def test_tree_matches_a_slow_search(student, rng):
    """Ids and squared distances are those of a comparison with every point."""
    X, Q = rng.standard_normal((120, 3)), rng.standard_normal((8, 3))
    tree = student.KDTree(X)
    close(without_counts(queried(tree, Q, 5)), [slow_nearest(q, X, 5) for q in Q])


@part("KDTree")
def test_tree_at_other_scales(student, rng):
    """Nothing is pruned too early: distances a thousand times larger or smaller change no id."""
    for scale in (0.01, 1000.0):
        X, Q = scale * rng.standard_normal((90, 2)), scale * rng.standard_normal((6, 2))
        tree = student.KDTree(X, 2)
        close(without_counts(queried(tree, Q, 3)), [slow_nearest(q, X, 3) for q in Q], atol=1e-20)


@part("KDTree")
def test_tree_with_ties(student, rng):
    """Of equally near points the smaller ids are found, in order, wherever the cuts run."""
    grid = np.stack(np.meshgrid(range(6), range(6)), axis=-1).reshape(-1, 2)
    X = rng.permutation(np.concatenate([grid, grid, grid])).astype(np.float64)
    Q = np.array([[2.5, 2.5], [2.0, 3.0], [0.0, 0.0], [3.0, 2.5]])
    for leaf_size in (1, 8):
        tree = student.KDTree(X, leaf_size)
        got = [tree.query(q, k)[:2] for q in Q for k in (2, 7, 14)]
        close(got, [slow_nearest(q, X, k) for q in Q for k in (2, 7, 14)])


@part("KDTree")
def test_tree_of_equal_points(student, rng):
    """A hundred equal points can be neither cut apart nor a reason to cut forever."""
    x = rng.standard_normal(3)
    X = np.tile(x, (100, 1))
    X[int(rng.integers(100))] += 1.0
    q = x + rng.standard_normal(3)
    close(without_counts([student.KDTree(X).query(q, 4)]), [slow_nearest(q, X, 4)])


@part("KDTree")
def test_tree_of_few_points(student, rng):
    """When k is greater than N, all N come; a tree of no points gives empty arrays."""
    X, q = rng.standard_normal((3, 2)), rng.standard_normal(2)
    got = [student.KDTree(X[:n]).query(q, 5) for n in (3, 1, 0)]
    close(without_counts(got), [slow_nearest(q, X[:n], 5) for n in (3, 1, 0)])
    equal(counts_of(got), [3, 1, 0])


@part("KDTree")
def test_tree_leaves_branches_out(student, rng):
    """In the plane, fewer than a quarter of 600 points are measured, and never fewer than k."""
    X, Q = rng.random((600, 2)), rng.random((10, 2))
    got = counts_of(queried(student.KDTree(X), Q, 4))
    ensure(
        max(got) < 150, "Branches that cannot hold a nearer point are visited.", max(got), "< 150"
    )
    ensure(min(got) >= 4, "Fewer points were measured than returned.", min(got), "at least 4")


@part("KDTree")
def test_tree_counts_points(student, rng):
    """The count is that of points measured: all of them when all are asked for."""
    X = rng.standard_normal((50, 2))
    equal(counts_of([student.KDTree(X).query(X[0], 50)]), [50])


# kmeans


def slow_labels(X, centroids):
    return [nearest_centroids(x, centroids, 1)[0] for x in X]


def slow_lloyd(X, centroids):
    labels = slow_labels(X, centroids)
    own = [-slow_square(x, centroids[j]) for x, j in zip(X, labels, strict=True)]
    farthest = iter(sorted(range(len(X)), key=lambda i: (own[i], i)))
    moved = []
    for j in range(len(centroids)):
        members = [x for x, label in zip(X, labels, strict=True) if label == j]
        moved.append(sum(members) / len(members) if members else X[next(farthest)])
    return np.array(moved)


def clusters(rng, k, D=2, each=6):
    """Return k tight clusters, far from each other, shuffled."""
    centres = 1000.0 * np.stack([rng.permutation(k) for _ in range(D)], axis=1)
    return rng.permutation(np.repeat(centres, each, axis=0)) + rng.random((k * each, D))


def sorted_rows(rows):
    return rows[np.lexsort(rows.T[::-1])]


@part("kmeans", basic=True)
def test_lloyd_step_matches_a_slow_loop(student, rng):
    """Each centroid moves to the mean of the points that are nearest to it."""
    N, D = sizes(rng, 2, 20, 30)
    X = rng.standard_normal((N, D))
    centroids = X[rng.permutation(N)[:4]]
    close(student.lloyd_step(X, centroids), slow_lloyd(X, centroids))


@part("kmeans", basic=True)
def test_kmeans_goes_step_by_step(student, rng):
    """kmeans is its start and then steps of Lloyd; labels belong to the final centroids."""
    X, k, seed = rng.standard_normal((40, 3)), 5, int(rng.integers(2**31))
    got = [student.kmeans(X, k, np.random.default_rng(seed), steps) for steps in range(4)]
    ensure(
        type(got[0]) is tuple and len(got[0]) == 2, "kmeans returns centroids and labels.", got[0]
    )
    start = got[0][0]
    ok = type(start) is np.ndarray and start.shape == (k, 3) and start.dtype == np.float64
    ensure(ok, "The centroids are an array of shape (k, D).", start)
    expected, here = [], start
    for _ in range(4):
        expected.append((here, np.array(slow_labels(X, here), dtype=np.int64)))
        here = slow_lloyd(X, here)
    close(got, expected)
    rows = {tuple(x) for x in X.tolist()}
    ensure(
        all(tuple(c) in rows for c in start.tolist()), "The start is not made of rows of X.", start
    )


@part("kmeans")
def test_kmeans_starts_with_plus_plus(student, rng):
    """With 0 steps the centroids are those of plus_plus with the same generator; 20 by default."""
    X, seed = rng.standard_normal((30, 2)), int(rng.integers(2**31))
    got = [student.kmeans(X, 4, np.random.default_rng(seed), 0)[0]]
    close(got, [student.plus_plus(X, 4, np.random.default_rng(seed))])
    default = student.kmeans(X, 4, np.random.default_rng(seed))
    close(default, student.kmeans(X, 4, np.random.default_rng(seed), 20))


@part("kmeans", basic=True)
def test_plus_plus_finds_every_cluster(student, rng):
    """In clusters far from each other, the start has one row of X in each."""
    for k, scale in ((4, 1.0), (6, 2.0**-20), (9, 1.0)):
        X = clusters(rng, k)
        start = student.plus_plus(X * scale, k, draws(rng))
        ok = type(start) is np.ndarray and start.shape == (k, 2) and start.dtype == np.float64
        ensure(ok, "The start is an array of shape (k, D).", start)
        start = start / scale  # exact: a power of two
        found = sorted_rows(np.floor(start / 1000))
        equal(found, sorted_rows(np.unique(np.floor(X / 1000), axis=0)))
        rows = {tuple(x) for x in X.tolist()}
        ensure(all(tuple(c) in rows for c in start.tolist()), "A chosen row is no row of X.", start)


@part("kmeans")
def test_plus_plus_draws_by_squared_distance(student, rng):
    """After a point at 0, one at 5 is drawn 25 times as often as one at 1; the first, uniformly."""
    X = np.array([[0.0]] * 8 + [[1.0], [5.0]])
    pairs = [student.plus_plus(X, 2, draws(rng)) for _ in range(300)]
    good = all(type(p) is np.ndarray and p.shape == (2, 1) for p in pairs)
    ensure(good, "plus_plus returns an array of shape (k, D).", pairs[0])
    first, second = np.concatenate(pairs, axis=1)
    zero = np.mean(first == 0.0)
    ensure(0.65 < zero < 0.95, "The first row is not drawn uniformly.", float(zero), "about 0.8")
    far = np.mean(second[first == 0.0] == 5.0)
    ensure(far > 0.9, "Rows are not drawn in proportion to squared distances.", float(far), "0.96")
    near = np.mean(second[first == 0.0] == 1.0)
    ensure(near > 0, "The nearer of two rows is never drawn.", float(near), "about 0.04")


@part("kmeans")
def test_plus_plus_of_equal_points(student, rng):
    """Equal points, and fewer different ones than k, are no obstacle: nothing is divided by 0."""
    x, y = rng.standard_normal((2, 3))
    close(student.plus_plus(np.tile(x, (6, 1)), 4, draws(rng)), np.tile(x, (4, 1)))
    start = student.plus_plus(np.array([x, y, x]), 3, draws(rng))
    ok = type(start) is np.ndarray and start.shape == (3, 3)
    ensure(ok, "The start is an array of shape (k, D).", start)
    equal(np.unique(start, axis=0), np.unique([x, y], axis=0))


@part("kmeans")
def test_lloyd_step_ties(student, rng):
    """A point halfway between centroids belongs to the first; equal centroids are repaired."""
    s = float(rng.integers(1, 9))
    X = s * np.array([[0.0, 1.0], [0.0, 2.0], [2.0, 0.0], [1.0, 0.0], [9.0, 9.0]])
    centroids = s * np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    close(student.lloyd_step(X, centroids), slow_lloyd(X, centroids))


@part("kmeans")
def test_lloyd_step_repairs_empty_clusters(student, rng):
    """Centroids without points go to the points farthest from their own centroids, no NaN."""
    X = rng.standard_normal((25, 2))
    far = 1000 + rng.standard_normal((3, 2))
    centroids = np.concatenate([far[:1], X[:1], far[1:2], X[1:2], far[2:]])
    close(student.lloyd_step(X, centroids), slow_lloyd(X, centroids))


@part("kmeans")
def test_lloyd_step_leaves_inputs_alone(student, rng):
    """X and the old centroids keep their values; whole numbers move to fractions."""
    X = rng.integers(0, 9, (12, 2))
    unchanged(student, "lloyd_step", X.astype(np.float64), X[:3].astype(np.float64))
    start = np.unique(X, axis=0)[:2]
    close(student.lloyd_step(X, start), slow_lloyd(X.astype(np.float64), start))


# pca


def other_pca(X, dims):
    """The same by the eigenvectors of the covariance."""
    centred = X - X.sum(axis=0) / len(X)
    vectors = np.linalg.eigh(centred.T @ centred)[1].T[::-1][:dims]
    rows = np.array([v if v[np.argmax(np.abs(v))] > 0 else -v for v in vectors])
    return centred @ rows.T, rows


def tilted(rng, N, D):
    """Points that spread differently in turned directions, not around the origin."""
    turn = np.linalg.qr(rng.standard_normal((D, D)))[0]
    spreads = 2.0 ** rng.permutation(np.arange(D))
    return rng.standard_normal((N, D)) * spreads @ turn + 20 * rng.standard_normal(D)


@part("pca", basic=True)
def test_pca_matches_the_covariance(student, rng):
    """Projections and components are those of the covariance's eigenvectors, greatest first."""
    D = int(rng.integers(4, 7))
    X = tilted(rng, 30, D)
    close(
        [student.pca(X, d) for d in (2, D)], [other_pca(X, d) for d in (2, D)], rtol=1e-7, atol=1e-8
    )


@part("pca")
def test_pca_signs(student, rng):
    """In every component the entry of largest absolute value is positive, whatever the data."""
    both = [tilted(rng, 12, 5) for _ in range(3)]
    for _ in range(4):  # along a direction whose entries have all the same sign
        line = rng.standard_normal((12, 1)) * (1 + rng.random(3))
        both.append(line + 0.1 * rng.standard_normal((12, 3)))
    close([student.pca(X, 2) for X in both], [other_pca(X, 2) for X in both], rtol=1e-7, atol=1e-8)


@part("pca")
def test_pca_ignores_where_the_points_are(student, rng):
    """Moved points have the same components and the same projections."""
    X = tilted(rng, 20, 4)
    moved = X + 1000.0 * rng.standard_normal(4)
    close(student.pca(moved, 2), other_pca(X, 2), rtol=1e-6, atol=1e-7)


@part("pca")
def test_pca_of_few_points(student, rng):
    """Fewer points than coordinates are enough; one dimension keeps its axis."""
    X = tilted(rng, 4, 7)
    got = student.pca(X, 1)
    centred = X - X.mean(axis=0)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    row = centred.T @ vectors[:, -1] / math.sqrt(values[-1])
    row = row * np.sign(row[np.argmax(np.abs(row))])
    close(got, (centred @ row[:, None], row[None]), rtol=1e-7, atol=1e-8)


@part("pca")
def test_pca_leaves_its_input_alone(student, rng):
    """X keeps its mean."""
    unchanged(student, "pca", tilted(rng, 8, 3), 2)


# ScalarQuantizer


def scalar(student, X):
    quantizer = student.ScalarQuantizer()
    quantizer.train(X)
    return quantizer


def slow_levels(X, low, high):
    rows = []
    for x in X:
        row = []
        for v, a, b in zip(x, low, high, strict=True):
            level = (
                math.floor(255 * (float(v) - float(a)) / (float(b) - float(a)) + 0.5)
                if b > a
                else 0
            )
            row.append(min(255, max(0, level)))
        rows.append(row)
    return np.array(rows, dtype=np.uint8)


def spread_out(rng, N, D):
    """Columns at different places and of different widths."""
    return rng.standard_normal((N, D)) * 10.0 ** rng.permutation(np.arange(D) - 1) + 7 * rng.random(
        D
    )


@part("ScalarQuantizer", basic=True)
def test_scalar_codes_match_a_slow_loop(student, rng):
    """Codes are the nearest of 256 levels, each coordinate with its own range, as bytes."""
    X = spread_out(rng, 40, int(rng.integers(3, 6)))
    close(scalar(student, X).encode(X), slow_levels(X, X.min(axis=0), X.max(axis=0)))


@part("ScalarQuantizer", basic=True)
def test_scalar_decoding(student, rng):
    """Level c stands for low + c (high - low) / 255; a number is half a level off at most."""
    X = spread_out(rng, 50, 4)
    quantizer = scalar(student, X)
    low, high = X.min(axis=0), X.max(axis=0)
    codes = rng.integers(0, 256, (9, 4)).astype(np.uint8)
    codes[0], codes[1] = 0, 255
    close(quantizer.decode(codes), low + codes * (high - low) / 255)
    back = quantizer.decode(quantizer.encode(X))
    ok = type(back) is np.ndarray and back.shape == X.shape and back.dtype == np.float64
    ensure(ok, "decode(encode(X)) is not an array like X.", back)
    worst = float(np.max(np.abs(back - X) / (high - low) * 255))
    ensure(worst < 0.5001, "A decoded number is more than half a level off.", worst, "0.5 at most")


@part("ScalarQuantizer")
def test_scalar_codes_of_outsiders(student, rng):
    """What lies outside the range of training gets the nearer end, and never wraps around."""
    X = spread_out(rng, 30, 3)
    low, high = X.min(axis=0), X.max(axis=0)
    wide = high - low
    new = np.stack(
        [low - 0.5 * wide, high + 0.5 * wide, low - 9 * wide, high + 9 * wide, (low + high) / 2.01]
    )
    close(scalar(student, X).encode(new), slow_levels(new, low, high))


@part("ScalarQuantizer")
def test_scalar_constant_coordinate(student, rng):
    """A coordinate that never changes has level 0 and comes back as it was, without a warning."""
    X = rng.standard_normal((10, 3))
    X[:, 1] = float(rng.uniform(5, 9))
    with numpy_errors_raise(student):
        quantizer = scalar(student, X)
        codes = quantizer.encode(X)
        close(codes, slow_levels(X, X.min(axis=0), X.max(axis=0)))
        close(quantizer.decode(codes)[:, 1], X[:, 1])


@part("ScalarQuantizer")
def test_scalar_training_is_remembered(student, rng):
    """Encoding other vectors leaves the range of training as it was."""
    X = spread_out(rng, 30, 3)
    quantizer = scalar(student, X)
    quantizer.encode(X[:2])
    close([quantizer.low, quantizer.high], [X.min(axis=0), X.max(axis=0)])
    close(quantizer.encode(X[:5]), slow_levels(X[:5], X.min(axis=0), X.max(axis=0)))


# ProductQuantizer


def product(student, codebooks):
    pq = student.ProductQuantizer(len(codebooks), codebooks.shape[1])
    pq.codebooks = codebooks
    return pq


def slow_codes(X, codebooks):
    M, _, d = codebooks.shape
    rows = [
        [nearest_centroids(x[m * d : (m + 1) * d], codebooks[m], 1)[0] for m in range(M)] for x in X
    ]
    return np.array(rows, dtype=np.uint8).reshape(len(X), M)


def slow_decoded(codes, codebooks):
    return np.array(
        [np.concatenate([book[c] for c, book in zip(row, codebooks, strict=True)]) for row in codes]
    )


@part("ProductQuantizer", basic=True)
def test_product_codes_match_a_slow_loop(student, rng):
    """Each piece of a vector becomes the number of the nearest centroid of its own codebook."""
    M, K, d = sizes(rng, 3, 2, 6)
    codebooks, X = rng.standard_normal((M, K, d)), rng.standard_normal((13, M * d))
    close(product(student, codebooks).encode(X), slow_codes(X, codebooks))


@part("ProductQuantizer", basic=True)
def test_product_decoding(student, rng):
    """A code stands for its centroids, one after the other."""
    M, K, d = sizes(rng, 3, 2, 6)
    codebooks, codes = rng.standard_normal((M, K, d)), rng.integers(0, K, (11, M)).astype(np.uint8)
    close(product(student, codebooks).decode(codes), slow_decoded(codes, codebooks))


@part("ProductQuantizer", basic=True)
def test_product_distances_are_asymmetric(student, rng):
    """The query is compared as it is with what the codes stand for; squared, and added up."""
    M, K, d = sizes(rng, 3, 2, 6)
    codebooks, codes = rng.standard_normal((M, K, d)), rng.integers(0, K, (12, M)).astype(np.uint8)
    Q = rng.standard_normal((3, M * d))
    got = product(student, codebooks).distances(Q, codes)
    close(got, slow_table(Q, slow_decoded(codes, codebooks)))


@part("ProductQuantizer")
def test_product_training(student, rng):
    """Where each piece takes only K different values, training finds them all: no error is left."""
    K, M, d = 4, 3, 2
    values = 10 * rng.standard_normal((M, K, d))
    choice = np.stack([rng.permutation(np.arange(24) % K) for _ in range(M)], axis=1)  # (24, M)
    X = slow_decoded(choice, values)
    pq = student.ProductQuantizer(M, K)
    pq.train(X, draws(rng))
    close(pq.decode(pq.encode(X)), X)
    ok = type(pq.codebooks) is np.ndarray and pq.codebooks.shape == (M, K, d)
    ensure(ok, "The codebooks are an array of shape (M, K, D / M).", pq.codebooks)


@part("ProductQuantizer")
def test_product_training_steps(student, rng):
    """Each piece is clustered by kmeans with the same generator, and with the steps asked for."""
    X, seed = rng.standard_normal((60, 4)), int(rng.integers(2**31))
    short, long = student.ProductQuantizer(1, 6), student.ProductQuantizer(2, 6)
    short.train(X, np.random.default_rng(seed), 1)
    long.train(np.concatenate([X, X], axis=1), np.random.default_rng(seed))
    got = [short.codebooks[0], long.codebooks[0]]
    found = [student.kmeans(X, 6, np.random.default_rng(seed), steps) for steps in (1, 20)]
    close(got, [each[0] for each in found])


@part("ProductQuantizer")
def test_product_codes_are_bytes(student, rng):
    """128 floats become 8 bytes, with numbers up to 255."""
    codebooks = rng.standard_normal((8, 256, 16))
    chosen = rng.integers(0, 256, (4, 8)).astype(np.uint8)
    chosen[0], chosen[1] = 255, 128
    X = slow_decoded(chosen, codebooks)
    close(product(student, codebooks).encode(X), chosen)


@part("ProductQuantizer")
def test_product_refuses_other_lengths(student, rng):
    """A vector that cannot be cut into M equal pieces raises ValueError in training."""
    pq = student.ProductQuantizer(3, 2)
    with raises(ValueError):
        pq.train(rng.standard_normal((9, 7)), draws(rng))


# IVF


def inverted(student, X, centroids, batches=1):
    index = student.IVF(X.shape[1], len(centroids))
    index.centroids = centroids
    for batch in np.array_split(X, batches):
        index.add(batch)
    return index


def slow_ivf(q, X, centroids, k, nprobe):
    probes = nearest_centroids(q, centroids, nprobe)
    ids = [i for i, label in enumerate(slow_labels(X, centroids)) if label in probes]
    return *slow_nearest(q, X, k, ids), len(centroids) + len(ids)


def around(rng, nlist, D, N):
    """Return centroids and vectors near them, in no order."""
    centroids = 3 * rng.standard_normal((nlist, D))
    return centroids, centroids[rng.integers(0, nlist, N)] + rng.standard_normal((N, D))


@part("IVF", basic=True)
def test_ivf_matches_a_slow_search(student, rng):
    """The nearest of the vectors whose lists are probed, with the count of distances."""
    nlist, D = 7, int(rng.integers(3, 6))
    centroids, X = around(rng, nlist, D, 40)
    index = inverted(student, X, centroids)
    Q = [*(X[:3] + 0.5 * rng.standard_normal((3, D))), rng.standard_normal(D)]
    calls = [(q, 4, nprobe) for q in Q for nprobe in (1, 2, 4)]
    close([index.search(*c) for c in calls], [slow_ivf(q, X, centroids, k, n) for q, k, n in calls])


@part("IVF")
def test_ivf_with_all_lists_is_exact(student, rng):
    """With nprobe = nlist nothing is missed, and N + nlist distances are computed."""
    centroids, X = around(rng, 5, 3, 30)
    index = inverted(student, X, centroids)
    Q = rng.standard_normal((3, 3))
    close([index.search(q, 6, 5) for q in Q], [(*slow_nearest(q, X, 6), 35) for q in Q])


@part("IVF")
def test_ivf_counts_ids_on(student, rng):
    """Vectors added later have the next ids, wherever they lie; an empty batch adds nothing."""
    centroids, X = around(rng, 4, 3, 21)
    index = inverted(student, X, centroids, batches=3)
    index.add(X[:0])
    q = X[-1] + 0.1
    close(
        [index.search(q, 21, 4), index.search(q, 3, 2)],
        [slow_ivf(q, X, centroids, k, n) for k, n in ((21, 4), (3, 2))],
    )


@part("IVF")
def test_ivf_ties(student, rng):
    """Equals come by id, from whichever list; a vector between centroids is in the first."""
    centroids = np.array([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    X = rng.permutation(
        np.repeat([[1.0, 1.0], [2.0, 2.0], [3.0, 1.0], [1.0, 3.0], [3.0, 3.0]], 3, axis=0)
    )
    index = inverted(student, X, centroids)
    calls = [
        (np.array([2.0, 2.0]), 7, 4),
        (np.array([2.0, 2.0]), 9, 2),
        (np.array([3.0, 0.0]), 9, 1),
    ]
    close([index.search(*c) for c in calls], [slow_ivf(q, X, centroids, k, n) for q, k, n in calls])


@part("IVF")
def test_ivf_finds_fewer_than_k(student, rng):
    """Lists with fewer than k vectors give what they hold, and an empty list gives nothing."""
    centroids = np.array([[0.0], [100.0], [200.0]])
    X = np.array([[1.0], [3.0], [201.0]]) + rng.random()
    index = inverted(student, X, centroids)
    calls = [(np.array([2.0]), 5, 1), (np.array([99.0]), 5, 1), (np.array([60.0]), 5, 2)]
    close([index.search(*c) for c in calls], [slow_ivf(q, X, centroids, k, n) for q, k, n in calls])


@part("IVF")
def test_ivf_training(student, rng):
    """Training finds one centroid in each cluster, and adds no vector."""
    X = clusters(rng, 5)
    index = student.IVF(2, 5)
    index.train(X, draws(rng))
    labels = np.floor(X / 1000)
    means = np.stack(
        [X[(labels == row).all(axis=1)].mean(axis=0) for row in np.unique(labels, axis=0)]
    )
    got = index.centroids
    ensure(type(got) is np.ndarray and got.shape == (5, 2), "centroids are (nlist, dim).", got)
    close(sorted_rows(got), sorted_rows(means))
    equal(counts_of([index.search(X[0], 3, 5)]), [5])


@part("IVF")
def test_ivf_training_steps(student, rng):
    """The centroids are those of kmeans with the steps asked for, 20 by default."""
    X, seed = rng.standard_normal((40, 3)), int(rng.integers(2**31))
    index, more = student.IVF(3, 6), student.IVF(3, 6)
    index.train(X, np.random.default_rng(seed), 1)
    more.train(X, np.random.default_rng(seed))
    found = [student.kmeans(X, 6, np.random.default_rng(seed), steps)[0] for steps in (1, 20)]
    close([index.centroids, more.centroids], found)


# IVFPQ


def residual_index(student, X, centroids, codebooks, batches=1):
    index = student.IVFPQ(X.shape[1], len(centroids), len(codebooks), codebooks.shape[1])
    index.centroids = centroids
    index.pq.codebooks = codebooks
    for batch in np.array_split(X, batches):
        index.add(batch)
    return index


def slow_ivfpq(q, X, centroids, codebooks, k, nprobe):
    labels = slow_labels(X, centroids)
    bases = np.array([centroids[j] for j in labels])
    stands_for = bases + slow_decoded(slow_codes(X - bases, codebooks), codebooks)
    probes = nearest_centroids(q, centroids, nprobe)
    ids = [i for i, label in enumerate(labels) if label in probes]
    return *slow_nearest(q, stands_for, k, ids), len(centroids) + len(ids)


def residual_case(rng, N=36):
    M, K, d = sizes(rng, 3, 2, 5)
    centroids, X = around(rng, 6, M * d, N)
    return X, centroids, rng.standard_normal((M, K, d))


@part("IVFPQ", basic=True)
def test_ivfpq_matches_a_slow_search(student, rng):
    """The distance is that of the query to centroid plus decoded residual, in the probed lists."""
    X, centroids, codebooks = residual_case(rng)
    index = residual_index(student, X, centroids, codebooks)
    Q = X[:3] + 0.3 * rng.standard_normal((3, X.shape[1]))
    calls = [(q, 2, nprobe) for q in Q for nprobe in (1, 3, 6)]
    close(
        [index.search(*c) for c in calls],
        [slow_ivfpq(q, X, centroids, codebooks, k, n) for q, k, n in calls],
    )


@part("IVFPQ")
def test_ivfpq_counts_ids_on(student, rng):
    """Vectors added later have the next ids; when k is greater than the lists hold, all come."""
    X, centroids, codebooks = residual_case(rng, 20)
    index = residual_index(student, X, centroids, codebooks, batches=3)
    index.add(X[:0])
    q = X[-1]
    close(
        [index.search(q, 99, 6), index.search(q, 99, 1)],
        [slow_ivfpq(q, X, centroids, codebooks, 99, n) for n in (6, 1)],
    )


@part("IVFPQ")
def test_ivfpq_ties(student, rng):
    """Vectors with equal codes in one list are equally near: they come by id."""
    centroids, codebooks = np.array([[8.0, 0.0], [0.0, 0.0]]), np.array([[[-1.0], [1.0]]] * 2)
    X = rng.permutation(np.repeat([[1.0, 1.0], [7.0, 1.0], [-1.0, 1.0]], 4, axis=0))
    index = residual_index(student, X, centroids, codebooks)
    calls = [
        (np.array([4.0, 0.0]), 6, 2),
        (np.array([4.0, 1.0]), 9, 2),
        (np.array([1.0, 0.0]), 9, 1),
    ]
    close(
        [index.search(*c) for c in calls],
        [slow_ivfpq(q, X, centroids, codebooks, k, n) for q, k, n in calls],
    )


@part("IVFPQ")
def test_ivfpq_training(student, rng):
    """Where the residuals take only K values, training on them leaves no error."""
    bases = 100.0 * np.stack([rng.permutation(4) for _ in range(4)], axis=1)
    steps = np.array([[1.0, 2.0, 0.0, 1.0], [-1.0, -2.0, 3.0, 1.0], [0.0, 0.0, -3.0, -2.0]])
    X = (bases[:, None] + steps).reshape(-1, 4)
    index = student.IVFPQ(4, 4, 2, 3)
    index.train(rng.permutation(X), draws(rng))
    index.add(X)
    q = bases[0] + rng.standard_normal(4)
    close([index.search(q, 12, n) for n in (4,)], [(*slow_nearest(q, X, 12), 16)], atol=1e-8)


@part("IVFPQ")
def test_ivfpq_training_steps(student, rng):
    """Centroids and then codebooks come of kmeans, with the steps asked for, 20 by default."""
    X, seed = rng.standard_normal((40, 4)), int(rng.integers(2**31))
    index, more = student.IVFPQ(4, 5, 2, 3), student.IVFPQ(4, 5, 2, 3)
    index.train(X, np.random.default_rng(seed), 1)
    more.train(X, np.random.default_rng(seed))
    found = [student.kmeans(X, 5, np.random.default_rng(seed), steps)[0] for steps in (1, 20)]
    close([index.centroids, more.centroids], found)
    equal(counts_of([index.search(X[0], 3, 5)]), [5])
    shape = np.shape(index.pq.codebooks)
    ensure(shape == (2, 3, 2), "The codebooks are (M, K, dim / M).", shape)


# HNSW


def graph(student, vectors, links, entry, M=4, ef_construction=20):
    """An HNSW of the student's with a graph put in."""
    index = student.HNSW(M, ef_construction)
    index.vectors, index.links, index.entry = list(vectors), links, entry
    return index


def build(student, X, levels, M=4, ef_construction=20):
    """An HNSW of the student's with vectors added; draws lead to the levels wanted."""
    index = student.HNSW(M, ef_construction)
    for x, level in zip(X, levels, strict=True):
        index.add(x, float(M) ** -(level + 0.5))
    return index


def plain_links(index):
    """The links as lists of lists of lists of ints, checked."""
    links = index.links
    ok = type(links) is list and all(type(node) is list for node in links)
    ok = ok and all(isinstance(ids, list | tuple | set) for node in links for ids in node)
    ensure(ok, "links[i][l] is not a list of ids.", links)
    return [[sorted(int(j) for j in ids) for ids in node] for node in links]


def ring(n):
    return [[[(i - 1) % n, (i + 1) % n]] for i in range(n)]


@part("HNSW")
def test_hnsw_level_law(student, rng):
    """A share of 1 / M of all nodes reaches level 1, 1 / M² level 2, and so on."""
    cases = [
        (M, float(M) ** -(level + f))
        for M in (2, 5, 16)
        for level in range(4)
        for f in (0.05, 0.95)
    ]
    got = [student.HNSW(M, 10).level(draw) for M, draw in cases]
    equal(got, [level for _ in range(3) for level in range(4) for _ in range(2)])
    equal(student.HNSW(int(rng.integers(2, 40)), 10).level(1.0), 0)


@part("HNSW")
def test_hnsw_walks_a_level(student, rng):
    """On a ring, a walk goes to the nearest, keeps ef, and stops when only farther ones wait."""
    n = 24
    angles = 2 * math.pi * (np.arange(n) + 0.3 * rng.random(n)) / n
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    index, q = graph(student, X, ring(n), 0), X[9] * 1.2 + [0.01, 0.02]
    got = [index.search_layer(q, [start], ef, 0) for start in (0, 14) for ef in (1, 3, 30)]
    ok = all(type(g) is tuple and len(g) == 2 for g in got)
    ensure(ok, "search_layer returns what it found and a count.", got)
    expected = [slow_walk(q, X, ring(n), [start], ef) for start in (0, 14) for ef in (1, 3, 30)]
    close(got, expected)


def slow_walk(q, X, links, entries, ef, level=0):
    """The walk with plain lists: what is found, and how many distances were computed."""
    measured = {i: slow_square(q, X[i]) for i in entries}
    kept = sorted((d, i) for i, d in measured.items())[:ef]
    looked_at = set()
    while True:
        waiting = sorted((d, i) for i, d in measured.items() if i not in looked_at)
        waiting = [pair for pair in waiting if len(kept) < ef or pair[0] <= kept[-1][0]]
        if not waiting:
            return kept, len(measured)
        i = waiting[0][1]
        looked_at.add(i)
        for j in links[i][level]:
            if j not in measured:
                measured[j] = slow_square(q, X[j])
                kept = sorted([*kept, (measured[j], j)])[:ef]


def random_links(rng, n, degree, levels=1):
    """Random links both ways, the same on every level."""
    links = [set() for _ in range(n)]
    for i in range(n):
        for j in rng.permutation(n)[:degree]:
            if i != j:
                links[i].add(int(j))
                links[int(j)].add(i)
    return [[sorted(ids) for _ in range(levels)] for ids in links]


@part("HNSW", basic=True)
def test_hnsw_walk_matches_a_slow_walk(student, rng):
    """On random links the walk finds what a slow one finds, and measures as many vectors."""
    X, links = rng.standard_normal((60, 3)), random_links(rng, 60, 3)
    index = graph(student, X, links, 0)
    cases = [
        (rng.standard_normal(3), [int(e) for e in rng.permutation(60)[:n]], ef)
        for n, ef in ((1, 1), (1, 5), (2, 8), (3, 60), (9, 9), (20, 20), (5, 12))
    ]
    close(
        [index.search_layer(q, entries, ef, 0) for q, entries, ef in cases],
        [slow_walk(q, X, links, entries, ef) for q, entries, ef in cases],
    )


@part("HNSW")
def test_hnsw_walks_past_equals(student, rng):
    """Of equally near vectors the smaller ids are kept, and ties do not end a walk."""
    X = rng.integers(0, 3, (30, 2)).astype(np.float64)
    links = random_links(rng, 30, 2)
    index = graph(student, X, links, 0)
    got = index.search_layer(np.array([1.0, 1.0]), [0], 30, 0)
    close(got, slow_walk([1.0, 1.0], X, links, [0], 30))


def slow_search(q, X, links, entry, k, ef):
    entries, computed = [entry], 0
    for level in range(len(links[entry]) - 1, -1, -1):
        width = max(ef, k) if level == 0 else 1
        found, work = slow_walk(q, X, links, entries, width, level)
        entries, computed = [i for _, i in found], computed + work
    near = [d for d, _ in found[:k]]
    return np.array(entries[:k], dtype=np.int64), np.array(near), computed


def two_levels(rng, n):
    """A graph of two levels: every third node is on the upper one, a ring."""
    links = random_links(rng, n, 2)
    upper = list(range(0, n, 3))
    for place, i in enumerate(upper):
        links[i].append([upper[place - 1], upper[(place + 1) % len(upper)]])
    return links


@part("HNSW", basic=True)
def test_hnsw_search_goes_down_the_levels(student, rng):
    """A search walks the upper level with ef 1 and starts level 0 where it arrived."""
    X, links = rng.standard_normal((45, 3)), two_levels(rng, 45)
    index = graph(student, X, links, 6)
    cases = [(rng.standard_normal(3), k, ef) for k, ef in ((1, 1), (3, 6), (5, 12), (4, 4))]
    got = [index.search(*case) for case in cases]
    close(got, [slow_search(q, X, links, 6, k, ef) for q, k, ef in cases])


@part("HNSW")
def test_hnsw_search_with_a_small_ef(student, rng):
    """An ef below k counts as k: k are found."""
    X, links = rng.standard_normal((40, 2)), two_levels(rng, 40)
    index, q = graph(student, X, links, 0), rng.standard_normal(2)
    close([index.search(q, 9, ef) for ef in (1, 5)], [slow_search(q, X, links, 0, 9, 9)] * 2)


@part("HNSW")
def test_hnsw_of_few_vectors(student, rng):
    """An empty graph finds nothing; one vector finds itself; k may be greater than N."""
    X = rng.standard_normal((4, 3))
    q = rng.standard_normal(3)
    got = [build(student, X[:n], [0] * n).search(q, 6, 8) for n in (0, 1, 4)]
    close(got, [(*slow_nearest(q, X[:n], 6), n) for n in (0, 1, 4)])


@part("HNSW")
def test_hnsw_select_looks_in_all_directions(student, rng):
    """A candidate is left out when it is nearer to one already taken than to the node itself."""
    s = float(rng.uniform(1, 5))
    X = s * np.array(
        [
            [0.0, 0.0],
            [1.0, 0.1],
            [1.2, 0.0],
            [1.5, 0.2],
            [-1.0, -1.2],
            [0.0, 3.0],
            [-2.0, -2.0],
            [4.0, -4.0],
        ]
    )
    index = graph(student, X, ring(len(X)), 0)
    near = sorted((slow_square(X[0], X[i]), i) for i in range(1, len(X)))
    got = [index.select(near, count) for count in (1, 2, 5)] + [index.select(near[:0], 3)]
    equal(got, [[1], [1, 4], [1, 4, 5], []])


@part("HNSW")
def test_hnsw_select_matches_a_slow_choice(student, rng):
    """On random vectors, the links taken are those of a slow loop, and `count` at most."""
    X = rng.standard_normal((40, 4))
    index = graph(student, X, ring(40), 0)
    near = [sorted((slow_square(X[i], X[j]), j) for j in range(40) if j != i) for i in range(4)]
    got = [index.select(pairs, count) for pairs in near for count in (2, 20)]
    equal(got, [slow_select(X, pairs, count) for pairs in near for count in (2, 20)])


@part("HNSW")
def test_hnsw_select_at_equal_distances(student, rng):
    """As near to one already taken as to the node itself is near enough to be taken."""
    s = float(2 ** rng.integers(0, 4))
    X = s * np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 2.0], [1.0, -2.0]])
    near = [(4 * s * s, 1), (5 * s * s, 2), (5 * s * s, 3)]
    equal(graph(student, X, ring(4), 0).select(near, 3), [1, 2, 3])


def slow_select(X, pairs, count):
    taken = []
    for d, i in pairs:
        if len(taken) < count and not any(slow_square(X[i], X[t]) < d for t in taken):
            taken.append(i)
    return taken


@part("HNSW")
def test_hnsw_links_both_ways(student, rng):
    """While there is room for all, every link has its way back, on both levels."""
    X = rng.standard_normal((5, 3))
    index = build(student, X, [0, 1, 0, 1, 0], M=4)
    links = plain_links(index)
    equal([len(node) for node in links], [1, 2, 1, 2, 1])
    for level in (0, 1):
        pairs = {
            (i, j)
            for i, node in enumerate(links)
            for j in (node[level] if level < len(node) else [])
        }
        ensure(bool(pairs), "There are no links.", links)
        missing = sorted((j, i) for i, j in pairs if (j, i) not in pairs)
        ensure(not missing, "A link has no way back.", missing)
        ensure(all(i != j for i, j in pairs), "A node links to itself.", sorted(pairs))
    equal(links[1][1], [3])


@part("HNSW")
def test_hnsw_entry_is_on_the_highest_level(student, rng):
    """The entry changes when a node reaches a new highest level, and only then."""
    X = rng.standard_normal((7, 2))
    entries = []
    index = student.HNSW(4, 10)
    entries.append(index.entry)
    for x, level in zip(X, [0, 1, 0, 1, 2, 0, 3], strict=True):
        index.add(x, 4.0 ** -(level + 0.5))
        entries.append(index.entry)
    equal(entries, [-1, 0, 1, 1, 1, 4, 4, 6])
    equal([len(node) for node in plain_links(index)], [1, 2, 1, 2, 3, 1, 4])


def grown(rng, N, D, M):
    """Vectors and levels by the level law."""
    levels = [int(-math.log(1 - u) / math.log(M)) for u in rng.random(N)]
    return rng.standard_normal((N, D)), levels


@part("HNSW")
def test_hnsw_keeps_links_few(student, rng):
    """A node keeps M links at most on upper levels, and 2 M, no more and not just M, on level 0."""
    M = 3
    X, levels = grown(rng, 150, 6, M)
    links = plain_links(build(student, X, levels, M, 20))
    low = [len(node[0]) for node in links]
    high = [len(ids) for node in links for ids in node[1:]]
    ensure(max(low) <= 2 * M, "A node of level 0 has more than 2 M links.", max(low), "6 at most")
    ensure(max(low) > M, "Level 0 has room for 2 M links; no node has more than M.", max(low))
    ensure(
        max(high) <= M, "A node has more than M links on an upper level.", max(high), "3 at most"
    )
    ensure(min(low) > 0, "A node has no links.", min(low))


@part("HNSW")
def test_hnsw_builds_like_a_slow_builder(student, rng):
    """The links are those of a builder that follows the paper step by step."""
    M = 3
    X, levels = grown(rng, 60, 4, M)
    got = [plain_links(build(student, X, levels, M, ef)) for ef in (10, 1)]
    equal(got, [slow_build(X, levels, M, ef) for ef in (10, 1)])


def slow_build(X, levels, M, ef_construction):
    links, entry = [[[] for _ in range(levels[0] + 1)]], 0
    for new in range(1, len(X)):
        links.append([[] for _ in range(levels[new] + 1)])
        entries, top = [entry], len(links[entry]) - 1
        for level in range(top, -1, -1):
            ef = ef_construction if level <= levels[new] else 1
            found, _ = slow_walk(X[new], X, links, entries, ef, level)
            entries = [i for _, i in found]
            if level > levels[new]:
                continue
            links[new][level] = slow_select(X, found, M)
            for i in links[new][level]:
                links[i][level] = [*links[i][level], new]
                room = M if level else 2 * M
                if len(links[i][level]) > room:
                    pairs = sorted((slow_square(X[i], X[j]), j) for j in links[i][level])
                    links[i][level] = slow_select(X, pairs, room)
        entry = new if levels[new] > top else entry
    return [[sorted(ids) for ids in node] for node in links]


@part("HNSW")
def test_hnsw_between_clusters(student, rng):
    """Two clusters, added one after the other, stay connected: neighbours are found in both."""
    both = np.concatenate([rng.random((30, 2)), 20 + rng.random((30, 2))])
    index = build(student, both, [0] * 60, M=3)
    got = [index.search(both[i], 1, 12) for i in (3, 28, 33, 59)]
    close(without_counts(got), [slow_nearest(both[i], both, 1) for i in (3, 28, 33, 59)])


@part("HNSW")
def test_hnsw_recall_for_few_distances(student, rng):
    """Ten neighbours with a recall of 0.95 for under 10 % of the distances of brute force."""
    N, M = 700, 5
    X, levels = grown(rng, N, 2, M)
    Q = rng.standard_normal((20, 2))
    index = build(student, X, levels, M, 12)
    got = [index.search(q, 10, 12) for q in Q]
    counts = counts_of(got)
    truth = np.argsort(np.sum((Q[:, None] - X) ** 2, axis=2), axis=1)[:, :10]
    hits = [
        len(set(np.ravel(r[0]).tolist()) & set(t.tolist())) for r, t in zip(got, truth, strict=True)
    ]
    recall, share = sum(hits) / (10 * len(Q)), sum(counts) / (N * len(Q))
    ensure(recall >= 0.95, "Too few of the true neighbours are found.", recall, "at least 0.95")
    ensure(share < 0.1, "Too many distances are computed.", share, "less than 0.1 of N a query")


# ngrams


def slow_ngrams(text, n):
    found = set()
    for end in range(n, len(text) + 1):
        found.add("".join(text[end - n + i] for i in range(n)))
    return found


def drawn_text(rng, length, letters="ab é"):
    return "".join(letters[int(i)] for i in rng.integers(0, len(letters), length))


@part("ngrams", basic=True)
def test_ngrams_match_a_slow_loop(student, rng):
    """All pieces of n characters, overlapping, spaces and accents included, each once."""
    cases = [(drawn_text(rng, length), n) for length, n in ((20, 3), (15, 2), (9, 1), (12, 5))]
    equal([student.ngrams(*c) for c in cases], [slow_ngrams(*c) for c in cases])


@part("ngrams")
def test_ngrams_of_short_texts(student, rng):
    """A text of n characters is its only piece; a shorter one, or an empty one, has none."""
    text = drawn_text(rng, 4, "abcdef")
    cases = [(text, 4), (text, 5), (text[:1], 3), ("", 2)]
    equal([student.ngrams(*c) for c in cases], [{text}, set(), set(), set()])


# BloomFilter


def words(rng, count, first=0):
    return [f"{drawn_text(rng, 5, 'abcdefgh')}{i}" for i in range(first, first + count)]


def filled(student, size, hashes, items):
    bloom = student.BloomFilter(size, hashes)
    for item in items:
        bloom.add(item)
    return bloom


def said(bloom, items):
    """What the filter says of each item."""
    return [item in bloom for item in items]


@part("BloomFilter", basic=True)
def test_bloom_bits(student, reference, rng):
    """Adding an item sets the bits stable_hash(item, j) % size, for every j, and no others."""
    size, hashes = int(rng.integers(60, 90)), 3
    items = words(rng, 5)
    bits = np.zeros(size, dtype=np.bool_)
    for item in items:
        for j in range(hashes):
            bits[reference.stable_hash(item, j) % size] = True
    bloom = filled(student, size, hashes, items)
    equal(bloom.bits, bits)
    equal(said(bloom, items), [True] * 5)
    empty = student.BloomFilter(size, hashes)
    equal([item in empty for item in items], [False] * 5)


@part("BloomFilter")
def test_bloom_has_no_false_negatives(student, rng):
    """What was added is always in, also when the filter is nearly full."""
    items = words(rng, 60)
    equal(said(filled(student, 100, 4, items), items), [True] * 60)


@part("BloomFilter", basic=True)
def test_bloom_false_positives_follow_the_formula(student, rng):
    """Of strangers, a share of about (1 - exp(-k n / m))^k is let in."""
    n, size, hashes = 50, 400, 3
    bloom = filled(student, size, hashes, words(rng, n))
    share = float(np.mean(said(bloom, words(rng, 400, first=1000))))
    expected = (1 - math.exp(-hashes * n / size)) ** hashes  # 0.0305
    ensure(share < 3 * expected, "Too many strangers are let in.", share, f"about {expected:.3f}")
    ensure(share > expected / 4, "Hardly any stranger is let in.", share, f"about {expected:.3f}")


# jaccard


@part("jaccard", basic=True)
def test_jaccard_matches_a_slow_count(student, rng):
    """Common items divided by all different items."""
    pairs = [
        ({str(i) for i in rng.integers(0, 12, 8)}, {str(i) for i in rng.integers(0, 9, 5)})
        for _ in range(6)
    ]
    expected = []
    for a, b in pairs:
        items = sorted({*a, *b})
        expected.append(sum(x in a and x in b for x in items) / len(items))
    close([student.jaccard(a, b) for a, b in pairs], expected)


@part("jaccard")
def test_jaccard_at_the_ends(student, rng):
    """Equal sets have 1, sets with nothing in common 0, and two empty sets 1."""
    a = {str(i) for i in rng.integers(0, 100, 5)}
    b = {f"x{i}" for i in a}
    pairs = [(a, set(a)), (a, b), (a, set()), (set(), b), (set(), set())]
    close([student.jaccard(*p) for p in pairs], [1.0, 0.0, 0.0, 0.0, 1.0])


@part("jaccard")
def test_jaccard_of_a_part(student, rng):
    """A set of n of m items has n / m of them, asked in either order."""
    n, m = sorted(sizes(rng, 2, 2, 20))
    whole = {str(i) for i in range(m)}
    some = {str(i) for i in rng.permutation(m)[:n]}
    close([student.jaccard(some, whole), student.jaccard(whole, some)], [n / m, n / m])


# minhash


@part("minhash", basic=True)
def test_minhash_matches_a_slow_loop(student, reference, rng):
    """Entry j is the least stable_hash with seed j over all items."""
    cases = [(set(words(rng, n)), count) for n, count in ((6, 9), (9, 4), (1, 5))]
    expected = []
    for items, count in cases:
        rows = [sorted(reference.stable_hash(x, j) for x in items)[0] for j in range(count)]
        expected.append(np.array(rows, dtype=np.int64))
    equal([student.minhash(*c) for c in cases], expected)


@part("minhash")
def test_minhash_of_the_empty_set(student, rng):
    """Every entry for the empty set is 2³², which no hash reaches."""
    count = int(rng.integers(2, 7))
    equal(student.minhash(set(), count), np.full(count, 2**32, dtype=np.int64))


@part("minhash", basic=True)
def test_minhash_estimates_jaccard(student, rng):
    """The share of equal entries is near the Jaccard similarity, here 1 / 3."""
    items = words(rng, 60)
    a, b = (student.minhash(set(part), 200) for part in (items[:40], items[20:]))
    ok = all(type(s) is np.ndarray and s.shape == (200,) for s in (a, b))
    ensure(ok, "A signature is an array of `count` numbers.", a)
    share = float(np.mean(a == b))
    ensure(0.16 < share < 0.5, "Equal entries do not estimate the similarity.", share, "about 0.33")


# VectorStore

OPERATORS = {"<->": "l2", "<#>": "ip", "<=>": "cosine"}


def stored(student, X, metadata=None):
    store = student.VectorStore(X.shape[1])
    for x, row in zip(X, metadata or [None] * len(X), strict=True):
        store.insert(x, row)
    return store


def slow_rows(q, X, k, operator, ids):
    pairs = sorted((slow_distance(q, X[i], OPERATORS[operator]), i) for i in ids)[:k]
    return [(i, math.sqrt(d) if operator == "<->" else d) for d, i in pairs]


def labels(rng, N):
    """Metadata of N rows: a language, a year, and on some a flag."""
    rows = []
    for _ in range(N):
        row = {"lang": str(rng.choice(["en", "de", "nl"])), "year": int(rng.integers(2000, 2003))}
        rows.append({**row, "draft": bool(rng.integers(2))} if rng.integers(2) else row)
    return rows


def matching(rows, where):
    return [
        i for i, row in enumerate(rows) if all(k in row and row[k] == v for k, v in where.items())
    ]


class Counted:
    """An index on the tester's side: exact, or one that returns what it is told; it counts."""

    def __init__(self, X, order=None):
        self.X, self.order, self.asked = X, order, []

    def __call__(self, q, n):
        self.asked.append(int(n))
        ranking = slow_nearest(q, self.X, len(self.X))[0] if self.order is None else self.order
        return ranking[: int(n)]


@part("VectorStore", basic=True)
def test_store_operators(student, rng):
    """<-> has its root, <#> its minus, and <=> is one minus the cosine; smaller is nearer."""
    X, Q = rng.standard_normal((20, 4)), 2 * rng.standard_normal((2, 4))
    store = stored(student, X)
    calls = [(q, 6, operator) for q in Q for operator in OPERATORS]
    close(
        [store.search(*c) for c in calls], [slow_rows(q, X, k, o, range(20)) for q, k, o in calls]
    )
    close(store.search(Q[0], 3), slow_rows(Q[0], X, 3, "<->", range(20)))


@part("VectorStore")
def test_store_counts_its_rows(student, rng):
    """insert returns 0, 1, 2, ...; k may be greater than the store; an empty one finds nothing."""
    X, q = rng.standard_normal((3, 2)), rng.standard_normal(2)
    store = student.VectorStore(2)
    equal(store.search(q, 4), [])
    equal([store.insert(x) for x in X], [0, 1, 2])
    equal(len(store), 3)
    close(store.search(q, 9, "<=>"), slow_rows(q, X, 9, "<=>", range(3)))


@part("VectorStore")
def test_store_filters_first(student, rng):
    """Without an index, only rows that match every key are compared, and k of them come."""
    X, rows = rng.standard_normal((60, 3)), labels(rng, 60)
    store, q = stored(student, X, rows), rng.standard_normal(3)
    wheres = [{"lang": "en"}, {"lang": "de", "year": 2001}, {"draft": False}, {"lang": "fr"}, {}]
    got = [store.search(q, 4, "<->", where) for where in wheres]
    close(got, [slow_rows(q, X, 4, "<->", matching(rows, where)) for where in wheres])


@part("VectorStore")
def test_store_asks_the_index_again(student, rng):
    """With an index, a filter that few rows pass still gets its k rows: n doubles until it does."""
    X, rows = rng.standard_normal((50, 3)), [{"keep": i % 7 == 0} for i in range(50)]
    store, q, index = stored(student, X, rows), rng.standard_normal(3), Counted(X)
    keep = [i for i in range(50) if i % 7 == 0]
    close(store.search(q, 3, "<->", {"keep": True}, index), slow_rows(q, X, 3, "<->", keep))
    asked, ranking = [3], slow_nearest(q, X, 50)[0]
    while len([i for i in ranking[: asked[-1]] if i % 7 == 0]) < 3:
        asked.append(min(2 * asked[-1], 50))
    equal(index.asked, asked)


@part("VectorStore")
def test_store_asks_until_the_end(student, rng):
    """When fewer than k rows match, the whole store is asked once, and then it ends."""
    X, rows = rng.standard_normal((20, 2)), [{"rare": i == 11} for i in range(20)]
    store, q, index = stored(student, X, rows), rng.standard_normal(2), Counted(X)
    close(store.search(q, 3, "<->", {"rare": True}, index), slow_rows(q, X, 3, "<->", [11]))
    equal(index.asked, [3, 6, 12, 20])
    every = Counted(X)
    close(store.search(q, 30, "<#>", None, every), slow_rows(q, X, 30, "<#>", range(20)))
    equal(every.asked, [20])


@part("VectorStore")
def test_store_measures_what_the_index_gives(student, rng):
    """Only rows the index returned are compared; they are sorted by the operator, cut to k."""
    X = rng.standard_normal((30, 3))
    order = rng.permutation(30)
    store, q = stored(student, X), rng.standard_normal(3)
    got = [store.search(q, 6, operator, None, Counted(X, order)) for operator in OPERATORS]
    few = {"odd": 1}
    store.insert(X[0], few)
    close(got, [slow_rows(q, X, 6, operator, order[:6]) for operator in OPERATORS])
    rows = [{"odd": int(i % 2)} for i in range(30)]
    other, index = stored(student, X, rows), Counted(X, order)
    got = other.search(q, 4, "<=>", few, index)
    ids = [int(i) for i in order[: index.asked[-1] if index.asked else 0] if i % 2]
    close(got, slow_rows(q, X, 4, "<=>", ids))


@part("VectorStore")
def test_store_ties(student, rng):
    """Equally near rows come by id, with and without an index."""
    X = rng.integers(0, 2, (25, 3)).astype(np.float64)
    store, q = stored(student, X), np.array([1.0, 0.0, 1.0])
    expected = slow_rows(q, X, 9, "<->", range(25))
    equal(store.search(q, 9), expected)
    backwards = Counted(X, np.arange(25)[::-1])
    equal(store.search(q, 25, "<->", None, backwards)[:9], expected)


@part("VectorStore")
def test_store_refuses_other_dimensions(student, rng):
    """A vector or query of another dimension raises ValueError, and nothing is stored."""
    store = stored(student, rng.standard_normal((2, 3)))
    for bad in (rng.standard_normal(4), rng.standard_normal(1), rng.standard_normal((1, 3))):
        with raises(ValueError):
            store.insert(bad, {"a": 1})
        with raises(ValueError):
            store.search(bad, 1)
    index = Counted(np.ones((2, 4)), np.array([1, 0]))
    with raises(ValueError):
        store.search(rng.standard_normal(4), 1, "<->", None, index)
    equal(index.asked, [])
    equal(len(store), 2)
    equal(store.insert(rng.standard_normal(3)), 2)


@part("VectorStore")
def test_store_refuses_other_operators(student, rng):
    """An operator that pgvector does not have here raises ValueError."""
    store = stored(student, rng.standard_normal((2, 3)))
    for operator in ("<+>", "l2", "->"):
        with raises(ValueError):
            store.search(np.ones(3), 1, operator)


@part("VectorStore")
def test_store_save_and_load(student, rng):
    """A loaded store answers as the saved one, with its filters, and takes the next id."""
    X, rows, q = rng.standard_normal((12, 4)), labels(rng, 12), rng.standard_normal(4)
    rows[3] = {"nested": {"tags": ["ä", 1, None]}, "lang": "en"}
    data = stored(student, X, rows).save()
    ensure(type(data) is bytes, "save does not return bytes.", data)
    store = student.VectorStore.load(data)
    equal(len(store), 12)
    calls = [(q, 5), (q, 5, "<#>", {"lang": "en"}), (q, 5, "<=>", {"nested": rows[3]["nested"]})]
    expected = [slow_rows(q, X, 5, "<->", range(12))]
    expected += [slow_rows(q, X, 5, c[2], matching(rows, c[3])) for c in calls[1:]]
    close([store.search(*c) for c in calls], expected)
    equal(store.insert(X[0]), 12)


@part("VectorStore")
def test_store_save_and_load_nothing(student, rng):
    """An empty store keeps its dimension."""
    D = int(rng.integers(2, 9))
    store = student.VectorStore.load(student.VectorStore(D).save())
    equal(len(store), 0)
    with raises(ValueError):
        store.insert(np.ones(D + 1))
    equal(store.insert(np.ones(D)), 0)
