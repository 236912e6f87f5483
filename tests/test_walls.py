"""Each wall of the sandbox by itself, asserted from inside, with and without bubblewrap.

The submission measures and returns values; every test asks for one wall in a way that no other wall
answers for it, so that it fails when that wall alone is taken away.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Limits
from autograder.faults import GraderFault, StudentFault
from autograder.inside import landlock, seccomp
from autograder.results import Status
from autograder.sandbox import launch
from autograder.sandbox.rungs import Sandbox, open_sandbox
from autograder.student.peer import Peer
from autograder.student.remote import RemoteStudent
from autograder.student.runner import Runner
from tests.zoo_driver import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are a thing of Linux")
ROOT = Path(__file__).parent.parent
LIMITS = Limits(seconds=20.0, memory_mb=64, disk_mb=8)
PROBE = """
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, argument=0):
    zero = ctypes.c_ulong(0)
    return libc.prctl(option, ctypes.c_ulong(argument), zero, zero, zero)


def capabilities():
    header = struct.pack("<Ii", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    number = 125 if os.uname().machine == "x86_64" else 90
    assert libc.syscall(ctypes.c_long(number), header, data) == 0
    return list(struct.unpack("<6I", data.raw))


def at_import():
    return AT_IMPORT


def bounding_set():
    return [n for n in range(64) if prctl(23, n) == 1]


def syscall_error(number, *args):
    wide = [x if isinstance(x, bytes) else ctypes.c_long(x) for x in args]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *wide)
    return ctypes.get_errno() if result == -1 else -result - 1


def fails(what, *args):
    try:
        found = {"list": os.listdir, "read": read, "write": write, "fork": fork}[what](*args)
    except OSError as error:
        return error.errno
    return 0


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write(path):
    os.close(os.open(path, os.O_WRONLY))


def fork():
    if os.fork() == 0:
        os._exit(0)


def exists(path):
    return os.path.lexists(path)


def names(path):
    return sorted(os.listdir(path))


def users():
    return [*os.getresuid(), *os.getresgid()], os.getgroups()


def ids():
    return os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0)


def processes():
    found = []
    for pid in range(1, 5000):
        try:
            os.getpgid(pid)
            found.append(pid)
        except ProcessLookupError:
            pass
    return found


def interfaces():
    ours, theirs = socket.socketpair()
    found = {}
    for index in range(1, 64):
        try:
            raw = fcntl.ioctl(ours, 0x8910, struct.pack("16si20x", b"", index))
            name = raw[:16].rstrip(b"\\0")
            flags = fcntl.ioctl(ours, 0x8913, struct.pack("16s24x", name))
            found[name.decode()] = struct.unpack_from("<h", flags, 16)[0]
        except OSError:
            pass
    return found


def limits():
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    return {name: resource.getrlimit(getattr(resource, name))[1] for name in names}


def box():
    state = os.statvfs(".")
    return os.getcwd(), state.f_blocks * state.f_frsize, state.f_files, state.f_flag


def descriptors():
    found = []
    for fd in range(4096):
        try:
            os.fstat(fd)
            found.append(fd)
        except OSError:
            pass
    return found


def environment():
    return dict(os.environ)


def sleep(seconds):
    time.sleep(seconds)


SOCKET = 41 if os.uname().machine == "x86_64" else 198
AT_IMPORT = [prctl(21), prctl(39), syscall_error(SOCKET, 2, 1, 0), capabilities()]
AT_IMPORT.append(fails("list", "/"))
"""


class Inside:
    """A probe in the sandbox, and the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        order = {"files": {"probe.py": PROBE}, "load": ["probe.py"], "homes": {}, "forbidden": {}}
        self.runner = Runner(lambda order: sandbox.open(order, LIMITS), order)
        self.link = self.runner.connect("walls", 20.0)
        assert self.runner.failures == {}
        self.student: Any = RemoteStudent(Peer(self.link, lambda fault: fault))

    def close(self) -> None:
        self.link.close()
        self.runner.kill()
        self.sandbox.close()


