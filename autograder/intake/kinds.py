"""What kind of file a path is, by its name alone."""

from __future__ import annotations

import re
import sys
from enum import Enum

_CACHE = re.compile(
    r"__macosx|\.ds_store|\.git|\.hg|\.svn|__pycache__|\.ipynb_checkpoints|\.?venv|site-packages"
    r"|node_modules|\.(pytest|mypy|ruff)_cache|\.hypothesis|\.idea|\.vscode|\.tox|thumbs\.db"
    r"|desktop\.ini|\._.*"
)
_STEERING = re.compile(
    r"conftest\.py|pytest\.ini|\.pytest\.ini|pyproject\.toml|setup\.cfg|setup\.py|tox\.ini"
    r"|sitecustomize\.py|usercustomize\.py|.*\.pth|test_.*\.py|.*_test\.py"
)
_COURSE = frozenset({"play.py", "__main__.py"})
_ARCHIVE = re.compile(r".*\.(zip|tar|tgz|tar\.gz)")
_WORDS = {
    ".docx": "a Word document",
    ".doc": "a Word document",
    ".odt": "a text document",
    ".pdf": "a PDF",
    ".rar": "a RAR archive",
    ".7z": "a 7-Zip archive",
    ".html": "a web page",
    ".txt": "a text file",
}
_LIBRARY = re.compile(
    "numpy|torch|_?pytest|pluggy|hypothesis|msgpack|autograder|course|conftest|(site|user)customize"
)


class Kind(Enum):
    """What a file is for."""

    SOURCE = "source"
    NOTEBOOK = "notebook"
    ARCHIVE = "archive"
    STEERING = "steering"
    OTHER = "other"


def kind_of(path: str) -> Kind:
    """Tell the kind of a file from its path."""
    name = path.casefold().rpartition("/")[2]
    if in_cache(path):
        return Kind.OTHER
    if _STEERING.fullmatch(name):
        return Kind.STEERING
    if name in _COURSE:
        return Kind.OTHER
    if name.endswith(".py"):
        return Kind.SOURCE
    if name.endswith(".ipynb"):
        return Kind.NOTEBOOK
    return Kind.ARCHIVE if _ARCHIVE.fullmatch(name) else Kind.OTHER


def in_cache(path: str) -> bool:
    """Whether a path is, or is inside, something that tools and systems leave behind."""
    return any(_CACHE.fullmatch(part) for part in path.casefold().split("/"))


def in_words(name: str) -> str:
    """Say what a file that nobody can grade is: ``"a PDF"``."""
    if kind_of(name) is Kind.STEERING:
        return "a file that steers tests"
    ending = name[name.rfind(".") :].casefold() if "." in name else ""
    return _WORDS.get(ending, f"a {ending} file" if 1 < len(ending) < 8 else "of no known kind")


def shadows(module: str) -> bool:
    """Whether a module of this name would hide one that numpy, torch or Python itself needs."""
    return bool(_LIBRARY.fullmatch(module.casefold())) or module in sys.stdlib_module_names
