"""Play: a small policy learns from your own loops, and then finds out how to cheat.

First it learns to repeat a word and stop, by PPO and by GRPO. Then nobody tells it what is wanted:
a reward model of yours has learned that from pairs, and the policy learns from the reward model.

Options: seed=3 starts everything from another seed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

INK, GREY, BLUE, ORANGE, GREEN = "#22303c", "#9aa5b1", "#2f6db5", "#e07a1f", "#2e8b57"
END, THANKS = 0, 1
WORDS = [".", "thanks", "tea", "milk", "bread", "salt"]
N = 5  # words of the longest answer in the second scene
UPDATES = 60


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Run both scenes; a scene whose parts are not written yet says so in one line."""
    torch.set_num_threads(1)
    seed = int(options.get("seed", "0"))
    for scene in (climbing, gamed):
        try:
            scene(student, out, seed)
        except NotImplementedError as missing:
            print(f"   (waits for a part that is not written yet: {missing})")
        print()


def words(ids: torch.Tensor) -> str:
    """Write an answer as words, up to its end."""
    said = []
    for token in ids.tolist():
        said.append(WORDS[token])
        if token == END:
            break
    return " ".join(said)


def prompts(repeats: int) -> torch.Tensor:
    """Every thing that can be asked for, several times, (4 · repeats, 1)."""
    return torch.arange(2, len(WORDS)).repeat(repeats)[:, None]


# Scene 1: a reward that can be checked


def echo(ids: torch.Tensor) -> torch.Tensor:
    """Reward an answer that names what was asked for, and fully if it stops there."""
    right = (ids[:, 1] == ids[:, 0]).double()
    return right * (0.5 + 0.5 * (ids[:, 2] == END).double())


