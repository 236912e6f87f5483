"""The ``process`` rung: a plain child process, for machines without namespaces.

It keeps tests, expected values and scores out of the student's process and limits time and, where
the system has rlimits, memory. It does not hide files or the network, so grades from it need
``--allow-weak-sandbox``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from autograder import wire
from autograder.course import Limits
from autograder.faults import StudentFault
from autograder.inside.submission import DISTURBED, NO_MEMORY
from autograder.results import Status
from autograder.sandbox import view
from autograder.sandbox.channel import FRAMES, KEPT_OUTPUT, Died, Overdue, expected
from autograder.sandbox.launch import clean_environment

_SET_UP_SECONDS = 60.0
_IMPORT_SECONDS = 5.0
_WAITING = 4  # frames that may wait to be looked at


class PlainProcess:
    """One submission: a fresh child process for its import, and for every part.

    Attributes:
        failures: As ``StudentProcess`` has it.
    """

    def __init__(self, order: dict[str, Any], limits: Limits) -> None:
        self.order = order
        self.limits = limits
        self.alive = True
        self.failures: dict[str, Any] = {}
        self.folder = tempfile.mkdtemp(prefix="submission-")
        self.printed = Path(self.folder, "printed")
        self.parts: list[PlainChannel] = []
        probe = self.fork("")
        self.failures = probe.failures
        self.finish(probe)
        if probe.lost is not None:
            self.failures[probe.loading or order["load"][0]] = probe.lost
            self.close()

    @property
    def output(self) -> PlainProcess:
        """Where what was printed can be read."""
        return self

    def text(self) -> str:
        """The first of what the submission printed."""
        try:
            with self.printed.open("rb") as file:
                return file.read(KEPT_OUTPUT).decode("utf-8", "replace")
        except OSError:
            return ""

    output_text = text

    def fork(self, part: str) -> PlainChannel:
        """Start a process that imports the submission and serves one part."""
        channel = PlainChannel(self, part)
        self.parts.append(channel)
        channel.load(self.order)
        return channel

    def finish(self, channel: PlainChannel, seconds: float = 1.0) -> int | None:
        """Hang up on a part and return how its process ended."""
        return channel.end(seconds)

    @property
    def hung_up(self) -> bool:
        """Never: every part has a process of its own."""
        return False

    def cause_of_death(self, status: int | None) -> StudentFault:
        """Say why a process is gone, by the exit code as ``subprocess`` gives it."""
        if status is not None and status < 0:
            return StudentFault(Status.CRASHED, f"The process crashed (signal {-status}).")
        if status == DISTURBED:
            text = "The submission disturbed the process that answers for it."
            return StudentFault(Status.PROTOCOL, text)
        if status == NO_MEMORY:
            return StudentFault(Status.MEMORY, "The process ran out of memory and ended.")
        return StudentFault(Status.EXITED, f"The process ended itself with exit code {status}.")

    def close(self) -> None:
        """Kill what runs and remove the folder."""
        if not self.alive:
            return
        self.alive = False
        for channel in self.parts:
            channel.kill()
        self.kept = self.text()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.text = lambda: self.kept  # type: ignore[method-assign]


class PlainChannel:
    """Frames over the pipes of a child process; a thread reads, for Windows cannot poll a pipe."""

    def __init__(self, owner: PlainProcess, part: str) -> None:
        self.owner = owner
        self.budget = wire.Budget()
        self.failures: dict[str, Any] = {}
        self.loading = ""
        self.lost: StudentFault | None = None
        settings = {"part": part, "memory_mb": owner.limits.memory_mb, "folder": owner.folder}
        code = (
            f"import sys; sys.path.insert(0, {str(view.PACKAGE.parent)!r}); "
            "from autograder.inside import plain; plain.main()"
        )
        with owner.printed.open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-c", code, json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                env={**clean_environment(), **_windows_environment()},
                cwd=owner.folder,
                start_new_session=os.name == "posix",
            )
        self.received = 0
        self.frames: queue.Queue[Any] = queue.Queue(_WAITING)
        self.outgoing: queue.Queue[bytes | None] = queue.Queue()
        self.written = threading.Event()
        threading.Thread(target=self._read_all, daemon=True).start()
        threading.Thread(target=self._write_all, daemon=True).start()

    def start_counting(self) -> None:
        """Begin a test: what it may send is counted from here."""
        self.received = 0

    def load(self, order: dict[str, Any]) -> None:
        """Send the files and hear how each import went."""
        limit = max(self.owner.limits.seconds, _IMPORT_SECONDS)
        deadline = time.monotonic() + _SET_UP_SECONDS
        try:
            self.send(order, lambda value: None, deadline)
            for self.loading in order["load"]:
                self._expect(("loading", self.loading), deadline)
                deadline = time.monotonic() + limit
                failure = self._expect(("loaded", self.loading), deadline)
                if failure is not None:
                    self.failures[self.loading] = failure
            self._expect(("ready",), deadline)
            return
        except Overdue:
            text = f"It was still being imported after {limit:g} seconds, and was stopped."
            self.lost = StudentFault(Status.TIMEOUT, text)
        except Died:
            self.lost = self.owner.cause_of_death(self.end())
        except StudentFault as fault:
            self.lost = fault
        self.kill()

    def _expect(self, words: tuple[str, ...], deadline: float) -> Any:
        return expected(self.receive(lambda code, payload: None, deadline), words)

    def send(self, value: Any, refer: wire.Refer, deadline: float) -> None:
        """Encode a value and write it."""
        data = b"".join(wire.encode(value, refer, self.budget, keep_layout=True))
        self.written.clear()
        self.outgoing.put(data)
        if not self.written.wait(max(0.0, deadline - time.monotonic())):
            raise Overdue

    def receive(self, resolve: wire.Resolve, deadline: float) -> Any:
        """Wait for a frame and decode it."""
        limit = self.owner.limits.output_kb << 10
        if time.monotonic() >= deadline:
            raise Overdue
        while True:
            if self.owner.printed.exists() and self.owner.printed.stat().st_size > limit:
                text = f"More than {limit:,} bytes were printed; the submission was stopped."
                raise StudentFault(Status.OUTPUT, text)
            try:
                frame = self.frames.get(timeout=max(0.0, min(0.25, deadline - time.monotonic())))
                break
            except queue.Empty:
                if time.monotonic() >= deadline:
                    raise Overdue from None
        if frame is None:
            raise Died
        if isinstance(frame, StudentFault):
            raise frame
        self.received += len(frame[0]) + len(frame[1])
        if self.received > FRAMES * (self.budget.tree + self.budget.blob):
            text = f"The submission sent {self.received:,} bytes in one test."
            raise StudentFault(Status.PROTOCOL, text)
        try:
            return wire.decode(frame[0], frame[1], resolve, self.budget)
        except wire.WireError as error:
            text = f"The submission broke the protocol: {error}."
            raise StudentFault(Status.PROTOCOL, text) from None

    def _read_all(self) -> None:
        assert self.process.stdout is not None
        pipe = self.process.stdout
        while True:
            header = pipe.read(wire.HEADER.size)
            if len(header) < wire.HEADER.size:
                break
            tree, blob = wire.HEADER.unpack(header)
            if tree > self.budget.tree or blob > self.budget.blob:
                self._hand_over(StudentFault(Status.PROTOCOL, "The submission sent too much."))
                break
            self._hand_over((pipe.read(tree), bytearray(pipe.read(blob))))
        self._hand_over(None)

    def _hand_over(self, frame: Any) -> None:
        while True:
            try:
                return self.frames.put(frame, timeout=0.5)
            except queue.Full:
                if self.process.returncode is not None:  # killed: nobody will look
                    return

    def _write_all(self) -> None:
        """Write what is to be sent; a process that does not read blocks only this thread."""
        assert self.process.stdin is not None
        while (data := self.outgoing.get()) is not None:
            try:
                self.process.stdin.write(data)
                self.process.stdin.flush()
            except (OSError, ValueError):  # it is gone; the reader finds out
                pass
            self.written.set()
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self, seconds: float = 1.0) -> int | None:
        """Hang up, give the process a moment to leave, and return its exit code."""
        self.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill()
        return self.process.returncode

    def close(self) -> None:
        """Hang up."""
        self.outgoing.put(None)

    def kill(self) -> None:
        """Kill the process and, where there are process groups, what it left in its own."""
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.close()


def _windows_environment() -> dict[str, str]:
    return {k: os.environ[k] for k in ("SYSTEMROOT", "TEMP", "TMP") if k in os.environ}
