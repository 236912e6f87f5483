"""Which sandbox this machine gives, and what would give a better one."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograder.course import CourseError, Limits
from autograder.sandbox.launch import StudentProcess, Unavailable, Zygote
from autograder.sandbox.plain import PlainProcess

NAMESPACES, PROCESS = "namespaces", "process"
RUNGS = (NAMESPACES, PROCESS)


@dataclass
class Sandbox:
    """A sandbox that is ready to take submissions.

    Attributes:
        rung: ``namespaces`` or ``process``.
        wrapped: Whether bubblewrap is around it as a second wall.
        why: For a rung below the best: what stood in the way of the better one.
    """

    rung: str
    wrapped: bool
    why: str
    opener: Callable[[dict[str, Any], Limits], Any]
    closer: Callable[[], None]

    def open(self, order: dict[str, Any], limits: Limits) -> Any:
        """Start the process of a submission."""
        return self.opener(order, limits)

    def close(self) -> None:
        """Take everything down."""
        self.closer()


def open_sandbox(
    libraries: tuple[str, ...], rung: str = "", *, use_bwrap: bool | None = None
) -> Sandbox:
    """Start the best sandbox there is, or the one asked for.

    Args:
        libraries: What to keep warm.
        rung: A rung by name; the best by default.
        use_bwrap: Whether bubblewrap is put around the ``namespaces`` rung; by default where it is
            installed and works.

    Raises:
        CourseError: The rung asked for cannot be had; the message says why.
    """
    why = ""
    if rung not in ("", *RUNGS):
        raise CourseError(f"There is no sandbox rung {rung!r}. There are: {', '.join(RUNGS)}.")
    if rung != PROCESS:
        for wrapped in (True, False) if use_bwrap is None else (use_bwrap,):
            try:
                zygote = start_zygote(libraries, wrapped)
            except Unavailable as error:
                why = why or str(error)
                continue
            return Sandbox(
                NAMESPACES,
                zygote.wrapped,
                why if not wrapped else "",
                functools.partial(_open, zygote),
                zygote.close,
            )
        if rung == NAMESPACES:
            raise CourseError(f"The sandbox rung {rung} cannot be had here: {why}. {remedy(why)}")
    return Sandbox(PROCESS, False, why, PlainProcess, lambda: None)


def _open(zygote: Zygote, order: dict[str, Any], limits: Limits) -> StudentProcess:
    return StudentProcess(zygote, limits, order)


def start_zygote(libraries: tuple[str, ...], wrapped: bool) -> Zygote:
    """Start a zygote, or say in one sentence why this machine does not let us.

    Raises:
        Unavailable: It cannot be had.
    """
    if sys.platform != "linux":
        raise Unavailable(f"namespaces are a thing of Linux, and this is {sys.platform}")
    try:
        return Zygote(libraries, use_bwrap=wrapped)
    except KeyError:
        raise Unavailable(f"no system call numbers for {os.uname().machine}") from None


def remedy(why: str) -> str:
    """What would give a better sandbox on this machine."""
    if sys.platform != "linux":
        return "Grade on Linux: a virtual machine or a container host will do."
    if shutil.which("bwrap") is None:
        return "Install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap)."
    if "not permitted" in why or "denied" in why:
        return (
            "Allow unprivileged user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, on "
            "Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0; in Docker, run with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined."
        )
    return "See docs/instructor.md, “The sandbox”."
