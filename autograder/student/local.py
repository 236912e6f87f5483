"""The submission in this process: fast, debuggable, on every platform; for one's own machine."""

from __future__ import annotations

import importlib.abc
import importlib.util
import linecache
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from autograder.faults import GraderFault, StudentFault
from autograder.inside import verbs
from autograder.inside.load import MissingName
from autograder.inside.server import nature
from autograder.student.peer import described_fault
from autograder.student.remote import Trace, make_trace
from autograder.student.transcript import Call, Transcript
from autograder.wire import Exposed


class Sources:
    """Modules made from source texts, importable by each other under their file names.

    Attributes:
        modules: The modules that were imported, by file name.
        failures: The exceptions of those that were not.
    """

    def __init__(self, texts: Mapping[str, str], homes: Mapping[str, str], label: str) -> None:
        """Import every text.

        Args:
            texts: Source by file name.
            homes: Which file each graded name belongs in.
            label: What stands in tracebacks in place of a folder.
        """
        self.homes = homes
        self.label = label
        self.texts = texts
        self.modules: dict[str, ModuleType] = {}
        self.failures: dict[str, BaseException] = {}
        with self._importable():
            for file in texts:
                if "/" not in file:
                    self._load(file)

    def _load(self, file: str) -> None:
        try:
            self.modules[file] = importlib.import_module(file.removesuffix(".py"))
        except BaseException as error:  # SystemExit too; the person must hear of it
            if isinstance(error, KeyboardInterrupt):
                raise
            self.failures[file] = error

    @contextmanager
    def _importable(self) -> Any:
        """Let the texts be imported for a while, then put ``sys.modules`` back as it was."""
        names = [file.removesuffix(".py") for file in self.texts]
        before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
        finder = _Finder(self.texts, self.label)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            for name in names:
                sys.modules.pop(name, None)
            sys.modules.update(before)

    def lookup(self, name: str) -> Any:
        """Find a name in the file it belongs in, else in any other.

        Raises:
            MissingName: No file defines it.
            BaseException: Its file could not be imported; that exception.
        """
        home = self.homes.get(name, "")
        if home in self.failures:
            raise self.failures[home]
        for file in [home, *self.modules]:
            if file in self.modules and name in vars(self.modules[file]):
                return vars(self.modules[file])[name]
        raise MissingName(name)

    def is_file(self, name: str) -> bool:
        """Whether a traceback's file name is one of these."""
        return name.startswith(self.label)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, texts: Mapping[str, str], label: str) -> None:
        self.texts = texts
        self.label = label

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if path is None and f"{name}.py" in self.texts:
            return importlib.util.spec_from_loader(name, self)
        return None

    def exec_module(self, module: ModuleType) -> None:
        file = f"{module.__name__}.py"
        text, shown = self.texts[file], f"{self.label}/{file}"
        linecache.cache[shown] = (len(text), None, text.splitlines(keepends=True), shown)
        module.__file__ = shown
        exec(compile(text, shown, "exec", dont_inherit=True), vars(module))


def read_sources(folder: Path, files: Sequence[str], homes: Mapping[str, str]) -> Sources:
    """Import the course files of a folder, with any helper modules beside them."""
    texts = {
        file: (folder / file).read_text("utf-8") for file in files if (folder / file).is_file()
    }
    for path in sorted(folder.glob("*.py")):
        if path.name not in texts and not path.name.startswith(("test_", "conftest", "play")):
            texts[path.name] = path.read_text("utf-8", errors="replace")
    return Sources(texts, homes, str(folder))


