"""Play: your GPT reads the documentation of Python, and noise turns into words.

The model, its batches, its training and its sampling are your own functions. The corpus comes out
of the Python that runs this, so nothing is downloaded; the tokenizer is a stand-in of this file.

Options: steps=2500 is how long it trains; prompt="The function" is what it continues; device=cuda
trains on a GPU; load=yes takes the model of the last run instead of training one; mine=yes puts
your own tokenizer of assignment 03 and your own attention of 04 in the place of the stand-ins.
"""

import ast
import inspect
import math
import os
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import regex
import tiktoken
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
VOCABULARY, CONTEXT, BATCH = 1024, 64, 16
PATTERN = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
NO_TEXT = {"test", "tests", "site-packages", "idlelib", "lib2to3", "encodings", "pydoc_data"}


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run the scenes one after another; a part that is not written yet says so in one line."""
    try:
        print("1. A corpus, and its tokens")
        tokens = Tokens(student, options)
        print("2. The model")
        model, losses, samples = ready_model(student, tokens, out, options)
        print("3. What it would say next")
        bars(student, model, tokens, out, options)
    except NotImplementedError as missing:
        print(f"   Waits for {str(missing).rpartition(': ')[2]}, which is not written yet.")
        return
    if losses:
        draw_training(out / "training.png", losses, samples, tokens)
        print("   training.png: the loss, and the same prompt again and again, from noise to words")


# Scene 1: the corpus and its tokens


class Tokens:
    """The corpus as token ids, and the way back.

    Attributes:
        train, valid: ids of nine tenths of the documents, and of the rest.
        valid_bytes: How many bytes the tokens of valid after the first stand for.
        decode: From ids to text.
    """

    def __init__(self, student: Any, options: Mapping[str, str]) -> None:
        documents = list(corpus())
        order = np.random.default_rng(5).permutation(len(documents))
        texts = [
            "\n\n\n".join(documents[i] for i in part)
            for part in np.split(order, [len(order) // 10])
        ]
        size = sum(map(len, texts)) / 1e6
        print(f"   {len(documents):,} texts of your own Python, {size:.2f} million characters")
        start = time.perf_counter()
        encode, self.decode, whose = tokenizer(student, texts[1], options)
        self.valid, self.train = (torch.tensor(encode(text)) for text in texts)
        self.encode: Callable[[str], list[int]] = encode
        self.valid = self.valid[:8193]
        self.valid_bytes = len(self.decode(self.valid[1:].tolist()).encode("utf-8"))
        seconds = time.perf_counter() - start
        print(f"   {whose} learned {VOCABULARY:,} tokens ({seconds:.0f} s)")
        print(f"   {len(self.train):,} tokens to train on, {len(self.valid) - 1:,} to test on")
        shown = "|".join(self.decode([i]) for i in encode("Return the dictionary's keys, sorted."))
        print(f"   cut like this: {shown}")

    def unigram_loss(self) -> float:
        """The loss of a model that knows how often each token occurs, and nothing else."""
        counts = torch.bincount(self.train, minlength=VOCABULARY) + 1.0
        return float(-(counts / counts.sum()).log()[self.valid].mean())


def corpus() -> Iterator[str]:
    """Yield the language reference's topics and the standard library's docstrings, each once."""
    from pydoc_data.topics import topics

    seen: set[str] = set()
    root = Path(os.__file__).parent
    paths = [p for p in sorted(root.rglob("*.py")) if not NO_TEXT & set(p.relative_to(root).parts)]
    for text in [*topics.values(), *(text for path in paths for text in docstrings(path))]:
        paragraphs = [p.rstrip() for p in inspect.cleandoc(text).split("\n\n")]
        fresh = [p for p in paragraphs if p not in seen]  # the library repeats itself
        seen.update(fresh)
        cleaned = "\n\n".join(fresh)
        if len(cleaned) >= 100:
            yield cleaned


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings of a file without importing it."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def tokenizer(student: Any, text: str, options: Mapping[str, str]) -> tuple[Any, Any, str]:
    """Learn merges from a text; return encode, decode, and whose they are."""
    own = sibling(student, "03_bpe") if options.get("mine") == "yes" else None
    if own is not None:
        pieces = own.lookup("pretokenize")(text, own.lookup("GPT4_PATTERN"))
        merges = own.lookup("train_fast")(Counter(pieces), VOCABULARY)
        mine = own.lookup("Tokenizer")(merges)
        return quick(own, mine), mine.decode, "your own tokenizer of 03"
    ranks = learn_merges(Counter(piece.encode() for piece in regex.findall(PATTERN, text)))
    stand_in = tiktoken.Encoding("play", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    return stand_in.encode_ordinary, stand_in.decode, "a stand-in for your tokenizer of 03"


def quick(own: Any, mine: Any) -> Any:
    """Encode by tiktoken with the student's own merges, where that part is written."""
    try:
        return own.lookup("to_tiktoken")(mine).encode_ordinary
    except Exception:  # not written yet, or not right yet: the slow way is right in any case
        return mine.encode


