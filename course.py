#!/usr/bin/env python3
"""The course's command: python3 course.py COMMAND ...

  demo                            grade a demo class in the sandbox and show the report
  check 01 [PART]                 run the public tests on your work (--watch: at every save)
  hint 01 PART, solution 01 PART  one hint, stronger each time; the reference
  status, play 01, lab 01         where you stand; run what you built; the notebook
  grade FOLDER, doctor            grade a class; what this machine offers to the sandbox
  verify 01, sync, release DIR    for authors: see CONTRIBUTING.md
  test                            run the project's own tests

COMMAND --help lists a command's options. The first command makes a Python environment in .venv
(COURSE_VENV names another place) and installs what it needs; later ones find it ready.
"""

# An old Python reads this whole file before it comes to the check below. So there is nothing in it
# that Python 2.7 cannot parse: no f-strings, no annotations, no [*a, *b]; ASCII only.
# ruff: noqa: RUF005, UP031, UP032, UP036
import sys

if sys.version_info[:2] < (3, 11):
    sys.exit(
        "This course needs Python 3.11 or newer, and this is Python %d.%d. Install a newer one "
        "(python.org, or your system's packages) and start with it: python3.12 course.py"
        % tuple(sys.version_info[:2])
    )

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

ROOT = os.path.realpath(os.path.dirname(os.path.abspath(__file__)))
VERSION = "%d.%d" % tuple(sys.version_info[:2])
PYTHON = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
EXTRAS = {"lab": "lab", "test": "dev", "verify": "dev"}  # what a command needs beyond the base
STAMP, LOCK, LOG = "course.json", "course.lock", "install.log"
PIP = ["-m", "pip", "install", "--no-compile", "--no-warn-conflicts", "--progress-bar", "off"]
QUICK = ("--retries", "0", "--timeout", "5")
TORCH_INDEX = ("--index-url", "https://download.pytorch.org/whl/cpu")
OFFLINE = "new connection|NameResolution|ConnectTimeout|ReadTimeout|ProxyError|unreachable"
SELDOM = r"[/\\](tests?|pip|setuptools|_inductor|networkx|fontTools)[/\\]"
BARRED = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")  # they bring in other packages
CLEAN = {name: value for name, value in os.environ.items() if name not in BARRED}
CLEAN.update(PIP_USER="0", PIP_PREFER_BINARY="1", PIP_DISABLE_PIP_VERSION_CHECK="1")


def main(arguments):
    """Do what the command line says; return the exit code."""
    venv = os.environ.get("COURSE_VENV") or os.path.join(ROOT, ".venv")
    venv = os.path.realpath(os.path.expanduser(venv))
    if not arguments or (arguments[0] in ("-h", "--help") and find_fault(venv, set())):
        sys.stdout.write(__doc__)
        return 0
    if arguments[0] == "test" and not os.path.isdir(os.path.join(ROOT, "tests")):
        say("This copy of the course has no tests/ folder: the students' tree comes without it.")
        say("To test your own work, run: python3 course.py check 01")
        return 2
    extras = {EXTRAS[command] for command in arguments[:1] if command in EXTRAS}
    try:
        if find_fault(venv, extras):
            set_up(venv, extras)
        return hand_over(os.path.join(venv, *PYTHON), arguments)
    except KeyboardInterrupt:
        say("Stopped. The next start completes the set-up.")
        return 130
    except OSError as error:
        say("{} cannot be set up: {}.".format(venv, error))
        say("Is it yours to write, the disk not full, and nothing running from it? Then try again.")
        return 1


def hand_over(python, arguments):
    """Become the command; ``-P`` keeps files of the current folder from posing as libraries."""
    command = [python, "-P", "-m", "autograder"] + arguments
    if arguments[0] == "test":
        os.chdir(ROOT)
        command = [python, "-m", "pytest"] + arguments[1:]
    if os.name == "posix":
        os.execve(python, command, CLEAN)
    child = subprocess.Popen(command, env=CLEAN)
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the command got it too, and ends by itself
            return child.wait()


def say(text):
    """Tell the person a line; standard output belongs to the command."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def read(*path):
    """Return a file's text, or an empty string where there is no such file."""
    with contextlib.suppress(OSError), open(os.path.join(*path), "rb") as file:
        return file.read().decode("utf-8", "replace")
    return ""


