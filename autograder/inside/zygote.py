"""The zygote: a warm interpreter that forks one process tree for each submission.

It holds numpy and torch and nothing of the course. It never runs student code itself, so it can be
trusted to kill: the parent asks, the zygote sends SIGKILL to the first process of the submission's
pid namespace, and the kernel takes everything in it down.

    zygote ── middleman ── first (pid 1: imports the submission) ── one process for each part
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from autograder.inside import landlock, linux, view, walls
from autograder.inside.submission import DISTURBED, NO_MEMORY, run_submission


def warm(libraries: list[str]) -> None:
    """Import what submissions will want, on one thread, and freeze it for cheap forks."""
    for name in ("collections", "dataclasses", "functools", "heapq", "itertools", "math", "random"):
        importlib.import_module(name)
    for name in ("re", "typing", "json", "string", "copy", "linecache", "tracemalloc", *libraries):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    if "torch" in libraries:
        _warm_torch()
    gc.collect()
    gc.freeze()


def _warm_torch() -> None:
    import torch

    torch.set_num_threads(1)  # before any operation: a child of a threaded parent hangs
    torch.set_num_interop_threads(1)
    importlib.import_module("torch.testing")
    importlib.import_module("torch.utils.flop_counter")
    x = torch.ones(2, 2, requires_grad=True)
    (x @ x).softmax(-1).sum().backward()
    torch.optim.AdamW([x]).step()


class Zygote:
    """Answers the parent: spawn, kill, ping."""

    def __init__(self, control: socket.socket, readable: list[str]) -> None:
        self.control = control
        self.readable = readable
        self.programs = walls.programs()
        self.children: dict[int, Any] = {}  # job → (middleman, first process's pidfd)
        self.count = 0

    def run(self) -> None:
        """Serve until the parent hangs up, then take everything down."""
        while True:
            data, fds, _, _ = socket.recv_fds(self.control, 65536, 4)
            if not data:
                break
            request = json.loads(data)
            try:
                reply = self.answer(request, fds)
            except OSError as error:
                reply = {"error": str(error)}
            finally:
                for fd in fds:
                    os.close(fd)
            self.control.send(json.dumps(reply).encode())
        for job in list(self.children):
            self.kill(job)

    def answer(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Carry out one request of the parent's."""
        if request["op"] == "spawn":
            return self.spawn(request, fds)
        if request["op"] == "kill":
            return {"code": self.kill(request["job"], request["patience"])}
        return {"pong": True}

    def spawn(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Fork the process tree of one submission."""
        self.count += 1
        ours, theirs = os.pipe()
        middleman = os.fork()
        if middleman == 0:
            try:
                os.close(ours)
                self.control.close()
                self.middleman(request, fds, theirs)
            finally:
                os._exit(70)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            told = pipe.read()
        if not told.startswith(b"pid "):
            os.waitpid(middleman, 0)
            return {"error": told.decode() or "the sandbox process died while it was set up"}
        try:
            first = os.pidfd_open(int(told[4:]))  # a number may be given to another process
        except ProcessLookupError:
            os.waitpid(middleman, 0)
            return {"error": "the sandbox process died at once"}
        self.children[request["job"]] = (middleman, first)
        return {"spawned": True}

    def middleman(self, request: dict[str, Any], fds: list[int], pipe: int) -> None:
        """Enter the namespaces, fork the first process in them, and wait for it."""
        try:
            rules = walls.Rules(self.readable, **request["rules"])
            used = walls.address_space()
            walls.become(61000 + self.count % 1000)  # not one of throwaway's: those get killed
            walls.enter_namespaces()
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # after: new credentials clear it
            walls.die_first()
            ready, go = os.pipe()
            first = os.fork()
            if first == 0:
                os.close(go)
                self.first(rules, used, fds, pipe, ready)
            os.close(ready)
            os.write(pipe, f"pid {first}".encode())
        except OSError as error:
            os.write(pipe, str(error).encode())
            os._exit(71)
        os.close(pipe)
        for fd in fds:
            os.close(fd)
        os.close(go)  # the zygote knows the pid: the first process may begin
        status = os.waitpid(first, 0)[1]
        os._exit(min(255, abs(os.waitstatus_to_exitcode(status)) + 128 * os.WIFSIGNALED(status)))

    def first(self, rules: walls.Rules, used: int, fds: list[int], pipe: int, ready: int) -> None:
        """Be pid 1 of the submission: put up the walls and run it."""
        try:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setsid()  # a signal to its process group must not reach ours
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # so that parts cannot send it
            os.close(pipe)
            os.read(ready, 1)
            os.close(ready)
            place_fds(fds)
            walls.private_mounts(rules.disk_mb)
            os.mkdir(walls.FOLDER)
            os.chdir(walls.FOLDER)
            walls.set_limits(rules, used)
            walls.close_in(rules, self.programs[0])
            run_submission(walls.FOLDER, 3, 4, self.programs[1])
        except MemoryError:
            os._exit(NO_MEMORY)
        except BaseException as error:  # whatever it is, the parent must hear of it
            os.write(1, f"sandbox: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(DISTURBED)

    def kill(self, job: int, patience: float = 0.0) -> int:
        """Kill every process of a submission, and reap; return how its first process ended.

        It may have ``patience`` seconds to end by itself, where it seems to be about to. The answer
        is as a shell would say it: the exit code, or 128 and the number of the signal.
        """
        if job not in self.children:
            return 0
        middleman, first = self.children.pop(job)
        try:
            select.select([first], [], [], patience)
            signal.pidfd_send_signal(first, signal.SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(first)
        deadline = time.monotonic() + 10
        while True:
            reaped, status = os.waitpid(middleman, os.WNOHANG)
            if reaped:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(middleman, signal.SIGKILL)
            time.sleep(0.0002)


def place_fds(fds: list[int], *more: int) -> None:
    """Leave open: 0 nothing, 1 and 2 the output pipe, 3 control, 4 data, and more if there is."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (*fds, *more)]
    control, data, output, *rest = high
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, fd in enumerate((nothing, output, output, control, data, *rest)):
        os.dup2(fd, number)
    os.closerange(5 + len(more), 4096)


def main() -> None:
    """Start: ``zygote.py CONTROL_FD SETTINGS_JSON``."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = json.loads(sys.argv[2])
    try:
        if settings["own_view"]:
            view.enter(settings["readable"])
        warm(settings["libraries"])
    except Exception as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    kind: type[Zygote] = Zygote
    if settings["rung"] == "user":
        from autograder.inside.tenants import Tenants

        kind = Tenants
    zygote = kind(control, settings["readable"])
    control.send(json.dumps({"ready": True, "landlock": landlock.version()}).encode())
    zygote.run()


if __name__ == "__main__":
    main()
