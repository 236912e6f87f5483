"""The catalogue: which assignments exist, their parts, points, limits and hints.

Everything here is read from ``assignments/NN_name/assignment.toml``, where it is written once.
Students have ``assignments/``; only staff have ``solutions/``, so every path into it may be absent.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAFF = "COURSE_STAFF"  # this environment variable names the course where nbgrader makes marks


class CourseError(Exception):
    """Something a person gave was wrong; the message says what, where, and what to do next."""


@dataclass(frozen=True)
class Limits:
    """What one test of a submission may use.

    Attributes:
        seconds: Wall time of one test, in seconds. A kill limit, ten times what is needed.
        memory_mb: Memory beyond that of the warm interpreter, in MiB.
        output_kb: What a submission may print before it is stopped, in KiB.
        disk_mb: Size of its private temporary folder, in MiB.
    """

    seconds: float = 2.0
    memory_mb: int = 512
    output_kb: int = 4096
    disk_mb: int = 64


@dataclass(frozen=True)
class Part:
    """One function or class, graded on its own.

    Attributes:
        name: What people call it, and what ``@part(...)`` names.
        file: The file of the submission that holds it.
        points: What it is worth.
        provides: The top-level names it defines; usually just ``name``.
        uses: Other parts whose code this one may call, so that their mistakes may cost points here.
        forbidden: What its code may not use: ``"numpy.dot"`` (a library's function),
            ``".dot"`` (a method), ``"@"`` (an operator).
        hints: Three hints, each stronger than the last.
        minutes: How long a student needs, roughly.
        seconds: A kill limit of its own, or None for the assignment's.
    """

    name: str
    file: str
    points: float
    provides: tuple[str, ...]
    uses: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    minutes: int = 10
    seconds: float | None = None


@dataclass(frozen=True)
class Assignment:
    """One assignment as its ``assignment.toml`` describes it."""

    id: str
    title: str
    seed: int
    files: tuple[str, ...]
    parts: tuple[Part, ...]
    folder: Path
    solutions: Path
    lecture: Path
    libraries: tuple[str, ...] = ("numpy",)
    policy: str = "message"
    limits: Limits = field(default_factory=Limits)

    @property
    def number(self) -> str:
        """The two digits people type: ``"04"``."""
        return self.id.partition("_")[0]

    @property
    def warm(self) -> tuple[str, ...]:
        """What a sandbox imports before any submission: libraries, and what owns forbidden names.

        Guards stand on these in every submission's process, which would import them each time.
        """
        owners = {name.rpartition(".")[0] for part in self.parts for name in part.forbidden}
        return (*self.libraries, *sorted(owners - {"", *self.libraries}))

    @property
    def points(self) -> float:
        """What the whole assignment is worth."""
        return sum(part.points for part in self.parts)

    @property
    def has_solutions(self) -> bool:
        """Whether this copy of the course holds the staff's side of the assignment."""
        return (self.solutions / self.files[0]).is_file()

    @property
    def test_files(self) -> tuple[Path, ...]:
        """Public tests, then hidden ones where this copy has them."""
        paths = (self.folder / "test_public.py", self.solutions / "test_hidden.py")
        return tuple(path for path in paths if path.is_file())

    def part(self, name: str) -> Part:
        """Return the part called ``name``.

        Raises:
            CourseError: No part has that name; the message offers the nearest one.
        """
        for part in self.parts:
            if part.name == name or name in part.provides:
                return part
        raise CourseError(unknown("part", name, [part.name for part in self.parts], self.id))


def unknown(kind: str, name: str, known: list[str], where: str) -> str:
    """Say that a name is unknown, offer the nearest, and list what there is."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    offer = f" Did you mean {near[0]}?" if near else ""
    return f"There is no {kind} called {name!r} in {where}.{offer} There are: {', '.join(known)}."


def find_root(start: Path | None = None) -> Path:
    """Find the course: the nearest folder upwards with assignments in it.

    Args:
        start: Where to begin; the current folder, then the folder of this package, by default.

    Raises:
        CourseError: No folder upwards holds a course.
    """
    places = [start] if start else [Path.cwd(), Path(__file__).parent]
    for place in places:
        for folder in (place.resolve(), *place.resolve().parents):
            if any(folder.glob("assignments/*/assignment.toml")):
                return folder
    raise CourseError(
        f"No course found in {places[0]} or above it. Run this inside the folder that holds "
        "assignments/ and course.py."
    )


def assignment_ids(root: Path, *, drafts: bool = False) -> list[str]:
    """Return the ids of all assignments, in order.

    Args:
        root: The course's folder.
        drafts: Whether to name those too whose ``assignment.toml`` says ``draft = true``: they are
            being written, and students do not get them.
    """
    paths = sorted(root.glob("assignments/*/assignment.toml"))
    return [path.parent.name for path in paths if drafts or not is_draft(path.parent)]


def is_draft(folder: Path) -> bool:
    """Whether the assignment of a folder is still being written."""
    text = (folder / "assignment.toml").read_text(encoding="utf-8", errors="replace")
    return re.search(r"(?m)^draft = true", text) is not None


def load_all(root: Path) -> list[Assignment]:
    """Load every assignment, in order."""
    return [load(name, root) for name in assignment_ids(root)]


def find(name: str, root: Path) -> Assignment:
    """Load the assignment a person means by a number (``4``, ``04``) or a name (``attention``).

    Raises:
        CourseError: Nothing matches; the message offers the nearest.
    """
    ids = assignment_ids(root, drafts=True)
    wanted = name.strip().rstrip("/").rpartition("/")[2].lower()
    for each in ids:
        number, _, word = each.partition("_")
        if wanted in (each, number, word) or (wanted.isdigit() and int(wanted) == int(number)):
            return load(each, root)
    words = [each.partition("_")[2] for each in ids]
    near = difflib.get_close_matches(wanted, [*ids, *words], n=1, cutoff=0.4)
    offer = f" Did you mean {near[0]}?" if near else ""
    raise CourseError(f"There is no assignment {name!r}.{offer} There are: {', '.join(ids)}.")


def load(assignment_id: str, root: Path) -> Assignment:
    """Read one ``assignment.toml``.

    Raises:
        CourseError: The file is missing or a field of it is wrong; the message names the field.
    """
    return _read(root / "assignments" / assignment_id, root)


def load_alone(folder: Path) -> Assignment:
    """Load an assignment whose folder lies by itself, as nbgrader hands it out.

    Raises:
        CourseError: Its ``assignment.toml`` is missing or a field of it is wrong.
    """
    return _read(folder, folder.parent)


def _read(folder: Path, root: Path) -> Assignment:
    path = folder / "assignment.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{path} does not exist.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path} is not valid TOML: {error}.") from None
    try:
        return _assignment(folder, data, root)
    except (KeyError, TypeError, ValueError) as error:
        raise CourseError(f"{path}: {_field_error(error)}") from None


def _field_error(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the field {error.args[0]!r} is missing."
    return f"{error}."


def _assignment(folder: Path, data: Mapping[str, Any], root: Path) -> Assignment:
    files = tuple(data["files"])
    parts = tuple(_part(entry, files) for entry in data["part"])
    names = [part.name for part in parts]
    if len(set(names)) != len(names):
        raise ValueError("two parts have the same name")
    for part in parts:
        for used in part.uses:
            if used not in names:
                raise ValueError(f"part {part.name!r} uses {used!r}, which is no part")
    policy = data.get("policy", "message")
    if policy not in ("title", "message", "full"):
        raise ValueError("policy is one of title, message, full")
    return Assignment(
        id=folder.name,
        title=data["title"],
        seed=int(data["seed"]),
        files=files,
        parts=parts,
        folder=folder,
        solutions=root / "solutions" / folder.name,
        lecture=root / "lectures" / f"{folder.name}.md",
        libraries=tuple(data.get("libraries", ["numpy"])),
        policy=policy,
        limits=Limits(**data.get("limits", {})),
    )


def _part(entry: Mapping[str, Any], files: tuple[str, ...]) -> Part:
    fields = dict(entry)
    for key in ("provides", "uses", "forbidden", "hints"):
        if key in fields:
            fields[key] = tuple(fields[key])
    fields.setdefault("provides", (fields["name"],))
    if fields["file"] not in files:
        raise ValueError(f"part {fields['name']!r} is in {fields['file']!r}, which is not in files")
    return Part(**fields)
