"""Serves requests of the tests on the student's functions and objects.

One server lives for one part. Objects that are no values stay here in a table; the tests hold
their numbers. A callback to the tests may be answered by further requests, so serving is recursive.
"""

from __future__ import annotations

import gc
import operator
import traceback
from collections.abc import Callable
from typing import Any

from autograder import wire
from autograder.inside import verbs

OPERATORS = frozenset(
    "add sub mul truediv floordiv mod pow matmul neg pos abs lt le eq ne gt ge and_ or_ xor "
    "invert lshift rshift getitem setitem delitem contains iadd isub imul itruediv".split()
)
BUILTINS: dict[str, Callable[..., Any]] = {
    "len": len,
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "repr": repr,
    "iter": iter,
    "reversed": reversed,
    "hash": hash,
    "round": round,
    "divmod": divmod,
    "list": list,
    "isinstance": isinstance,
}


_class_name = type.__dict__["__name__"].__get__  # whatever a metaclass says


class ForbiddenCall(BaseException):
    """The submission called what its part may not use; not an Exception, so not caught by one."""


class Name:
    """A name of the submission's, passed as an argument; looked up when the call is made."""

    def __init__(self, text: str) -> None:
        self.text = text


class Remote:
    """The tests' function or object, as the submission sees it."""

    def __init__(self, ask: Callable[..., Any], number: int, methods: list[str] | None) -> None:
        self._ask = ask
        self._number = number
        for name in methods or ():
            setattr(self, name, _method(ask, number, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Ask the tests' side."""
        return self._ask(self._number, None, args, kwargs)


def _method(ask: Callable[..., Any], number: int, name: str) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        return ask(number, name, args, kwargs)

    return method


class Server:
    """Answers requests.

    Attributes:
        lookup: Finds what the submission defines under a name.
        exchange: Sends a request of ours to the tests and returns their reply.
        base: How many stack frames of a traceback belong to the grader.
    """

    def __init__(
        self,
        lookup: Callable[[str], Any],
        exchange: Callable[[Any], Any],
        is_student_file: Callable[[str], bool],
    ) -> None:
        self.lookup = lookup
        self.exchange = exchange
        self.is_student_file = is_student_file
        self.objects: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}

    def refer(self, value: Any) -> tuple[int, Any]:
        """Keep an object that is no value, and send its number instead."""
        if isinstance(value, Remote):
            return wire.CALLBACK, [value._number, None]
        number = self.numbers.setdefault(id(value), len(self.numbers))
        self.objects[number] = value
        kind = type(value).__name__
        dtype = getattr(value, "dtype", None)
        if kind == "ndarray":
            kind = f"ndarray of dtype {dtype}"
        return wire.HANDLE, [number, kind]

    def resolve(self, code: int, payload: Any) -> Any:
        """Turn a number from the tests back into our object, or into a call to theirs."""
        if code == wire.HANDLE:
            number = payload[0]
            return Name(number) if isinstance(number, str) else self.objects[number]
        return Remote(self.ask, payload[0], payload[1])

    def ask(self, number: int, method: str | None, args: Any, kwargs: Any) -> Any:
        """Call the tests' side and return what it answers."""
        reply = self.exchange(("callback", number, method, list(args), kwargs))
        if reply[0] == "raise":
            raise RuntimeError(reply[1])
        return reply[1]

    def answer(self, request: Any) -> Any:
        """Carry out one request; whatever goes wrong becomes part of the answer."""
        try:
            verb, subject, args, kwargs = request
            return ("return", self.perform(verb, subject, args, kwargs))
        except BaseException as error:  # a submission may raise anything at all
            return self.described(error)

    def described(self, error: BaseException) -> Any:
        """Describe an exception; if memory ran out, first let go of what the frames hold."""
        if isinstance(error, MemoryError):
            where, error.__traceback__ = error.__traceback__, None
            if where is not None:
                traceback.clear_frames(where)
            del where
            gc.collect()
        return self.failure(error)

    def perform(self, verb: str, subject: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Do what the verb says with a name's function, or with an object of ours."""
        target = self.lookup(subject) if isinstance(subject, str) else subject
        args = [self.lookup(a.text) if isinstance(a, Name) else a for a in args]
        if verb == "call":
            return target(*args, **kwargs)
        if verb == "method":
            return getattr(target, args[0])(*args[1:], **kwargs)
        if verb == "get":
            return getattr(target, args[0])
        if verb == "set":
            return setattr(target, args[0], args[1])
        if verb == "operator" and args[0] in OPERATORS:
            return getattr(operator, args[0])(*args[1:])
        if verb == "builtin":
            return BUILTINS[args[0]](*args[1:])
        if verb == "next":
            return self.next(target)
        if verb == "observe":
            return verbs.observe(target, args, kwargs)
        if verb == "vjp":
            return verbs.vjp(target, args[0], args[1], args[2], kwargs)
        if verb == "trace":
            return verbs.trace(target, args, kwargs)
        if verb == "library":
            return verbs.library(args[0])
        raise ValueError(f"unknown verb {verb}")

    def next(self, iterator: Any) -> Any:
        """Return ``[item]``, or ``[]`` at the end."""
        try:
            return [next(iterator)]
        except StopIteration:
            return []

    def failure(self, error: BaseException) -> Any:
        """Describe an exception in plain values."""
        frames = [
            [frame.filename.rpartition("/")[2], frame.lineno or 0, frame.name, frame.line or ""]
            for frame in traceback.extract_tb(error.__traceback__)
            if self.is_student_file(frame.filename)
        ]
        kinds = [_class_name(kind) for kind in type.mro(type(error))[:-1]]
        try:
            text = str(error)
        except BaseException:  # a hostile __str__
            text = ""
        if type(text) is not str:
            text = ""
        return ("raise", kinds, text[:2000], frames[-6:], nature(error, text))


def nature(error: BaseException, text: str) -> str:
    """Sort an exception: exception, memory, exited or forbidden."""
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return "memory"
    if isinstance(error, ForbiddenCall):
        return "forbidden"
    return "exception" if isinstance(error, Exception) else "exited"
