"""What is compared, and what explains itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autograder.course import Assignment, CourseError
from autograder.intake import Entry, read_entry
from autograder.mistakes import apply, load_variants, reference_texts
from autograder.similarity.compare import Work
from autograder.similarity.tokens import Stream, stream

_CELL = re.compile(r"^```+\{code-cell\}[^\n]*\n(.*?)^```+\s*$", re.MULTILINE | re.DOTALL)
_CHUNK = 8


@dataclass(frozen=True)
class Unread:
    """A submission that cannot be compared, and why."""

    student: str
    reason: str


def read_class(
    entries: Sequence[Entry],
    assignment: Assignment,
    workers: int,
    step: Callable[[], object] = lambda: None,
) -> tuple[list[Work], list[Unread]]:
    """Read the entries of a class; nothing of them is run.

    Args:
        entries: Found by ``autograder.intake.find_submissions``.
        assignment: What they are submissions of.
        workers: How many processes read.
        step: Called after each entry.
    """
    works: list[Work] = []
    unread: list[Unread] = []
    for found in _read_all(entries, assignment, workers):
        step()
        if isinstance(found, Work):
            works.append(found)
        else:
            unread.append(found)
    return works, unread


def _read_all(
    entries: Sequence[Entry], assignment: Assignment, workers: int
) -> Iterator[Work | Unread]:
    reader = partial(read, assignment=assignment)
    if workers == 1 or len(entries) <= 4 * _CHUNK:  # a process costs more than so few
        yield from map(reader, entries)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(reader, entries, chunksize=_CHUNK)


def read(entry: Entry, assignment: Assignment) -> Work | Unread:
    """Read one entry of a class."""
    submission = read_entry(entry, assignment)
    if submission.refused:
        return Unread(entry.student, submission.refused)
    files = dict(sorted(submission.files.items()))
    return Work(entry.student, files, stream(files))


def known_streams(assignment: Assignment, given: Sequence[Path] = ()) -> list[Stream]:
    """What nobody needs to have from a neighbour.

    The stub, ``play.py`` and the code of the lecture; the reference and the other right answers,
    where this copy of the course has them; and what else was handed out.

    Raises:
        CourseError: Something that was handed out cannot be read.
    """
    texts = [_text(assignment.folder / name) for name in (*assignment.files, "play.py")]
    texts += _CELL.findall(_text(assignment.lecture))
    if assignment.has_solutions:
        texts += reference_texts(assignment).values()
        for variant in load_variants(assignment):
            texts.append(apply(variant, assignment)[assignment.part(variant.part).file])
    texts += [text for path in given for text in _given(path)]
    return [stream({"": text}) for text in texts if text]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _given(path: Path) -> list[str]:
    paths = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    if not paths or not all(each.is_file() and each.suffix == ".py" for each in paths):
        raise CourseError(
            f"{path} is no .py file and no folder that holds some. --given names code that was "
            "handed out, which everybody may have."
        )
    return [_text(each) for each in paths]
