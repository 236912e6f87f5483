"""``course ask``: a question to the course, answered by one's own code of assignment 08."""

from __future__ import annotations

import json
import re
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autograder.course import CourseError

_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
_NO_ANSWERS = {"three-questions", "where-to-go-from-here", "the-parts"}
SIZE, OVERLAP, DIMS, SHOWN = 120, 30, 64, 20
THRESHOLD = 0.15
STOP = frozenset(
    "a an and are as at be by can do does for from has have how i in is it its many may much must "
    "my not of on one or should that the their them they this to was what when where which who why "
    "will with without you your".split()
)


def slug(heading: str) -> str:
    """The stable name of a heading: lower case, words joined by hyphens."""
    return "-".join(re.findall(r"[^\W_]+", heading.lower()))


def sections(text: str, name: str) -> Iterator[dict[str, Any]]:
    """Cut a Markdown text at its headings; code is left out."""
    text = _CODE.sub("", _FRONT.sub("", text))
    marks = list(_HEADING.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):
        heading, body = mark.group(1), text[mark.end() : end].strip()
        if body and slug(heading) not in _NO_ANSWERS:
            yield {
                "id": f"{name}#{slug(heading)}",
                "text": body,
                "metadata": {"source": name, "heading": heading},
            }


def load_corpus(root: Path, name: str = "lectures") -> list[dict[str, Any]]:
    """Read a corpus: the course itself, the Python language reference, or a folder of notes.

    Raises:
        CourseError: There is no such folder, or nothing in it.
    """
    if name == "lectures":
        texts = {f"lectures/{p.stem}": p for p in sorted((root / "lectures").glob("*.md"))}
        handouts = sorted((root / "assignments").glob("*/README.md"))
        texts |= {f"handouts/{p.parent.name}": p for p in handouts}
    elif name == "python":
        from pydoc_data.topics import topics

        return [
            {
                "id": f"python#{key}",
                "text": str(text),
                "metadata": {"source": "python", "heading": key},
            }
            for key, text in sorted(topics.items())
        ]
    else:
        folder = Path(name)
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".md", ".txt", ".rst"))
        texts = {str(p.relative_to(folder).with_suffix("")): p for p in files}
    found: list[dict[str, Any]] = []
    for key, path in texts.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        cut = list(sections(text, key))
        whole = {"id": key, "text": text, "metadata": {"source": key, "heading": path.stem}}
        found += cut or ([whole] if text.strip() else [])
    if not found:
        raise CourseError(
            f"There is nothing to read in {name!r}: give lectures, python or a folder."
        )
    return found


def load_questions(root: Path) -> list[tuple[str, list[str]]]:
    """The written questions about the course, each with the ids of the sections that answer it."""
    path = root / "assignments" / "08_rag" / "questions.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return [(question, list(ids)) for question, ids in data["questions"]]


class Library:
    """A corpus, cut into chunks and indexed by the functions of ``own`` (a student's, or ours)."""

    def __init__(self, own: Any, corpus: list[dict[str, Any]], chunked: bool = True) -> None:
        self.own = own
        self.chunks: list[dict[str, Any]] = []
        for section in corpus:
            text = section["text"]
            cut = own.chunk_words(text, SIZE, OVERLAP) if chunked else [(text, 0, len(text))]
            for chunk, start, end in cut:
                self.chunks.append({**section, "text": chunk, "start": start, "end": end})
        self.texts = [
            f"{c['metadata']['heading']}\n{c['metadata']['heading']}\n{c['text']}"
            for c in self.chunks
        ]
        self.lsa = own.LsaEmbedder(DIMS)
        self.lsa.fit(self.texts)
        self.vectors = self.lsa.embed(self.texts)
        self.vocabulary, self.idf = own.tfidf_fit(self.texts)

    def asked(self, question: str) -> str:
        """The words of a question that say something."""
        left = [word for word in re.findall(r"[^\W_]+", question.lower()) if word not in STOP]
        return " ".join(left) or question

    def rankings(self, question: str) -> dict[str, list[int]]:
        """The chunks, best first: by BM25, by LSA, by both together, and after a second look."""
        query = self.asked(question)
        bm25 = self.own.bm25_scores(query, self.texts)
        lsa = self.vectors @ self.lsa.embed([query])[0]
        orders = {name: _order(scores) for name, scores in (("bm25", bm25), ("lsa", lsa))}
        fused = self.own.reciprocal_rank_fusion([orders["bm25"][:50], orders["lsa"][:50]])
        orders["fused"] = [int(i) for i, _ in fused]
        passages = [{"id": i, "text": self.texts[i]} for i in orders["fused"][:SHOWN]]
        again = self.own.rerank(query, passages, self.overlap)
        orders["reranked"] = [int(p["id"]) for p in again]
        return orders

    def overlap(self, query: str, text: str) -> float:
        """Which share of the weight of the query's words a text has."""
        weight = dict(zip(self.vocabulary, self.idf, strict=True))
        asked, there = set(query.split()), set(re.findall(r"[^\W_]+", text.lower()))
        total = sum(float(weight.get(word, 0.0)) for word in asked) or 1.0
        return sum(float(weight.get(word, 0.0)) for word in asked & there) / total

    def found(self, question: str, how: str = "fused") -> list[str]:
        """The ids of the sections, best first, each once."""
        return list(dict.fromkeys(self.chunks[i]["id"] for i in self.rankings(question)[how]))

    def index(self, question: str, count: int = 8) -> dict[str, Any]:
        """A small index of the best chunks for a question, as ``answer`` takes it."""
        best = self.rankings(question)["fused"][:count]
        return {
            "passages": [self.chunks[i] for i in best],
            "vectors": self.vectors[best],
            "embed": lambda texts: self.lsa.embed([self.asked(text) for text in texts]),
        }


