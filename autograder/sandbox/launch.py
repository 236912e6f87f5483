"""Start the zygote, and through it one process tree for each submission."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from typing import Any

from autograder import wire
from autograder.course import Limits
from autograder.faults import GraderFault, StudentFault
from autograder.inside.submission import DISTURBED, NO_MEMORY
from autograder.results import Status
from autograder.sandbox import view
from autograder.sandbox.channel import Channel, Died, Output, Overdue, expected

_START_SECONDS = 120.0
_SET_UP_SECONDS = 20.0
_CPU_BACKSTOP = 600
_IMPORT_SECONDS = 5.0
_HANG_UP_SECONDS = 2.0
_PATIENCE = 1.0


class Unavailable(Exception):
    """This machine does not give the rung; the message says why."""


class Zygote:
    """A warm interpreter in the sandbox, from which submissions are forked.

    Attributes:
        wrapped: Whether bubblewrap is around it as a second wall.
        landlock: The version of Landlock there; 0 for none.
    """

    def __init__(
        self, libraries: tuple[str, ...], *, use_bwrap: bool | None = None, rung: str = "namespaces"
    ) -> None:
        """Start it.

        Args:
            libraries: What to keep warm.
            use_bwrap: Whether to start it under bubblewrap; by default where that is installed.
            rung: ``namespaces``, or ``user`` for throwaway users of root's.

        Raises:
            Unavailable: This machine does not allow it.
        """
        bwrap = shutil.which("bwrap") if use_bwrap is not False else None
        if use_bwrap and not bwrap:
            raise Unavailable("bubblewrap is not installed")
        self.wrapped = bwrap is not None
        self.jobs = itertools.count(1)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.landlock = 0
        self.process = self._start(libraries, bwrap, theirs, rung)
        theirs.close()
        try:
            self._expect_ready()
            StudentProcess(self, Limits(), {}).close()  # the walls stand, or we know it now
        except (GraderFault, StudentFault) as error:
            self.close()
            raise Unavailable(str(error)) from None

    def _start(
        self, libraries: tuple[str, ...], bwrap: str | None, theirs: socket.socket, rung: str
    ) -> subprocess.Popen[bytes]:
        readable = view.readable_paths()
        own_view = bwrap is None and rung != "user"
        settings = {
            "readable": readable,
            "libraries": libraries,
            "own_view": own_view,
            "rung": rung,
        }
        code = (
            f"import sys; sys.path.insert(0, {str(view.PACKAGE.parent)!r}); "
            "from autograder.inside import zygote; zygote.main()"
        )
        fd = theirs.fileno()
        command = [sys.executable, "-s", "-P", "-B", "-c", code, str(fd), json.dumps(settings)]
        if bwrap:
            wrapper = view.bubblewrap_command(bwrap, readable, root=os.geteuid() == 0)
            command = [*wrapper, "--", *command]
        self.log = os.memfd_create("zygote-log") if hasattr(os, "memfd_create") else None
        return subprocess.Popen(
            command,
            env=clean_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log if self.log is not None else subprocess.DEVNULL,
            pass_fds=(fd,),
            start_new_session=True,  # ctrl-C is for us to handle
        )

    def _expect_ready(self) -> None:
        self.control.settimeout(_START_SECONDS)
        try:
            data = self.control.recv(65536)
        except TimeoutError:
            raise GraderFault("the sandbox did not start in two minutes") from None
        reply = json.loads(data) if data else {"error": self._last_words()}
        if "error" in reply:
            raise GraderFault(str(reply["error"]))
        self.landlock = int(reply["landlock"])

    def _last_words(self) -> str:
        if self.log is None:
            return "the sandbox did not start"
        size = os.fstat(self.log).st_size
        text = os.pread(self.log, 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else "the sandbox did not start"

    def request(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> dict[str, Any]:
        """Ask the zygote for something.

        Raises:
            GraderFault: It refused or is gone.
        """
        self.control.settimeout(_SET_UP_SECONDS)
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], list(fds))
            data = self.control.recv(65536)
        except OSError as error:
            raise GraderFault(f"the sandbox is gone: {error}") from None
        if not data:
            raise GraderFault(f"the sandbox is gone: {self._last_words()}")
        reply: dict[str, Any] = json.loads(data)
        if "error" in reply:
            raise GraderFault(f"the sandbox could not be set up: {reply['error']}")
        return reply

    def close(self) -> None:
        """Hang up; the zygote takes everything down with it."""
        self.control.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.log is not None:
            os.close(self.log)
            self.log = None


def clean_environment() -> dict[str, str]:
    """The environment of a student process: nothing of ours, one thread, fixed hashing."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/box",
        "TMPDIR": "/box",
        "TORCHINDUCTOR_CACHE_DIR": "/box",  # torch wants one when it makes its first optimizer
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }


