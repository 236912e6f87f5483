"""Lectures and notebooks, executed in a real Jupyter kernel."""

from __future__ import annotations

import shutil
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from autograder.author import notebooks
from autograder.course import assignment_ids, find
from autograder.mistakes import apply, load_mistakes, reference_texts

ROOT = Path(__file__).resolve().parent.parent
IDS = assignment_ids(ROOT)


def execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
def test_the_lecture_runs_and_draws(name: str, tmp_path: Path) -> None:
    """In its place in a students' tree, for a lecture may read the course's own texts."""
    for room in ("lectures", "assignments"):
        shutil.copytree(ROOT / room, tmp_path / room)
    path = tmp_path / "lectures" / f"{name}.md"
    lecture = execute(jupytext.read(path), path.parent)
    outputs = [o for cell in lecture.cells if cell.cell_type == "code" for o in cell.outputs]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) >= 3
    errors = [o for o in outputs if o.get("name") == "stderr"]
    assert not errors, errors[0].text


def copy_of(name: str, tmp_path: Path) -> Path:
    """A students' tree with one assignment."""
    folder = tmp_path / "assignments" / name
    shutil.copytree(ROOT / "assignments" / name, folder)
    return folder


def scores(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The text of each check cell's answer, by part."""
    found = {}
    for cell in notebook.cells:
        course = cell.metadata.get("course", {})
        if course.get("role") == "check":
            found[course["part"]] = "".join(o.data["text/plain"] for o in cell.outputs)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
def test_the_notebook_runs_with_the_reference(name: str, tmp_path: Path) -> None:
    """What the checks say counts once every cell has run, for parts may use later ones."""
    folder = copy_of(name, tmp_path)
    assignment = find(name, ROOT)
    empty = notebooks.read((folder / "notebook.ipynb").read_text())
    filled = notebooks.fill(empty, reference_texts(assignment))
    checks = [c for c in filled["cells"] if c["metadata"].get("course", {}).get("role") == "check"]
    filled["cells"] += [{**cell, "id": f"again-{i}"} for i, cell in enumerate(checks)]
    done = scores(execute(nbformat.from_dict(filled), folder))
    assert set(done) == {part.name for part in assignment.parts}
    for part, text in done.items():
        assert "public test" in text, (part, text)
        assert "✗" not in text, (part, text)


@pytest.mark.slow
def test_a_cell_with_a_mistake_is_told_what_is_wrong(tmp_path: Path) -> None:
    name = "01_networks"
    folder = copy_of(name, tmp_path)
    assignment = find(name, ROOT)
    mistake = next(m for m in load_mistakes(assignment) if m.id == "dot.product_of_sums")
    empty = notebooks.read((folder / "notebook.ipynb").read_text())
    filled = notebooks.fill(empty, apply(mistake, assignment))
    done = scores(execute(nbformat.from_dict(filled), folder))
    assert "Expected" in done["dot"]
    assert "✗" in done["dot"]
