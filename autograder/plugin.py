"""The pytest plugin: fixtures ``student``, ``reference`` and ``rng``, and sessions that stay warm.

In plain ``pytest assignments/04_attention`` the student is the files beside the tests, in process.
A warm session loads tests and reference once and then runs them as often as asked, each time on
another student: ``run_session`` calls a function of yours with a ``Tester``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from autograder.course import Assignment, Part, find, find_root
from autograder.faults import GraderFault
from autograder.student.local import LocalStudent, read_sources

_Result = TypeVar("_Result")
_QUIET = (
    "terminal logging warnings cacheprovider doctest faulthandler unraisableexception "
    "threadexception junitxml pastebin nose stepwise debugging setuponly setupplan capture "
    "recwarn monkeypatch pytester unittest tmpdir"
)


@dataclass(frozen=True)
class Test:
    """One test function (or one set of its parameters).

    Attributes:
        id: ``test_hidden.py::test_name``.
        title: The first line of its docstring.
        part: The part it belongs to.
        hidden: Whether students do not have it.
        basic: Whether the part gives nothing while it fails.
        weight: Its share of the part's points.
        seconds: Its kill limit.
    """

    __test__ = False

    id: str
    title: str
    part: str
    hidden: bool
    basic: bool
    weight: float
    seconds: float


@dataclass
class Context:
    """What the fixtures of the test now running return."""

    student: Any = None
    reference: Any = None
    seed: int = 0


_OUR_FIXTURES = frozenset({"student", "reference", "rng", "request"})
_PLAIN_MARKS = frozenset({"part", "parametrize"})
_CONTEXT = pytest.StashKey[Context]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "part(name, basic, weight, seconds): part of an assignment")


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Any:
    """The submission: its functions and classes are the attributes."""
    context = request.config.stash.get(_CONTEXT, None)
    if context is not None:
        return context.student
    assignment = _assignment_of(request.path)
    return LocalStudent(read_sources(assignment.folder, assignment.files, homes(assignment)))


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> Any:
    """The solution, for hidden tests; skips where this copy of the course has none."""
    context = request.config.stash.get(_CONTEXT, None)
    if context is not None and context.reference is not None:
        return context.reference
    return load_reference(_assignment_of(request.path))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the assignment's seed and the test's name."""
    context = request.config.stash.get(_CONTEXT, None)
    seed = context.seed if context is not None else _assignment_of(request.path).seed
    return np.random.default_rng(test_seed(seed, f"{request.path.name}::{request.node.name}"))


def test_seed(seed: int, test_id: str) -> int:
    """The seed of one test: the same on every machine, and another for every seed and name."""
    digest = hashlib.sha256(f"{seed}:{test_id}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


test_seed.__test__ = False  # type: ignore[attr-defined]  # its name looks like a test's


def homes(assignment: Assignment) -> dict[str, str]:
    """Which file each graded name belongs in."""
    pairs = ((name, part.file) for part in assignment.parts for name in part.provides)
    return {name.partition(".")[0]: file for name, file in pairs}


@cache
def load_reference(assignment: Assignment) -> LocalStudent:
    """Import the solution.

    Raises:
        GraderFault: A file of it cannot be imported.
    """
    if not assignment.has_solutions:
        pytest.skip("the solutions are not in this copy of the course")
    sources = read_sources(assignment.solutions, assignment.files, homes(assignment))
    for file, error in sources.failures.items():
        raise GraderFault(f"the solution's {file} cannot be imported: {error!r}") from error
    return LocalStudent(sources, record=False)  # it lives for long and is called often


@cache
def _assignment_of(path: Path) -> Assignment:
    root = find_root(path.parent)
    return find(path.parent.name, root)


class Tester:
    """A warm pytest session: runs any of its tests on any student, as often as asked."""

    def __init__(self, session: pytest.Session, assignment: Assignment, seed: int) -> None:
        self.assignment = assignment
        self.seed = seed
        self.context = Context(seed=seed)
        if assignment.has_solutions:
            self.context.reference = load_reference(assignment)
        session.config.stash[_CONTEXT] = self.context
        self.items: dict[str, Any] = {}
        self.tests = tuple(self._test(item) for item in session.items)

    def _test(self, item: Any) -> Test:
        marker = item.get_closest_marker("part")
        name = f"{item.path.name}::{item.name}"
        if marker is None:
            raise GraderFault(f"{name} names no part; decorate it with @part(...)")
        part: Part = self.assignment.part(marker.args[0])
        doc = (item.function.__doc__ or "").strip().splitlines()
        if not doc:
            raise GraderFault(f"{name} has no docstring; its first line is the title people see")
        options = marker.kwargs
        if name in self.items:
            raise GraderFault(f"two tests are called {name}")
        self.items[name] = item
        return Test(
            id=name,
            title=doc[0],
            part=part.name,
            hidden=item.path.parent == self.assignment.solutions,
            basic=options["basic"],
            weight=options["weight"],
            seconds=options["seconds"] or part.seconds or self.assignment.limits.seconds,
        )

    def of_part(self, part: str) -> list[Test]:
        """The tests of a part, public before hidden, in the order they are written."""
        return [test for test in self.tests if test.part == part]

    def run(self, test: Test, student: Any) -> BaseException | None:
        """Run one test on a student and return what it raised, if anything."""
        item = self.items[test.id]
        self.context.student = student
        if is_simple(item):
            try:
                return _raised(lambda: item.obj(**self.values(item, test)))
            finally:
                self.context.student = None
        return self._run_with_pytest(item)

    def values(self, item: Any, test: Test) -> dict[str, Any]:
        """The arguments of a simple test: our three fixtures and its own parameters."""
        names = item._fixtureinfo.argnames
        values = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        if "student" in names:
            values["student"] = self.context.student
        if "reference" in names:
            values["reference"] = self.context.reference
        if "rng" in names:
            values["rng"] = np.random.default_rng(test_seed(self.seed, test.id))
        return values

    def _run_with_pytest(self, item: Any) -> BaseException | None:
        """Run a test with all of pytest's machinery: other fixtures, skip marks, set-up."""
        item._initrequest()  # what pytest's own rerun plugins do before running an item again
        error = _raised(lambda: item.ihook.pytest_runtest_setup(item=item))
        if error is None:
            error = _raised(lambda: item.ihook.pytest_runtest_call(item=item))
        ending = _raised(lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=None))
        item._request = False
        item.funcargs = None
        self.context.student = None
        return error if error is not None else ending


