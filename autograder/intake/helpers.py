"""The student's own modules beside the course's files: which go along, and which may not."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from autograder.course import Assignment
from autograder.intake.kinds import shadows
from autograder.intake.place import Found, Source, level
from autograder.intake.values import Refused, listed

MOST_TEXT = 2 * 2**20


@dataclass
class Helpers:
    """Helper modules.

    Attributes:
        files: Source text by path, relative to the course's files.
        notes: What was left out.
        flags: Modules that would hide a library.
    """

    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


def collect(sources: list[Source], found: Found, assignment: Assignment) -> Helpers:
    """Collect the modules that lie beside or below the course's files.

    Raises:
        Refused: They are too much text.
    """
    helpers = Helpers()
    bases = {posixpath.dirname(source.path) for source in found.sources.values()} or {""}
    exact = {s.path for f, s in found.sources.items() if posixpath.basename(s.path) == f}
    unused: list[str] = []
    hiding: list[str] = []
    for source in sorted(sources, key=lambda each: (level(each.path, assignment), each.path)):
        if source.path in exact:
            continue
        path = _beside(source.path, bases)
        if _hides(path, assignment):
            hiding.append(path)
        elif not path or not _importable(path) or path in helpers.files or source.problem:
            unused.append(source.path)
        else:
            helpers.files[path] = source.text
    if sum(map(len, helpers.files.values())) > MOST_TEXT:
        raise Refused(f"It holds more than {MOST_TEXT // 2**20} MB of Python source.")
    used = {source.path for source in found.sources.values()}
    unused = [path for path in unused if path not in used]
    if unused:
        helpers.notes.append(f"Python files that no course file can import: {listed(unused)}.")
    if hiding:
        helpers.flags.append(
            f"Not used, since it would hide a module of Python, a library or the course: "
            f"{listed(hiding)}."
        )
    return helpers


def _beside(path: str, bases: set[str]) -> str:
    """The path relative to the deepest folder of course files around it; empty if none is."""
    for base in sorted(bases, key=len, reverse=True):
        if not base:
            return path
        if path.startswith(f"{base}/"):
            return path[len(base) + 1 :]
    return ""


def _hides(path: str, assignment: Assignment) -> bool:
    top, _, rest = path.partition("/")
    if not path or path in assignment.files:
        return False
    module = top.removesuffix(".py") if not rest else top
    return shadows(module) or f"{module}.py" in assignment.files


def _importable(path: str) -> bool:
    words = path.removesuffix(".py").split("/")
    return words != ["__init__"] and all(word.isidentifier() and word.isascii() for word in words)
