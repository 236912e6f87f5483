"""The zip that Gradescope takes: its two scripts, one assignment, and what grades it; no more."""

from __future__ import annotations

import ast
import json
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.bridges.gradescope.results import unfinished
from autograder.bridges.gradescope.run import SETTINGS
from autograder.course import Assignment, CourseError

_PACKAGE = Path(__file__).resolve().parents[2]
_SCRIPTS = Path(__file__).with_name("scripts")
_ENTRY = "autograder.bridges.gradescope.run"
_STORED = (2020, 1, 1, 0, 0, 0)  # the same zip for the same course
_DISTRIBUTIONS = {"yaml": "pyyaml", "sklearn": "scikit-learn"}
_MARGIN_SECONDS = 45  # to start, and to write down what was found
_DID_NOT_END = "The grader was stopped: out of time or memory. Its output says how far it came."


@dataclass(frozen=True)
class Container:
    """What Gradescope gives a submission, and what students may see of hidden tests."""

    minutes: int = 10
    memory_mb: int = 768
    policy: str = "message"


def write_zip(assignment: Assignment, root: Path, container: Container, path: Path) -> list[str]:
    """Write the zip and return the names in it.

    Raises:
        CourseError: The course lacks what is needed.
    """
    files = contents(assignment, root, container)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _STORED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            script = name in ("setup.sh", "run_autograder")
            entry.external_attr = (0o100700 if script else 0o100600) << 16
            archive.writestr(entry, text)
    return sorted(files)


def contents(assignment: Assignment, root: Path, container: Container) -> dict[str, bytes]:
    """Return every file of the zip.

    Raises:
        CourseError: The course lacks what is needed.
    """
    if not assignment.has_solutions:
        raise CourseError(
            f"{assignment.id} has no solutions here, and hidden tests need them. Run this in the "
            "staff's copy of the course."
        )
    course = course_files(assignment)
    engine = engine_files(course)
    imported = outer_imports(engine) | every_import(course) | set(assignment.libraries)
    settings = {
        "assignment": assignment.id,
        "policy": container.policy,
        "seconds": container.minutes * 60 - 2 * _MARGIN_SECONDS,
        "memory_mb": container.memory_mb,
        "torch": "torch" in imported,
    }
    texts = {
        "requirements.txt": requirements(root, imported),
        "seconds": f"{container.minutes * 60 - _MARGIN_SECONDS}\n",
        SETTINGS: json.dumps(settings, indent=1) + "\n",
        "unfinished.json": json.dumps(unfinished(assignment, _DID_NOT_END), indent=1) + "\n",
        **{path.name: path.read_text(encoding="utf-8") for path in sorted(_SCRIPTS.iterdir())},
    }
    files = {name: text.encode() for name, text in texts.items()}
    for path in engine:
        files[f"course/{path.relative_to(_PACKAGE.parent).as_posix()}"] = path.read_bytes()
    for path in course:
        files[f"course/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    return files


def course_files(assignment: Assignment) -> list[Path]:
    """Of the course: one assignment as students get it, its tests, reference and mistakes."""
    handed_out = ("assignment.toml", "test_public.py", "notebook.ipynb", *assignment.files)
    kept = [assignment.folder / name for name in handed_out]
    kept += [*sorted(assignment.solutions.glob("*.py")), assignment.solutions / "mistakes.toml"]
    return [path for path in kept if path.is_file()]


def engine_files(course: list[Path]) -> list[Path]:
    """Of the engine: what the run and the tests import, what that imports, and what runs inside."""
    waiting = [f"autograder.inside.{path.stem}" for path in (_PACKAGE / "inside").glob("*.py")]
    waiting += [_ENTRY, *(name for path in course for name in imports(path))]
    found: set[Path] = set()
    while waiting:
        words = waiting.pop().split(".")
        for length in range(1, len(words) + 1) if words[0] == "autograder" else ():
            path = _module(words[:length])
            if path is None or path in found:
                continue
            found.add(path)
            if path != _PACKAGE / "__init__.py":  # what a notebook asks of it is not asked here
                waiting += imports(path)
    return sorted(found)


def _module(words: list[str]) -> Path | None:
    place = _PACKAGE.parent.joinpath(*words)
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def imports(path: Path, *, outer: bool = False) -> Iterator[str]:
    """The names that a Python file imports: all of them, or those at its outermost level."""
    if path.suffix != ".py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if outer else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def outer_imports(paths: Iterable[Path]) -> set[str]:
    """What files import whenever they are imported themselves; the engine does the rest at need."""
    return {name.partition(".")[0] for path in paths for name in imports(path, outer=True)}


def every_import(paths: Iterable[Path]) -> set[str]:
    """What Python files import, wherever."""
    return {name.partition(".")[0] for path in paths for name in imports(path)}


def requirements(root: Path, imported: set[str]) -> str:
    """The course's own requirements, as far as something imported needs them.

    Raises:
        CourseError: There is no list of requirements to choose from.
    """
    path = root / "pyproject.toml"
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        raise CourseError(f"{path} does not list the course's requirements.") from None
    needed = {_DISTRIBUTIONS.get(name, name) for name in imported}
    lines = [line for line in listed if re.split(r"[<>=!~\[; ]", line)[0].lower() in needed]
    return "".join(f"{line}\n" for line in lines)
