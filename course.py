#!/usr/bin/env python3
"""The course's command: python3 course.py COMMAND ...

  demo                            grade a demo class in the sandbox and show the report
  check 01 [PART]                 run the public tests on your work (--watch: at every save)
  hint 01 PART, solution 01 PART  one hint, stronger each time; the reference
  status, play 01, lab 01         where you stand; run what you built; the notebook
  grade FOLDER, doctor            grade a class; what this machine offers to the sandbox
  nbgrader DIR                    a course for nbgrader; nbgrader grade DIR: its marks
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
        "(from python.org, say), then: python3.12 course.py" % tuple(sys.version_info[:2])
    )

import contextlib
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
EXTRAS = {  # what commands need and others not
    "lab": {"lab"},
    "nbgrader": {"nbgrader"},
    "test": {"dev", "nbgrader", "peers", "postgres"},
    "verify": {"dev", "peers"},
}
ALL_TESTS = ["-n", "auto", "--dist", "loadgroup"]  # on every core; with arguments, as asked
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
    folder = os.environ.get("COURSE_VENV") or os.path.join(ROOT, ".venv")
    venv = Environment(os.path.realpath(os.path.expanduser(folder)))
    if not arguments or (arguments[0] in ("-h", "--help") and venv.fault(set())):
        sys.stdout.write(__doc__)
        return 0
    if arguments[0] == "test" and not os.path.isdir(os.path.join(ROOT, "tests")):
        say("The students' tree has no tests/ folder. To test your work: python3 course.py check")
        return 2
    extras = EXTRAS.get(arguments[0], set())
    try:
        if venv.fault(extras):
            venv.set_up(extras)
        return hand_over(venv.python, arguments)
    except KeyboardInterrupt:
        say("Stopped. The next start completes the set-up.")
        return 130
    except OSError as error:
        say("The environment cannot be set up: {}. Is it yours, and not in use?".format(error))
        return 1


def hand_over(python, arguments):
    """Become the command; ``-P`` keeps files of the current folder from posing as libraries."""
    command = [python, "-P", "-m", "autograder"] + arguments
    if arguments[0] == "test":
        os.chdir(ROOT)
        command = [python, "-m", "pytest"] + (arguments[1:] or ALL_TESTS)
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
        return not isinstance(error, (BlockingIOError, PermissionError))
    return True


class Environment:
    """A virtual environment: what keeps it from use, and how it is made, completed, repaired."""

    def __init__(self, folder):
        self.folder, self.python = folder, os.path.join(folder, *PYTHON)
        self.log_path, self.log_start = os.path.join(folder, LOG), 0
        self.children, self.stopped, self.begun = [], False, time.time()
        text = read(ROOT, "pyproject.toml")  # what is to be installed is this, from that folder
        self.project = [ROOT, hashlib.sha256(text.encode("utf-8")).hexdigest()]

    def stamp(self):
        """Return what the last set-up recorded; empty where there is no readable record."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            stamp = json.loads(read(self.folder, STAMP))
            return dict(stamp, extras=set(stamp["extras"]))
        return {}

    def record(self, stamp, **changes):
        """Write the stamp; its state is "making" (unusable so far), "installing" or "ready"."""
        stamp = dict(stamp, **changes)
        with open(os.path.join(self.folder, STAMP + ".new"), "w") as file:
            json.dump(dict(stamp, extras=sorted(stamp["extras"])), file)
        os.replace(file.name, os.path.join(self.folder, STAMP))

    def fault(self, extras):
        """Say what keeps the environment from use: (why, whether to make it anew), or None."""
        stamp, config = self.stamp(), read(self.folder, "pyvenv.cfg")
        version = (re.findall(r"(?m)^version(?:_info)? *= *(\d+\.\d+)", config) or ["unknown"])[0]
        lacking = extras - stamp.get("extras", set())
        faults = [
            (not stamp and not config, "there is none yet", True),
            (stamp.get("state") == "making", "making it was interrupted", True),
            (not os.path.exists(self.python), "its Python is missing", True),
            (version != VERSION, "it is for Python {}, this is {}".format(version, VERSION), True),
            (stamp.get("venv", self.folder) != self.folder, "it was moved here", True),
            (stamp.get("state") != "ready", "its set-up was not finished", False),
            (stamp.get("project") != self.project, "pyproject.toml or its place changed", False),
            (lacking, "this command needs more ({})".format(", ".join(lacking)), False),
        ]
        return next(((why, anew) for is_so, why, anew in faults if is_so), None)

    def set_up(self, extras):
        """Make the environment or repair the one that is there, one start at a time."""
        os.makedirs(self.folder, exist_ok=True)
        found = set(os.listdir(self.folder))
        if found and not found & {"pyvenv.cfg", STAMP, LOCK}:
            raise SystemExit(
                "{} holds files, but no Python environment. Name another place in COURSE_VENV, or "
                "delete it if you do not need it.".format(self.folder)
            )
        with open(os.path.join(self.folder, LOCK), "ab") as self.lock:
            if not take(self.lock):
                say("Another start is setting up {}; waiting for it.".format(self.folder))
                while not take(self.lock):
                    time.sleep(0.2)
            fault = self.fault(extras)  # None when the start waited for has mended it
            if fault:
                how = "Making" if fault[1] else "Completing"
                say("{} the environment {}: {}.".format(how, self.folder, fault[0]))
                self.install(extras, fault[1])

    def install(self, extras, anew):
        """Bring the environment to the state that its stamp then records."""
        before = self.stamp()
        self.log_start = len(read(self.log_path))
        had = before.get("extras", set())
        stamp = {"venv": self.folder, "project": self.project, "extras": had}
        if anew:
            self.record(stamp, state="making")
            self.show("making the environment", self.make)
        self.record(stamp, state="installing")
        try:
            if not anew:
                self.show("looking at what is there", self.clear_up)
            self.install_all(extras | had)
        except SystemExit:
            if before.get("state") == "ready" and not anew:
                self.record(before)  # pip failed before it changed anything
            raise
        # On every core at the end, without what is hardly ever imported: half the time pip takes.
        compileall = [self.python, "-m", "compileall", "-q", "-j", "0", "-x", SELDOM, self.folder]
        self.show("compiling", lambda: self.run(*compileall))
        self.record(stamp, state="ready", extras=extras | had)
        say("{:5.0f} s  ready".format(time.time() - self.begun))

    def make(self):
        """Make an empty environment with a new pip, which takes half the time of an old one."""
        for entry in os.scandir(self.folder):
            if entry.name not in (STAMP, LOCK):
                (shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.remove)(entry.path)
        self.log_start = 0
        if self.run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", self.folder):
            raise SystemExit(
                "Python could not make an environment; {} says why. On Debian and Ubuntu it needs: "
                "sudo apt install python{}-venv".format(self.log_path, VERSION)
            )
        self.pip("--upgrade", "pip", *QUICK)

    def clear_up(self):
        """Make pip see what it was interrupted in: only whole packages hold the file INSTALLER."""
        infos = os.path.join(self.folder, "[Ll]ib", "**", "*.dist-info")
        for info in glob.glob(infos, recursive=True):
            if not os.path.exists(os.path.join(info, "INSTALLER")):
                shutil.rmtree(info)
        self.run(self.python, "-m", "ensurepip")

    def install_all(self, extras):
        """Install what pyproject.toml names, then the course itself."""
        import tomllib

        data = tomllib.loads(read(ROOT, "pyproject.toml"))
        wanted = data["build-system"]["requires"] + data["project"]["dependencies"]
        for extra in sorted(extras):
            wanted = wanted + data["project"]["optional-dependencies"].get(extra, [])
        torch = [each for each in wanted if re.match(r"torch(?![\w-])", each)]
        others = [each for each in wanted if each not in torch]
        # Side by side is safe: without its dependencies, torch has folders of its own.
        jobs = [lambda each=each: self.install_torch("--no-deps", each) for each in torch]
        self.show("installing {} packages".format(len(wanted)), lambda: self.need(*others), *jobs)
        course = ["--no-build-isolation", "--editable", "."]
        self.show("installing the course", lambda: self.need(*course))

    def install_torch(self, *torch):
        """Install torch; on Linux one without CUDA: from pip's own wheels, or PyTorch's index."""
        if sys.platform.startswith("linux"):
            from_index = torch + TORCH_INDEX
            if self.pip("--no-index", *torch) or self.pip(*(from_index + QUICK)):
                return
            if re.search(r"Downloading \S*torch-", self.log()):  # it is there, only slow
                torch = from_index
        self.need(*torch)

    def need(self, *arguments):
        """Run ``pip install``; say what a person can do about a failure."""
        if self.pip(*arguments):
            return
        text = self.log()
        errors = re.findall("(?m)^.*(?:ERROR|No space left).*$", text) or text.splitlines()
        why = "pip could not install what is needed:\n  {}".format("\n  ".join(errors[-5:]))
        if re.search(OFFLINE, text):
            why = "No network: connect (behind a proxy, set HTTPS_PROXY) and start again."
        raise SystemExit("{}\nThe whole log is {}.".format(why, self.log_path))

    def pip(self, *arguments):
        """Run ``pip install``; return whether it could."""
        return self.run(self.python, *(PIP + list(arguments))) == 0

    def run(self, *command):
        """Run a command with its output in the log; return its exit code."""
        if self.stopped:
            return 1
        with open(self.log_path, "ab", 0) as log:
            log.write("$ {}\n".format(" ".join(command)).encode("utf-8"))
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            if os.name == "posix":
                options["pass_fds"] = [self.lock.fileno()]  # held until a killed start's pip ends
            child = subprocess.Popen(command, cwd=ROOT, env=CLEAN, **options)
            self.children.append(child)
            return child.wait()

    def log(self):
        """Return what this set-up has logged."""
        return read(self.log_path)[self.log_start :]

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
                    self.draw(waiting)
            except BaseException:
                self.stopped = True
                [child.terminate() for child in self.children]
                raise

    def draw(self, busy):
        """On a terminal, draw a line that is written over: the seconds, and what pip is doing."""
        if sys.stderr.isatty():
            doing = re.findall("(?m)^ *((?:Collecting|Downloading|Installing) .*)", self.log())
            line = "{:5.0f} s  {}".format(time.time() - self.begun, "".join(doing[-1:]))
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + (line if busy else "")[:width].ljust(width) + "\r")
            sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
