"""Gradescope's container, as far as a test needs it: the documented layout, root, few capabilities.

Run as ``python -m tests.gradescope_container CASE.json`` in mount, pid and network namespaces of
its own (``enter`` gives the command). It makes a root that holds the system, Python and
``/autograder``, and nothing of the project; unpacks the zip there, runs ``setup.sh`` and
``run_autograder`` as a container without privileges would, and keeps what comes out of it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from autograder.inside import linux, seccomp

# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
# sys_chroot, mknod, audit_write, setfcap: what a container has unless it is given more.
KEPT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
REFUSED = ("unshare", "setns", "mount", "umount2", "pivot_root", "mount_setattr", "fsopen", "bpf")
LANDLOCK = 444
SYSTEM = ("usr", "lib", "lib64", "bin", "sbin", "etc")
ROOT = Path(__file__).resolve().parent.parent


ALONE = ("unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child")


def can_contain() -> bool:
    """Whether this is root on Linux, and may make namespaces."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


def enter(case: Path) -> list[str]:
    """The command that runs a case in namespaces of its own."""
    return [*ALONE, sys.executable, "-m", "tests.gradescope_container", str(case)]


def make_root(root: Path) -> None:
    """Fill a folder with what a container has."""
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", str(root), "tmpfs", 0, "mode=0755")
    os.umask(0o022)
    for name in SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            (root / name).symlink_to(path.readlink())
        elif path.is_dir():
            bind(path, root)
    for prefix in sorted({sys.base_prefix, sys.prefix}):
        if not prefix.startswith("/usr"):
            bind(Path(prefix), root)
    for name in ("null", "zero", "random", "urandom"):
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()
        linux.mount(f"/dev/{name}", str(root / "dev" / name), None, linux.MS_BIND)
    for name in ("tmp", "var/tmp", "dev/shm", "run/lock", "proc"):
        (root / name).mkdir(parents=True, exist_ok=True)  # Python may lie in one
        (root / name).chmod(0o1777)
    linux.mount("proc", str(root / "proc"), "proc", 0)


def bind(path: Path, root: Path) -> None:
    target = root / path.relative_to("/")
    target.mkdir(parents=True, exist_ok=True)
    linux.mount(str(path), str(target), None, linux.MS_BIND | linux.MS_REC)


def hide_what_is_not_required(place: Path, site: Path) -> None:
    """Put empty folders over the project's other requirements: nothing may rest on them."""
    wanted = (place / "source" / "requirements.txt").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in project["dependencies"]:
        name = line.split(">")[0].replace("scikit-learn", "sklearn")
        if line not in wanted and (site / name).is_dir():
            linux.mount("tmpfs", str(site / name), "tmpfs", 0, "size=4k")


def unpack(case: dict[str, Any], place: Path) -> None:
    """Lay out /autograder as Gradescope does: with permissions that anybody may read."""
    for name in ("source", "submission", "results"):
        (place / name).mkdir(parents=True)
    with zipfile.ZipFile(case["zip"]) as archive:
        archive.extractall(place / "source")
    for path in (place / "source").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.copy(place / "source" / "run_autograder", place / "run_autograder")
    (place / "run_autograder").chmod(0o755)
    shutil.copytree(case["submission"], place / "submission", dirs_exist_ok=True, symlinks=True)
    (place / "submission_metadata.json").write_text(json.dumps(case["metadata"]))


def drop_privileges(landlock: bool) -> None:
    """Keep the capabilities of a container, and the system calls that it allows."""
    refuse = [seccomp._refuse(seccomp._REFUSED[name][column()], errno.EPERM) for name in REFUSED]
    if not landlock:
        refuse.append(seccomp._refuse(LANDLOCK, errno.ENOSYS))
    steps = [seccomp._step(seccomp._LOAD, 0), seccomp._refuse(435, errno.ENOSYS), *refuse]
    clone = seccomp._clone(seccomp._CLONE[column()], True)
    steps += [clone, seccomp._step(seccomp._RETURN, seccomp._ALLOW)]
    linux.set_filter(b"".join(steps))
    for capability in range(64):
        if capability not in KEPT:
            try:
                linux.prctl(linux.PR_CAPBSET_DROP, capability)
            except OSError:
                break


def column() -> int:
    return seccomp._ARCHITECTURE[os.uname().machine][0]


class Meter:
    """Watches how much memory all processes of the container use together."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        self.peak = 0
        self.over = False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        while not self.over:
            total = 0
            for path in self.proc.glob("[0-9]*/smaps_rollup"):
                if path.parent.name == str(os.getpid()):
                    continue
                try:
                    lines = path.read_text().splitlines()
                except OSError:
                    continue
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            self.peak = max(self.peak, total)
            time.sleep(0.03)

    def stop(self) -> float:
        self.over = True
        self.thread.join()
        return self.peak / 1024


def shared(root: Path) -> set[str]:
    """What lies in the places where anybody may write."""
    return {str(p) for name in ("tmp", "var/tmp", "dev/shm") for p in (root / name).iterdir()}


def run(case: dict[str, Any], root: Path) -> dict[str, Any]:
    """Run a case and return what was measured."""

    def inside() -> None:
        os.chroot(root)
        os.chdir("/autograder")
        drop_privileges(case["landlock"])

    place = root / "autograder"
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    environment["COURSE_PYTHON"] = sys.executable
    out = Path(case["out"])
    with (out / "setup.txt").open("wb") as log:
        command = ["bash", "/autograder/source/setup.sh"]
        subprocess.run(
            command, check=True, env=environment, preexec_fn=inside, stdout=log, stderr=log
        )
    del environment["COURSE_PYTHON"]
    for name, text in case["replaced"].items():
        (place / name).write_text(text)
    before = shared(root)
    meter = Meter(root / "proc")
    began = time.monotonic()
    with (out / "stdout.txt").open("wb") as log:
        done = subprocess.run(
            ["/autograder/run_autograder"],
            env=environment,
            preexec_fn=inside,
            stdout=log,
            stderr=log,
        )
    return {
        "code": done.returncode,
        "seconds": time.monotonic() - began,
        "peak_mb": meter.stop(),
        "processes": [path.name for path in (root / "proc").glob("[0-9]*") if path.name != "1"],
        "left": sorted(shared(root) - before),
        "modes": {
            path.name: oct(path.stat().st_mode & 0o777)
            for path in (place / "source", place / "results", place / "submission_metadata.json")
        },
    }


def main() -> None:
    """Run the case of a file."""
    case = json.loads(Path(sys.argv[1]).read_text())
    root = Path(tempfile.mkdtemp(dir=case["out"]))
    make_root(root)
    unpack(case, root / "autograder")
    for site in (root / sys.prefix.lstrip("/")).glob("lib/python*/site-packages"):
        hide_what_is_not_required(root / "autograder", site)
    measured = run(case, root)
    shutil.copy(root / "autograder" / "results" / "results.json", case["out"])
    (Path(case["out"]) / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
