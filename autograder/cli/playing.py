"""``course play``: run an assignment's play on one's own code."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from autograder.course import Assignment, CourseError
from autograder.inside.load import MissingName
from autograder.plugin import homes
from autograder.student.local import Sources, read_sources


class Own:
    """The functions and classes of one's own files, as attributes, with nothing in between."""

    def __init__(self, sources: Sources, assignment: Assignment) -> None:
        self._sources = sources
        self._assignment = assignment

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._sources.lookup(name)
        except MissingName:
            raise AttributeError(f"there is no {name} in your files") from None


def run_play(
    assignment: Assignment, words: list[str], use_solution: bool, out: str, screen: Console
) -> None:
    """Run the play, and say what it made.

    Raises:
        CourseError: There is no play, an option is malformed, or a part it needs is not there yet.
    """
    path = assignment.folder / "play.py"
    if not path.is_file():
        raise CourseError(f"{assignment.id} has no play.")
    if use_solution and not assignment.has_solutions:
        raise CourseError("--solution needs solutions/, which this copy of the course lacks.")
    options = read_options(words)
    folder = Path(out) if out else Path(".course") / "play" / assignment.id
    folder.mkdir(parents=True, exist_ok=True)
    source = assignment.solutions if use_solution else assignment.folder
    sources = read_sources(source, assignment.files, homes(assignment))
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    try:
        _load(path).play(Own(sources, assignment), folder, options)
    except NotImplementedError as error:
        raise CourseError(_not_yet(assignment, str(error))) from None
    except CourseError:
        raise
    except Exception as error:
        screen.print(f"[red]{_where(error, sources)}[/]", markup=True)
        raise CourseError(
            f"The play stopped: {type(error).__name__}: {error}. "
            f"course check {assignment.number} says which part to look at."
        ) from None
    unread = sorted(set(options) - options.read)
    if unread:
        screen.print(f"This play does not take {', '.join(unread)}: see its README.", markup=False)
    made = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    made = [p for p in made if before.get(p) != p.stat().st_mtime_ns]
    for each in made:
        screen.print(f"[bold]Made[/] {each}")


class Options(dict[str, str]):
    """What was asked for, with a memory of which of it the play has read."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(found)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the option's text, or the default."""
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)


def read_options(words: list[str]) -> Options:
    """Read ``key=value``, ``--key=value``, ``--key value``, and ``--key`` for yes.

    Raises:
        CourseError: A word is none of these.
    """
    options: dict[str, str] = {}
    waiting = ""  # a key whose value may be the next word
    for word in words:
        key, equals, value = word.removeprefix("--").partition("=")
        if waiting and not word.startswith("--") and not equals:
            options[waiting] = word
        elif key and (equals or word.startswith("--")):
            options[key] = value if equals else "yes"
        else:
            raise CourseError(f"{word!r} is no option of a play; write key=value or --key.")
        waiting = key if word.startswith("--") and not equals else ""
    return Options(options)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("play", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _not_yet(assignment: Assignment, text: str) -> str:
    part = text.rpartition(": ")[2]
    return (
        f"The play needs {part}, which is not written yet. Write it, check it with "
        f"`course check {assignment.number} {part}`, and play again; or see what is to come with "
        f"`course play {assignment.number} --solution` where the solutions are at hand."
    )


def _where(error: Exception, sources: Sources) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if sources.is_file(frame.filename)] or frames
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line}" if own else ""
