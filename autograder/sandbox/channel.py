"""Frames to and from a process of the student's, with a deadline and a budget on both ways."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from autograder import wire
from autograder.faults import StudentFault
from autograder.results import Status

KEPT_OUTPUT = 8192
FRAMES = 4  # frames of the greatest size that one test may receive in all


class Died(Exception):
    """The process at the other end hung up."""


class Overdue(Exception):
    """The deadline passed before an answer came."""


class Output:
    """What a submission prints: the first of it is kept, all of it is drained and counted."""

    def __init__(self, fd: int, limit: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.limit = limit
        self.count = 0
        self.kept = bytearray()

    def drain(self) -> None:
        """Read what is there.

        Raises:
            StudentFault: More was printed than the limit allows (status ``output``).
        """
        while True:
            try:
                data = os.read(self.fd, 65536)
            except (BlockingIOError, OSError):
                return
            if not data:
                return
            self.count += len(data)
            self.kept += data[: max(0, KEPT_OUTPUT - len(self.kept))]
            if self.count > self.limit:
                raise StudentFault(
                    Status.OUTPUT,
                    f"More than {self.limit:,} bytes were printed; the submission was stopped.",
                )

    def text(self) -> str:
        """The first of what was printed."""
        return bytes(self.kept).decode("utf-8", "replace")


def expected(message: Any, words: tuple[str, ...]) -> Any:
    """Check that a message of the import is the one that may come now; return what else it says.

    Student code can write to the same pipe while it is imported: nothing else is believed.

    Raises:
        StudentFault: It is another (status ``protocol``).
    """
    known = type(message) is tuple and all(type(word) is str for word in message[: len(words)])
    rest = message[len(words) :] if known else ()
    if known and message[: len(words)] == words and len(rest) == (words[0] == "loaded"):
        return rest[0] if rest else None
    raise StudentFault(Status.PROTOCOL, "The submission broke the protocol while it was imported.")


class Channel:
    """One end of a socket whose other end student code may hold."""

    def __init__(self, sock: socket.socket, output: Output, budget: wire.Budget) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.output = output
        self.budget = budget
        self.received = 0
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)
        self.poll.register(output.fd, select.POLLIN)

    def send(self, value: Any, refer: wire.Refer, deadline: float) -> None:
        """Encode a value and write it.

        Raises:
            Died: Nobody reads any more.
            Overdue: It was not read in time.
        """
        pieces = wire.encode(value, refer, self.budget, keep_layout=True)
        data = memoryview(b"".join(pieces))
        while data:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError:
                raise Died from None

    def start_counting(self) -> None:
        """Begin a test: what it may send and print is counted from here."""
        self.received = 0
        self.output.count = 0

    def receive(self, resolve: wire.Resolve, deadline: float) -> Any:
        """Read one frame and decode it.

        Raises:
            Died: The other side hung up.
            Overdue: Nothing came in time.
            StudentFault: The frame is malformed or too large (status ``protocol``).
        """
        if time.monotonic() >= deadline:  # for an answer may always be there already
            raise Overdue
        header = self._read(wire.HEADER.size, deadline)
        tree_size, blob_size = wire.HEADER.unpack(header)
        self.received += tree_size + blob_size
        if self.received > FRAMES * (self.budget.tree + self.budget.blob):
            raise StudentFault(
                Status.PROTOCOL, f"The submission sent {self.received:,} bytes in one test."
            )
        if tree_size > self.budget.tree or blob_size > self.budget.blob:
            raise StudentFault(
                Status.PROTOCOL,
                f"The submission sent a frame of {tree_size + blob_size:,} bytes, "
                f"over the limit of {self.budget.tree + self.budget.blob:,}.",
            )
        tree = self._read(tree_size, deadline)
        blob = self._read(blob_size, deadline)
        try:
            return wire.decode(tree, blob, resolve, self.budget)
        except wire.WireError as error:
            text = f"The submission broke the protocol: {error}."
            raise StudentFault(Status.PROTOCOL, text) from None

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            try:
                got = self.sock.recv_into(view[done:])
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except OSError:
                raise Died from None
            if not got:
                raise Died
            done += got
            if done < size and time.monotonic() >= deadline:
                raise Overdue
        return data

    def _wait(self, event: int, deadline: float) -> None:
        """Wait until the socket is ready, draining what is printed meanwhile."""
        self.poll.modify(self.sock, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Overdue
            ready = self.poll.poll(left * 1000 + 1)
            mine = False
            for fd, events in ready:
                if fd == self.output.fd:
                    if events & ~select.POLLIN and not events & select.POLLIN:
                        self.poll.unregister(fd)  # every writer is gone
                    else:
                        self.output.drain()
                else:
                    mine = True
            if mine:
                return