def learn_merges(chunks: Mapping[bytes, int]) -> dict[bytes, int]:
    """Byte-pair encoding: merge the most frequent pair of neighbours, again and again."""
    words = [([bytes([b]) for b in chunk], n) for chunk, n in chunks.items()]
    counts: Counter[tuple[bytes, bytes]] = Counter()
    where: dict[tuple[bytes, bytes], set[int]] = {}
    for i, (word, n) in enumerate(words):
        for pair in pairwise(word):
            counts[pair] += n
            where.setdefault(pair, set()).add(i)
    ranks = {bytes([b]): b for b in range(256)}
    while len(ranks) < VOCABULARY:
        best = max(counts, key=lambda pair: (counts[pair], pair))
        ranks[best[0] + best[1]] = len(ranks)
        for i in where.pop(best):
            word, n = words[i]
            counts.subtract({pair: n * k for pair, k in Counter(pairwise(word)).items()})
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == best:
                    word[place : place + 2] = [best[0] + best[1]]
                place += 1
            for pair in pairwise(word):
                counts[pair] += n
                where.setdefault(pair, set()).add(i)
    return ranks


def sibling(student: Any, name: str) -> Any:
    """Import the files of another assignment that stand beside these."""
    from autograder.student.local import read_sources

    sources = getattr(student, "_sources", None)
    here = Path(sources.label) if sources is not None else Path(__file__).parent
    folder = here.parent / name
    files = [path.name for path in sorted(folder.glob("*.py")) if not path.name.startswith("test_")]
    if not files:
        raise SystemExit(f"mine=yes needs your files of {name}, but there are none in {folder}.")
    found = read_sources(folder, files, {})
    for file, error in found.failures.items():
        raise SystemExit(f"mine=yes: {name}/{file} cannot be imported: {error}")
    return found


# Scene 2: the model and its training


