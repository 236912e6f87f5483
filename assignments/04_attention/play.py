"""Play: two cranes, read by your own attention.

First with two heads whose projections are written by hand, so that every step can be followed; then
with a layer that learns by itself where to look; at last an atlas of your masks and position codes.

Options: say="the old bat slept all day" lets the trained layer read a sentence of your own.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
SENTENCES = ["the crane flew away", "the crane lifted a car"]
BOTH = " while ".join(SENTENCES)
STEPS = 300


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the three scenes; a scene whose parts are not written yet says so in one line."""
    torch.set_num_threads(1)
    for scene in (by_hand, learned, atlas):
        try:
            scene(student, out, options)
        except NotImplementedError as missing:
            print(f"   (waits for a part that is not written yet: {missing})")
        print()


def look(student: Any, module: Any, x: torch.Tensor, H: int) -> torch.Tensor:
    """The weights (H, T, T) with which the heads of a multi-head attention look at x, (T, C)."""
    q, k, v = (
        student.split_heads(project(x), H)
        for project in (module.q_proj, module.k_proj, module.v_proj)
    )
    return student.attention(q, k, v)[1].detach()  # (H, T, T)


def heat_map(axes: Axes, weights: torch.Tensor, words: list[str], title: str) -> None:
    """Draw who looks where: a row for each word that asks, a column for each that is asked."""
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    size = 12 if len(words) < 7 else 10
    for (i, j), weight in np.ndenumerate(weights.numpy()):
        shade = "white" if weight > 0.55 else INK
        axes.text(j, i, f"{100 * weight:.0f}", ha="center", va="center", color=shade, fontsize=size)
    axes.set_xticks(range(len(words)), words, fontsize=size)
    axes.set_yticks(range(len(words)), words, fontsize=size)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    rows = [row for row, word in enumerate(words) if word in NOUNS]
    for row, colour in zip(rows, (ORANGE, GREEN), strict=False):
        box = {"fill": False, "edgecolor": colour, "linewidth": 2.5, "clip_on": False}
        axes.add_patch(Rectangle((-0.5, row - 0.5), len(words), 1, **box))
    axes.set_title(title, color=INK, fontsize=13, pad=10)


# Scene 1: written by hand

CHANNELS = ["noun", "verb", "flight", "load", "bird", "machine", "article", "scenery"]
VECTORS = {  # one number for each channel
    "the": [0, 0, 0, 0, 0, 0, 1, 0],
    "a": [0, 0, 0, 0, 0, 0, 1, 0],
    "crane": [1, 0, 0, 0, 0.5, 0.5, 0, 0],
    "flew": [0, 1, 1, 0, 0, 0, 0, 0],
    "away": [0, 0, 0.5, 0, 0, 0, 0, 1],
    "lifted": [0, 1, 0, 1, 0, 0, 0, 0],
    "car": [1, 0, 0, 0.5, 0, 0, 0, 1],
}
HEADS = ["head 1: nouns ask for a verb", "head 2: nouns ask for scenery"]


def projections() -> dict[str, torch.Tensor]:
    """Write the projections of two heads with four channels each: rows 0 to 3 and 4 to 7."""
    C, place = len(CHANNELS), {name: i for i, name in enumerate(CHANNELS)}
    W = {name: torch.zeros(C, C) for name in ("q", "k", "v", "out")}
    for head, wanted in enumerate(("verb", "scenery")):
        first = 4 * head
        W["q"][first, place["noun"]] = 5.0  # "I am a noun, so I ask ..."
        W["k"][first, place[wanted]] = 1.4  # "... and I am what this head is looking for"
        W["v"][first, place["flight"]] = W["v"][first + 1, place["load"]] = 1.0  # what I know
        W["out"][place["bird"], first] = W["out"][place["machine"], first + 1] = 0.6  # its effect
    state = {f"{name}_proj.weight": weight for name, weight in W.items()}
    return state | {f"{name}_proj.bias": torch.zeros(C) for name in W}