@pytest.fixture(scope="module", params=["bubblewrap", "walls"])
def inside(request: pytest.FixtureRequest) -> Iterator[Inside]:
    if request.param == "bubblewrap" and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    before = descendants()
    sandbox = open_sandbox(("numpy",), "namespaces", use_bwrap=request.param == "bubblewrap")
    probe = Inside(sandbox)
    yield probe
    probe.close()
    assert descendants() <= before


@pytest.fixture
def student(inside: Inside) -> Any:
    inside.link.restart_clock(20.0)
    return inside.student


def test_no_capability_is_held(student: Any) -> None:
    assert student.capabilities() == [0] * 6


def test_no_capability_can_be_had(student: Any) -> None:
    assert student.bounding_set() == []


def test_programs_give_no_privileges(student: Any) -> None:
    assert student.prctl(39) == 1  # PR_GET_NO_NEW_PRIVS


def test_a_filter_stands_before_system_calls(student: Any) -> None:
    assert student.prctl(21) == 2  # PR_GET_SECCOMP: a filter


def test_the_walls_stand_while_it_is_imported(student: Any) -> None:
    listing = errno.EACCES if landlock.version() else 0
    assert student.at_import() == [2, 1, errno.EPERM, [0] * 6, listing]


COLUMN = 0 if os.uname().machine == "x86_64" else 1
REFUSED = {name: row[COLUMN] for name, row in seccomp._REFUSED.items() if row[COLUMN] >= 0}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_system_call_is_refused(student: Any, name: str) -> None:
    assert student.syscall_error(REFUSED[name], 0, 0, 0, 0, 0, 0) == errno.EPERM


@pytest.mark.parametrize("family", [1, 2, 10, 16, 17, 38, 40])
def test_no_socket_of_any_family(student: Any, family: int) -> None:
    """Unix, IPv4, IPv6, netlink, packet, crypto and virtual machine sockets."""
    assert student.syscall_error((41, 198)[COLUMN], family, 1, 0) == errno.EPERM


def test_a_pair_of_sockets_of_another_family_is_refused(student: Any) -> None:
    assert student.syscall_error((53, 199)[COLUMN], 40, 1, 0, 0) == errno.EPERM


def test_newer_system_calls_do_not_exist(student: Any) -> None:
    for number in (435, 463, 500, 1000):  # clone3, and what came after the list was made
        assert student.syscall_error(number, 0, 0, 0) == errno.ENOSYS


def test_other_numbering_does_not_exist(student: Any) -> None:
    if COLUMN == 0:
        assert student.syscall_error(0x40000000 + 39) == errno.ENOSYS


def test_no_namespace_by_clone(student: Any) -> None:
    number = (56, 220)[COLUMN]
    for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000):
        assert student.syscall_error(number, flag | 17, 0, 0, 0, 0) == errno.EPERM


def test_a_part_may_not_fork(student: Any) -> None:
    assert student.fails("fork") == errno.EPERM


def test_terminal_cannot_be_typed_into(student: Any) -> None:
    assert student.syscall_error((16, 29)[COLUMN], 0, 0x5412, b"x") == errno.EPERM


needs_landlock = pytest.mark.skipif(
    sys.platform != "linux" or not landlock.version(), reason="this kernel has no Landlock"
)


@needs_landlock
def test_landlock_denies_reading(student: Any) -> None:
    """What file permissions would allow: the root, a device, the empty folder over /proc."""
    assert student.fails("list", "/") == errno.EACCES
    assert student.fails("list", "/proc") == errno.EACCES
    assert student.fails("read", "/dev/zero") == errno.EACCES


@needs_landlock
def test_landlock_denies_writing(student: Any) -> None:
    assert student.fails("write", "/dev/full") == errno.EACCES
    assert student.fails("write", "/dev/null") == 0