def read_stamp(venv):
    """Return what the last set-up recorded; empty where there is no readable record."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        stamp = json.loads(read(venv, STAMP))
        return dict(stamp, extras=set(stamp["extras"]))
    return {}


def write_stamp(venv, stamp, **changes):
    """Record a state: "making" (unusable so far), "installing" (can be completed) or "ready"."""
    stamp = dict(stamp, **changes)
    with open(os.path.join(venv, STAMP + ".new"), "w") as file:
        json.dump(dict(stamp, extras=sorted(stamp["extras"])), file)
    os.replace(file.name, os.path.join(venv, STAMP))


def project():
    """Identify what is to be installed: this folder, as its pyproject.toml stands."""
    return [ROOT, hashlib.sha256(read(ROOT, "pyproject.toml").encode("utf-8")).hexdigest()]


def find_fault(venv, extras):
    """Say what keeps the environment from use: (why, whether to make it anew), or None."""
    stamp, config = read_stamp(venv), read(venv, "pyvenv.cfg")
    version = (re.findall(r"(?m)^version(?:_info)? *= *(\d+\.\d+)", config) or ["unknown"])[0]
    lacking = extras - stamp.get("extras", set())
    faults = [
        (not stamp and not config, "there is none yet", True),
        (stamp.get("state") == "making", "making it was interrupted", True),
        (not os.path.exists(os.path.join(venv, *PYTHON)), "its Python is missing", True),
        (version != VERSION, "it is for Python {}, this is {}".format(version, VERSION), True),
        (stamp.get("venv", venv) != venv, "it was moved here from another folder", True),
        (not stamp, "it has no readable stamp of a finished set-up", False),
        (stamp.get("state") != "ready", "an installation was interrupted", False),
        (stamp.get("project") != project(), "pyproject.toml or the folder has changed", False),
        (lacking, "this command needs more ({})".format(", ".join(lacking)), False),
    ]
    return next(((why, anew) for is_so, why, anew in faults if is_so), None)


def set_up(venv, extras):
    """Make the environment or repair the one that is there, one start at a time."""
    os.makedirs(venv, exist_ok=True)
    found = set(os.listdir(venv))
    if found and not found & {"pyvenv.cfg", STAMP, LOCK}:
        raise SystemExit(
            "{} holds files, but no Python environment. Delete it if you do not need it, or name "
            "another place in COURSE_VENV.".format(venv)
        )
    with open(os.path.join(venv, LOCK), "ab") as lock:
        if not take(lock):
            say("Another start is setting up {}; waiting for it.".format(venv))
            while not take(lock):
                time.sleep(0.2)
        fault = find_fault(venv, extras)  # None when the start waited for has mended it
        if fault:
            how = "Making" if fault[1] else "Completing"
            say("{} the environment {}: {}.".format(how, venv, fault[0]))
            Installer(venv, lock).install(extras, fault[1])


def take(lock):
    """Try to lock a file; the system frees the lock of a start that died, so none is ever stale."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # held by another start; or a file system that knows no locks
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


