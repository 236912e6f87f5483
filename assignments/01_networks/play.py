"""Play: a network that learns to read, a map of words, and three walks down a valley.

Everything that is computed with vectors and networks is computed by your own functions. Only the
training is done here, in plain numpy, because how it works is the subject of assignment 02.

Options: digit=0..9 chooses the digit that is drawn; ask="man king woman" asks an analogy.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
SIZES = [64, 16, 16, 10]
EPOCHS = 30
Params = list[tuple[np.ndarray, np.ndarray]]

WORDS = {  # human, royal, female, young, animal, large, wild, place, capital, north, east
    "man": [0.9, 0, 0, 0, 0, 0.3, 0, 0, 0, 0, 0],
    "woman": [0.9, 0, 1, 0, 0, 0.3, 0, 0, 0, 0, 0],
    "boy": [0.9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    "girl": [0.9, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    "king": [0.9, 1, 0, 0, 0, 0.4, 0, 0, 0, 0, 0],
    "queen": [0.9, 1, 1, 0, 0, 0.4, 0, 0, 0, 0, 0],
    "prince": [0.9, 1, 0, 1, 0, 0.1, 0, 0, 0, 0, 0],
    "princess": [0.9, 1, 1, 1, 0, 0.1, 0, 0, 0, 0, 0],
    "dog": [0, 0, 0, 0, 0.9, 0.2, 0.2, 0, 0, 0, 0],
    "puppy": [0, 0, 0, 1, 0.9, 0, 0.2, 0, 0, 0, 0],
    "wolf": [0, 0, 0, 0, 0.9, 0.3, 1.2, 0, 0, 0, 0],
    "cub": [0, 0, 0, 1, 0.9, 0.1, 1.2, 0, 0, 0, 0],
    "horse": [0, 0, 0, 0, 0.9, 1.3, 0, 0, 0, 0, 0],
    "foal": [0, 0, 0, 1, 0.9, 1, 0, 0, 0, 0, 0],
    "Spain": [0, 0, 0, 0, 0, 0, 0, 0.9, 0, -0.9, -1],
    "Madrid": [0, 0, 0, 0, 0, 0, 0, 0.9, 1, -0.9, -1],
    "Norway": [0, 0, 0, 0, 0, 0, 0, 0.9, 0, 1.2, -0.2],
    "Oslo": [0, 0, 0, 0, 0, 0, 0, 0.9, 1, 1.2, -0.2],
    "Japan": [0, 0, 0, 0, 0, 0, 0, 0.9, 0, -0.6, 1.4],
    "Tokyo": [0, 0, 0, 0, 0, 0, 0, 0.9, 1, -0.6, 1.4],
}
FAMILIES = {  # a to b as c to d, drawn as arrows
    "a crown": ["man", "king", "woman", "queen"],
    "growing up": ["puppy", "dog", "foal", "horse"],
    "the capital of": ["Spain", "Madrid", "Japan", "Tokyo"],
}


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the three scenes; a scene whose parts are not written yet says so in one line."""
    for scene in (digits, word_map, walks):
        try:
            scene(student, out, options)
        except NotImplementedError as missing:
            print(f"  (waits for a part that is not written yet: {missing})")
        print()


# Scene 1: reading digits


