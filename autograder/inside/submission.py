"""Run one submission: import its files once, then fork a process for every part."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import types
from typing import Any

from autograder.inside import linux
from autograder.inside.forbid import Guards
from autograder.inside.load import Modules, use_folder
from autograder.inside.server import Server
from autograder.inside.transport import Transport, serve

DISTURBED = 73  # how a process ends whose serving was disturbed by what it serves
NO_MEMORY = 74  # and how when there is no memory left even to say so


def run_submission(
    folder: str, control_fd: int, data_fd: int, program: bytes | None, *, owner: int = 0
) -> None:
    """Take the submission's files from the parent, import them, and fork on request.

    Args:
        folder: An empty folder that is ours.
        control_fd: Where fork requests come from, each with the socket of a part.
        data_fd: Where the files come from and the news of their import goes.
        program: The seccomp filter of the processes that run a part.
        owner: The throwaway user this runs as, whose processes are all the submission's; 0 in a pid
            namespace, which says the same.
    """
    transport = Transport(data_fd, data_fd)
    order = transport.receive(None)
    guards = Guards()
    guards.install({name for names in order["forbidden"].values() for name in names})
    modules = load_files(folder, order, transport)
    control = socket.socket(fileno=control_fd)
    while True:
        name, fds, _, _ = socket.recv_fds(control, 4096, 1)
        if not name:
            return
        clear_others(owner)
        pid = os.fork()
        if pid == 0:
            control.close()
            os.close(data_fd)
            run_part(name.decode(), Transport(fds[0], fds[0]), modules, order, guards, program)
        os.close(fds[0])
        control.send(str(os.waitpid(pid, 0)[1]).encode())


def clear_others(owner: int) -> None:
    """End every other process of the submission: what import or parts left.

    The first process of a namespace reaches what is in it, and a throwaway user what is its own.
    """
    if os.getpid() == 1 or (owner and os.getresuid() == (owner, owner, owner)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)


def load_files(folder: str, order: dict[str, Any], transport: Transport) -> Modules:
    """Write the files, import those of the course, and tell the parent how each went."""
    for name, text in order["files"].items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
    use_folder(folder)
    hide_main()
    modules = Modules(order["load"], order["homes"])
    server = make_server(modules, folder)
    for file in order["load"]:
        transport.send(("loading", file), None)
        modules.load(file)
        failure = modules.failures.get(file)
        transport.send(("loaded", file, server.described(failure) if failure else None), None)
    flush()
    transport.send(("ready",), None)
    return modules


def hide_main() -> None:
    """Leave nothing of the grader's in ``__main__``, and no arguments."""
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = sys.orig_argv = [""]


def make_server(modules: Modules, folder: str) -> Server:
    """A server on the imported modules."""
    return Server(modules.lookup, lambda request: None, lambda name: name.startswith(folder))


def run_part(
    name: str,
    transport: Transport,
    modules: Modules,
    order: dict[str, Any],
    guards: Guards,
    program: bytes | None,
) -> None:
    """Serve one part in a process of its own; never returns."""
    code = 0
    try:
        if program is not None:
            linux.set_filter(program)
        guards.current = frozenset(order["forbidden"].get(name, ()))
        folder = os.getcwd()
        with contextlib.suppress(EOFError):
            serve(transport, make_server(modules, folder))
    except MemoryError:
        code = NO_MEMORY
    except BaseException as error:  # nothing may reach the loop of the process that forked us
        code = DISTURBED
        print(f"sandbox: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        flush()
        os._exit(code)


def flush() -> None:
    """Push out what was printed; a closed or broken stdout does not matter."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