def test_the_rest_of_the_machine_is_not_there(student: Any) -> None:
    for path in (ROOT / "solutions", ROOT / "assignments", "/etc/passwd", "/root/.bashrc", "/home"):
        assert not student.exists(str(path)), path
    assert student.exists(sys.base_prefix)


def test_of_the_engine_only_what_runs_inside_is_there(student: Any) -> None:
    for name in ("wire.py", "inside", "__init__.py"):
        assert student.exists(str(ROOT / "autograder" / name))
    for path in (ROOT / "autograder").iterdir():
        if path.name not in ("wire.py", "inside", "__init__.py"):
            assert not student.exists(str(path)), path


def test_proc_is_empty(student: Any) -> None:
    for name in ("self", "1", "version", "cpuinfo", "sys"):
        assert not student.exists(f"/proc/{name}")


def test_no_user_is_root(student: Any) -> None:
    users, groups = student.users()
    assert 0 not in users
    assert len(set(users)) <= 2
    assert 0 not in groups


def test_the_user_is_a_throwaway(student: Any) -> None:
    if os.geteuid() == 0:
        assert all(61000 <= user < 62000 for user in student.users()[0])


def test_no_other_process_is_visible(student: Any) -> None:
    own, parent, _, _ = student.ids()
    assert parent == 1
    assert student.processes() == [1, own]


def test_its_process_group_and_session_are_its_own(student: Any) -> None:
    _, _, group, session = student.ids()
    assert (group, session) == (1, 1)


def test_no_network_interface_is_up(student: Any) -> None:
    found = student.interfaces()
    assert found.pop("lo") & 1 == 0
    assert [name for name, flags in found.items() if flags & 1] == []


def test_limits(student: Any) -> None:
    limits = student.limits()
    assert limits["RLIMIT_NPROC"] <= 32
    assert limits["RLIMIT_NOFILE"] <= 64
    assert limits["RLIMIT_FSIZE"] == LIMITS.disk_mb << 20
    assert limits["RLIMIT_CORE"] == limits["RLIMIT_MEMLOCK"] == limits["RLIMIT_MSGQUEUE"] == 0
    assert 0 < limits["RLIMIT_CPU"] <= 600
    assert 0 < limits["RLIMIT_AS"] < 8 << 30


@pytest.mark.parametrize("name", ["AS", "NPROC", "NOFILE", "FSIZE", "CORE", "CPU", "MEMLOCK"])
def test_limit_is_set(student: Any, name: str) -> None:
    assert student.limits()[f"RLIMIT_{name}"] != resource.RLIM_INFINITY


def test_its_folder_is_small_and_its_own(student: Any) -> None:
    folder, size, files, flags = student.box()
    assert folder == "/box/submission"
    assert size <= LIMITS.disk_mb << 20
    assert files <= 4096
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV
    assert student.names("/box") == ["submission"]


def test_only_its_own_descriptors_are_open(student: Any) -> None:
    descriptors = student.descriptors()
    assert descriptors[:3] == [0, 1, 2]
    assert len(descriptors) == 4


def test_environment_says_nothing(student: Any) -> None:
    text = repr(student.environment())
    assert str(ROOT) not in text
    assert os.environ.get("HOME", "/root") not in text
    assert "PYTEST" not in text


def test_the_kernel_takes_it_first_when_memory_ends(inside: Inside) -> None:
    scores = set()
    for pid in descendants():
        try:
            scores.add(Path(f"/proc/{pid}/oom_score_adj").read_text().strip())
        except OSError:
            continue
    assert "1000" in scores


def test_the_parent_keeps_the_time(inside: Inside) -> None:
    inside.link.close()  # one part runs at a time
    link = inside.runner.connect("time", 5.0)
    student: Any = RemoteStudent(Peer(link, lambda fault: fault))
    student.ids()
    link.restart_clock(0.3)
    begin = time.monotonic()
    with pytest.raises(StudentFault) as caught:
        student.sleep(8)
    assert caught.value.status is Status.TIMEOUT
    assert time.monotonic() - begin < 3
    inside.link = inside.runner.connect("walls", 20.0)
    inside.student = RemoteStudent(Peer(inside.link, lambda fault: fault))


