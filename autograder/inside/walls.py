"""The walls around one submission, put up from inside before any of its code runs."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass

from autograder.inside import landlock, linux, seccomp

BOX = "/box"  # not /tmp: Python itself may live below that
FOLDER = f"{BOX}/submission"
_FRESH = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)
_MAX_PROCESSES = 32
_MAX_FILES = 64


@dataclass(frozen=True)
class Rules:
    """What a submission gets.

    Attributes:
        readable: Paths it may read.
        memory_mb: Address space beyond that of the warm interpreter, in MiB.
        disk_mb: Size of its private folder, in MiB.
        cpu_seconds: A backstop on processor time; the parent's clock acts long before.
    """

    readable: list[str]
    memory_mb: int
    disk_mb: int
    cpu_seconds: int


def become(uid: int) -> None:
    """As root, turn into a throwaway user, for good: limits do not bind root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or /proc/self/uid_map belongs to root


def enter_namespaces() -> None:
    """Enter fresh user, pid, mount, ipc, net, uts and cgroup namespaces.

    The pid namespace holds the children of this process, not the process itself.
    """
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(_FRESH)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def private_mounts(disk_mb: int) -> None:
    """Mount an empty folder of limited size, and hide /proc and shared memory."""
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    quiet = linux.MS_NOSUID | linux.MS_NODEV
    options = f"size={disk_mb}m,nr_inodes=4096,mode=0700"
    linux.mount("tmpfs", BOX, "tmpfs", quiet, options)
    for path in ("/proc", "/dev/shm", "/sys"):
        if os.path.isdir(path):
            linux.mount("tmpfs", path, "tmpfs", quiet | linux.MS_RDONLY, "size=4k,nr_inodes=2")


def set_limits(rules: Rules, used_bytes: int) -> None:
    """Set the resource limits that processes of this submission inherit."""
    limits = {
        resource.RLIMIT_AS: used_bytes + (rules.memory_mb << 20),
        resource.RLIMIT_NPROC: _MAX_PROCESSES,
        resource.RLIMIT_NOFILE: _MAX_FILES,
        resource.RLIMIT_FSIZE: rules.disk_mb << 20,
        resource.RLIMIT_CPU: rules.cpu_seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def close_in(rules: Rules, program: bytes, box: str = BOX) -> None:
    """Drop privileges, and let Landlock and seccomp hold what is left."""
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict(rules.readable, [box, "/dev/null"])
    linux.set_filter(program)


def die_first() -> None:
    """Let the kernel kill this and its children first when the machine runs out of memory."""
    with contextlib.suppress(OSError):
        _write("/proc/self/oom_score_adj", "1000")


def address_space() -> int:
    """Bytes of address space that this process maps now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def programs() -> tuple[bytes, bytes]:
    """The seccomp filters: for the process that imports, and for those that run a part."""
    return seccomp.program(may_fork=True), seccomp.program(may_fork=False)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
