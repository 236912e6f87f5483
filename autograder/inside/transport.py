"""Frames over a socket or a pair of pipes, from the student's side."""

from __future__ import annotations

import os
from typing import Any

from autograder import wire
from autograder.inside.server import Server

BUDGET = wire.Budget()


class Transport:
    """Reads requests and writes answers; knows the server whose objects cross."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd

    def read(self, size: int) -> bytearray:
        """Read exactly ``size`` bytes.

        Raises:
            EOFError: The other side is gone.
        """
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            got = os.read(self.read_fd, size - done)
            if not got:
                raise EOFError
            view[done : done + len(got)] = got
            done += len(got)
        return data

    def receive(self, server: Server | None) -> Any:
        """Read one frame and decode it."""
        tree_size, blob_size = wire.HEADER.unpack(self.read(wire.HEADER.size))
        tree, blob = self.read(tree_size), self.read(blob_size)
        resolve = server.resolve if server else _no_references
        return wire.decode(tree, blob, resolve, BUDGET, keep_layout=True)

    def send(self, value: Any, server: Server | None) -> None:
        """Encode a value as one frame and write it."""
        refer = server.refer if server else _no_references
        self.write(wire.encode(value, refer, BUDGET))

    def write(self, pieces: list[bytes | memoryview]) -> None:
        """Write all pieces of a frame."""
        data = memoryview(b"".join(pieces))
        while data:
            data = data[os.write(self.write_fd, data) :]


def _no_references(*_: Any) -> None:
    return None


def serve(transport: Transport, server: Server) -> None:
    """Answer requests until the tests' side hangs up."""

    def exchange(request: Any) -> Any:
        """Send a callback and answer whatever is asked of us until its reply comes."""
        transport.send(request, server)
        return run(until_reply=True)

    def run(until_reply: bool) -> Any:
        while True:
            message = transport.receive(server)
            if message[0] == "reply":
                if until_reply:
                    return message[1]
                continue
            number, request = message[1], message[2]
            answer = server.answer(request)
            try:
                transport.send(("answer", number, answer), server)
            except wire.WireError as error:
                transport.send(("answer", number, ("unsendable", str(error))), None)

    server.exchange = exchange
    run(until_reply=False)
