"""A root with nothing in it but what Python needs, where bubblewrap is not there to make one."""

from __future__ import annotations

import os

from autograder.inside import linux

_DEVICES = ("null", "zero", "full", "random", "urandom")
_BASE = "/tmp"


def enter(readable: list[str]) -> None:
    """Make a root that shows only ``readable``, read-only, and move into it.

    Raises:
        OSError: This machine does not allow it.
    """
    os.umask(0o022)
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        linux.unshare(linux.CLONE_NEWNS)
    else:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in readable if os.path.exists(path)}
    links = {path: os.readlink(path) for path in ("/lib", "/lib64", "/bin") if os.path.islink(path)}
    for name in _DEVICES:
        sources[f"/dev/{name}"] = os.open(f"/dev/{name}", os.O_PATH)
    sources["/proc"] = os.open("/proc", os.O_PATH)
    linux.mount("tmpfs", _BASE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=1m,mode=0755")
    for path, source in sorted(sources.items()):
        if path not in links:
            _bind(source, path)
    for path, target in links.items():
        os.symlink(target, _BASE + path)
    for name in ("box", "old"):
        os.makedirs(f"{_BASE}/{name}", exist_ok=True)
    os.chdir(_BASE)
    linux.pivot_root(".", "old")
    os.chdir("/")
    linux.unmount("/old")
    os.rmdir("/old")
    linux.mount(
        "none", "/", None, linux.MS_REMOUNT | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
    )


def _bind(source: int, path: str) -> None:
    target = _BASE + path
    real = f"/proc/self/fd/{source}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(real):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    linux.mount(real, target, None, linux.MS_BIND | linux.MS_REC)
    if path == "/proc" or path.startswith("/dev/"):
        return
    kept = os.statvfs(target).f_flag & (linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_NOSUID)
    noatime = os.statvfs(target).f_flag & (1024 | 2048 | 4096)  # locked flags must be kept
    flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY | linux.MS_NOSUID | kept
    relatime = (1 << 21) if noatime & 4096 else 0
    linux.mount("none", target, None, flags | (noatime & 3072) | relatime)