def digits(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Send real scans through an untrained network, train it, and send them through again."""
    from sklearn.datasets import load_digits

    print("1. A network that learns to read")
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.data))
    X, labels = data.data[order] / 16.0, data.target[order]
    (X, X_test), (labels, test) = np.split(X, [1500]), np.split(labels, [1500])
    Y = student.one_hot(labels, 10)
    untrained = fresh_network(np.random.default_rng(2))
    shape = "-".join(map(str, SIZES))
    print(f"   {shape}: {student.count_parameters(SIZES):,} weights and biases to adjust.")
    curve, params = [], untrained
    for epoch, params in enumerate(train(X, Y, untrained, np.random.default_rng(3))):
        outputs = student.forward(X_test, params)[-1]  # (297, 10)
        here = student.cost(outputs, student.one_hot(test, 10)), student.accuracy(outputs, test)
        curve.append(here)
        if epoch in (0, 1, 3, 10, EPOCHS):
            print(f"   after {epoch:2d} rounds: cost {here[0]:.3f}, {here[1]:6.1%} read correctly")
    wanted = int(options.get("digit", "3")) % 10
    example = int(np.flatnonzero(test == wanted)[0])
    before = student.forward(X_test[example : example + 1], untrained)
    after = student.forward(X_test[example : example + 1], params)
    draw_networks(out / "network.png", (before, untrained), (after, params), wanted)
    first, last = (student.forward(X_test, p)[-1] for p in (untrained, params))
    draw_guesses(out / "guesses.png", X_test, test, first, last, np.array(curve))
    print("   network.png: the same scan in the untrained and in the trained network")
    print("   guesses.png: the learning curve, and the scans it still gets wrong")


def fresh_network(rng: np.random.Generator) -> Params:
    """Weights of about 1/√n_in, so that no neuron starts saturated; biases 0."""
    return [(rng.standard_normal((m, n)) / np.sqrt(n), np.zeros(m)) for n, m in pairwise(SIZES)]


def train(
    X: np.ndarray, Y: np.ndarray, params: Params, rng: np.random.Generator
) -> Iterator[Params]:
    """Yield the network before training and after every round through the examples.

    Each step moves all weights and biases a little down the slope of the cost of ten examples.
    """
    yield params
    for _ in range(EPOCHS):
        for batch in np.array_split(rng.permutation(len(X)), len(X) // 10):
            activations = [X[batch]]
            for W, b in params:
                activations.append(1 / (1 + np.exp(-(activations[-1] @ W.T + b))))
            slope = 2 * (activations[-1] - Y[batch]) / len(batch)
            stepped = []
            for (W, b), a_in, a_out in zip(
                params[::-1], activations[-2::-1], activations[:0:-1], strict=True
            ):
                slope = slope * a_out * (1 - a_out)  # (B, n_out)
                stepped.append((W - 3.0 * slope.T @ a_in, b - 3.0 * slope.sum(axis=0)))
                slope = slope @ W  # (B, n_in)
            params = stepped[::-1]
        yield params


def draw_networks(path: Path, before: Any, after: Any, digit: int) -> None:
    """Draw one scan on its way through the network, untrained and trained, side by side."""
    figure = Figure(figsize=(13, 5.1), layout="constrained")
    for axes, (activations, params), name in zip(
        figure.subplots(1, 2), (before, after), ("untrained", "trained"), strict=True
    ):
        draw_network(axes, [a[0] for a in activations], params, digit)
        guess = int(activations[-1][0].argmax())
        colour = GREEN if guess == digit else ORANGE
        axes.set_title(f"{name}: it reads a {guess}", color=colour, fontsize=16, weight="bold")
    note = "dark neurons are active · blue weights excite, orange weights inhibit · bars: outputs"
    figure.supxlabel(note, color=GREY, fontsize=11)
    figure.savefig(path, dpi=130, facecolor="white")


def draw_network(axes: Axes, layers: list[np.ndarray], params: Params, digit: int) -> None:
    """Draw the scan, the neurons shaded by activation, and the strongest weights between them."""
    side = np.arange(8) * 0.6 + 0.3
    places = [[(x, 7.4 - y) for y in side for x in side]]
    for column, n in zip((7.2, 9.7, 12.2), SIZES[1:], strict=True):
        places.append([(column, 10 - y) for y in np.linspace(0.3, 9.7, n)])
    for (W, _), left, right, a in zip(params, places, places[1:], layers, strict=False):
        flow = np.abs(W) * np.maximum(a, 0.05)  # (n_out, n_in)
        strongest = np.argsort(flow, axis=None)[-90:]
        for j, i in zip(*np.unravel_index(strongest, W.shape), strict=True):
            ends = np.array([left[i], right[j]])
            colour = BLUE if W[j, i] > 0 else ORANGE
            axes.plot(*ends.T, color=colour, alpha=0.1 + 0.5 * flow[j, i] / flow.max(), zorder=1)
    axes.imshow(layers[0].reshape(8, 8), cmap="Greys", extent=(0, 4.8, 2.6, 7.4), zorder=2)
    axes.plot([0, 4.8, 4.8, 0, 0], [2.6, 2.6, 7.4, 7.4, 2.6], color=GREY, linewidth=1, zorder=2)
    for place, a in zip(places[1:], layers[1:], strict=True):
        x, y = np.array(place).T
        axes.scatter(x, y, c=a, cmap="Blues", vmin=0, vmax=1, s=120, edgecolors=INK, zorder=3)
    for k, ((x, y), a) in enumerate(zip(places[-1], layers[-1], strict=True)):
        colour = GREEN if k == digit else GREY
        axes.text(x + 0.5, y, str(k), va="center", fontsize=12, color=colour, weight="bold")
        axes.barh(y, 1.9 * a, left=x + 1.0, height=0.45, color=colour)
    axes.set(xlim=(-0.2, 15.4), ylim=(-0.1, 10.1), aspect="equal")
    axes.axis("off")


def draw_guesses(
    path: Path, X: np.ndarray, labels: np.ndarray, first: Any, last: Any, curve: np.ndarray
) -> None:
    """Draw the learning curve beside the first scans and the ones that are read wrongly."""
    figure = Figure(figsize=(13, 5.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.25])
    axes = left.subplots()
    axes.plot(100 * curve[:, 1], color=BLUE, linewidth=2.5)
    axes.axhline(10, color=GREY, linestyle="--", linewidth=1)
    axes.text(EPOCHS, 11.5, "guessing blindly", color=GREY, ha="right")
    axes.set(xlabel="rounds through the 1,500 scans", ylim=(0, 102), xlim=(0, EPOCHS))
    axes.set_title("new scans read correctly, %", color=INK, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    ok = last.argmax(axis=1) == labels
    wrong = np.flatnonzero(~ok)[:9]
    shown = np.concatenate([np.flatnonzero(ok)[: 24 - len(wrong)], wrong])
    for cell, i in zip(right.subplots(4, 6).flat, shown, strict=True):
        cell.imshow(X[i].reshape(8, 8), cmap="Greys")
        guesses = int(first[i].argmax()), int(last[i].argmax())
        colour = GREEN if guesses[1] == labels[i] else ORANGE
        cell.set_title(f"{guesses[0]} → {guesses[1]}", color=colour, fontsize=13, weight="bold")
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set_color(colour)
    right.suptitle("guess before → after training; orange: still wrong", color=INK)
    figure.savefig(path, dpi=130, facecolor="white")


# Scene 2: a map of words


def word_map(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Ask analogies of a small table of word vectors, and draw it."""
    print("2. A map of words")
    words = list(WORDS)
    E = np.array(list(WORDS.values()), dtype=np.float64)  # (V, C)
    E += 0.06 * np.random.default_rng(8).standard_normal(E.shape)  # learned ones are never exact
    questions = [family[:3] for family in FAMILIES.values()]
    questions += [["boy", "man", "girl"], ["dog", "wolf", "puppy"], ["Norway", "Oslo", "Spain"]]
    if "ask" in options:
        questions = [options["ask"].split()]
    for asked in questions:
        if len(asked) != 3 or not set(asked) <= set(words):
            print(f"   ask takes three of these words: {', '.join(words)}")
            continue
        a, b, c = asked
        print(f"   {a} is to {b} as {c} is to {student.analogy(words, E, a, b, c)}")
    row = {word: student.embed([i], E)[0] for i, word in enumerate(words)}
    for a, b in (("king", "queen"), ("king", "cub"), ("king", "Oslo")):
        print(f"   similarity of {a} and {b}: {student.cosine_similarity(row[a], row[b]):+.2f}")
    figure = Figure(figsize=(13, 7), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=[1.9, 1])
    draw_words(figure.add_subplot(grid[:, 0]), words, E, [])
    figure.axes[0].set_title(
        "twenty words, eleven numbers each, from the side where they differ most"
    )
    for k, (name, family) in enumerate(FAMILIES.items()):
        axes = figure.add_subplot(grid[k, 1])
        draw_words(axes, family, np.array([row[word] for word in family]), family)
        axes.set_title(name, color=BLUE)
    figure.savefig(out / "words.png", dpi=130, facecolor="white")
    print("   words.png: the map, and the same step taken from two words")


def draw_words(axes: Axes, words: list[str], E: np.ndarray, family: list[str]) -> None:
    """Draw vectors on the plane in which they differ most, with arrows from a to b and c to d."""
    centred = E - E.mean(axis=0)
    plane = np.linalg.svd(centred, full_matrices=False)[2][:2]  # (2, C)
    points = centred @ plane.T  # (V, 2)
    place = dict(zip(words, points, strict=True))
    for a, b in zip(family[::2], family[1::2], strict=True):
        arrow = {"arrowstyle": "-|>", "color": BLUE, "linewidth": 2, "shrinkA": 6, "shrinkB": 6}
        axes.annotate("", place[b], place[a], arrowprops=arrow)
    kinds = np.stack([E[:, 0], E[:, 4], E[:, 7]]).argmax(axis=0)  # human, animal, place
    axes.scatter(*points.T, c=np.array([BLUE, ORANGE, GREEN])[kinds], s=45, zorder=3)
    halo = [withStroke(linewidth=3, foreground="white")]
    for word, spot in place.items():
        label = axes.annotate(word, spot, (7, 5), textcoords="offset points", fontsize=12)
        label.set(color=INK, path_effects=halo)
    axes.margins(x=0.3 if family else 0.12, y=0.25 if family else 0.08)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#d5dbe1")


# Scene 3: walks downhill


def walks(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Walk down one valley with three learning rates."""
    print("3. Three walks down one valley")
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    x, y = np.meshgrid(np.linspace(-5, 5, 200), np.linspace(-4, 4, 200))
    rates = {0.01: "too timid", 0.15: "about right", 0.225: "too bold"}
    for axes, (lr, words) in zip(figure.subplots(1, 3), rates.items(), strict=True):
        start = np.array([-4.5, 2.0])
        path = student.gradient_descent(lambda p: p * [1.0, 9.0], start, lr, 25)  # (26, 2)
        heights = path**2 @ [0.5, 4.5]  # (26,)
        print(f"   rate {lr:5.3f}: from height {heights[0]:.2f} to {heights[-1]:.2f} in 25 steps")
        axes.contourf(x, y, np.sqrt(x**2 + 9 * y**2), levels=14, cmap="Blues_r", alpha=0.75)
        axes.plot(*path.T, "o-", color=ORANGE, markersize=4, linewidth=1.5)
        axes.plot(*start, "o", color=INK, markersize=8)
        axes.plot(0, 0, "*", color="white", markersize=16, markeredgecolor=INK)
        axes.set_title(f"learning rate {lr}: {words}", color=INK)
        axes.set(xlim=(-5, 5), ylim=(-4, 4), xticks=[], yticks=[])
    figure.savefig(out / "walks.png", dpi=130, facecolor="white")
    print("   walks.png: too timid, about right, too bold")
