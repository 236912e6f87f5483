"""The ``process`` rung: a plain child process, for machines without namespaces.

It keeps tests, expected values and scores out of the student's process and limits time and, where
the system has rlimits, memory. It does not hide files or the network, so grades from it need
``--allow-weak-sandbox``.
"""

from __future__ import annotations

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
from autograder.results import Status
from autograder.sandbox import view
from autograder.sandbox.channel import KEPT_OUTPUT, Died, Overdue
from autograder.sandbox.launch import clean_environment

_SET_UP_SECONDS = 60.0


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

    def finish(self, channel: PlainChannel) -> int | None:
        """Hang up on a part and return how its process ended."""
        return channel.end()

    def cause_of_death(self, status: int | None) -> StudentFault:
        """Say why a process is gone, by the exit code as ``subprocess`` gives it."""
        if status is not None and status < 0:
            return StudentFault(Status.CRASHED, f"The process crashed (signal {-status}).")
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
        self.frames: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read_all, daemon=True).start()

    def load(self, order: dict[str, Any]) -> None:
        """Send the files and hear how each import went."""
        limit = max(self.owner.limits.seconds, 5.0)
        deadline = time.monotonic() + _SET_UP_SECONDS
        try:
            self.send(order, lambda value: None, deadline)
            while True:
                message = self.receive(lambda code, payload: None, deadline)
                if message[0] == "ready":
                    return
                if message[0] == "loading":
                    self.loading = message[1]
                    deadline = time.monotonic() + limit
                elif message[2] is not None:
                    self.failures[message[1]] = message[2]
        except Overdue:
            text = f"It was still being imported after {limit:g} seconds, and was stopped."
            self.lost = StudentFault(Status.TIMEOUT, text)
        except Died:
            self.lost = self.owner.cause_of_death(self.end())
        except (StudentFault, TypeError, IndexError):
            self.lost = StudentFault(Status.PROTOCOL, "The submission broke the protocol.")
        self.kill()

    def send(self, value: Any, refer: wire.Refer, deadline: float) -> None:
        """Encode a value and write it."""
        assert self.process.stdin is not None
        data = b"".join(wire.encode(value, refer, self.budget, keep_layout=True))
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise Died from None

    def receive(self, resolve: wire.Resolve, deadline: float) -> Any:
        """Wait for a frame and decode it."""
        limit = self.owner.limits.output_kb << 10
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
        try:
            return wire.decode(*frame, resolve, self.budget)
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
                self.frames.put(StudentFault(Status.PROTOCOL, "The submission sent too much."))
                break
            self.frames.put((pipe.read(tree), bytearray(pipe.read(blob))))
        self.frames.put(None)

    def end(self) -> int | None:
        """Hang up, give the process a moment to leave, and return its exit code."""
        self.close()
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        return self.process.returncode

    def close(self) -> None:
        """Hang up."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def kill(self) -> None:
        """Kill the process and, where there are process groups, what it left in its own."""
        if os.name == "posix":
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        self.process.kill()
        self.process.wait()


def _windows_environment() -> dict[str, str]:
    return {k: os.environ[k] for k in ("SYSTEMROOT", "TEMP", "TMP") if k in os.environ}
