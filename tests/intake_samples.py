"""A tiny assignment, and what students hand in for it."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from autograder.course import Assignment, load

TOML = """
title = "Tiny"
seed = 1
files = ["vectors.py", "network.py"]

[[part]]
name = "dot"
file = "vectors.py"
points = 2

[[part]]
name = "Value"
file = "vectors.py"
points = 3
provides = ["Value.add", "Value.mul"]

[[part]]
name = "forward"
file = "network.py"
points = 5
"""

STUBS = {
    "vectors.py": '''"""Vectors."""

import numpy as np


def dot(a, b):
    """Return the dot product."""
    raise NotImplementedError("01_tiny: dot")


class Value:
    """A number."""

    def __init__(self, x):
        self.x = x

    def add(self, other):
        raise NotImplementedError("01_tiny: Value")

    def mul(self, other):
        raise NotImplementedError("01_tiny: Value")
''',
    "network.py": '''"""A network."""

from vectors import dot


def forward(x):
    """Return the output."""
    if x is None:
        raise ValueError("no input")
    raise NotImplementedError("01_tiny: forward")
''',
}

GOOD = {
    "vectors.py": '''"""Vectors."""

import numpy as np


def dot(a, b):
    """Return the dot product."""
    return float(np.sum(a * b))


class Value:
    """A number."""

    def __init__(self, x):
        self.x = x

    def add(self, other):
        return Value(self.x + other.x)

    def mul(self, other):
        return Value(self.x * other.x)
''',
    "network.py": '''"""A network."""

from vectors import dot


def forward(x):
    """Return the output."""
    return dot(x, x)
''',
}

ADVICE = (
    "Hand in vectors.py and network.py: as files, in a folder, a .zip or a .tar.gz, or as the "
    "notebook."
)


def make_assignment(root: Path, stubs: bool = True) -> Assignment:
    """Make a course of one tiny assignment."""
    folder = root / "course" / "assignments" / "01_tiny"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    if stubs:
        write(folder, STUBS)
        (folder / "notebook.ipynb").write_text(notebook(STUBS))
    return load("01_tiny", root / "course")


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def make_zip(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def make_tar(
    path: Path, files: Mapping[str, str | bytes], *extra: tarfile.TarInfo, mode: str = "w:gz"
) -> Path:
    """Write a tar."""
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return path


def cell(source: str, **course: object) -> dict[str, object]:
    """Make a code cell."""
    metadata = {"course": course} if course else {}
    return {"cell_type": "code", "metadata": metadata, "outputs": [], "source": source}


def notebook(files: Mapping[str, str], *more: dict[str, object]) -> str:
    """Make a notebook as `course sync` does: one cell per definition, checks after."""
    cells = [cell("from autograder import check", role="setup")]
    for file, text in files.items():
        cells += [cell(piece.strip("\n"), role="code", file=file) for piece in text.split("\n\n\n")]
    cells += [
        cell('check("dot")', role="check", part="dot", points=2),
        cell('check("forward")', role="check", part="forward", points=5),
    ]
    return book([*cells, *more])


def book(cells: list[dict[str, object]]) -> str:
    """Put cells into a notebook."""
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
