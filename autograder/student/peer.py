"""Requests to the side where the student's code lives, and the answers as values or faults."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

from autograder import wire
from autograder.faults import StudentFault
from autograder.results import Status
from autograder.show import clean
from autograder.student.handle import Handle
from autograder.student.transcript import Call, Transcript

_NATURES = {
    "exception": Status.EXCEPTION,
    "memory": Status.MEMORY,
    "exited": Status.EXITED,
    "forbidden": Status.FORBIDDEN,
}


class Link(Protocol):
    """Carries messages to the student's side and back."""

    def send(self, message: Any, refer: wire.Refer) -> None:
        """Send one message."""

    def receive(self, resolve: wire.Resolve) -> Any:
        """Wait for one message."""


class Peer:
    """One conversation: a part of a submission, from its fork to its end.

    Attributes:
        transcript: What was asked and answered in the current test.
        explain: Turns an exception's description into the fault it is in this assignment.
    """

    def __init__(self, link: Link, explain: Callable[[StudentFault], StudentFault]) -> None:
        self.link = link
        self.explain = explain
        self.transcript = Transcript()
        self.callables: list[Any] = []
        self.handles: WeakValueDictionary[int, Handle] = WeakValueDictionary()

    def request(
        self,
        verb: str,
        subject: str | Handle | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Ask for something and return what comes back.

        Raises:
            StudentFault: The submission raised, died, hung or broke the protocol.
        """
        call = Call(verb, _name(subject, args), args, kwargs or {})
        self.transcript.calls.append(call)
        try:
            target = subject
            if isinstance(subject, Handle) and isinstance(subject._number, str):
                target = subject._number
            call.value = self._exchange((verb, target, list(args), kwargs or {}))
        except StudentFault as fault:
            call.fault = self.explain(fault)
            raise call.fault from None
        if isinstance(call.value, Handle) and _makes_live(verb, subject, args):
            object.__setattr__(call.value, "_live", True)
        return call.value

    def _exchange(self, request: Any) -> Any:
        number = secrets.randbits(60)  # so that no answer can be written before it is asked for
        self.link.send(("request", number, request), self.refer)
        while True:
            message = self.link.receive(self.resolve)
            if type(message) is not tuple or len(message) < 3 or type(message[0]) is not str:
                raise _protocol("a message has no known form")
            if message[0] == "callback":
                self._answer_callback(message)
            elif message[0] == "answer":
                if type(message[1]) is not int or message[1] != number:
                    raise _protocol("an answer came that nobody asked for")
                return self._unwrap(message[2])
            else:
                raise _protocol("a message has no known form")

    def _unwrap(self, answer: Any) -> Any:
        pair = type(answer) is tuple and len(answer) == 2 and type(answer[0]) is str
        if pair and answer[0] == "return":
            return answer[1]
        if pair and answer[0] == "unsendable" and type(answer[1]) is str:
            text = clean(answer[1], 300)
            raise StudentFault(Status.PROTOCOL, f"What was returned cannot be graded: {text}.")
        raise described_fault(answer)

    def _answer_callback(self, message: Any) -> None:
        """Call the test's own function for the submission; its exceptions go back as text."""
        try:
            _, index, method, args, kwargs = message
            valid = type(index) is int and 0 <= index < len(self.callables)
            valid = valid and (method is None or type(method) is str)
            valid = valid and type(args) is list and type(kwargs) is dict
            valid = valid and all(map(_is_text, kwargs))
        except ValueError:
            raise _protocol("a callback has no known form") from None
        if not valid:
            raise _protocol("a callback has no known form")
        target = self.callables[index]
        if isinstance(target, wire.Exposed):
            if method not in target.methods:
                raise _protocol(f"a callback to {method!r}, which is not exposed")
            target = getattr(target.target, method)
        try:
            reply = ("return", target(*args, **kwargs))
        except StudentFault:
            raise
        except Exception as error:  # as the submission would see it in process
            reply = ("raise", f"{type(error).__name__}: {error}"[:2000])
        try:
            self.link.send(("reply", reply), self.refer)
        except wire.WireError as error:  # odd arguments make odd results
            self.link.send(("reply", ("raise", f"TypeError: {error}"[:2000])), self.refer)

    def refer(self, value: Any) -> tuple[int, Any] | None:
        """Send a handle by its number, and a function or exposed object of the test's by ours."""
        if isinstance(value, Handle):
            if value._peer is not self:
                raise StudentFault(Status.CRASHED, "The object belongs to a process that ended.")
            return wire.HANDLE, [value._number]
        if isinstance(value, wire.Exposed) or callable(value):
            same = (i for i, known in enumerate(self.callables) if known is value)
            index = next(same, len(self.callables))
            if index == len(self.callables):
                self.callables.append(value)
            methods = list(value.methods) if isinstance(value, wire.Exposed) else None
            return wire.CALLBACK, [index, methods]
        return None

    def resolve(self, code: int, payload: Any) -> Any:
        """Turn a number from the student's side into a handle, or into the test's own function."""
        if type(payload) is not list or len(payload) != 2 or type(payload[0]) is not int:
            raise wire.WireError("a reference has no known form")
        number, kind = payload
        if code == wire.CALLBACK:
            if not 0 <= number < len(self.callables):
                raise wire.WireError("a reference to nothing")
            return self.callables[number]
        handle = self.handles.get(number)
        if handle is None:
            handle = Handle(self, number, clean(str(kind), 60))
            self.handles[number] = handle
        return handle


def _makes_live(verb: str, subject: str | Handle | None, args: tuple[Any, ...]) -> bool:
    """Whether operators may be used on what a request brings back (see ``Handle``)."""
    if verb == "operator":
        return any(isinstance(each, Handle) and each._live for each in args)
    if isinstance(subject, Handle):
        name = subject._number
        return subject._live or (verb == "call" and isinstance(name, str) and name[:1].isupper())
    return False


def _is_text(value: object) -> bool:
    return type(value) is str


def _name(subject: str | Handle | None, args: tuple[Any, ...]) -> str:
    if isinstance(subject, str):
        return subject
    if subject is None:
        return str(args[0]) if args else ""
    return str(subject._number) if isinstance(subject._number, str) else subject._kind


def _protocol(what: str) -> StudentFault:
    return StudentFault(Status.PROTOCOL, f"The submission broke the protocol: {what}.")


def described_fault(answer: Any) -> StudentFault:
    """Turn the description of an exception into a fault; anything malformed is ``protocol``."""
    try:
        word, kinds, text, frames, nature = answer if type(answer) is tuple else ()
        plain = [type(each) for each in (word, kinds, text, frames, nature)]
        if plain != [str, list, str, list, str] or word != "raise":
            return _protocol("an answer has no known form")
        status = _NATURES[nature]
        names = tuple(clean(kind, 60) for kind in kinds[:8])
        if not names:
            return _protocol("an answer has no known form")
        where = _where(frames)
    except (ValueError, TypeError, KeyError):
        return _protocol("an answer has no known form")
    message = clean(text, 500)
    head = f"{names[0]}: {message}" if message else names[0]
    fault = StudentFault(status, f"{head}{where}", names)
    fault.message = message
    return fault


def _where(frames: Any) -> str:
    if not frames:
        return ""
    file, line, function, code = frames[-1]
    if [type(each) for each in (file, line, function, code)] != [str, int, str, str]:
        raise TypeError
    shown = f": {clean(code, 100)}" if code else ""
    return f" ({clean(file, 60)}, line {line}, in {clean(function, 60)}{shown})"