def is_simple(item: Any) -> bool:
    """Whether a test needs nothing of pytest's but its arguments: then it is just called.

    pytest's set-up and teardown cost more than most of our tests do.
    """
    direct = set(item.callspec.params) if hasattr(item, "callspec") else set()
    plain = {mark.name for mark in item.iter_markers()} <= _PLAIN_MARKS
    fixtures = set(item.fixturenames) - direct
    wanted = set(item._fixtureinfo.argnames) - direct
    needs_request = "request" in wanted
    return plain and fixtures <= _OUR_FIXTURES and not needs_request and item.cls is None


def _raised(action: Callable[[], object]) -> BaseException | None:
    try:
        action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # pytest's own outcomes (skip) are no Exceptions
        return error
    return None


class _Driver:
    """Replaces pytest's loop over the tests by a function of ours."""

    def __init__(
        self, assignment: Assignment, files: list[Path], seed: int, body: Callable[[Tester], Any]
    ) -> None:
        self.assignment = assignment
        self.files = files
        self.seed = seed
        self.body = body
        self.result: Any = None
        self.error: BaseException | None = None
        self.problems: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        _forget_modules(self.files)
        try:
            if self.problems:
                raise GraderFault("the tests cannot be loaded: " + "\n".join(self.problems))
            self.result = self.body(Tester(session, self.assignment, self.seed))
        except BaseException as error:  # carried out of pytest, which would print it
            self.error = error
        return True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))


def _forget_modules(files: list[Path]) -> None:
    """Let the next session of this process load its own tests, though the names be the same."""
    paths = {str(path) for path in files}
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in paths:
            del sys.modules[name]


def run_session(
    assignment: Assignment,
    body: Callable[[Tester], _Result],
    *,
    hidden: bool = True,
    seed: int | None = None,
) -> _Result:
    """Load the tests of an assignment and call ``body`` with them, warm.

    Args:
        assignment: Whose tests.
        body: What to do with them; its result is returned and its exceptions are raised.
        hidden: Whether to load the hidden tests too.
        seed: The seed that tests draw from; the assignment's by default.

    Raises:
        GraderFault: The tests cannot be loaded.
    """
    files = [f for f in assignment.test_files if hidden or f.parent == assignment.folder]
    if not files:
        raise GraderFault(f"{assignment.id} has no tests in {assignment.folder}")
    driver = _Driver(assignment, files, assignment.seed if seed is None else seed, body)
    _derandomize(files)
    options = ["--disable-plugin-autoload", "-c", os.devnull, "--noconftest"]
    options += ["--import-mode=importlib", f"--rootdir={assignment.folder.parent.parent}"]
    options += [word for name in _QUIET.split() for word in ("-p", f"no:{name}")]
    plugin = __import__("autograder.plugin", fromlist=["plugin"])
    with _without_addopts():
        code = pytest.main([*options, *map(str, files)], plugins=[plugin, driver])
    if driver.error is not None:
        raise driver.error
    if driver.problems or code not in (0, 5):
        problems = "\n".join(driver.problems) or f"pytest ended with code {code}"
        raise GraderFault(f"the tests of {assignment.id} cannot be loaded: {problems}")
    return driver.result  # type: ignore[no-any-return]


@contextlib.contextmanager
def _without_addopts() -> Iterator[None]:
    """Keep a person's PYTEST_ADDOPTS out of grading."""
    saved = os.environ.pop("PYTEST_ADDOPTS", None)
    try:
        yield
    finally:
        if saved is not None:
            os.environ["PYTEST_ADDOPTS"] = saved


def _derandomize(files: list[Path]) -> None:
    """Where tests use hypothesis, let it draw the same examples every time and not shrink."""
    if not any("hypothesis" in path.read_text("utf-8") for path in files):
        return
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "grading",
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("grading")
