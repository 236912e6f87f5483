"""The submission through the wire: the same verbs as in process, over a link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograder import wire
from autograder.inside.server import Server
from autograder.student.handle import Handle
from autograder.student.peer import Peer
from autograder.student.transcript import Transcript


@dataclass(frozen=True)
class Trace:
    """A call with counters; evidence, since the student's own process does the counting.

    Attributes:
        result: What the call returned.
        flops: Floating-point operations of torch's matrix products.
        largest: Elements of the largest tensor made.
        peak_bytes: Most memory that Python and numpy held at once, in bytes.
        operators: torch operators and how often each was called.
    """

    result: Any
    flops: int
    largest: int
    peak_bytes: int
    operators: dict[str, int]


def make_trace(pair: Any) -> Trace:
    """Build a trace from what the student's side counted."""
    result, found = pair
    return Trace(result, **found)


class RemoteStudent:
    """What tests call ``student``: every attribute is a function or class of the submission."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    @property
    def _transcript(self) -> Transcript:
        return self._peer.transcript

    def __getattr__(self, name: str) -> Handle:
        if name.startswith("_"):
            raise AttributeError(name)
        return Handle(self._peer, name, name)

    def observe(self, target: str | Handle, *args: Any, **kwargs: Any) -> Any:
        """Call; return the result and the arguments as they are afterwards."""
        return self._peer.request("observe", target, args, kwargs)

    def vjp(
        self,
        target: str | Handle,
        args: Sequence[Any],
        cotangents: Any,
        wrt: Sequence[int | str] = (0,),
        **kwargs: Any,
    ) -> Any:
        """Call; return the outputs and the gradients of ⟨cotangents, outputs⟩."""
        return self._peer.request("vjp", target, (list(args), cotangents, list(wrt)), kwargs)

    def trace(self, target: str | Handle, *args: Any, **kwargs: Any) -> Trace:
        """Call with counters."""
        return make_trace(self._peer.request("trace", target, args, kwargs))

    def library(self, name: str) -> Any:
        """Return a class or function of numpy or torch on the student's side."""
        return self._peer.request("library", None, (name,))


class Loopback:
    """A link to a server in this same process, for modules that are trusted.

    Messages are encoded and decoded exactly as over a pipe, so that a test's calls come back the
    same from a catalogued mistake here as from a submission in the sandbox.
    """

    def __init__(
        self, lookup: Callable[[str], Any], is_student_file: Callable[[str], bool]
    ) -> None:
        self.budget = wire.Budget()
        self.server = Server(lookup, self.exchange, is_student_file)
        self.waiting: list[Any] = []
        self.answer_callback: Callable[[Any], Any] | None = None
        self.peer: Peer | None = None

    def connect(self, peer: Peer) -> None:
        """Say whose requests these are."""
        self.peer = peer

    def _cross(self, value: Any, refer: wire.Refer, resolve: wire.Resolve, inward: bool) -> Any:
        data = b"".join(wire.encode(value, refer, self.budget, keep_layout=inward))
        tree, _ = wire.HEADER.unpack_from(data)
        start = wire.HEADER.size
        blob = bytearray(data[start + tree :])
        return wire.decode(
            data[start : start + tree], blob, resolve, self.budget, keep_layout=inward
        )

    def send(self, message: Any, refer: wire.Refer) -> None:
        """Deliver a message to the server and keep what it answers."""
        inside = self._cross(message, refer, self.server.resolve, True)
        if inside[0] == "reply":
            self.waiting.append(inside[1])
            return
        answer = self.server.answer(inside[2])
        assert self.peer is not None
        try:
            self.waiting.append(
                self._cross(
                    ("answer", inside[1], answer), self.server.refer, self.peer.resolve, False
                )
            )
        except wire.WireError as error:
            self.waiting.append(("answer", inside[1], ("unsendable", str(error))))

    def receive(self, resolve: wire.Resolve) -> Any:
        """Return what the server answered."""
        return self.waiting.pop()

    def exchange(self, request: Any) -> Any:
        """Carry a callback from the server to the test, and its reply back."""
        assert self.peer is not None
        message = self._cross(request, self.server.refer, self.peer.resolve, False)
        self.peer._answer_callback(message)
        return self.waiting.pop()