def by_hand(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Let both sentences pass two heads written by hand, and see what becomes of the crane."""
    print("1. Two heads, written by hand")
    module = student.MultiHeadAttention(len(CHANNELS), 2)
    module.load_state_dict(projections())
    figure = Figure(figsize=(14, 8), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=[1, 1, 1.05])
    plane = figure.add_subplot(grid[:, 2])
    for row, sentence in enumerate(SENTENCES):
        words = sentence.split()
        x = torch.tensor([VECTORS[word] for word in words]).float()  # (T, C)
        weights = look(student, module, x, 2)  # (2, T, T)
        for head, name in enumerate(HEADS):
            heat_map(figure.add_subplot(grid[row, head]), weights[head], words, name)
            where = int(weights[head, 1].argmax())
            share = f"{100 * weights[head, 1, where]:.0f} %"
            print(f"   {sentence}: crane looks at {words[where]:6} with {share} ({name})")
        with torch.no_grad():
            after = (x + module(x))[1]  # (C,)
        draw_step(plane, after[[4, 5]].tolist(), words[2], (BLUE, GREEN)[row])
    plane.set(xlim=(0.3, 1.5), ylim=(0.3, 1.5), xlabel="bird →", ylabel="machine →", aspect="equal")
    plane.plot([0.3, 1.5], [0.3, 1.5], color=GREY, linestyle=":", linewidth=1)
    plane.plot(0.5, 0.5, "o", color=ORANGE, markersize=13, zorder=4)
    plane.annotate("crane, before", (0.5, 0.5), (10, -16), textcoords="offset points", color=ORANGE)
    plane.set_title("what becomes of the vector of crane", color=INK, fontsize=13, pad=10)
    plane.set(xticks=[], yticks=[])
    plane.spines[["top", "right"]].set_visible(False)
    note = "each row: one word asks, and shares out 100 % of its attention"
    figure.supxlabel(note, color=GREY, fontsize=12)
    figure.savefig(out / "by_hand.png", dpi=110, facecolor="white")
    print("   by_hand.png: who looks where, and what becomes of the crane")


def draw_step(axes: Axes, end: list[float], verb: str, colour: str) -> None:
    """Draw the arrow from the crane that could be both to the crane of one sentence."""
    arrow = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": 3,
        "shrinkA": 8,
        "mutation_scale": 22,
    }
    axes.annotate("", end, (0.5, 0.5), arrowprops=arrow)
    label = f"the crane\nthat {verb}"
    axes.annotate(
        label, end, (0, 12), textcoords="offset points", color=colour, ha="center", fontsize=13
    )


# Scene 2: learned

NOUNS = ["crane", "bat", "mouse", "jaguar"]  # each is an animal and a thing
ADJECTIVES = ["", "old", "big", "grey"]
STARTS = ["", "yesterday", "suddenly"]
VERBS = (  # of an animal and of a thing; of each, three stand alone and three take an object
    (["flew", "slept", "ran"], ["ate", "chased", "smelled"]),
    (["broke", "rolled", "rusted"], ["lifted", "cost", "crushed"]),
)
ENDINGS = (["away", "all day", "again"], ["a car", "a fish", "a bolt"])
Batch = tuple[list[list[str]], torch.Tensor, torch.Tensor]  # sentences, where the noun is, labels


def clause(rng: np.random.Generator, label: int) -> list[str]:
    """Draw a noun and what it did as an animal (0) or as a thing (1): only the verb tells which.

    No crane flies here, and none lifts anything: the reader must work out from other nouns what to
    make of them.
    """
    while True:
        kind = int(rng.integers(2))
        noun, verb = str(rng.choice(NOUNS)), str(rng.choice(VERBS[label][kind]))
        if noun != "crane" or verb not in ("flew", "lifted"):
            return f"the {rng.choice(ADJECTIVES)} {noun} {verb} {rng.choice(ENDINGS[kind])}".split()


def draw_batch(rng: np.random.Generator, B: int) -> Batch:
    """Draw sentences of one clause or two, and ask about one of the nouns.

    With two clauses it does not help to know which words there are: what counts is which verb
    belongs to the noun.
    """
    sentences, nouns, labels = [], [], []
    for _ in range(B):
        label, other = (int(n) for n in rng.integers(2, size=2))
        asked, second = clause(rng, label), ["while", *clause(rng, other)]
        words = str(rng.choice(STARTS)).split()
        if rng.integers(2):  # the second clause is asked about
            words += [*clause(rng, other), "while"]
            second = []
        nouns.append(len(words) + nouns_of(asked)[0])
        sentences.append(words + asked + (second if rng.integers(2) else []))
        labels.append(label)
    return sentences, torch.tensor(nouns), torch.tensor(labels)


class Reader(nn.Module):
    """One encoder layer of the student's, with one head, and a question about a noun."""

    def __init__(self, student: Any, words: list[str]) -> None:
        super().__init__()
        self.student, self.ids = student, {word: i for i, word in enumerate(words)}
        self.embedding = nn.Embedding(len(words), 32)
        nn.init.normal_(self.embedding.weight, std=0.3)  # no louder than the positions
        self.layer = student.EncoderLayer(32, 1, 64)
        self.head = nn.Linear(32, 2)

    def embed(self, sentences: list[list[str]], T: int) -> torch.Tensor:
        ids = torch.zeros(len(sentences), T, dtype=torch.int64)
        for row, words in enumerate(sentences):
            ids[row, : len(words)] = torch.tensor([self.ids[word] for word in words])
        return self.embedding(ids) + self.student.sinusoidal_positions(T, 32)  # (B, T, C)

    def forward(self, sentences: list[list[str]], nouns: torch.Tensor) -> torch.Tensor:
        """Return two logits for the noun in each sentence that is asked about."""
        lengths = torch.tensor([len(words) for words in sentences])
        T = int(lengths.max())
        x = self.layer(self.embed(sentences, T), self.student.padding_mask(lengths, T))
        return self.head(x[torch.arange(len(sentences)), nouns])  # (B, 2)

    def look(self, words: list[str]) -> torch.Tensor:
        """Who looks where, (T, T)."""
        with torch.no_grad():
            x = self.embed([words], len(words))[0]
            return look(self.student, self.layer.self_attn, x, 1)[0]

    def animal(self, words: list[str]) -> list[float]:
        """How sure it is, for each noun of the sentence, that it is an animal."""
        nouns = torch.tensor(nouns_of(words))
        with torch.no_grad():
            return torch.softmax(self([words] * len(nouns), nouns), dim=-1)[:, 0].tolist()


def nouns_of(words: list[str]) -> list[int]:
    """Where the nouns stand that could be two things."""
    return [i for i, word in enumerate(words) if word in NOUNS]


def learned(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Train one layer to tell animals from things, and watch where the cranes learn to look."""
    print("2. A layer that learns where to look")
    endings = [*VERBS[0], *VERBS[1], *ENDINGS]
    phrases = [*NOUNS, *ADJECTIVES, *STARTS, "the", "while", *(w for each in endings for w in each)]
    torch.manual_seed(1)
    reader = Reader(student, sorted(set(" ".join(phrases).split())))
    print("   It reads sentences such as these, and is asked what the noun in capitals is:")
    for words, noun, label in zip(*draw_batch(np.random.default_rng(8), 4), strict=True):
        words[noun] = words[noun].upper()
        print(f"     {' '.join(words)}: {('an animal', 'a thing')[label]}")
    print("   It never reads of a crane that flew, or of one that lifted anything.")
    own = options.get("say", "").lower().split()
    words = own if own and usable(own, reader) else BOTH.split()
    nouns, before, curve = nouns_of(words), reader.look(words), []
    verbs = [min(noun + 1, len(words) - 1) for noun in nouns]
    for step, accuracy in enumerate(train(reader)):
        curve.append([accuracy, *reader.look(words)[nouns, verbs].tolist()])
        if step in (0, STEPS // 10, STEPS // 5, STEPS // 2, STEPS):
            right = np.mean([row[0] for row in curve[-10:]])
            pairs = zip(verbs, curve[-1][1:], strict=True)
            looks = ", ".join(f"{words[verb]} {100 * share:.0f} %" for verb, share in pairs)
            print(f"   step {step:3}: {right:4.0%} right; the nouns look at {looks}")
    for sentence in (*map(str.split, SENTENCES), words):
        print(f"   {' '.join(sentence)}  ({beliefs(reader, sentence)})")
    draw_learned(out / "learned.png", words, before, reader, np.array(curve))
    print("   learned.png: before, after, and the way there")


def beliefs(reader: Reader, words: list[str]) -> str:
    """Say what the reader takes the nouns of a sentence for."""
    pairs = zip(nouns_of(words), reader.animal(words), strict=True)
    said = [
        f"{words[n]}: an animal, {p:.0%}" if p > 0.5 else f"{words[n]}: a thing, {1 - p:.0%}"
        for n, p in pairs
    ]
    return " · ".join(said)


def usable(words: list[str], reader: Reader) -> bool:
    """Whether a sentence of one's own can be read; if not, say why."""
    unknown = [word for word in words if word not in reader.ids]
    if unknown or not set(words) & set(NOUNS):
        print(f"   I know these words: {' '.join(reader.ids)};")
        print(f"   and a sentence needs one of: {' '.join(NOUNS)}.")
        return False
    return True


def train(reader: Reader) -> Iterator[float]:
    """Yield the share of a batch that is read rightly, before the first and after every step."""
    optimizer = torch.optim.AdamW(reader.parameters(), lr=5e-3)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    rng = np.random.default_rng(0)
    for step in range(STEPS + 1):
        sentences, nouns, labels = draw_batch(rng, 32)
        logits = reader(sentences, nouns)  # (32, 2)
        if step:
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, labels).backward()
            optimizer.step()
            slower.step()
        yield float((logits.argmax(-1) == labels).float().mean())


def draw_learned(
    path: Path, words: list[str], before: torch.Tensor, reader: Reader, curve: np.ndarray
) -> None:
    """Draw the heat maps before and after training, and the way there."""
    figure = Figure(figsize=(17, 6.2), layout="constrained")
    first, second, axes = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
    heat_map(first, before, words, "before training")
    heat_map(second, reader.look(words), words, "after training")
    for n, noun in enumerate(nouns_of(words)[:2]):
        label = f"{words[noun]} looks at {' '.join(words[noun + 1 : noun + 2])}"
        axes.plot(100 * curve[:, 1 + n], color=(ORANGE, GREEN)[n], linewidth=3, label=label)
    smooth = np.convolve(np.pad(curve[:, 0], 8, mode="edge"), np.ones(17) / 17, mode="valid")
    axes.plot(100 * smooth, color=GREY, linewidth=1.5, label="nouns read rightly")
    axes.set(xlabel="training steps", ylim=(0, 102), xlim=(0, STEPS))
    axes.set_title("nobody told it to look at the verb, %", color=INK, fontsize=13, pad=10)
    axes.legend(frameon=False, fontsize=12, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(beliefs(reader, words), color=INK, fontsize=15)
    figure.savefig(path, dpi=110, facecolor="white")


# Scene 3: an atlas


def atlas(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Draw every mask and every position code."""
    print("3. An atlas of masks and positions")
    figure = Figure(figsize=(14, 8.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.05])
    lengths = torch.tensor([8, 5, 2])
    masks = {
        "causal_mask(8, 8)": student.causal_mask(8, 8),
        "causal_mask(3, 8): the last three": student.causal_mask(3, 8),
        "sliding_window_mask(8, 3)": student.sliding_window_mask(8, 3),
        "padding_mask([8, 5, 2], 8)": student.padding_mask(lengths, 8)[:, 0],
    }
    for axes, (name, mask) in zip(top.subplots(1, 4), masks.items(), strict=True):
        axes.imshow(mask, cmap=ListedColormap(["#eef1f4", BLUE]), vmin=0, vmax=1)
        axes.set_xticks(np.arange(-0.5, mask.shape[1]), [])
        axes.set_yticks(np.arange(-0.5, mask.shape[0]), [])
        axes.grid(color="white", linewidth=2)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(name, color=INK, fontsize=12)
        axes.set_xlabel("keys →", color=GREY)
        axes.set_ylabel("sequences ↓" if "padding" in name else "← queries", color=GREY)
    code, similar, turned = bottom.subplots(1, 3)
    draw_positions(student, code, similar, turned)
    figure.savefig(out / "atlas.png", dpi=110, facecolor="white")
    print("   atlas.png: blue = may look; below, how positions are told apart")


def draw_positions(student: Any, code: Axes, similar: Axes, turned: Axes) -> None:
    """Draw the sinusoids, how alike two positions are, and what rope makes of one vector."""
    table = student.sinusoidal_positions(64, 48)  # (T, C)
    code.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    code.set(xlabel="channel", ylabel="position", title="sinusoidal_positions(64, 48)")
    distance = torch.arange(64)
    similar.plot(
        (table @ table[0]) / 24, color=BLUE, linewidth=2.5, label="sinusoids: rows 0 and p"
    )
    x = torch.ones(64, 48)
    q, k = student.rope(x, distance), student.rope(x, distance * 0)
    similar.plot(
        (q * k).sum(-1) / 48, "--", color=ORANGE, linewidth=2.5, label="rope: key 0, query p"
    )
    q, k = student.rope(x, distance + 500), student.rope(x, distance * 0 + 500)
    similar.plot((q * k).sum(-1) / 48, ":", color=GREEN, linewidth=3.5, label="rope: all 500 later")
    similar.set(xlabel="distance", title="alike, by the dot product")
    similar.legend(frameon=False)
    similar.spines[["top", "right"]].set_visible(False)
    pairs = student.rope(torch.tensor([1.0, 0.0] * 4).expand(9, 8), torch.arange(9)).unflatten(
        -1, (4, 2)
    )
    for i in range(4):
        for p in range(9):
            shade = {
                "color": (BLUE, ORANGE, GREEN, GREY)[i],
                "alpha": 0.25 + 0.09 * p,
                "linewidth": 2,
            }
            tip = pairs[p, i].tolist()
            turned.plot([2.4 * i, 2.4 * i + tip[0]], [0, tip[1]], **shade)
        turned.text(2.4 * i, -1.35, f"pair {i}", ha="center", color=INK)
    turned.set(aspect="equal", ylim=(-1.6, 1.3), title="rope turns (1, 0): positions 0 to 8")
    turned.axis("off")
    for axes in (code, similar, turned):
        axes.title.set_color(INK)
