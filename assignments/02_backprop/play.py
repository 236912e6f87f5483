"""Play: a graph with all its slopes, three walks down one landscape, and digits.

Every slope is found by your own functions; this file only draws.

Options: epochs=30 and seed=1 for the training of scene 3; x=1.5 for the input of scene 1.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.patheffects import withStroke

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
SIZES = [64, 32, 10]
Params = list[tuple[np.ndarray, np.ndarray]]


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the three scenes; a scene whose parts are not written yet says so in one line."""
    for scene in (graph, walks, digits):
        try:
            scene(student, out, options)
        except NotImplementedError as missing:
            print(f"   Waits for {str(missing).rpartition(': ')[2]}, which is not written yet.")
        print()


# Scene 1: a graph with its slopes


def graph(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw a neuron with a short cut around it: every number, and every slope of the cost."""
    print("1. A neuron with a short cut: cost = (v tanh(w x + b) + x - 1)²")
    numbers = {"w": 0.8, "x": float(options.get("x", "1.5")), "b": -0.4, "v": -1.2}
    inputs = {name: student.Value(number) for name, number in numbers.items()}
    cost = formula(inputs)
    cost.backward()
    print("   slope of the cost along      found backwards      measured, by moving it a little")
    for name, value in inputs.items():
        high, low = (
            formula({n: student.Value(x + h * (n == name)) for n, x in numbers.items()}).data
            for h in (1e-5, -1e-5)
        )
        print(f"   {name:>24} {value.grad:+20.8f} {(high - low) / 2e-5:+20.8f}")
    order = student.topological_order(cost)
    if parents_of(order[-1]) is None:
        print("   (Keep the parents of a Value in `parents`, and the graph can be drawn.)")
        return
    names = {id(value): name for name, value in inputs.items()} | {id(cost): "cost"}
    figure = Figure(figsize=(15, 6.2), layout="constrained")
    draw_graph(figure.subplots(), order, names)
    figure.savefig(out / "graph.png", dpi=120, facecolor="white")
    print("   graph.png: the number and the slope of every node; along an arrow slopes multiply,")
    print("              and where two arrows leave the same node, what comes back adds up")


def formula(inputs: Mapping[str, Any]) -> Any:
    """A cost with two paths from x: through the neuron, and around it."""
    hidden = (inputs["x"] * inputs["w"] + inputs["b"]).tanh()
    return (hidden * inputs["v"] + inputs["x"] - 1.0) ** 2


def parents_of(node: Any) -> Any:
    """The Values that a Value was computed from, under the names that people give them."""
    return getattr(node, "parents", getattr(node, "children", None))


def places(order: list[Any]) -> dict[int, tuple[float, float]]:
    """Columns by depth; inputs one under the other, the others at the height of their parents."""
    depth: dict[int, int] = {}
    height: dict[int, float] = {}
    free = 0.0
    for node in walk(order[-1], set()):
        parents = list(parents_of(node))
        depth[id(node)] = max((depth[id(p)] + 1 for p in parents), default=0)
        if parents:
            height[id(node)] = float(np.mean([height[id(p)] for p in parents]))
        else:
            height[id(node)], free = free, free - 1.0
    for node in order:  # inputs stand just before the first node that needs them
        used = [depth[id(n)] for n in order if any(p is node for p in parents_of(n))]
        if not list(parents_of(node)) and used:
            depth[id(node)] = min(used) - 1
    return {key: (2.45 * depth[key], 1.35 * height[key]) for key in depth}


def walk(node: Any, seen: set[int]) -> Iterator[Any]:
    """Inputs in the order in which they are met, each node after its parents."""
    if id(node) not in seen:
        seen.add(id(node))
        for parent in parents_of(node):
            yield from walk(parent, seen)
        yield node


def draw_graph(axes: Axes, order: list[Any], names: Mapping[int, str]) -> None:
    """Draw boxes with number and slope, and arrows with the slope of each step."""
    place = places(order)
    largest = max(abs(node.grad) for node in order) or 1.0
    for node in order:
        steps = list(getattr(node, "slopes", ()))
        for k, parent in enumerate(parents_of(node)):
            label = f"×{steps[k]:.2f}" if k < len(steps) else ""
            draw_arrow(axes, place[id(parent)], place[id(node)], label)
    for node in order:
        name = names.get(id(node)) or getattr(node, "op", "") or "constant"
        edge = GREEN if node is order[-1] else BLUE if id(node) in names else GREY
        draw_box(axes, place[id(node)], name, node, edge, abs(node.grad) / largest)
    points = np.array(list(place.values()))
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    axes.set(xlim=(x0 - 1.0, x1 + 1.0), ylim=(y0 - 0.7, y1 + 2.3), aspect="equal")
    title = "numbers are computed from left to right, slopes of the cost from right to left"
    axes.set_title(f"{title} (the darker, the steeper)", color=INK, fontsize=14)
    axes.axis("off")


def draw_arrow(axes: Axes, start: Any, end: Any, label: str) -> None:
    """Draw a step of the computation; a long one goes round by the top."""
    (px, py), (x, y) = start, end
    far = x - px > 3
    ends = ((px, py + 0.47), (x, y + 0.47)) if far else ((px + 0.77, py), (x - 0.77, y))
    style = "arc3,rad=-0.28" if far else "arc3"
    arrow = FancyArrowPatch(*ends, connectionstyle=style, arrowstyle="-|>", mutation_scale=15)
    arrow.set(color=GREY, linewidth=1.4)
    axes.add_patch(arrow)
    (ax, ay), (bx, by) = ends
    lift = 0.14 * (bx - ax) if far else 0.0
    text = axes.text((ax + bx) / 2, (ay + by) / 2 + lift, label, ha="center", va="center")
    halo = [withStroke(linewidth=4, foreground="white")]
    text.set(fontsize=11, color=ORANGE, path_effects=halo)


def draw_box(axes: Axes, spot: Any, name: str, node: Any, edge: str, heat: float) -> None:
    """Draw one node: its name, its number, and the slope of the cost along it."""
    x, y = spot
    box = FancyBboxPatch((x - 0.66, y - 0.36), 1.32, 0.72, boxstyle="round,pad=0.1")
    mix = 1 - 0.6 * heat * (1 - np.array([0.88, 0.48, 0.12]))
    box.set(facecolor=mix, edgecolor=edge, linewidth=2.4)
    axes.add_patch(box)
    lines = [
        (name, 0.22, 13),
        (f"{node.data:.3f}", -0.05, 11),
        (f"slope {node.grad:.3f}", -0.3, 10),
    ]
    for text, dy, size in lines:
        weight = "bold" if dy > 0 else "normal"
        axes.text(
            x, y + dy, text, ha="center", va="center", fontsize=size, weight=weight, color=INK
        )


# Scene 2: three walks down one landscape

POINTS = [
    (-2.0, -0.9),
    (-1.0, -0.8),
    (0.5, 0.45),
    (1.5, 0.85),
]  # what the tiny network should learn
START = np.array([-0.75, 1.0])
EDGE = 1.75


def walks(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Fit v tanh(w x) to four points, with three optimizers, from the same start."""
    print("2. Three walks down one landscape: fit v tanh(w x) to four points")
    walkers: dict[str, tuple[Callable[..., Any], dict[str, float], str]] = {
        "SGD": (student.sgd_step, {"lr": 0.15}, BLUE),
        "momentum": (student.momentum_step, {"lr": 0.03, "beta": 0.85}, ORANGE),
        "AdamW": (student.adamw_step, {"lr": 0.1, "weight_decay": 0.0}, GREEN),
    }
    paths, costs = {}, {}
    for name, (step, rates, _) in walkers.items():
        paths[name], costs[name] = descend(student, step, rates, 60)
        below = np.flatnonzero(costs[name] < 0.03)
        when = f"below 0.03 after {below[0]} steps" if len(below) else "never below 0.03"
        print(f"   {name:>8}: cost {costs[name][0]:.3f} → {costs[name][-1]:.4f}, {when}")
    figure = Figure(figsize=(15, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.25, 1])
    relief = figure.add_subplot(grid[:, 0], projection="3d")
    above, curves = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    w, v = np.meshgrid(*[np.linspace(-EDGE, EDGE, 120)] * 2)
    heights = landscape(w, v)
    relief.plot_surface(
        w,
        v,
        np.where(heights < 3, heights, np.nan),
        cmap="Blues_r",
        alpha=0.7,
        linewidth=0,
        rcount=60,
        ccount=60,
    )
    above.contourf(w, v, np.log(heights + 0.02), levels=22, cmap="Blues_r", alpha=0.85)
    for name, (_, _, colour) in walkers.items():
        path = paths[name]
        lift = landscape(*path.T) + 0.05
        relief.plot(*path.T, lift, "o-", color=colour, ms=3.5, lw=2, zorder=9, label=name)
        above.plot(*path.T, "o-", color=colour, ms=3, lw=1.4)
        curves.plot(costs[name], color=colour, lw=2.2, label=name)
    above.plot(*START, "o", color=INK, ms=9)
    above.set(xlabel="w", ylabel="v", xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    above.set_title("the same from above: two valleys and a pass between them", color=INK)
    relief.set(xlabel="w", ylabel="v", zlabel="cost", xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    relief.view_init(elev=48, azim=-118)
    relief.set_title("the cost as a landscape", color=INK, fontsize=14)
    curves.set(xlabel="steps", ylabel="cost", yscale="log")
    curves.spines[["top", "right"]].set_visible(False)
    curves.legend(frameon=False)
    figure.savefig(out / "walks.png", dpi=120, facecolor="white")
    print("   walks.png: the landscape, the three walks, and the cost along them")


def landscape(w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The cost of the tiny network for many w and v at once."""
    return sum((v * np.tanh(w * x) - y) ** 2 for x, y in POINTS) / len(POINTS)


def descend(student: Any, step: Any, rates: Any, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Walk downhill; your Values find the slopes, your optimizer makes the steps."""
    params, state, path, costs = [START.copy()], {}, [], []
    for _ in range(steps + 1):
        w, v = (student.Value(float(p)) for p in params[0])
        cost = sum(((v * (w * x).tanh() - y) ** 2 for x, y in POINTS), student.Value(0.0))
        cost = cost / len(POINTS)
        cost.backward()
        path.append(params[0])
        costs.append(cost.data)
        params, state = step(params, [np.array([w.grad, v.grad])], state, **rates)
    return np.array(path), np.array(costs)


# Scene 3: digits


def digits(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Train a network on real scans and show the ones it gets most wrong."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from sklearn.datasets import load_digits

    epochs, seed = int(options.get("epochs", "30")), int(options.get("seed", "1"))
    data = load_digits()
    held_out = np.arange(len(data.data)) % 6 == 0
    X, labels, Y = data.data / 16.0, data.target, np.eye(10)[data.target]
    print(f"3. Digits: {'-'.join(map(str, SIZES))}, {np.sum(~held_out):,} scans to learn from")
    columns = TextColumn("   training"), BarColumn(40), MofNCompleteColumn()
    with Progress(*columns, TextColumn("cost {task.fields[cost]:.4f}")) as progress:
        task = progress.add_task("", total=epochs, cost=float("nan"))
        params, history = student.train(
            X[~held_out],
            Y[~held_out],
            SIZES,
            np.random.default_rng(seed),
            epochs,
            3.0,
            report=lambda epoch, cost: progress.update(task, completed=epoch, cost=float(cost)),
        )
    outputs = run(X[held_out], params)  # (300, 10)
    truth, scans = labels[held_out], X[held_out]
    right = outputs.argmax(axis=1) == truth
    print(f"   {right.mean():.1%} of {len(truth)} scans it has never seen are read correctly")
    pains = np.sum((outputs - Y[held_out]) ** 2, axis=1)  # (300,), the cost of each scan
    worst = np.argsort(-pains)[:10]
    figure = Figure(figsize=(15, 7), layout="constrained")
    left, rest = figure.subfigures(1, 2, width_ratios=[1, 1.9])
    draw_curve(left, history, right.mean())
    for cell, i in zip(rest.subplots(2, 5).flat, worst, strict=True):
        draw_scan(cell, scans[i], outputs[i], int(truth[i]), float(pains[i]))
    rest.suptitle(
        "the ten that cost most · bars: its answers · green: the truth", color=INK, fontsize=15
    )
    figure.savefig(out / "digits.png", dpi=120, facecolor="white")
    print("   digits.png: the cost falling, and the ten scans that are most wrong")


def run(X: np.ndarray, params: Params) -> np.ndarray:
    """Send scans through a network, as in assignment 01."""
    for W, b in params:
        X = 1.0 / (1.0 + np.exp(-np.clip(X @ W.T + b, -500, 500)))  # (B, n_out)
    return X


def draw_curve(figure: Any, history: list[float], share: float) -> None:
    """Draw the cost after each epoch."""
    axes = figure.subplots()
    epochs = np.arange(1, len(history) + 1)
    axes.plot(epochs, history, color=BLUE, linewidth=2.5)
    axes.fill_between(epochs, history, min(history, default=1.0) * 0.8, color=BLUE, alpha=0.08)
    axes.axhline(0.9, color=GREY, linestyle="--", linewidth=1)
    axes.text(
        len(history), 0.93, "answering 0.1 to everything", color=GREY, ha="right", fontsize=10
    )
    axes.set(xlabel="epochs", yscale="log", xlim=(1, max(len(history), 2)), ylim=(None, 1.3))
    axes.set_title(f"cost of the examples · {share:.1%} of new scans right", color=INK, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def draw_scan(axes: Axes, scan: np.ndarray, answers: np.ndarray, truth: int, pain: float) -> None:
    """Draw a scan over the ten answers of the network."""
    axes.imshow(scan.reshape(8, 8), cmap="Greys", extent=(0, 10, 4, 14), vmin=0, vmax=1)
    guess = int(answers.argmax())
    for k, answer in enumerate(answers):
        colour = GREEN if k == truth else ORANGE if k == guess else GREY
        axes.bar(k + 0.5, 2.6 * answer, bottom=0.9, width=0.8, color=colour)
        axes.text(k + 0.5, 0.1, str(k), ha="center", fontsize=10, color=colour, weight="bold")
    axes.plot([0, 10], [0.9, 0.9], color=GREY, linewidth=0.8)
    said = f"{truth}, read as {guess}" if guess != truth else f"{truth}, hardly"
    axes.set_title(f"{said}\ncost {pain:.2f}", color=INK, fontsize=12)
    axes.set(xlim=(0, 10), ylim=(0, 14), aspect="equal")
    axes.axis("off")
