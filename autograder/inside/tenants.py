"""The zygote of the ``user`` rung: submissions as throwaway users, for root without namespaces.

    zygote (root) ── first (a throwaway user: imports the submission) ── one process for each part

Rlimits, ``no_new_privs``, seccomp and Landlock hold a submission as they do in a namespace. What a
namespace hides is there: processes and files can be seen to exist, though not be read or touched.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import tempfile
import time
from typing import Any

from autograder.inside import linux, throwaway, walls
from autograder.inside.submission import DISTURBED, NO_MEMORY, run_submission
from autograder.inside.throwaway import Children, Throwaway
from autograder.inside.zygote import Zygote, place_fds

_READY = b"ready"
_PIPE = 5


class Tenants(Zygote):
    """Forks submissions as throwaway users, one id for each."""

    def __init__(self, control: socket.socket, readable: list[str]) -> None:
        """Prepare; orphans of a submission become children of this process, to be collected."""
        super().__init__(control, readable)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        self.everybody = Children()

    def spawn(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Fork the process tree of one submission; all walls stand when this returns."""
        rules = walls.Rules(self.readable, **request["rules"])
        user = throwaway.claim(self.everybody)
        user.settle()
        ours, theirs = os.pipe()
        first = self.everybody.fork()
        if first == 0:
            try:
                self.first_of(user, rules, fds, theirs)
            finally:
                os._exit(70)
        os.close(theirs)
        self.children[request["job"]] = (user, first, os.pidfd_open(first))
        with os.fdopen(ours, "rb") as pipe:
            told = pipe.read()
        if told != _READY:
            self.kill(request["job"])
            return {"error": told.decode() or "the sandbox process died while it was set up"}
        return {"spawned": True}

    def first_of(self, user: Throwaway, rules: walls.Rules, fds: list[int], pipe: int) -> None:
        """Be the first process of the submission: put up the walls and run it."""
        zygote = os.getppid()
        try:
            used = walls.address_space()
            walls.die_first()
            os.setsid()  # a signal to its process group must not reach ours
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            user.held.close()
            place_fds(fds, pipe)
            walls.set_limits(rules, used)
            user.become()
            make_home(user.folder)
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # after: new credentials clear it
            if os.getppid() != zygote:
                os._exit(70)
            walls.close_in(rules, self.programs[0], user.folder)
            check_python()
        except BaseException as error:
            os.write(_PIPE, str(error).encode())
            os._exit(70)
        try:
            os.write(_PIPE, _READY)
            os.close(_PIPE)
            run_submission(
                os.path.join(user.folder, "submission"), 3, 4, self.programs[1], owner=user.uid
            )
        except MemoryError:
            os._exit(NO_MEMORY)
        except BaseException as error:  # whatever it is, the parent must hear of it
            os.write(1, f"sandbox: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(DISTURBED)

    def kill(self, job: int, patience: float = 0.0) -> int:
        """Kill all of a submission and remove what it left; return how its first process ended."""
        if job not in self.children:
            return 0
        user, first, pidfd = self.children.pop(job)
        try:
            select.select([pidfd], [], [], patience)
        finally:
            os.close(pidfd)
        user.kill(self.everybody)
        while (code := self.everybody.ended(first)) is None:
            time.sleep(0.0002)
        user.leave()
        return min(255, abs(code) + 128 * (code < 0))


def make_home(folder: str) -> None:
    """Enter the submission's own folder, and let it be home and the place of temporary files."""
    os.mkdir(os.path.join(folder, "submission"))
    os.chdir(os.path.join(folder, "submission"))
    for name in ("HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR"):
        os.environ[name] = folder
    tempfile.tempdir = None


def check_python() -> None:
    """Read a module as the submission will have to.

    Raises:
        OSError: Python lies where only root may look.
    """
    try:
        with open(os.__file__, "rb") as file:
            file.read(1)
    except OSError:
        raise OSError(
            f"Python lies in {os.path.dirname(os.__file__)}, where a throwaway user may not read: "
            "use a Python below /usr or /opt"
        ) from None
