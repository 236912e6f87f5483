"""Limits on code that runs in this process and may never end, or ask for all the memory there is.

Mutants and mistakes are the course's own code, so a time limit and a memory limit are enough for
them; what strangers hand in belongs in the sandbox.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

_PATIENCE = 30.0  # wall time for each second of processor time: the machine may be busy
_PAGE = 4096


class Overlong(BaseException):
    """Code ran for too long; not an Exception, so that little of it catches this."""


@contextlib.contextmanager
def limited(seconds: float, memory_mb: int) -> Iterator[None]:
    """Limit what runs inside to some processor time and some more memory; keep it quiet, too.

    Time is the processor's, so a busy machine changes nothing; ``Overlong`` is raised when it is
    over, and again if something swallows that. Only in the main thread, where there are signals.
    """
    with (
        _alarms(seconds),
        _memory(memory_mb),
        warnings.catch_warnings(),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _alarms(seconds: float) -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    armed = [True]

    def ring(*_: object) -> None:
        if armed:
            raise Overlong

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, seconds),
        (signal.SIGALRM, signal.ITIMER_REAL, seconds * _PATIENCE),
    )
    before = [signal.signal(number, ring) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit, limit)
    try:
        try:
            yield
        finally:
            armed.clear()  # first of all, so that nothing rings while the timers are put away
    finally:
        for _, timer, _ in timers:
            signal.setitimer(timer, 0)
        for (number, _, _), handler in zip(timers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _memory(megabytes: int) -> Iterator[None]:
    """Let the address space grow by no more than this, where the system can be asked to."""
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    wanted = mapped + megabytes * 2**20
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
