"""``check("layer")`` in a notebook: the public tests on the functions defined in its cells."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.course import STAFF, Assignment, CourseError, find, find_root, load_alone
from autograder.local_check import LocalCheck
from autograder.plugin import Tester, run_session
from autograder.reports.console import render_check
from autograder.reports.notebook import html_check
from autograder.results import Report
from autograder.student.local import Sources, is_cell


class CheckResult:
    """What a check found; Jupyter draws it as a table, a terminal prints it."""

    def __init__(self, report: Report, assignment: Assignment, hidden_ran: bool = False) -> None:
        self.report = report
        self.assignment = assignment
        self.hidden_ran = hidden_ran
        self.score = report.score

    def _repr_html_(self) -> str:
        return html_check(self.report, self.assignment, self.hidden_ran)

    def __repr__(self) -> str:
        from rich.console import Console

        console = Console(width=100, no_color=True)
        with console.capture() as capture:
            console.print(render_check(self.report, self.assignment, self.hidden_ran))
        return capture.get()


class CellSources(Sources):
    """The names that the notebook's cells define, in place of modules."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.texts = {"notebook.py": _texts(namespace)}
        self.failures = {}

    def lookup(self, name: str) -> Any:
        """Find a name among what the cells have defined so far."""
        from autograder.inside.load import MissingName

        if name not in self.namespace:
            raise MissingName(name)
        return self.namespace[name]

    def is_file(self, name: str) -> bool:
        """Whether a traceback's file name is one of the cells."""
        return is_cell(name)


def _texts(namespace: dict[str, Any]) -> str:
    """The source of what the cells define, for the search for forbidden uses."""
    texts = ["import numpy as np\n"]
    for value in list(namespace.values()):
        defined = inspect.isfunction(value) or inspect.isclass(value)
        if defined and getattr(value, "__module__", "") == "__main__":
            with contextlib.suppress(OSError, TypeError):
                texts.append(inspect.getsource(value))
    return "\n\n".join(texts)


class CellModule(ModuleType):
    """Stands for a course file in a notebook: ``from basic import merge`` finds the cells' own."""

    def __getattr__(self, name: str) -> Any:
        namespace = vars(sys.modules["__main__"])
        if name.startswith("__") or name not in namespace:
            raise AttributeError(f"no cell has defined {name} yet")
        return namespace[name]


def use_cells() -> None:
    """In an assignment's folder, let its files be imported from the notebook's cells."""
    try:
        files = _current_assignment().files
    except CourseError:
        return  # check() will say so
    for file in files:
        name = file.removesuffix(".py")
        sys.modules.setdefault(name, CellModule(name))


def check_cell(part: str | None = None, *, hidden: bool = False) -> CheckResult:
    """Run the public tests of one part, or of all, on what the notebook has defined.

    Args:
        part: Which part; all of them by default.
        hidden: Whether to run the hidden tests too, where this copy of the course has them.

    Raises:
        CourseError: The notebook lies in no assignment's folder, or there is no such part.
    """
    assignment = _current_assignment()
    parts = [assignment.part(part)] if part else list(assignment.parts)
    namespace = vars(sys.modules["__main__"])

    def body(tester: Tester) -> Report:
        return LocalCheck(tester).run(parts, CellSources(namespace))

    # nbgrader gives a cell that writes to standard error no marks, be it a warning.
    with contextlib.redirect_stderr(sys.stdout) if hidden else contextlib.nullcontext():
        report = run_session(assignment, body, hidden=hidden)
    return CheckResult(report, assignment, hidden and assignment.has_solutions)


def _current_assignment() -> Assignment:
    folder = Path.cwd()
    if staff := os.environ.get(STAFF):  # nbgrader runs this notebook where marks are made
        return find(folder.name, Path(staff))
    if folder.parent.name != "assignments" and (folder / "assignment.toml").is_file():
        return load_alone(folder)
    root = find_root(folder)
    if folder.parent.name != "assignments":
        raise CourseError(
            f"This notebook runs in {folder}, which is no assignment's folder. Open it with "
            "`course lab 01`, or start Jupyter inside assignments/01_..."
        )
    assignment = find(folder.name, root)
    return assignment
