"""Which sandbox this machine gives, and what would give a better one."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course import CourseError, Limits
from autograder.sandbox import view
from autograder.sandbox.launch import StudentProcess, Unavailable, Zygote
from autograder.sandbox.plain import PlainProcess

NAMESPACES, USER, PROCESS = "namespaces", "user", "process"
RUNGS = (NAMESPACES, USER, PROCESS)


@dataclass
class Sandbox:
    """A sandbox that is ready to take submissions.

    Attributes:
        rung: ``namespaces``, ``user`` or ``process``.
        wrapped: Whether bubblewrap is around it as a second wall.
        why: For a rung below the best: what stood in the way of the better one.
        costs: What this rung leaves open on this machine that the best one closes.
    """

    rung: str
    wrapped: bool
    why: str
    opener: Callable[[dict[str, Any], Limits], Any]
    closer: Callable[[], None]
    costs: str = ""

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
    if rung not in ("", *RUNGS):
        raise CourseError(f"There is no sandbox rung {rung!r}. There are: {', '.join(RUNGS)}.")
    why = ""
    for kind, wrapped in _candidates(rung, use_bwrap):
        try:
            zygote = start_zygote(libraries, wrapped, kind)
        except Unavailable as error:
            why = why or str(error)
            continue
        opener = functools.partial(_open, zygote)
        best = kind == NAMESPACES and wrapped
        costs = _costs(zygote.landlock) if kind == USER else ""
        return Sandbox(kind, zygote.wrapped, "" if best else why, opener, zygote.close, costs)
    if rung in (NAMESPACES, USER):
        raise CourseError(f"The sandbox rung {rung} cannot be had here: {why}. {remedy(why)}")
    return Sandbox(PROCESS, False, why, PlainProcess, lambda: None)


def _candidates(rung: str, use_bwrap: bool | None) -> list[tuple[str, bool]]:
    """What to try, best first: a rung, and whether with bubblewrap around it."""
    found: list[tuple[str, bool]] = []
    if rung in ("", NAMESPACES):
        ways = (True, False) if use_bwrap is None else (use_bwrap,)
        found += [(NAMESPACES, wrapped) for wrapped in ways]
    if rung in ("", USER):
        found.append((USER, False))
    return found


def _costs(landlock: int) -> str:
    """What a submission can do on the rung ``user`` that it cannot in namespaces."""
    text = "a submission can see that files and processes exist, and fill the disk with many files"
    if landlock:
        return f"{text}; it cannot read or touch what is not its own."
    return (
        f"{text}. This kernel has no Landlock: it can also read what every user of this machine "
        "may read, and write in /tmp until it ends."
    )


def _open(zygote: Zygote, order: dict[str, Any], limits: Limits) -> StudentProcess:
    return StudentProcess(zygote, limits, order)


def start_zygote(libraries: tuple[str, ...], wrapped: bool, rung: str = NAMESPACES) -> Zygote:
    """Start a zygote, or say in one sentence why this machine does not let us.

    Raises:
        Unavailable: It cannot be had.
    """
    if sys.platform != "linux":
        raise Unavailable(f"namespaces are a thing of Linux, and this is {sys.platform}")
    if rung == USER and os.geteuid() != 0:
        raise Unavailable("only root can make throwaway users")
    try:
        zygote = Zygote(libraries, use_bwrap=wrapped, rung=rung)
    except KeyError:
        raise Unavailable(f"no system call numbers for {os.uname().machine}") from None
    if rung == USER and not zygote.landlock and not closed_to_others(view.PACKAGE):
        zygote.close()
        raise Unavailable(
            f"this kernel has no Landlock, and every user may read {view.PACKAGE.parent}; as root: "
            f"chmod 700 {view.PACKAGE.parent}"
        )
    return zygote


def closed_to_others(path: Path) -> bool:
    """Whether a folder above a path lets nobody but its owner pass."""
    return any(not folder.stat().st_mode & 0o011 for folder in path.parents)


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
