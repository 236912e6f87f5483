"""The student's process of the ``process`` rung: no walls, frames over stdin and stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from autograder.inside.forbid import Guards
from autograder.inside.submission import load_files, run_part
from autograder.inside.transport import Transport


def main() -> None:
    """Import the submission, tell how that went, and serve one part."""
    settings = json.loads(sys.argv[1])
    read_fd, write_fd = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for stream in (0, 1, 2, read_fd, write_fd):
        if os.name == "nt":
            import msvcrt

            msvcrt.setmode(stream, os.O_BINARY)  # type: ignore[attr-defined]
    transport = Transport(read_fd, write_fd)
    order = transport.receive(None)
    if "torch" in settings.get("libraries", ()):
        import torch

        torch.set_num_threads(1)
    _limit_memory(settings["memory_mb"])
    guards = Guards()
    guards.install({name for names in order["forbidden"].values() for name in names})
    modules = load_files(settings["folder"], order, transport)
    run_part(settings["part"], transport, modules, order, guards, None)


def _limit_memory(memory_mb: int) -> None:
    """Limit memory where the system can: beyond what numpy and torch map themselves."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = (memory_mb << 20) + (8 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
