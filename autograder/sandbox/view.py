"""What the sandbox shows of this machine: Python, numpy, torch, and the folder ``inside``."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
PACKAGE = Path(__file__).resolve().parent.parent


def readable_paths() -> list[str]:
    """Paths that a submission may read; nothing of the course but what runs inside."""
    paths = [path for path in _SYSTEM if Path(path).exists()]
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"]}
    prefixes |= {str(Path(p).resolve()) for p in prefixes}
    paths += sorted(p for p in prefixes if not p.startswith(("/usr/", "/lib/")))
    paths += engine_paths()
    return paths


def engine_paths() -> list[str]:
    """The engine's own files that run inside."""
    return [str(PACKAGE / name) for name in ("__init__.py", "wire.py", "inside")]


def bubblewrap_command(bwrap: str, readable: list[str], *, root: bool) -> list[str]:
    """The command line that starts a program under bubblewrap with this view.

    As root, three capabilities stay, so that the zygote can turn its children into a throwaway user
    and kill them; a submission has none.
    """
    command = [bwrap, "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc"]
    command += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    if root:
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_KILL"):
            command += ["--cap-add", capability]
    parents = {str(parent) for path in readable for parent in Path(path).parents}
    for parent in sorted(parents - {"/"} - set(readable)):
        command += ["--perms", "0755", "--dir", parent]  # or a throwaway user may not pass
    for path in readable:
        if Path(path).is_symlink() and path in ("/lib", "/lib64", "/bin"):
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--dir", "/box"]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/"]
