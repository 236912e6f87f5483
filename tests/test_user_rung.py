"""The ``user`` rung: throwaway users where there are no namespaces, as in a container of root's."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.course import CourseError, Limits
from autograder.inside import landlock, throwaway
from autograder.sandbox import launch, rungs
from autograder.sandbox.rungs import USER, Sandbox, open_sandbox
from tests.course_tree import Course
from tests.gradescope_container import can_contain
from tests.test_walls import LIMITS, Inside, is_running
from tests.zoo_driver import descendants, show_python

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make throwaway users"
)
needs_landlock = pytest.mark.skipif(
    sys.platform != "linux" or not landlock.version(), reason="this kernel has no Landlock"
)
ROOT = Path(__file__).parent.parent
WHO = "import os\nprint(os.getuid())\n"
DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_IGN)
        time.sleep(300)
    os._exit(0)
print(os.getuid())
"""


class ShownPopen(subprocess.Popen[bytes]):
    """Starts programs where other users can read Python, wherever it is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, preexec_fn=show_python, **options)


def start() -> Sandbox:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch.subprocess, "Popen", ShownPopen)
        return open_sandbox(("numpy",), USER)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    before = descendants()
    opened = start()
    yield opened
    opened.close()
    assert descendants() <= before


def run(sandbox: Sandbox, source: str) -> Any:
    order = {"files": {"probe.py": source}, "load": ["probe.py"], "homes": {}, "forbidden": {}}
    process = sandbox.open(order, Limits())
    assert process.failures == {}
    return process


def uid_of(process: Any) -> int:
    return int(process.output_text())


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    probe = Inside(start())
    yield probe
    probe.close()


@pytest.fixture
def student(inside: Inside) -> Any:
    inside.link.restart_clock(20.0)
    return inside.student


def test_it_says_what_it_is(sandbox: Sandbox) -> None:
    assert (sandbox.rung, sandbox.wrapped) == (USER, False)
    assert "exist" in sandbox.costs


def test_the_walls_stand(student: Any) -> None:
    users, groups = student.users()
    assert len(set(users)) == 1
    assert throwaway.is_throwaway(users[0])
    assert groups == []
    assert student.capabilities() == [0] * 6
    assert student.prctl(39) == 1  # PR_GET_NO_NEW_PRIVS
    assert student.prctl(21) == 2  # PR_GET_SECCOMP: a filter
    assert student.fails("fork") == errno.EPERM
    limits = student.limits()
    assert limits["RLIMIT_NPROC"] <= 32
    assert limits["RLIMIT_FSIZE"] == LIMITS.disk_mb << 20
    assert 0 < limits["RLIMIT_AS"] < 8 << 30
    assert len(student.descriptors()) == 4
    assert str(ROOT) not in repr(student.environment())


@needs_landlock
@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/proc/self/status", "/proc/1/cmdline", "/sys/kernel/mm", "/dev/zero"]
    + [str(ROOT / name) for name in ("README.md", "autograder/grader.py", "pyproject.toml")],
)
def test_it_reads_nothing_but_python(student: Any, path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"{path} is not on this machine")
    assert student.fails("list" if os.path.isdir(path) else "read", path) == errno.EACCES


@needs_landlock
@pytest.mark.parametrize("place", ["/tmp", "/var/tmp", "/dev/shm"])
def test_it_writes_nowhere_else(student: Any, place: str) -> None:
    with tempfile.NamedTemporaryFile(dir=place) as file:
        os.chmod(file.name, 0o666)
        assert student.fails("write", file.name) == errno.EACCES


def test_two_at_a_time_are_two_users_and_cannot_touch(sandbox: Sandbox) -> None:
    one, two = run(sandbox, WHO), run(sandbox, WHO)
    first = throwaway.processes_of(uid_of(one))
    reach = f"{WHO}import os\nfor pid in {first}:\n try:\n  os.kill(pid, 9)\n  print('KILLED')\n"
    three = run(sandbox, reach + " except PermissionError:\n  pass\n")
    assert len({uid_of(one), uid_of(two), uid_of(three)}) == 3  # int() fails on KILLED
    assert throwaway.processes_of(uid_of(one)) == first != []
    for process in (one, two, three):
        process.close()
        assert throwaway.processes_of(uid_of(process)) == []


def test_what_a_killed_submission_forked_is_gone_too(sandbox: Sandbox) -> None:
    before = descendants()
    process = run(sandbox, DAEMON)
    uid = uid_of(process)
    assert len(throwaway.processes_of(uid)) >= 2
    process.close()
    assert throwaway.processes_of(uid) == []
    assert descendants() == before


def test_its_folder_goes_with_it(sandbox: Sandbox) -> None:
    source = "import os\nopen('kept', 'w').close()\nprint(os.getcwd())\n"
    process = run(sandbox, source)
    folder = Path(process.output_text().strip())
    assert (folder / "kept").exists()
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    process.close()
    assert not folder.parent.parent.exists()


def test_the_zygote_takes_it_along() -> None:
    before = descendants()
    sandbox = start()
    process = run(sandbox, WHO)
    started = descendants() - before
    folder = Path(os.readlink(f"/proc/{throwaway.processes_of(uid_of(process))[0]}/cwd"))
    process.zygote.process.kill()
    process.zygote.process.wait()
    deadline = time.monotonic() + 5
    while any(map(is_running, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in started if is_running(pid)] == []
    shutil.rmtree(folder.parent.parent)  # what the next holder of the id would do


def test_an_id_that_is_held_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throwaway, "LAST", throwaway.FIRST + 3)
    children = throwaway.Children()
    one, two = throwaway.claim(children), throwaway.claim(children)
    assert {one.uid, two.uid} == {throwaway.FIRST, throwaway.FIRST + 2}
    with pytest.raises(OSError, match="no user id"):
        throwaway.claim(children)
    one.leave()
    three = throwaway.claim(children)
    assert three.uid == one.uid
    two.leave()
    three.leave()


def test_whoever_is_still_there_is_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grader that was killed may leave a process; its id is not given away with it."""
    monkeypatch.setattr(throwaway, "LAST", throwaway.FIRST + 1)
    squatter = subprocess.Popen(["sleep", "100"], user=throwaway.FIRST, group=throwaway.FIRST)
    try:
        taken = throwaway.claim(throwaway.Children())
        assert throwaway.processes_of(taken.uid) == []
        taken.leave()
    finally:
        squatter.kill()
        squatter.returncode = squatter.returncode or -signal.SIGKILL  # collected by ``Children``


