"""A throwaway user: an id that belongs to one submission, and everything that is done with it.

Without namespaces, a user of its own is what keeps a submission apart: it owns nothing but its
folder, may signal nobody but itself, and can be killed whole, for the kernel knows what is its.

An id is held by binding an abstract socket of its name, so that no two submissions of a machine
ever have the same one, whoever grades them. Every id has a guard, the next number: the process that
kills runs under both, and what it kills cannot touch it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import tempfile
import time
from dataclasses import dataclass

from autograder.inside import linux

FIRST, LAST = 60706, 60999  # systemd's list of ids says that nobody uses these; see walls.become
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/run/shm")
_BASES = ("/tmp", "/var/tmp", "/")
_KILL_SECONDS = 10.0
_UNSAFE = 72  # how the process that kills ends when it might kill others


def is_throwaway(uid: int) -> bool:
    """Whether an id is one of those that submissions get."""
    return FIRST <= uid <= LAST


class Children:
    """The children of this process, collected as they end: none may stay as a mere entry."""

    def __init__(self) -> None:
        self.awaited: dict[int, int | None] = {}

    def fork(self) -> int:
        """Fork a child whose end will be asked for."""
        pid = os.fork()
        if pid:
            self.awaited[pid] = None
        return pid

    def collect(self) -> None:
        """Collect all that ended."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] in self.awaited:
                    self.awaited[found[0]] = os.waitstatus_to_exitcode(found[1])

    def ended(self, pid: int) -> int | None:
        """Return how one ended, negative for a signal, or None while it runs."""
        self.collect()
        if self.awaited[pid] is None:
            return None
        return self.awaited.pop(pid)


@dataclass
class Throwaway:
    """An id that is held, with the folder that is its own.

    Attributes:
        uid: The user and group of the submission.
        held: The socket that holds it.
        outer: A folder of root's that others may only pass.
        folder: The folder in it that belongs to the submission.
    """

    uid: int
    held: socket.socket
    outer: str = ""
    folder: str = ""

    def settle(self) -> None:
        """Make the folder."""
        base = next(path for path in _BASES if os.access(path, os.W_OK))
        self.outer = tempfile.mkdtemp(prefix=_prefix(self.uid), dir=base)
        os.chmod(self.outer, 0o711)
        self.folder = os.path.join(self.outer, "box")
        os.mkdir(self.folder, 0o700)
        os.chown(self.folder, self.uid, self.uid)

    def become(self) -> None:
        """Turn this process into that user, for good."""
        os.setgroups([])
        os.setresgid(self.uid, self.uid, self.uid)
        os.setresuid(self.uid, self.uid, self.uid)

    def kill(self, children: Children) -> None:
        """Kill every process of that user, and wait until there is none.

        Raises:
            OSError: Some would not go.
        """
        killer = children.fork()
        if killer == 0:
            try:
                os._exit(_kill_all(self.uid))
            finally:
                os._exit(_UNSAFE)
        deadline = time.monotonic() + _KILL_SECONDS
        while (code := children.ended(killer)) is None:
            time.sleep(0.0002)
        if code:
            raise OSError(f"user {self.uid} could not be told from others, so nothing was killed")
        while processes_of(self.uid):
            children.collect()
            if time.monotonic() > deadline:
                raise OSError(f"processes of user {self.uid} do not end")
            time.sleep(0.0002)

    def leave(self) -> None:
        """Remove the folder and all that user owns in shared places, and give the id back.

        There must be no process of that user any more.
        """
        if self.outer:
            shutil.rmtree(self.outer, ignore_errors=True)
        for place in _SHARED:
            sweep(place, self.uid)
        self.held.close()


def claim(children: Children) -> Throwaway:
    """Take an id that nobody has, and see to it that nothing of an earlier holder is there.

    Raises:
        OSError: None is free.
    """
    pairs = (LAST - FIRST + 1) // 2
    start = os.getpid() * 31 + time.monotonic_ns() // 1000
    for step in range(pairs):
        uid = FIRST + 2 * ((start + step) % pairs)
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            held.bind(f"\0course-sandbox-user-{uid}")
        except OSError:
            held.close()
            continue
        if _has_a_name(uid) or _has_a_name(uid + 1):
            held.close()
            continue
        taken = Throwaway(uid, held)
        if processes_of(uid):  # of a grader that was killed itself
            taken.kill(children)
        remove_folders(uid)
        return taken
    raise OSError(f"no user id between {FIRST} and {LAST} is free")


def _prefix(uid: int) -> str:
    return f"course-{uid}-"


def remove_folders(uid: int) -> None:
    """Remove the folders of an id that nobody holds: of graders that were killed themselves."""
    for base in _BASES:
        for name in os.listdir(base):
            path = os.path.join(base, name)
            if name.startswith(_prefix(uid)) and os.lstat(path).st_uid == 0:
                shutil.rmtree(path, ignore_errors=True)
                sweep(base, uid)


def processes_of(uid: int) -> list[int]:
    """The processes of a user, but for those that ended and wait to be collected."""
    found = []
    mark = f"\nUid:\t{uid}\t"
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/status", "rb") as file:
                text = file.read().decode("ascii", "replace")
                if mark in text and "\nState:\tZ" not in text:
                    found.append(int(name))
    return found


def _has_a_name(uid: int) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwuid(uid))
    return False


def _kill_all(uid: int) -> int:
    """Become able to signal that user and nobody else, and kill all of it.

    The effective id is the submission's, which allows signals to it. Real and saved id are the
    guard's, which allow none from it. ``kill(-1)`` reaches all that may be signalled, at once, so
    no fork escapes. As root that would be this whole machine: hence the checks before it.
    """
    guard = uid + 1
    if not (is_throwaway(uid) and is_throwaway(guard)):
        return _UNSAFE
    zygote = os.getppid()
    os.setgroups([])
    os.setresgid(guard, guard, guard)
    os.setresuid(guard, uid, guard)
    linux.drop_capabilities()
    if os.getresuid() != (guard, uid, guard) or _may_signal(1) or _may_signal(zygote):
        return _UNSAFE
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    return 0


def _may_signal(pid: int) -> bool:
    """Whether this process could signal another; not knowing counts as yes."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def sweep(place: str, uid: int) -> None:
    """Remove what a user owns in a place where anybody may write.

    Only folders are entered in which that user could have put something. Descriptors are used
    throughout, so that no link leads out.
    """
    try:
        top = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        _sweep(top, uid)
    finally:
        os.close(top)


def _sweep(folder: int, uid: int) -> None:
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            if is_folder and (found.st_uid == uid or found.st_mode & stat.S_IWOTH):
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    _sweep(inner, uid)
                finally:
                    os.close(inner)
            if found.st_uid == uid:
                (os.rmdir if is_folder else os.unlink)(name, dir_fd=folder)
