"""Play: race your cache against no cache, and see what your tiles, pages and schedule do.

Options: tokens=200 lets the race go on for longer.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
LAYERS, C, HEADS, V = 4, 128, 4, 256


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the four scenes; a scene whose parts are not written yet says so in one line."""
    torch.set_num_threads(1)
    for scene in (race, loads, online, server):
        try:
            scene(student, out, options)
        except NotImplementedError as missing:
            print(f"   (waits for a part that is not written yet: {missing})")
        print()


def plain(axes: Axes, title: str) -> None:
    """Give a picture its title, and take away what distracts."""
    axes.set_title(title, color=INK, fontsize=13, pad=10)
    axes.spines[["top", "right"]].set_visible(False)


# Scene 1: the race


class Model:
    """A transformer with drawn weights, in pieces, as generate_cached wants it."""

    def __init__(self, T: int) -> None:
        torch.manual_seed(0)
        self.tokens, self.positions = torch.randn(V, C), torch.randn(T, C)
        self.weights = [torch.randn(6, C, C) / math.sqrt(C) for _ in range(LAYERS)]
        self.clock: list[float] = []  # when each token was ready
        self.projected = 0

    def layers(self) -> int:
        return LAYERS

    def embed(self, ids: torch.Tensor, start: int) -> torch.Tensor:
        return self.tokens[ids] + self.positions[start : start + ids.shape[1]]

    def project(self, layer: int, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.projected += x.shape[1]
        found = (x @ self.weights[layer][i] for i in range(3))
        return tuple(each.unflatten(-1, (HEADS, -1)).transpose(1, 2) for each in found)

    def finish(self, layer: int, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        W = self.weights[layer]
        x = x + out.transpose(1, 2).flatten(2) @ W[3]
        return torch.nn.functional.layer_norm(x + torch.relu(x @ W[4]) @ W[5], (C,))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        self.clock.append(time.perf_counter())
        return x @ self.tokens.T


def without_cache(model: Model, idx: torch.Tensor, n: int) -> torch.Tensor:
    """Generate by reading the whole text again for every token."""
    for _ in range(n):
        x = model.embed(idx, 0)
        for layer in range(LAYERS):
            q, k, v = model.project(layer, x)
            out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = model.finish(layer, x, out)
        idx = torch.cat((idx, model.logits(x)[:, -1:].argmax(-1)), dim=1)
    return idx


def race(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Write the same text with and without a cache, and draw tokens per second."""
    given = options.get("tokens", "400")
    n = min(max(int(given), 20), 2000) if given.isdigit() else 400
    print(f"1. A race: {n} tokens with your cache, and without one")
    idx, texts, lanes = torch.arange(8)[None], [], []
    ways: list[Callable[..., torch.Tensor]] = [student.generate_cached, without_cache]
    for name, way in zip(("your cache", "no cache"), ways, strict=True):
        model = Model(n + 8)
        way(model, idx, 3)  # to warm up
        model.clock, model.projected = [time.perf_counter()], 0
        texts.append(way(model, idx, n))
        seconds = model.clock[-1] - model.clock[0]
        print(f"   {name:10}: {seconds:5.2f} s, {model.projected:7,} projections of a token")
        lanes.append((name, np.diff(model.clock)))
    same = torch.equal(*texts)
    print(f"   The texts are {'the same, token for token' if same else 'NOT the same'}.")
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for (name, times), colour in zip(lanes, (BLUE, ORANGE), strict=True):
        window = max(3, n // 20)
        smooth = np.array([1 / np.median(times[max(0, i - window) : i + 1]) for i in range(n)])
        axes.plot(np.arange(n) + 9, smooth, color=colour, linewidth=3)
        axes.text(n + 10, smooth[-1], f" {name}\n {smooth[-1]:,.0f} a second", color=colour)
    axes.set(xlabel="length of the text", ylabel="tokens per second", ylim=(0, None))
    axes.set_xlim(8, 1.22 * n)
    plain(axes, "how fast a small transformer writes, as its text grows")
    figure.savefig(out / "race.png", dpi=110, facecolor="white")
    print("   race.png: tokens per second")


# Scene 2: loads


class Memory:
    """Two matrices in slow memory; what is loaded is counted, number by number."""

    def __init__(self, A: np.ndarray, B: np.ndarray) -> None:
        self.matrices = {"A": A, "B": B}
        self.counts = {name: np.zeros(x.shape, int) for name, x in self.matrices.items()}

    def shape(self, name: str) -> tuple[int, ...]:
        return self.matrices[name].shape

    def load(self, name: str, rows: slice, columns: slice) -> np.ndarray:
        self.counts[name][rows, columns] += 1
        return self.matrices[name][rows, columns].copy()


def loads(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw how often each number of A and B is loaded, for several tiles."""
    print("2. What your tiling loads, for 40 × 40 times 40 × 40")
    A, B = np.random.default_rng(0).standard_normal((2, 40, 40))
    tiles = [1, 4, 7, 16]
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    grid = figure.subplots(2, len(tiles))
    for column, tile in enumerate(tiles):
        memory = Memory(A, B)
        right = np.allclose(student.tiled_matmul("A", "B", tile, memory), A @ B)
        words = sum(int(count.sum()) for count in memory.counts.values())
        print(f"   tile {tile:2}: {words:7,} words, {'right' if right else 'WRONG'}")
        for row, name in enumerate("AB"):
            axes = grid[row, column]
            axes.imshow(memory.counts[name], cmap="Blues", norm=LogNorm(1, 60))
            axes.set_xticks(np.arange(-0.5, 40, tile), [])
            axes.set_yticks(np.arange(-0.5, 40, tile), [])
            if tile > 1:
                axes.grid(color="white", linewidth=1)
            axes.tick_params(length=0)
            often = int(memory.counts[name].max())
            axes.set_xlabel(f"each number of {name}: {often} times", color=INK, fontsize=12)
        plain(grid[0, column], f"tile {tile}: {words:,} words")
    figure.suptitle("how often each number travels", color=INK, fontsize=15)
    figure.savefig(out / "loads.png", dpi=110, facecolor="white")
    print("   loads.png: the darker, the more often")


# Scene 3: one pass


def online(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Watch the weighted sum settle as more and more of the scores are read."""
    print("3. One pass over the scores")
    rng = np.random.default_rng(3)
    scores = np.cumsum(rng.standard_normal(60)) * 1.5
    values = np.stack((np.cos(np.linspace(0, 9, 60)), np.sin(np.linspace(0, 9, 60))), axis=1)
    found = np.array(
        [
            student.online_weighted_sum_1pass(lambda i: (float(scores[i]), values[i]), n)
            for n in range(1, 61)
        ]
    )
    e = np.exp(scores - scores.max())
    far = np.abs(found[-1] - (e[:, None] * values).sum(0) / e.sum()).max()
    print(f"   after 60 scores it differs from the usual softmax by {far:.1e}")
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    left.bar(range(60), scores, color=[colormaps["viridis"](i / 60) for i in range(60)])
    left.plot(np.maximum.accumulate(scores), color=ORANGE, linewidth=2.5, drawstyle="steps-mid")
    left.set(xlabel="score", ylabel="its size; orange: the largest so far")
    plain(left, "the scores, in the order in which they are read")
    right.scatter(*values.T, c=range(60), cmap="viridis", s=14 + 900 * e / e.sum(), alpha=0.35)
    right.plot(*found.T, color=GREY, linewidth=1.5)
    right.scatter(*found.T, c=range(60), cmap="viridis", s=26)
    right.plot(*found[-1], "*", color=ORANGE, markersize=22)
    right.set(aspect="equal", xticks=[], yticks=[])
    plain(right, "the weighted sum on its way to the star")
    figure.savefig(out / "one_pass.png", dpi=110, facecolor="white")
    print("   one_pass.png: how the sum moves whenever a larger score turns up")


# Scene 4: a server


def server(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw a plan for some requests, and who owns which page of memory meanwhile."""
    print("4. A server with a budget of 8 tokens a step, and 16 pages of 4 tokens")
    rng = np.random.default_rng(5)
    requests = [
        (int(rng.integers(0, 14)), int(rng.integers(2, 18)), int(rng.integers(3, 16)))
        for _ in range(9)
    ]
    plan = student.schedule(requests, 8)
    print(f"   {len(requests)} requests are done in {len(plan)} steps.")
    figure = Figure(figsize=(13, 7.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=[1, 1.15])
    read = [0] * len(requests)
    for s, step in enumerate(plan):
        height = 0
        for r, tokens in step:
            shade = 0.4 if read[r] < requests[r][1] else 1.0
            top.bar(s, tokens, 0.92, height, color=colour_of(r), alpha=shade)
            height, read[r] = height + tokens, read[r] + tokens
    top.set(ylabel="tokens in a step", xlim=(-0.6, len(plan) - 0.4))
    plain(top, "one colour a request: pale = it reads its prompt, full = it speaks")
    draw_pages(student, requests, plan, bottom)
    figure.savefig(out / "server.png", dpi=110, facecolor="white")
    print("   server.png: the plan, and below it the memory")


def colour_of(request: int) -> Any:
    return colormaps["tab10"](request)


def draw_pages(student: Any, requests: list[Any], plan: list[Any], axes: Axes) -> None:
    """Carry the plan out on a paged cache: a column for each step, a row for each page."""
    cache = student.PagedCache(16, 4)
    sequences: dict[int, int] = {}
    waited, token = 0, torch.zeros(1, 1)
    for s, step in enumerate(plan):
        for r, tokens in step:
            if r not in sequences:
                sequences[r] = cache.start()
            for _ in range(tokens):
                if cache.available == 0:
                    waited += 1
                    continue
                cache.append(sequences[r], token, token)
        for r, sequence in list(sequences.items()):
            for block in cache.table(sequence):
                box = Rectangle((s - 0.46, block - 0.42), 0.92, 0.84, color=colour_of(r))
                axes.add_patch(box)
            done = sum(n for later in plan[s + 1 :] for who, n in later if who == r) == 0
            if done:
                cache.free(sequence)
                del sequences[r]
    print(f"   {cache.available} of 16 pages are free at the end; {waited} tokens found no page.")
    axes.set(
        xlim=(-0.6, len(plan) - 0.4), ylim=(-0.6, 15.6), xlabel="step", ylabel="page of memory"
    )
    plain(axes, "who owns which page: pages of those who are done are used again")