class StudentProcess:
    """The process tree of one submission.

    Attributes:
        failures: For each file whose import failed: what the server says of the exception, or the
            fault that ended the process.
        loaded: Files that were imported.
    """

    def __init__(self, zygote: Zygote, limits: Limits, order: dict[str, Any]) -> None:
        """Start it, and import the submission if there is one.

        Args:
            zygote: Where it is forked.
            limits: What it may use.
            order: ``files``, ``load``, ``homes``, ``forbidden`` for ``inside.submission``.
        """
        self.zygote = zygote
        self.limits = limits
        self.job = next(zygote.jobs)
        self.budget = wire.Budget(blob=min(256, limits.memory_mb) << 20)
        self.failures: dict[str, Any] = {}
        self.loaded: list[str] = []
        self.alive = True
        self.exit_code = 0
        self._spawn()
        if order:
            self._load(order)

    def _spawn(self) -> None:
        self.control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours, data = socket.socketpair()
        read, write = os.pipe()
        self.output = Output(read, self.limits.output_kb << 10)
        self.data = Channel(ours, self.output, self.budget)
        rules = {
            "memory_mb": self.limits.memory_mb,
            "disk_mb": self.limits.disk_mb,
            "cpu_seconds": _CPU_BACKSTOP,
        }
        try:
            self.zygote.request(
                {"op": "spawn", "job": self.job, "rules": rules},
                (control.fileno(), data.fileno(), write),
            )
        except GraderFault:
            self._hang_up()
            raise
        finally:
            control.close()
            data.close()
            os.close(write)

    def _load(self, order: dict[str, Any]) -> None:
        """Send the files and hear how each import went; a hang or a death ends this process."""
        current = ""
        limit = max(self.limits.seconds, _IMPORT_SECONDS)
        deadline = time.monotonic() + _SET_UP_SECONDS
        try:
            self.data.send(order, _no_reference, deadline)
            for current in order["load"]:
                self._expect(("loading", current), deadline)
                deadline = time.monotonic() + limit
                failure = self._expect(("loaded", current), deadline)
                if failure is None:
                    self.loaded.append(current)
                else:
                    self.failures[current] = failure
            self._expect(("ready",), deadline)
            return
        except StudentFault as error:
            fault: StudentFault | None = error
        except Overdue:
            text = f"It was still being imported after {limit:g} seconds, and was stopped."
            fault = StudentFault(Status.TIMEOUT, text)
        except Died:
            fault = None
        said = self.output_text()[-300:]
        self.close(0.0 if fault else _PATIENCE)
        fault = fault or self.cause_of_death(shell_status(self.exit_code))
        if not current:
            raise GraderFault(f"the sandbox: {said or fault.text}")
        self.loaded = [file for file in self.loaded if file != current]
        self.failures[current] = fault

    def _expect(self, words: tuple[str, ...], deadline: float) -> Any:
        return expected(self.data.receive(_refuse_reference, deadline), words)

    def fork(self, part: str) -> Channel:
        """Fork a process that serves one part.

        Raises:
            StudentFault: The process that imported the submission is gone.
        """
        if self.hung_up:
            raise StudentFault(
                Status.PROTOCOL, "The submission's process is gone, or answers what nobody asked."
            )
        ours, theirs = socket.socketpair()
        try:
            self.control.settimeout(_SET_UP_SECONDS)
            socket.send_fds(self.control, [part.encode()], [theirs.fileno()])
        except OSError:
            ours.close()
            raise StudentFault(Status.CRASHED, "The submission's process is gone.") from None
        finally:
            theirs.close()
        return Channel(ours, self.output, self.budget)

    def finish(self, channel: Channel, seconds: float = _HANG_UP_SECONDS) -> int | None:
        """Hang up on a part and return how its process ended, as ``waitpid`` tells it.

        The submission's own process reports this, so it explains a zero and never earns a point.
        None when no believable answer came in time; then all of the submission has been killed.
        """
        channel.close()
        try:
            self.control.settimeout(seconds)
            status = int(self.control.recv(64))
            if not 0 <= status <= 0xFFFF:
                raise ValueError
        except (OSError, ValueError):
            self.close()
            return None
        return status

    @property
    def hung_up(self) -> bool:
        """Whether the process that imported the submission is gone, or speaks out of turn."""
        return bool(select.select([self.control], [], [], 0)[0])

    def cause_of_death(self, status: int | None) -> StudentFault:
        """Say why a process that hung up is gone."""
        if status is None:
            return StudentFault(Status.CRASHED, "The submission's process died.")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            names = {6: "it aborted", 9: "it was killed", 11: "segmentation fault", 24: "CPU limit"}
            text = names.get(number, "killed by a signal")
            return StudentFault(Status.CRASHED, f"The process crashed: {text} (signal {number}).")
        code = os.WEXITSTATUS(status)
        if code == DISTURBED:
            text = "The submission disturbed the process that answers for it."
            return StudentFault(Status.PROTOCOL, text)
        if code == NO_MEMORY:
            return StudentFault(Status.MEMORY, "The process ran out of memory and ended.")
        return StudentFault(Status.EXITED, f"The process ended itself with exit code {code}.")

    def output_text(self) -> str:
        """The first of what the submission printed so far."""
        with contextlib.suppress(StudentFault):
            self.output.drain()
        return self.output.text()

    def close(self, patience: float = 0.0) -> None:
        """Kill everything of the submission and wait until it is gone.

        Args:
            patience: Seconds in which it may end by itself, so that it can be told how.
        """
        if not self.alive:
            return
        self.alive = False
        try:
            order = {"op": "kill", "job": self.job, "patience": patience}
            self.exit_code = int(self.zygote.request(order)["code"])
            self.output_text()
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        self.control.close()
        self.data.close()
        os.close(self.output.fd)


def shell_status(code: int) -> int:
    """Turn an exit code as a shell tells it into the status that ``waitpid`` tells."""
    return code - 128 if code > 128 else code << 8


def _no_reference(value: Any) -> None:
    return None


def _refuse_reference(code: int, payload: Any) -> Any:
    raise wire.WireError("a reference where none belongs")
