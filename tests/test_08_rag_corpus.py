"""The search of assignment 08, asked written questions about the course, and ``course ask``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder.cli import ask
from autograder.cli.app import app
from autograder.course import CourseError, find_root

ROOT = find_root(Path(__file__).parent)


@pytest.fixture(scope="module")
def own() -> Any:
    return ask._own(ROOT, use_solution=True)


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, Any]]:
    return ask.load_corpus(ROOT)


def test_every_answer_of_a_question_is_a_section_of_the_course(
    corpus: list[dict[str, Any]],
) -> None:
    """Headings that were renamed are found here: change them in questions.toml too."""
    ids = {section["id"] for section in corpus}
    sources = {section["metadata"]["source"] for section in corpus}
    questions = ask.load_questions(ROOT)
    gone = [i for _, each in questions for i in each if i not in ids and i.split("#")[0] in sources]
    assert not gone
    assert len(questions) >= 60
    assert len({question for question, _ in questions}) == len(questions)


def test_hit_at_5_of_the_reference(own: Any, corpus: list[dict[str, Any]]) -> None:
    library = ask.Library(own, corpus)
    ids = {section["id"] for section in corpus}
    questions = [(q, set(each) & ids) for q, each in ask.load_questions(ROOT) if set(each) & ids]
    hits = [bool(set(library.found(question)[:5]) & good) for question, good in questions]
    assert sum(hits) / len(hits) >= 0.85


def test_ask_answers_from_the_lectures() -> None:
    done = CliRunner().invoke(app, ["ask", "why divide by the root of d_k?", "--solution"])
    assert done.exit_code == 0, done.output
    assert "why-divide-by-the-root-of-the-key-size" in done.output


def test_ask_searches_a_folder_of_notes(tmp_path: Path, own: Any) -> None:
    (tmp_path / "tea.md").write_text("# Tea\n\nGreen tea wants water of 80 degrees.\n")
    (tmp_path / "bread.txt").write_text("Bread wants a very hot oven and time.\n")
    library = ask.Library(own, ask.load_corpus(ROOT, str(tmp_path)))
    index = library.index("How hot is the water for green tea?")
    reply = own.answer("How hot is the water for green tea?", index, ask.extractive, 0.15)
    assert reply["sources"][0] == "tea#tea"
    assert "80 degrees" in reply["text"]
    refused = own.answer("Who won the football match?", index, ask.extractive, 0.15)
    assert refused == {"text": "I don't have enough information", "sources": []}


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(CourseError):
        ask.load_corpus(ROOT, str(tmp_path))


def test_an_endpoint_is_asked_in_the_common_form(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Reply:
        def __enter__(self) -> Reply:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self) -> bytes:
            return b'{"choices": [{"message": {"content": "Because [1]."}}]}'

    monkeypatch.setattr(
        ask.urllib.request, "urlopen", lambda request, timeout: sent.append(request) or Reply()
    )
    assert ask.endpoint("http://localhost:9/v1/")("Why?") == "Because [1]."
    assert sent[0].full_url == "http://localhost:9/v1/chat/completions"
    with pytest.raises(CourseError):
        ask.endpoint("ftp://x")


def test_a_heading_becomes_a_name() -> None:
    text = "---\na: b\n---\n# One *two*\n\nx\n\n```{code-cell}\n# no heading\n```\n"
    text += "\n## Three questions\n\ny\n"
    assert [section["id"] for section in ask.sections(text, "n")] == ["n#one-two"]
    assert ask.slug("Why divide by d_k?") == "why-divide-by-d-k"
