"""The seccomp filter: which system calls student code may make.

A list of what is refused, made for this purpose: no sockets, no programs, no namespaces or mounts,
no reaching into other processes, no kernel subsystems with a history. Calls newer than this list
(numbers above the last one known) do not exist for the submission.
"""

from __future__ import annotations

import errno
import os
import struct

# Numbers of refused calls: (x86_64, aarch64); -1 where the processor has no such call.
_REFUSED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "fsconfig": (431, 431),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "personality": (135, 92),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "memfd_secret": (447, 447),
    "memfd_create": (319, 279),  # memory that RLIMIT_AS does not count, as the next ones
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "mlock": (149, 228),
    "mlock2": (325, 284),
    "mlockall": (151, 230),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
}
_CLONE3 = 435
_LAST_KNOWN = 462  # mseal, Linux 6.10
_CLONE = (56, 220)
_FORKS = {"fork": (57, -1), "vfork": (58, -1)}
_SOCKETPAIR, _IOCTL = (53, 199), (16, 29)
_CLONE_THREAD = 0x00010000
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_ARCHITECTURE = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def _step(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, k)


def _refuse(number: int, error: int) -> bytes:
    return _step(_JEQ, number, 0, 1) + _step(_RETURN, _ERRNO | error)


def program(*, may_fork: bool, machine: str = "") -> bytes:
    """Assemble the filter.

    Args:
        may_fork: Whether new processes are allowed: the process that imports a submission forks one
            for every part, the processes that run the parts do not.
        machine: The processor; this one's by default.

    Returns:
        Packed BPF instructions.

    Raises:
        KeyError: There are no system call numbers for this processor.
    """
    column, architecture = _ARCHITECTURE[machine or os.uname().machine]
    steps = [_step(_LOAD, 4), _step(_JEQ, architecture, 1, 0), _step(_RETURN, _KILL)]
    steps += [_step(_LOAD, 0)]
    if column == 0:  # the x32 numbers of x86_64
        steps += [_step(_JGE, 0x40000000, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [_refuse(_CLONE3, errno.ENOSYS)]
    steps += [_step(_JGE, _LAST_KNOWN + 1, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    steps += [_refuse(row[column], errno.EPERM) for row in _REFUSED.values() if row[column] >= 0]
    if not may_fork:
        steps += [_refuse(row[column], errno.EPERM) for row in _FORKS.values() if row[column] >= 0]
    steps += [_clone(_CLONE[column], may_fork), _ioctl(_IOCTL[column])]
    steps += [_first_argument(_SOCKETPAIR[column], 1)]
    steps += [_step(_RETURN, _ALLOW)]
    return b"".join(steps)


def _clone(number: int, may_fork: bool) -> bytes:
    """Refuse namespaces in clone, and processes that are no threads where forking is refused."""
    body = _step(_LOAD, 16) + _step(_JSET, _NEW_NAMESPACES, 0, 1)
    body += _step(_RETURN, _ERRNO | errno.EPERM)
    if not may_fork:
        body += _step(_JSET, _CLONE_THREAD, 1, 0) + _step(_RETURN, _ERRNO | errno.EPERM)
    body += _step(_RETURN, _ALLOW)
    return _step(_JEQ, number, 0, len(body) // 8) + body


def _ioctl(number: int) -> bytes:
    """Refuse the two terminal controls that put words into another program's mouth."""
    body = _step(_LOAD, 24)
    for control in (_TIOCSTI, _TIOCLINUX):
        body += _refuse(control, errno.EPERM)
    body += _step(_RETURN, _ALLOW)
    return _step(_JEQ, number, 0, len(body) // 8) + body


def _first_argument(number: int, only: int) -> bytes:
    """Allow a call only with this first argument."""
    body = _step(_LOAD, 16) + _step(_JEQ, only, 1, 0)
    body += _step(_RETURN, _ERRNO | errno.EPERM) + _step(_RETURN, _ALLOW)
    return _step(_JEQ, number, 0, len(body) // 8) + body
