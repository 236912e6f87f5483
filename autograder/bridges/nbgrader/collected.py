"""What ``nbgrader collect`` fetched: who handed in what, and a notebook safe to give nbgrader."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.author import notebooks
from autograder.author.notebooks import Cell, Notebook
from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.intake import Entry, Submission, find_submissions

_MOST_BYTES = 2**25
_SMALL = ("timestamp.txt", "submission_secret.txt")  # nbgrader's own, needed for its feedback


@dataclass(frozen=True)
class Collected:
    """One student's submission of one assignment.

    Attributes:
        student: The student's id in nbgrader.
        folder: What was handed in.
        entry: The same for our intake, under a name that is safe for files.
    """

    student: str
    folder: Path
    entry: Entry


def find_collected(course: Path, assignment: Assignment) -> list[Collected]:
    """Find the submissions of an assignment in ``submitted/``, sorted by student."""
    folder = course / "submitted"
    if not any(folder.glob(f"*/{assignment.id}")):
        return []
    entries = find_submissions(folder, assignment, assignment.id)
    return [Collected(entry.paths[0].parent.name, entry.paths[0], entry) for entry in entries]


def stage(
    work: Collected, submission: Submission, released: Notebook, name: str, stage: Path
) -> None:
    """Write a copy of a submission that nbgrader can read whatever was handed in.

    It is the released notebook with the student's text in it: so no cell that carries marks is
    missing, doubled or altered. Nothing else comes along but the time of submission.

    Args:
        work: The submission.
        submission: The same, as the intake read it.
        released: The notebook that students got.
        name: The notebook's name, without its ending.
        stage: A folder that stands for ``submitted/``.
    """
    target = stage / work.student / work.folder.name
    theirs = None if work.entry.refused else _read_notebook(work.folder, name)
    made = _merged(released, theirs) if theirs else _filled(released, submission)
    write_atomically(target / f"{name}.ipynb", notebooks.write(made))
    for small in _SMALL:
        path = work.folder / small
        ours = path.is_file() and not path.is_symlink() and not work.entry.refused
        if ours and path.stat().st_size < 1000:
            write_atomically(target / small, path.read_text(encoding="utf-8", errors="replace"))


def _read_notebook(folder: Path, name: str) -> Notebook | None:
    """The student's notebook, or None where there is none that can be read."""
    expected = folder / f"{name}.ipynb"
    others = sorted(folder.glob("*.ipynb"))
    path = next((p for p in (expected, *others) if p.is_file() and not p.is_symlink()), None)
    if path is None or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        notebook = notebooks.read(path.read_text(encoding="utf-8"))
        list(map(_key, notebook["cells"]))
    except Exception:  # a stranger's JSON, and nbformat raises whatever it stumbles over
        return None
    return notebook


def _filled(released: Notebook, submission: Submission) -> Notebook:
    """The released notebook with files handed in as ``.py``, where they are there."""
    files = notebooks.to_files(released)
    return notebooks.fill(
        released, {file: submission.files[file] for file in files if file in submission.files}
    )


def _merged(released: Notebook, theirs: Notebook) -> Notebook:
    """The released notebook with a student's text in its open cells, and the student's own cells.

    An own cell stands after the cell that it followed.
    """
    merged = copy.deepcopy(released)
    places = {_key(cell): i for i, cell in enumerate(merged["cells"])}
    texts: dict[int, str] = {}
    own: dict[int, list[Cell]] = {}
    at = -1
    for cell in theirs["cells"]:
        place = places.get(_key(cell))
        if place is None:
            own.setdefault(at, []).append(_plain(cell))
        else:
            at = place
            texts.setdefault(place, str(cell["source"]))
    cells = list(own.get(-1, []))
    for place, cell in enumerate(merged["cells"]):
        if place in texts and _is_open(cell):
            cell["source"] = texts[place]
        cells += [cell, *own.get(place, [])]
    merged["cells"] = list(_numbered(cells))
    return merged


def _key(cell: Cell) -> tuple[str, str]:
    metadata = cell.get("metadata", {})
    name = metadata.get("nbgrader", {}).get("grade_id")
    return ("grade", str(name)) if name else ("id", str(cell.get("id", "")))


def _is_open(cell: Cell) -> bool:
    return not cell["metadata"].get("nbgrader", {}).get("locked")


def _plain(cell: Cell) -> Cell:
    """A student's own cell, without what it says of itself."""
    text = str(cell["source"])
    if cell.get("cell_type") == "code":
        return {**notebooks.code_cell("own", "", text, {}), "metadata": {}}
    return {**notebooks.markdown_cell("own", "", text), "metadata": {}}


def _numbered(cells: list[Cell]) -> Iterator[Cell]:
    """Give every cell an id of its own."""
    for number, cell in enumerate(cells):
        yield {**cell, "id": f"cell-{number}"}