def test_its_end_takes_everything_down() -> None:
    sandbox = open_sandbox(("numpy",), "namespaces", use_bwrap=False)
    before = descendants()
    probe = Inside(sandbox)
    probe.student.ids()
    assert len(descendants()) == len(before) + 3  # middleman, first process, part
    probe.link.close()
    probe.runner.kill()
    assert descendants() == before
    sandbox.close()


def test_the_zygote_takes_everything_with_it() -> None:
    before = descendants()
    probe = Inside(open_sandbox(("numpy",), "namespaces", use_bwrap=False))
    probe.student.ids()
    zygote = probe.runner.process.zygote.process
    started = descendants() - before
    assert len(started) == 4  # zygote, middleman, first process, part
    zygote.kill()
    zygote.wait()
    deadline = time.monotonic() + 5
    while (left := [pid for pid in started if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


def is_running(pid: int) -> bool:
    """Whether a process is there and no mere entry that nobody has asked after."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("may_fork", [True, False])
def test_the_filter_of_every_processor(machine: str, may_fork: bool) -> None:
    """The program, run by an interpreter of ours, so that the other processor's is tested too."""
    program = seccomp.program(may_fork=may_fork, machine=machine)
    column, architecture = seccomp._ARCHITECTURE[machine]
    refused = seccomp._ERRNO | errno.EPERM

    def run(number: int, *args: int, arch: int = architecture) -> int:
        return run_filter(program, number, arch, args)

    assert run(0, arch=0x40000003) == seccomp._KILL  # 32-bit calls
    for name, row in seccomp._REFUSED.items():
        if row[column] >= 0:
            assert run(row[column]) == refused, name
    clone = seccomp._CLONE[column]
    assert run(clone, 0x10000000 | 17) == refused
    assert run(clone, seccomp._CLONE_THREAD | 0x3D0F00) == seccomp._ALLOW
    assert run(clone, 17) == (seccomp._ALLOW if may_fork else refused)
    pair = seccomp._SOCKETPAIR[column]
    assert run(pair, 1) == seccomp._ALLOW
    assert run(pair, 2) == refused
    assert run(seccomp._IOCTL[column], 0, 0x5412) == refused
    assert run(seccomp._IOCTL[column], 0, 0x5401) == seccomp._ALLOW
    assert run(seccomp._LAST_KNOWN + 1) == seccomp._ERRNO | errno.ENOSYS
    for number in ((0, 1, 9, 60, 231), (63, 64, 222, 93, 94))[column]:  # read write mmap exit
        assert run(number) == seccomp._ALLOW


def run_filter(program: bytes, number: int, arch: int, args: tuple[int, ...]) -> int:
    """Interpret a seccomp filter on one system call."""
    words = [number, arch, 0, 0]
    for arg in (*args, 0, 0, 0, 0, 0, 0)[:6]:
        words += [arg & 0xFFFFFFFF, arg >> 32]
    held = place = 0
    while True:
        code, yes, no, k = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        if code == seccomp._LOAD:
            held = words[k // 4]
        elif code == seccomp._RETURN:
            return int(k)
        else:
            test = {
                seccomp._JEQ: held == k,
                seccomp._JGE: held >= k,
                seccomp._JSET: bool(held & k),
            }[code]
            place += yes if test else no


def test_a_machine_without_the_rung_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.Zygote, "_expect_ready", _refuse)
    with pytest.raises(launch.Unavailable, match="not permitted"):
        launch.Zygote(("numpy",), use_bwrap=False)


def _refuse(zygote: Any) -> None:
    raise GraderFault("unshare: Operation not permitted")


@pytest.mark.slow
def test_the_walls_stand_for_an_ordinary_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("the tests are not run as root")
    code = (
        "import os, sys; from tests.zoo_driver import become_nobody; become_nobody(); "
        "os.execv(sys.executable, [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', "
        "'tests/test_walls.py'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
