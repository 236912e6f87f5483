"""Play: your search, asked written questions about this course.

Everything is found by your own functions. The questions stand in questions.toml beside this file.

Options: questions=20 asks only the first twenty; ask="..." asks a question of yours as well.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from autograder.cli.ask import THRESHOLD, Library, extractive, load_corpus, load_questions
from autograder.course import find_root

INK, GREY = "#22303c", "#9aa5b1"
COLOURS = {"bm25": "#e07a1f", "lsa": GREY, "fused": "#2f6db5", "reranked": "#2e8b57"}
DEPTH = 10


def play(student: Any, out: Path, options: Mapping[str, str]) -> None:
    """Ask all questions, print what was missed, and draw how deep the answers lie."""
    root = find_root()
    corpus = load_corpus(root)
    library = Library(student, corpus)
    known = {section["id"] for section in corpus}
    questions = [(q, set(ids) & known) for q, ids in load_questions(root) if set(ids) & known]
    questions = questions[: int(options.get("questions", len(questions)))]
    print(f"{len(corpus)} sections, {len(library.chunks)} chunks, {len(questions)} questions")
    ranks: dict[str, list[int]] = {how: [] for how in COLOURS}
    for number, (question, good) in enumerate(questions, start=1):
        for how, order in library.rankings(question).items():
            found = list(dict.fromkeys(library.chunks[i]["id"] for i in order))
            ranks[how].append(next((r for r, i in enumerate(found, 1) if i in good), 999))
        if number % 20 == 0:
            print(f"  {number} asked")
    for how, each in ranks.items():
        top1, top5 = (np.mean(np.array(each) <= k) for k in (1, 5))
        print(f"{how:9} first {top1:4.0%}   among the first five {top5:4.0%}")
    for (question, _), rank in zip(questions, ranks["fused"], strict=True):
        if rank > 5:
            print(f"  missed: {question}")
    draw(ranks, out / "questions.png")
    question = options.get("ask", "Why divide by the root of d_k?")
    reply = student.answer(question, library.index(question), extractive, THRESHOLD)
    print(f"\n{question}\n{reply['text']}\n  from {', '.join(reply['sources']) or 'nowhere'}")


def draw(ranks: Mapping[str, list[int]], path: Path) -> None:
    """Draw the share of the questions answered within the first k sections."""
    figure = Figure(figsize=(7.5, 4.2), dpi=120, layout="constrained")
    ax = figure.subplots()
    depth = np.arange(1, DEPTH + 1)
    for how, each in ranks.items():
        share = [np.mean(np.array(each) <= k) for k in depth]
        ax.plot(depth, share, "o-", color=COLOURS[how], lw=2, ms=4, label=how)
    ax.set(xlabel="sections looked at", ylabel="questions answered", ylim=(0.5, 1.02), xticks=depth)
    ax.set_title("How deep lies the answer?", color=INK, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    figure.savefig(path)