def test_the_folder_of_a_killed_grader_goes_with_its_next_holder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throwaway, "LAST", throwaway.FIRST + 1)
    children = throwaway.Children()
    one = throwaway.claim(children)
    one.settle()
    one.held.close()  # as when the process that held it dies
    foreign = Path(tempfile.mkdtemp(prefix=throwaway._prefix(one.uid)))
    os.chown(foreign, 1000, 1000)
    try:
        two = throwaway.claim(children)
        assert not Path(one.outer).exists()
        assert foreign.exists()
        two.leave()
    finally:
        foreign.rmdir()


KILLS = """
import os, subprocess, sys
from autograder.inside import throwaway
bystanders = [subprocess.Popen(["sleep", "100"], user=user) for user in (0, 1000, 60707)]
uid = int(sys.argv[1])
if uid == throwaway.FIRST:
    throwaway.linux.drop_capabilities = lambda: None
    throwaway._may_signal = lambda pid: True
child = os.fork()
if child == 0:
    os._exit(throwaway._kill_all(uid))
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(code, [each.poll() for each in bystanders])
for each in bystanders:
    each.kill()
"""


@pytest.mark.skipif(not can_contain(), reason="no pid namespace can be made here")
@pytest.mark.parametrize("uid", [0, 1000, throwaway.FIRST - 1, throwaway.LAST, throwaway.FIRST])
def test_nobody_else_is_ever_killed(uid: int) -> None:
    """In a pid namespace, so that a mistake here costs no machine."""
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", KILLS, str(uid)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"{throwaway._UNSAFE} [None, None, None]", done.stderr


def test_what_it_leaves_in_shared_places_is_removed(tmp_path: Path) -> None:
    uid = throwaway.FIRST
    mine = tmp_path / "open" / "mine" / "deep"
    mine.mkdir(parents=True)
    (mine / "file").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").write_text("x")
    (tmp_path / "open" / "link").symlink_to(other)
    for path in (mine.parent, mine, mine / "file", tmp_path / "open" / "link", other / "kept"):
        os.chown(path, uid, uid, follow_symlinks=False)
    (tmp_path / "open").chmod(0o1777)
    throwaway.sweep(str(tmp_path), uid)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["open", "other", "kept"]


def test_it_is_refused_to_others_than_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CourseError, match="only root can make throwaway users"):
        open_sandbox((), USER)


def test_without_landlock_the_course_must_be_closed_to_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Old(launch.Zygote):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.landlock = 0

    monkeypatch.setattr(launch.subprocess, "Popen", ShownPopen)
    monkeypatch.setattr(rungs, "Zygote", Old)
    monkeypatch.setattr(rungs, "closed_to_others", lambda path: False)
    with pytest.raises(CourseError, match=r"no Landlock, and every user may read .* chmod 700"):
        open_sandbox((), USER)
    monkeypatch.setattr(rungs, "closed_to_others", lambda path: True)
    sandbox = open_sandbox((), USER)
    assert "no Landlock" in sandbox.costs
    sandbox.close()


def test_a_folder_is_closed_when_others_cannot_pass_one_above_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and not folder.stat().st_mode & 0o011:
            assert rungs.closed_to_others(inner / "file")
            return
    assert not rungs.closed_to_others(inner / "file")
    (tmp_path / "a").chmod(0o700)
    assert rungs.closed_to_others(inner / "file")


def test_nobody_holds_a_socket_of_ours_after_it(sandbox: Sandbox) -> None:
    process = run(sandbox, WHO)
    name = f"\0course-sandbox-user-{uid_of(process)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        with pytest.raises(OSError, match="in use"):
            taken.bind(name)
        process.close()
        taken.bind(name)


def test_doctor_explains_it(course: Course) -> None:
    command = [sys.executable, "-m", "autograder", "doctor", "--rung", "user"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=show_python, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "Sandbox rung: user" in done.stdout
    assert "Good enough for marks" in done.stdout
    if landlock.version():
        assert "open\n" not in done.stdout
    assert course("doctor", "--rung", "granite").returncode == 2