class LocalStudent:
    """What tests call ``student`` when the submission runs in this process."""

    def __init__(
        self,
        sources: Sources,
        explain: Callable[[StudentFault], StudentFault] | None = None,
        *,
        record: bool = True,
    ) -> None:
        self._sources = sources
        self._explain = explain or (lambda fault: fault)
        self._transcript = Transcript()
        self._record = record

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Function(self, name)

    def _target(self, target: Any) -> tuple[str, Callable[..., Any]]:
        if isinstance(target, _Function):
            target = target._name
        if isinstance(target, str):
            return target, self._sources.lookup(target)
        return type(target).__name__, target

    def _blamed(self, error: BaseException | None) -> BaseException | None:
        """Make the fault that it is over the wire of what an object of the submission's raised."""
        kept = StudentFault | GraderFault | AssertionError
        if not isinstance(error, Exception) or isinstance(error, kept):
            return error
        if not raised_by_submission(error):
            return error
        return self._explain(local_fault(error, self._sources))

    def _run(
        self, verb: str, target: Any, args: Any, kwargs: Any, action: Callable[[Any], Any]
    ) -> Any:
        shown = target if isinstance(target, str) else type(target).__name__
        call = Call(verb, shown, tuple(args), kwargs)
        if self._record:
            self._transcript.calls.append(call)
        try:
            call.value = action(self._target(target)[1])
        except StudentFault as fault:
            call.fault = fault
            raise
        except (KeyboardInterrupt, Overdue):
            raise
        except BaseException as error:  # a submission may raise anything at all
            call.fault = self._explain(local_fault(error, self._sources))
            raise call.fault from error
        return call.value

    def observe(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Call; return the result and the arguments as they are afterwards."""
        args = tuple(_open(a) for a in args)
        return self._run("observe", target, args, kwargs, lambda f: verbs.observe(f, args, kwargs))

    def vjp(
        self,
        target: Any,
        args: Sequence[Any],
        cotangents: Any,
        wrt: Sequence[int | str] = (0,),
        **kwargs: Any,
    ) -> Any:
        """Call; return the outputs and the gradients of ⟨cotangents, outputs⟩."""
        return self._run(
            "vjp", target, args, kwargs, lambda f: verbs.vjp(f, args, cotangents, wrt, kwargs)
        )

    def trace(self, target: Any, *args: Any, **kwargs: Any) -> Trace:
        """Call with counters."""
        args = tuple(_open(a) for a in args)
        return make_trace(
            self._run("trace", target, args, kwargs, lambda f: verbs.trace(f, args, kwargs))
        )

    def library(self, name: str) -> Any:
        """Return a class or function of numpy or torch."""
        return verbs.library(name)


class Overdue(BaseException):
    """Raised by the alarm of a local check; not an Exception, so that no submission catches it."""


class _Function:
    """A function or class of the submission that remembers how it was called."""

    def __init__(self, student: LocalStudent, name: str) -> None:
        self._student = student
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple(_open(a) for a in args)
        kwargs = {k: _open(v) for k, v in kwargs.items()}
        return self._student._run("call", self._name, args, kwargs, lambda f: f(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._student._sources.lookup(self._name), name)


def _open(value: Any) -> Any:
    """Give the submission what it would get through the wire: only the exposed methods."""
    if isinstance(value, Exposed):
        return SimpleNamespace(**{name: getattr(value.target, name) for name in value.methods})
    if isinstance(value, _Function):
        return value._student._sources.lookup(value._name)
    return value


def raised_by_submission(error: BaseException) -> bool:
    """Whether an exception passed through a module made from source texts, or a notebook's cell."""
    traceback = error.__traceback__
    while traceback is not None:
        if isinstance(traceback.tb_frame.f_globals.get("__loader__"), _Finder):
            return True
        if is_cell(traceback.tb_frame.f_code.co_filename):
            return True
        traceback = traceback.tb_next
    return False


def is_cell(name: str) -> bool:
    """Whether the file name of a piece of code is that of a notebook's cell."""
    return "ipykernel" in name or name.startswith("<ipython-input")


def local_fault(error: BaseException, sources: Sources) -> StudentFault:
    """Describe an exception of the submission as the student's side of the wire would."""
    frames = []
    traceback: types.TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if sources.is_file(code.co_filename):
            file, line = code.co_filename, traceback.tb_lineno
            text = linecache.getline(file, line).strip()
            frames.append([Path(file).name, line, code.co_name, text])
        traceback = traceback.tb_next
    kinds = [kind.__name__ for kind in type(error).__mro__[:-1]]
    text = str(error)
    return described_fault(("raise", kinds, text, frames[-6:], nature(error, text)))
