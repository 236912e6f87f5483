"""Runs the ``Example:`` sections of an assignment's docstrings against its reference."""

from __future__ import annotations

import doctest
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from autograder.course import Assignment


def run_doctests(assignment: Assignment) -> list[str]:
    """Return one line for each example that does not give what its docstring says.

    The reference is imported anew and forgotten again, so that assignments with files of the same
    name do not meet. Not for several threads at once: imports belong to the whole process.
    """
    with _only(assignment.solutions, [Path(file).stem for file in assignment.files]):
        return [failure for file in assignment.files for failure in _run(assignment, file)]


def _run(assignment: Assignment, file: str) -> Iterator[str]:
    try:
        module = importlib.import_module(Path(file).stem)
    except Exception as error:
        yield f"{file} cannot be imported: {type(error).__name__}: {error}"
        return
    runner = _Recorder(file)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=lambda text: None)
    yield from runner.found


class _Recorder(doctest.DocTestRunner):
    """Keeps failures as single lines instead of printing them."""

    def __init__(self, file: str) -> None:
        super().__init__(verbose=False)
        self.file = file
        self.found: list[str] = []

    def report_failure(
        self, out: object, test: doctest.DocTest, example: doctest.Example, got: str
    ) -> None:
        self._keep(test, example, f"gives {got.strip()!r}, not {example.want.strip()!r}")

    def report_unexpected_exception(
        self, out: object, test: doctest.DocTest, example: doctest.Example, exc_info: object
    ) -> None:
        error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
        self._keep(test, example, f"raises {type(error).__name__}: {error}")

    def _keep(self, test: doctest.DocTest, example: doctest.Example, what: str) -> None:
        line = (test.lineno or 0) + example.lineno + 1
        name = test.name.partition(".")[2] or "the module"
        self.found.append(f"{self.file}:{line}: {name}: `{example.source.strip()}` {what}")


@contextmanager
def _only(folder: Path, names: list[str]) -> Iterator[None]:
    """Import these names from this folder alone, and leave the interpreter as it was."""
    before: dict[str, ModuleType] = {n: sys.modules.pop(n) for n in names if n in sys.modules}
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)
