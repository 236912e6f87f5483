"""Makes an assignment's notebook out of its stubs, and files out of a notebook.

Each code cell knows its file (``metadata.course.file``), and the cells of a file joined by two
blank lines are that file, byte for byte. So a notebook holds the same text as the stubs and can be
handed in in their place.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from autograder.author import segments
from autograder.author.source import part_of
from autograder.course import Assignment, Part

Notebook = dict[str, Any]
Cell = dict[str, Any]

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def build(assignment: Assignment, files: Mapping[str, str]) -> Notebook:
    """Make the notebook of an assignment.

    Args:
        assignment: Whose title, parts and points stand in the markdown cells.
        files: The text of each file in order, as students get it.
    """
    cells = [markdown_cell("title", "", _title(assignment))]
    cells.append(code_cell("setup", "", "from autograder import check", {}))
    for file, text in files.items():
        cells.append(markdown_cell("heading", file, f"## {file}"))
        cells += _file_cells(assignment, file, text)
    metadata = {**copy.deepcopy(_METADATA), "course": {"assignment": assignment.id}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(notebook: Notebook) -> str:
    """Return the notebook as the text of an ``.ipynb``, the same for the same notebook.

    Raises:
        nbformat.ValidationError: It is no valid notebook.
    """
    node = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    nbformat.validate(node)
    text = str(nbformat.writes(node))  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def read(text: str) -> Notebook:
    """Read the text of an ``.ipynb`` of format 4.

    Raises:
        nbformat.reader.NotJSONError: It is not JSON.
    """
    notebook: Notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def to_files(notebook: Notebook) -> dict[str, str]:
    """Join the code cells of each file: two blank lines between them, one newline at the end."""
    pieces: dict[str, list[str]] = {}
    for cell in notebook["cells"]:
        if _role(cell) == "code":
            pieces.setdefault(cell["metadata"]["course"]["file"], []).append(cell["source"])
    return {file: segments.join(found) for file, found in pieces.items()}


def fill(notebook: Notebook, files: Mapping[str, str]) -> Notebook:
    """Return a copy whose code cells hold other texts of the same files: the reference, say.

    Each definition goes where the notebook has one of that name; what it does not have (a private
    helper) goes into the cell before. ``to_files`` gives exactly the texts back.
    """
    filled = copy.deepcopy(notebook)
    for file, text in files.items():
        cells = [
            cell
            for cell in filled["cells"]
            if _role(cell) == "code" and cell["metadata"]["course"]["file"] == file
        ]
        wanted = [segments.names(cell["source"]) for cell in cells]
        held: list[list[str]] = [[] for _ in cells]
        position = 0
        for piece in segments.split(text):
            names = segments.names(piece)
            if names and names in wanted[position:]:
                position = wanted.index(names, position)
            held[position].append(piece)
        for cell, pieces in zip(cells, held, strict=True):
            cell["source"] = segments.GAP.join(pieces)
    return filled


def _file_cells(assignment: Assignment, file: str, text: str) -> Iterator[Cell]:
    pieces = segments.split(text)
    held = [_parts_in(assignment, file, piece) for piece in pieces]
    seen: set[str] = set()
    for index, piece in enumerate(pieces):
        for part in held[index]:
            if part.name not in seen:
                seen.add(part.name)
                yield markdown_cell("part", part.name, _introduction(part, text))
        name = f"{file}:{','.join(segments.names(piece)) or index}"
        yield code_cell("code", name, piece, {"file": file})
        for part in held[index]:
            if not any(part in later for later in held[index + 1 :]):
                extra = {"part": part.name, "points": part.points}
                yield code_cell("check", part.name, f'check("{part.name}")', extra)


def _parts_in(assignment: Assignment, file: str, piece: str) -> list[Part]:
    """The parts that a piece of a file defines something of, in the catalogue's order."""
    defined = set(segments.names(piece))
    found = [part_of(assignment, file, name) for name in defined]
    found += [
        part
        for part in assignment.parts
        if part.file == file and any(name.partition(".")[0] in defined for name in part.provides)
    ]
    return [part for part in assignment.parts if part in found]


def _title(assignment: Assignment) -> str:
    count, minutes = len(assignment.parts), sum(part.minutes for part in assignment.parts)
    return (
        f"# {assignment.number} {assignment.title}\n\n"
        f"{_many(count, 'part')}, {_many(assignment.points, 'point')}, about {minutes} minutes. "
        "`README.md` beside this notebook tells the story and settles the conventions. Replace "
        "each `raise NotImplementedError` by your own code, and run the check below it."
    )


def _introduction(part: Part, text: str) -> str:
    head = f"### {part.name} ({_many(part.points, 'point')}, about {part.minutes} minutes)"
    sentence = _first_sentence(_docstring(text, part.provides[0]))
    return f"{head}\n\n{sentence}" if sentence else head


def _many(count: float, word: str) -> str:
    return f"{count:g} {word}" if count == 1 else f"{count:g} {word}s"


def _docstring(text: str, name: str) -> str:
    body = ast.parse(text).body
    node: ast.stmt | None = None
    for word in name.split("."):
        node = next((each for each in body if getattr(each, "name", None) == word), None)
        body = getattr(node, "body", [])
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return ast.get_docstring(node) or ""
    return ""


def _first_sentence(docstring: str) -> str:
    paragraph = " ".join(docstring.partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.rstrip()


def _role(cell: Cell) -> str:
    return str(cell.get("metadata", {}).get("course", {}).get("role", ""))


def markdown_cell(role: str, name: str, source: str) -> Cell:
    """Return a markdown cell; its id follows from role and name."""
    metadata = {"course": {"role": role}}
    return {
        "cell_type": "markdown",
        "id": _id(role, name),
        "metadata": metadata,
        "source": source,
    }


def code_cell(role: str, name: str, source: str, extra: Mapping[str, object]) -> Cell:
    """Return a code cell; its id follows from role and name, its metadata holds the rest."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": _id(role, name),
        "metadata": {"course": {"role": role, **extra}},
        "outputs": [],
        "source": source,
    }


def _id(role: str, name: str) -> str:
    return hashlib.sha256(f"{role}:{name}".encode()).hexdigest()[:12]