class Installer:
    """Runs pip in the environment and shows how far it is."""

    def __init__(self, venv, lock):
        self.venv, self.lock, self.python = venv, lock, os.path.join(venv, *PYTHON)
        self.children, self.stopped = [], False
        self.begun, self.log_start = time.time(), len(read(venv, LOG))

    def install(self, extras, anew):
        """Bring the environment to the state that its stamp then records."""
        before = read_stamp(self.venv)
        stamp = {"venv": self.venv, "project": project(), "extras": before.get("extras", set())}
        extras = extras | stamp["extras"]
        if anew:
            write_stamp(self.venv, stamp, state="making")
            self.show("making the environment", self.make)
        write_stamp(self.venv, stamp, state="installing")
        try:
            if not anew:
                self.show("looking at what is there", self.clear_up)
            self.install_all(sorted(extras))
        except SystemExit:
            if before.get("state") == "ready" and not anew:
                write_stamp(self.venv, before)  # pip failed before it changed anything
            raise
        # On every core at the end, without what is hardly ever imported: half the time pip takes.
        compileall = [self.python, "-m", "compileall", "-q", "-j", "0", "-x", SELDOM, self.venv]
        self.show("compiling", lambda: self.run(*compileall))
        write_stamp(self.venv, stamp, state="ready", extras=extras)
        say("{:5.0f} s  ready".format(time.time() - self.begun))

    def make(self):
        """Make an empty environment with a new pip, which takes half the time of an old one."""
        for entry in os.scandir(self.venv):
            if entry.name not in (STAMP, LOCK):
                (shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.remove)(entry.path)
        self.log_start = 0
        if self.run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", self.venv):
            raise SystemExit(
                "Python could not make an environment. On Debian or Ubuntu, first run: sudo apt "
                "install python{}-venv. Else read {}.".format(VERSION, os.path.join(self.venv, LOG))
            )
        self.try_pip("--upgrade", "pip", *QUICK)

    def clear_up(self):
        """Make pip see what it was interrupted in: only whole packages hold the file INSTALLER."""
        infos = os.path.join(self.venv, "[Ll]ib", "**", "*.dist-info")
        for info in glob.glob(infos, recursive=True):
            if not os.path.exists(os.path.join(info, "INSTALLER")):
                shutil.rmtree(info)
        self.run(self.python, "-m", "ensurepip")

    def install_all(self, extras):
        """Install what pyproject.toml names, then the course itself."""
        import tomllib

        data = tomllib.loads(read(ROOT, "pyproject.toml"))
        wanted = data["build-system"]["requires"] + data["project"]["dependencies"]
        for extra in extras:
            wanted = wanted + data["project"]["optional-dependencies"].get(extra, [])
        torch = [each for each in wanted if re.match(r"torch(?![\w-])", each)]
        others = [each for each in wanted if each not in torch]
        # Side by side is safe: without its dependencies, torch has folders of its own.
        jobs = [lambda each=each: self.install_torch("--no-deps", each) for each in torch]
        self.show("installing {} packages".format(len(wanted)), lambda: self.pip(*others), *jobs)
        course = ["--no-build-isolation", "--editable", "."]
        self.show("installing the course", lambda: self.pip(*course))

    def install_torch(self, *torch):
        """Install torch; on Linux one without CUDA: from pip's own wheels, or PyTorch's index."""
        if sys.platform.startswith("linux"):
            from_index = torch + TORCH_INDEX
            if self.try_pip("--no-index", *torch) or self.try_pip(*(from_index + QUICK)):
                return
            if re.search(r"Downloading \S*torch-", self.log()):  # it is there, only slow
                torch = from_index
        self.pip(*torch)

    def pip(self, *arguments):
        """Run ``pip install``; say what a person can do about a failure."""
        if self.try_pip(*arguments):
            return
        text, path = self.log(), os.path.join(self.venv, LOG)
        if re.search(OFFLINE, text):
            raise SystemExit(
                "No network: pip could not reach its package index. Connect (behind a proxy, set "
                "HTTPS_PROXY) and start again; what is done is kept. The log is {}.".format(path)
            )
        errors = re.findall("(?m)^.*(?:ERROR|No space left).*$", text) or text.splitlines()
        lines = "\n  ".join(errors[-5:])
        raise SystemExit("pip could not install:\n  {}\nThe whole log is {}.".format(lines, path))

    def try_pip(self, *arguments):
        """Run ``pip install``; return whether it could."""
        return self.run(self.python, *(PIP + list(arguments))) == 0

    def run(self, *command):
        """Run a command with its output in the log; return its exit code."""
        if self.stopped:
            return 1
        with open(os.path.join(self.venv, LOG), "ab", 0) as log:
            log.write("$ {}\n".format(" ".join(command)).encode("utf-8"))
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            if os.name == "posix":
                options["pass_fds"] = [self.lock.fileno()]  # held until a killed start's pip ends
            child = subprocess.Popen(command, cwd=ROOT, env=CLEAN, **options)
            self.children.append(child)
            return child.wait()

    def log(self):
        """Return what this set-up has logged."""
        return read(self.venv, LOG)[self.log_start :]

    def show(self, text, *jobs):
        """Run jobs side by side and show that they run; raise the first failure."""
        from concurrent import futures

        with futures.ThreadPoolExecutor(len(jobs)) as pool:
            try:
                waiting = {pool.submit(job) for job in jobs}
                say("{:5.0f} s  {}".format(time.time() - self.begun, text))
                while waiting:
                    done, waiting = futures.wait(waiting, 0.2, futures.FIRST_EXCEPTION)
                    [job.result() for job in done]
                    if sys.stderr.isatty():
                        self.draw(bool(waiting))
            except BaseException:
                self.stopped = True
                [child.terminate() for child in self.children]
                raise

    def draw(self, busy):
        """On a terminal, draw a line that is written over: a sign of life, seconds, pip's doing."""
        line = ""
        if busy:
            doing = re.findall("(?m)^ *((?:Collecting|Downloading|Installing) .*)", self.log())
            line = "{:5.0f} s  ".format(time.time() - self.begun) + "".join(doing[-1:])
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r" + line[:width].ljust(width) + "\r" * (not busy))
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