def ready_model(
    student: Any, tokens: Tokens, out: Path, options: Mapping[str, str]
) -> tuple[Any, list[float], list[tuple[int, float, str]]]:
    """Load the model of the last run, or train one and save it."""
    device = options.get("device", "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        print("   device=cuda: torch sees no GPU here, so it is the CPU.")
        device = "cpu"
    torch.manual_seed(0)
    torch.set_num_threads(min(4, torch.get_num_threads()))  # more only wait for each other here
    path = out / "gpt.pt"
    if options.get("load") == "yes" and path.is_file():
        model = restored(student, path, options).to(device)
        print(f"   loaded from {path.name}, as it was when it was saved")
        return model, [], []
    config = student.GPTConfig(VOCABULARY, CONTEXT, 2, 4, 128)
    model = with_attention(student, student.GPT(config), options).to(device)
    count = sum(p.numel() for p in model.parameters())
    closed = student.parameter_count(config)["total"]
    print(f"   {count:,} parameters (by your closed form {closed:,}), on {device}")
    first = student.initial_loss(config, BATCH)
    print(f"   untrained: loss {first:.2f}; ln {VOCABULARY:,} is {math.log(VOCABULARY):.2f}")
    losses, samples = train(student, model, tokens, options, device)
    torch.save({"config": asdict(config), "weights": model.state_dict()}, path)
    same = restored(student, path, options).to(device)
    idx = tokens.valid[None, :CONTEXT].to(device)
    equal = torch.equal(model(idx)[0], same(idx)[0])
    print(
        f"   gpt.pt: the checkpoint, {path.stat().st_size / 1e6:.1f} MB; loaded again it gives ",
        end="",
    )
    print("the same logits" if equal else "other logits, which should not be")
    return model, losses, samples


def restored(student: Any, path: Path, options: Mapping[str, str]) -> Any:
    """Make the model of a checkpoint. weights_only: a file of weights must not run code."""
    saved = torch.load(path, weights_only=True, map_location="cpu")
    model = with_attention(student, student.GPT(student.GPTConfig(**saved["config"])), options)
    model.load_state_dict(saved["weights"])
    return model


class OwnAttention(nn.Module):
    """The attention of assignment 04 in the place of CausalSelfAttention."""

    def __init__(self, own: Any, C: int, H: int, L: int) -> None:
        super().__init__()
        self.inner = own.lookup("MultiHeadAttention")(C, H)
        self.mask = own.lookup("causal_mask")
        for name, weight in self.inner.named_parameters():
            std = 0.02 / math.sqrt(2 * L) if "out_proj" in name else 0.02
            nn.init.normal_(weight, std=std if weight.ndim == 2 else 0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend to what came before."""
        T = x.shape[1]
        return self.inner(x, mask=self.mask(T, T).to(x.device))


def with_attention(student: Any, model: Any, options: Mapping[str, str]) -> Any:
    """Give the blocks the attention of 04, if that is wanted."""
    if options.get("mine") == "yes":
        own, config = sibling(student, "04_attention"), model.config
        for block in model.blocks:
            block.attn = OwnAttention(own, config.channels, config.heads, config.layers)
        print("   with your own attention of 04 in every block")
    return model


def train(
    student: Any, model: Any, tokens: Tokens, options: Mapping[str, str], device: str
) -> tuple[list[float], list[tuple[int, float, str]]]:
    """Train, and let the model continue the same prompt now and then."""
    steps = max(1, int(options.get("steps", "2500")))
    groups = student.optimizer_groups(model, 0.1)
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    rng, losses, samples = np.random.default_rng(0), [], []
    stops = sorted({0, steps // 50, steps // 10, steps // 3, steps})
    start = time.perf_counter()
    for step in range(steps + 1):
        if step in stops:
            sample = continued(student, model, tokens, prompt_of(options), 60, seed=step)
            bits = student.bits_per_byte(model, tokens.valid.to(device), tokens.valid_bytes)
            samples.append((step, bits, sample))
            seconds = time.perf_counter() - start
            print(f"   step {step:5,}   {seconds:4.0f} s   {bits:.2f} bits per byte on new text")
            print(
                textwrap.indent(textwrap.fill(printable(" ".join(sample.split())), 92), "      │ ")
            )
        if step == steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = student.learning_rate(step, 3e-3, 3e-4, min(100, steps // 10), steps)
        x, y = student.get_batch(tokens.train, BATCH, CONTEXT, rng)
        losses.append(student.train_step(model, [(x.to(device), y.to(device))], optimizer))
    return losses, samples


def prompt_of(options: Mapping[str, str]) -> str:
    return options.get("prompt", "The function")


def continued(student: Any, model: Any, tokens: Tokens, prompt: str, n: int, seed: int) -> str:
    """Let the model continue a prompt, with the 20 most likely tokens at temperature 0.8."""
    device = next(model.parameters()).device
    idx = torch.tensor([tokens.encode(prompt)], device=device)
    generator = torch.Generator(device=device).manual_seed(seed)
    choose = partial(cooled_top_k, student)
    return str(tokens.decode(student.generate(model, idx, n, choose, generator)[0].tolist()))


def cooled_top_k(student: Any, logits: torch.Tensor) -> torch.Tensor:
    return student.top_k(logits / 0.8, 20)


def draw_training(
    path: Path, losses: list[float], samples: list[tuple[int, float, str]], tokens: Tokens
) -> None:
    """Draw the loss with what can be had for less, beside the samples."""
    figure = Figure(figsize=(13.5, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
    window = max(1, len(losses) // 60)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    left.plot(losses, color=BLUE, alpha=0.22, linewidth=0.8)
    left.plot(np.arange(len(smooth)) + window // 2, smooth, color=BLUE, linewidth=2.4)
    levels = {
        "all tokens equally likely: ln V": math.log(VOCABULARY),
        "knowing only how often each token occurs": tokens.unigram_loss(),
    }
    for words, level in levels.items():
        left.axhline(level, color=GREY, linestyle="--", linewidth=1)
        left.text(len(losses), level + 0.05, words, color=GREY, ha="right")
    for step, _, _ in samples:
        left.axvline(step, color=ORANGE, linewidth=1, alpha=0.5)
    left.set(xlabel="steps", ylim=(0, math.log(VOCABULARY) + 0.5), xlim=(0, max(1, len(losses))))
    left.set_title("loss on the batch of each step", color=INK, loc="left")
    left.spines[["top", "right"]].set_visible(False)
    right.axis("off")
    right.set(xlim=(0, 1), ylim=(0, 1))
    right.set_title("the same prompt, continued", color=INK, loc="left")
    for i, (step, bits, sample) in enumerate(samples):
        y = 0.97 - i * 0.96 / len(samples)
        right.text(0, y, f"step {step:,} · {bits:.2f} bits per byte", color=ORANGE, weight="bold")
        shown = textwrap.fill(printable(" ".join(sample.split())), 70, max_lines=4)
        shown = shown.replace("$", r"\$")
        right.text(0, y - 0.035, shown, color=INK, va="top", family="monospace", fontsize=10.5)
    figure.savefig(path, dpi=130, facecolor="white")


# Scene 3: probabilities as bars


def bars(student: Any, model: Any, tokens: Tokens, out: Path, options: Mapping[str, str]) -> None:
    """Show the likeliest tokens at every place of a short text, and which one was drawn."""
    device = next(model.parameters()).device
    prompt, moments = prompt_of(options), []
    idx = torch.tensor([tokens.encode(prompt)], device=device)

    def watched(logits: torch.Tensor) -> torch.Tensor:
        moments.append(student.top_p(logits, 0.9))
        return moments[-1]

    generator = torch.Generator(device=device).manual_seed(11)
    got = student.generate(model, idx, 8, watched, generator)[0].tolist()
    begun = idx.shape[1]
    figure = Figure(figsize=(13.5, 6.6), layout="constrained")
    for i, (axes, p) in enumerate(zip(figure.subplots(2, 4).flat, moments, strict=True)):
        text = tokens.decode(got[: begun + i])
        draw_bars(axes, text, p.cpu(), got[begun + i], tokens, print_too=i < 3)
    figure.suptitle(
        "what stands there, and below it what may follow (top-p 0.9); orange: drawn", color=INK
    )
    figure.savefig(out / "bars.png", dpi=130, facecolor="white")
    whole = " ".join(tokens.decode(got).split())
    print(f"   and so on: {whole}")
    print("   bars.png: every step of it")
    beam(student, model, tokens, prompt, device)


def draw_bars(
    axes: Axes, text: str, p: torch.Tensor, drawn: int, tokens: Tokens, print_too: bool
) -> None:
    """Draw the six likeliest tokens, and the one that was drawn if it is not among them."""
    best = [i for i in p.topk(6).indices.tolist() if p[i] > 0]
    best = best if drawn in best else [*best[:5], drawn]
    names = [visible(tokens.decode([i])) for i in best]
    colours = [ORANGE if i == drawn else BLUE for i in best]
    axes.barh(range(len(best)), [100 * float(p[i]) for i in best], color=colours, height=0.7)
    axes.set_yticks(range(len(best)), names, family="monospace")
    axes.set(ylim=(5.6, -0.6), xlim=(0, 118), xticks=[])
    for row, i in enumerate(best):
        share = f"{p[i]:.0%}" if p[i] >= 0.01 else f"{p[i]:.1%}"
        axes.text(100 * float(p[i]) + 2, row, share, va="center", color=colours[row])
    shown = visible(text)
    axes.set_title("…" * (len(shown) > 24) + shown[-24:].replace("$", r"\$"), color=INK, loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if print_too:
        print(f"   after “{shown[-40:]}”:")
        for i, name in zip(best[:4], names, strict=False):
            mark = " ← drawn" if i == drawn else ""
            print(f"      {name:>12} {float(p[i]):6.1%} {'█' * round(40 * float(p[i]))}{mark}")


def visible(text: str) -> str:
    """Make line ends and a space at the beginning visible, and leave out what has no glyph."""
    text = printable(text.replace("\n", "↵"))
    return f"·{text[1:]}" if text.startswith(" ") else text


def printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def beam(student: Any, model: Any, tokens: Tokens, prompt: str, device: Any) -> None:
    """Say what beam search finds likeliest: it is seldom what is nicest to read."""
    model.eval()
    context = model.config.context

    def step(so_far: list[int]) -> torch.Tensor:
        with torch.no_grad():
            logits = model(torch.tensor([so_far[-context:]], device=device))[0][0, -1]
        return torch.log_softmax(logits, dim=-1).cpu()

    try:
        tokens_found, score = student.beam_search(step, tokens.encode(prompt), 4, 20, -1)[0]
    except NotImplementedError:
        print("   Waits for beam_search, which is not written yet.")
        return
    text = " ".join(tokens.decode(tokens_found).split())
    print(f"   the likeliest 20 tokens by beam search ({math.exp(score):.0%} each): {text}")