def _order(scores: Any) -> list[int]:
    return [int(i) for i in (-scores).argsort(kind="stable")]


def extractive(prompt: str) -> str:
    """A model without a model: the three quoted sentences that share most with the question."""
    question = prompt.rpartition("Question: ")[2]
    asked = set(re.findall(r"[^\W_]+", question.lower())) - STOP
    found = []
    for number, block in re.findall(r"^\[(\d+)\]\n((?:> .*\n?|>\n?)+)", prompt, re.MULTILINE):
        text = " ".join(line[1:].strip() for line in block.splitlines())
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            here = set(re.findall(r"[^\W_]+", sentence.lower()))
            whole = "|" not in sentence and sentence[:1].isupper() and len(here) > 3
            if whole and asked & here:
                worth = len(asked & here) / (len(here) + 10) ** 0.5 / (4 + int(number))
                found.append((worth, number, sentence))
    best = sorted(found, key=lambda each: -each[0])[:3]
    return " ".join(f"{s.rstrip('.!?:;, ')} [{n}]." for _, n, s in best)


def endpoint(url: str) -> Callable[[str], str]:
    """A model behind an OpenAI-compatible address, such as http://localhost:8000/v1."""
    if not url.startswith(("http://", "https://")):
        raise CourseError("--endpoint takes an address such as http://localhost:8000/v1.")

    def model(prompt: str) -> str:
        body = {"model": "default", "messages": [{"role": "user", "content": prompt}]}
        request = urllib.request.Request(
            url.rstrip("/") + "/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return str(json.load(reply)["choices"][0]["message"]["content"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise CourseError(f"{url} gave no answer: {error}.") from None

    return model


def run_ask(
    root: Path, question: str, use_solution: bool, corpus: str, url: str, screen: Any
) -> None:
    """Search, answer, and show passages, scores and answer side by side.

    Raises:
        CourseError: A part that is needed is not written yet, or stopped with an error.
    """
    own = _own(root, use_solution)
    passages = load_corpus(root, corpus)
    try:
        library = Library(own, passages)
        index = library.index(question)
        reply = own.answer(question, index, endpoint(url) if url else extractive, THRESHOLD)
        found = own.retrieve(question, index, 4, None, THRESHOLD)
        doubtful = own.check_citations(reply["text"], found) if reply["sources"] else []
    except (CourseError, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        part = str(error).rpartition(": ")[2]
        raise CourseError(
            f"Asking needs {part}, which is not written yet: course check 08 {part}. "
            "With --solution the reference answers, where it is at hand."
        ) from None
    except Exception as error:
        raise CourseError(
            f"The search stopped: {type(error).__name__}: {error}. "
            "course check 08 says which part to look at."
        ) from None
    _show(question, reply, found, doubtful, screen)


def _own(root: Path, use_solution: bool) -> Any:
    from autograder.cli.playing import Own
    from autograder.course import find
    from autograder.plugin import homes
    from autograder.student.local import read_sources

    assignment = find("08", root)
    if use_solution and not assignment.has_solutions:
        raise CourseError("--solution needs solutions/, which this copy of the course lacks.")
    folder = assignment.solutions if use_solution else assignment.folder
    return Own(read_sources(folder, assignment.files, homes(assignment)), assignment)


def _show(
    question: str,
    reply: dict[str, Any],
    found: list[dict[str, Any]],
    doubtful: list[str],
    screen: Any,
) -> None:
    from rich.columns import Columns
    from rich.panel import Panel
    from rich.text import Text

    answer = Text(reply["text"])
    if reply["sources"]:
        answer.append("\n\nSources: " + ", ".join(reply["sources"]), style="dim")
    for sentence in doubtful:
        answer.append(f"\nNot supported: {sentence}", style="dim")
    panels = [Panel(answer, title=Text(question), width=76)]
    for number, p in enumerate(found, start=1):
        text = Text(" ".join(p["text"].split())[:260] + " …")
        title = Text(f"[{number}] {p['score']:.2f}")
        panels.append(Panel(text, title=title, subtitle=Text(p["id"]), width=76))
    screen.print(Columns(panels))