def climbing(student: Any, out: Path, seed: int) -> None:
    """Let PPO and GRPO climb the same reward, and show answers before, midway and after."""
    print("1. A reward that can be checked: name what was asked for, then stop")
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    curve, table = figure.subplots(1, 2, width_ratios=[1.25, 1])
    columns: dict[str, list[torch.Tensor]] = {}
    for name, colour in (("train_ppo", BLUE), ("train_grpo", ORANGE)):
        texts: list[torch.Tensor] = []
        rewards = learn(student, name, seed, texts)
        curve.plot(rewards, color=colour, linewidth=3, label=name.removeprefix("train_").upper())
        print(f"   {name}: reward {rewards[0]:.2f} → {rewards[-1]:.2f} in {UPDATES} updates")
        columns[name] = texts
    for update in (0, UPDATES // 4, UPDATES - 1):
        says = "; ".join(
            f"{WORDS[int(row[0])]}? “{words(row[1:])}”" for row in columns["train_ppo"][update][:4]
        )
        print(f"   PPO, update {update:2}: {says}")
    curve.axhline(0.9, color=GREY, linestyle=":", linewidth=1.5)
    curve.set(xlabel="updates", ylim=(0, 1.02), xlim=(0, UPDATES - 1))
    curve.set_title("mean reward", color=INK, fontsize=13)
    curve.legend(frameon=False, fontsize=12, loc="lower right")
    curve.spines[["top", "right"]].set_visible(False)
    samples(table, columns["train_ppo"])
    figure.savefig(out / "climbing.png", dpi=110, facecolor="white")
    print("   climbing.png: the reward, and what the policy said")


def learn(student: Any, name: str, seed: int, texts: list[torch.Tensor]) -> list[float]:
    """Train a new policy; keep all it says."""

    def reward(ids: torch.Tensor) -> torch.Tensor:
        texts.append(ids.clone())
        return echo(ids)

    torch.manual_seed(seed)
    policy, rng = student.Policy(len(WORDS), 32), torch.Generator().manual_seed(seed)
    repeats = 12 if name == "train_ppo" else 2
    train = getattr(student, name)
    rewards: list[float] = train(policy, prompts(repeats), reward, UPDATES, rng)
    return rewards


def samples(axes: Any, texts: list[torch.Tensor]) -> None:
    """Write a table of answers: a row for each prompt, a column for each of four moments."""
    moments = [0, UPDATES // 6, UPDATES // 3, UPDATES - 1]
    axes.set(xlim=(-1.1, len(moments)), ylim=(-0.6, 4.6))
    axes.axis("off")
    axes.set_title("what PPO's policy says", color=INK, fontsize=13)
    for x, update in enumerate(moments):
        axes.text(x + 0.1, 4.2, f"update {update}", color=GREY, fontsize=11)
        for y, row in enumerate(texts[update][:4]):
            colour = GREEN if float(echo(row[None])) == 1.0 else INK
            axes.text(x + 0.1, 3 - y, words(row[1:]), color=colour, fontsize=11)
    for y, row in enumerate(texts[0][:4]):
        axes.text(-1.0, 3 - y, f"{WORDS[int(row[0])]}?", color=INK, fontsize=11, weight="bold")


# Scene 2: a reward that was learned


def truth(ids: torch.Tensor) -> torch.Tensor:
    """What people want: the thing, one thanks, and no more of them."""
    answer = ids[:, 1:]
    thanks = (answer == THANKS).sum(1).double()
    named = (answer == ids[:, :1]).any(1).double()
    return named + (thanks >= 1).double() - 0.75 * (thanks - 1).clamp(min=0)


def lengths(ids: torch.Tensor) -> torch.Tensor:
    """How many tokens of each text are real: up to and with the first END of the answer."""
    going = (ids[:, 1:] == END).cumsum(1) == 0
    return (going.sum(1) + 2).clamp(max=ids.shape[1])


def pairs(count: int, rng: torch.Generator) -> tuple[Any, Any]:
    """Return pairs that people have judged; none of them ever read two thanks in one answer."""
    asked = torch.randint(2, len(WORDS), (count, 1), generator=rng)
    texts = [torch.cat((asked, babble(count, rng)), dim=1) for _ in range(2)]
    first, second = truth(texts[0]), truth(texts[1])
    better = torch.where((first > second)[:, None], *texts)[first != second]
    worse = torch.where((first > second)[:, None], *texts[::-1])[first != second]
    return (better, lengths(better)), (worse, lengths(worse))


def babble(count: int, rng: torch.Generator) -> torch.Tensor:
    """Draw answers at random, with one thanks at most, (count, N)."""
    chances = torch.tensor([1.0, 0.35, 1.0, 1.0, 1.0, 1.0]).expand(count, -1)
    answer = torch.multinomial(chances, N, replacement=True, generator=rng)
    again = (answer == THANKS) & ((answer == THANKS).cumsum(1) > 1)
    answer = torch.where(again, 3, answer)
    return torch.where((answer == END).cumsum(1) > 0, END, answer)


def gamed(student: Any, out: Path, seed: int) -> None:
    """Train a reward model on pairs and a policy on the reward model; watch the truth."""
    print("2. A reward that was learned: the thing, and one thanks, please")
    rng = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = student.RewardModel(student.Backbone(len(WORDS), 16))
    student.train_reward_model(model, *pairs(300, rng), 60, lr=0.02)
    better, worse = pairs(600, rng)
    share = float((model(*better) > model(*worse)).double().mean())
    print(f"   the reward model ranks {share:.0%} of the pairs rightly that it has not seen")

    def proxy(ids: torch.Tensor) -> torch.Tensor:
        return model(ids, lengths(ids)).detach()

    texts: list[torch.Tensor] = []

    def reward(ids: torch.Tensor) -> torch.Tensor:
        texts.append(ids.clone())
        return proxy(ids)

    policy, asked = student.Policy(len(WORDS), 32), prompts(16)
    rng = torch.Generator().manual_seed(seed)
    student.train_ppo(policy, asked, reward, UPDATES, rng, n=N, lr=0.004, beta=0.0, bonus=0.02)
    report = student.reward_hacking_report(texts, proxy, truth)
    turn = report["turn"]
    for update in sorted({0, turn or 0, UPDATES - 1}):
        says = "; ".join(f"{WORDS[int(r[0])]}? “{words(r[1:])}”" for r in texts[update][:3])
        scores = f"proxy {report['proxy'][update]:5.2f}, truth {report['truth'][update]:5.2f}"
        print(f"   update {update:2}: {scores}: {says}")
    draw(out / "gamed.png", report, texts)
    print("   gamed.png: the proxy rises, the truth does not")


def draw(path: Path, report: Any, texts: list[torch.Tensor]) -> None:
    """Draw proxy and truth over the updates, and how often the policy says thanks."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    first, second = figure.subplots(1, 2, width_ratios=[1.25, 1])
    other = first.twinx()
    for axes, name, colour in ((first, "proxy", ORANGE), (other, "truth", GREEN)):
        axes.plot(report[name], color=colour, linewidth=3)
        axes.set_ylabel({"proxy": "the reward model's score", "truth": "the truth"}[name])
        axes.yaxis.label.set_color(colour)
        axes.tick_params(axis="y", colors=colour)
        axes.spines["top"].set_visible(False)
    if report["turn"] is not None:
        first.axvline(report["turn"], color=GREY, linestyle=":", linewidth=2)
        first.annotate(
            "from here on it is gamed",
            (report["turn"], 0.7),
            (24, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=INK,
        )
    first.set(xlabel="updates", xlim=(0, UPDATES - 1))
    first.set_title("what is rewarded, and what is wanted", color=INK, fontsize=13)
    counts = [(text[:, 1:] == THANKS).sum(1).clamp(max=3) for text in texts]
    thanks = np.array([[float((c == k).double().mean()) for k in range(4)] for c in counts])
    shades = ["#dfe5ea", GREEN, "#f0b27a", ORANGE]
    names = ["no thanks", "one", "two", "more"]
    second.stackplot(range(len(texts)), 100 * thanks.T, colors=shades, labels=names)
    second.set(xlabel="updates", xlim=(0, UPDATES - 1), ylim=(0, 100))
    second.set_title("answers with so many thanks, %", color=INK, fontsize=13)
    second.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)
    figure.savefig(path, dpi=110, facecolor="white")
