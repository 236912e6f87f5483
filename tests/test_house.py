"""The house stays liveable: data goes one way, a file has one idea, nothing secret goes inside."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "autograder"
# A room imports only rooms that stand before it.
ROOMS = (
    "course results wire faults show files inside intake sandbox student testing plugin mistakes "
    "forbidden diagnosis grader local_check warm batch reports similarity memory notebook author "
    "bridges demo_class cli"
).split()
MODULES = sorted(PACKAGE.rglob("*.py"))
# Where a room may know of a later one, and why.
ALLOWED = {
    ("__init__", "notebook"): "`from autograder import check`, imported when called",
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder"):
            words = (node.module or "").split(".")
            found |= {words[1]} if len(words) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("autograder.")}
    return found - {"__version__", "check"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_data_goes_one_way(path: Path) -> None:
    here = room(path)
    for other in imports(path):
        if here in ("__main__",) or (here, other) in ALLOWED or other == here:
            continue
        assert other in ROOMS, f"{other} is no room"
        assert ROOMS.index(other) < ROOMS.index(here), f"{here} imports {other}, which comes later"


def test_every_room_is_known() -> None:
    found = {room(path) for path in MODULES} - {"__init__", "__main__"}
    assert found == set(ROOMS)


def test_what_runs_inside_knows_nothing_of_the_course() -> None:
    for path in (PACKAGE / "inside").glob("*.py"):
        assert imports(path) <= {"wire", "inside"}, path
    assert imports(PACKAGE / "wire.py") == set()


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    longest = max(lengths, key=lambda path: lengths[path])
    assert lengths[longest] <= 500, longest
    assert statistics.median(lengths.values()) < 130


def test_no_module_level_mutable_state() -> None:
    """Module-level names are constants: nothing rebinds them, and none is an empty container."""
    for path in MODULES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                empty = isinstance(node.value, ast.List | ast.Dict | ast.Set) and not ast.unparse(
                    node.value
                ).strip("[]{}")
                assert not empty, f"{path}:{node.lineno}"
        assert not any(
            isinstance(node, ast.Global) for node in ast.walk(ast.parse(path.read_text("utf-8")))
        ), path
