"""What ``nbgrader collect`` fetched: who handed in what, and a notebook safe to give nbgrader."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.author import notebooks
from autograder.author.notebooks import Cell, Notebook
from autograder.course import Assignment
from autograder.files import write_atomically
from autograder.intake import Entry, Submission, find_submissions

_MOST_BYTES = 2**25
_LONGEST = 1000  # bytes of a file that nbgrader put beside the notebook


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
    work: Collected,
    submission: Submission,
    released: Notebook,
    extra: Mapping[str, str],
    stage: Path,
) -> None:
    """Write a copy of a submission that nbgrader can read whatever was handed in.

    It is the released notebook with the student's text in it: so no cell that carries marks is
    missing, doubled or altered.

    Args:
        work: The submission.
        submission: The same, as the intake read it.
        released: The notebook that students got.
        extra: What else comes along: texts by file name.
        stage: A folder that stands for ``submitted/``.
    """
    name = work.folder.name  # nbgrader's name of the assignment, and ours of its notebook
    target = stage / work.student / name
    theirs = None if work.entry.refused else _read_cells(work.folder, name)
    made = _filled(released, submission) if theirs is None else _merged(released, theirs)
    write_atomically(target / f"{name}.ipynb", notebooks.write(made))
    for small, text in extra.items():
        write_atomically(target / small, text)


def small_file(work: Collected, name: str) -> str:
    """One of the small files that nbgrader itself put beside a submission; empty if it is not."""
    path = work.folder / name
    if work.entry.refused or not path.is_file() or path.is_symlink():
        return ""
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("ascii", "replace")


def _read_cells(folder: Path, name: str) -> list[Cell] | None:
    """The cells of the student's notebook, or None where there is none that can be read."""
    expected = folder / f"{name}.ipynb"
    others = sorted(folder.glob("*.ipynb"))
    path = next((p for p in (expected, *others) if p.is_file() and not p.is_symlink()), None)
    if path is None or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        cells = json.loads(path.read_bytes())["cells"]
        return [{**cell, "source": _text(cell["source"]), "key": _key(cell)} for cell in cells]
    except Exception:  # a stranger's JSON may hold anything anywhere
        return None


def _filled(released: Notebook, submission: Submission) -> Notebook:
    """The released notebook with files handed in as ``.py``, where they are there."""
    files = notebooks.to_files(released)
    theirs = {file: _text(submission.files[file]) for file in files if file in submission.files}
    return notebooks.fill(released, theirs)


def _merged(released: Notebook, theirs: list[Cell]) -> Notebook:
    """The released notebook with a student's text in its open cells, and the student's own cells.

    An own cell stands after the cell that it followed.
    """
    merged = copy.deepcopy(released)
    places = {_key(cell): i for i, cell in enumerate(merged["cells"])}
    texts: dict[int, str] = {}
    own: dict[int, list[Cell]] = {}
    at = -1
    for cell in theirs:
        place = places.get(cell["key"])
        if place is None:
            own.setdefault(at, []).append(_plain(cell))
        else:
            at = place
            texts.setdefault(place, cell["source"])
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


def _text(source: str | list[str]) -> str:
    """Text that can be written: JSON can spell halves of characters, which UTF-8 cannot."""
    return "".join(source).encode("utf-8", "replace").decode("utf-8")


def _is_open(cell: Cell) -> bool:
    return not cell["metadata"].get("nbgrader", {}).get("locked")


def _plain(cell: Cell) -> Cell:
    """A student's own cell, without what it says of itself."""
    if cell.get("cell_type") == "code":
        return {**notebooks.code_cell("own", "", cell["source"], {}), "metadata": {}}
    return {**notebooks.markdown_cell("own", "", cell["source"]), "metadata": {}}


def _numbered(cells: list[Cell]) -> Iterator[Cell]:
    """Give every cell an id of its own."""
    for number, cell in enumerate(cells):
        yield {**cell, "id": f"cell-{number}"}
