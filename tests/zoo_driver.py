"""Grades animals of the zoo on one rung and prints what came of each as a line of JSON.

Run as ``python -m tests.zoo_driver RUNG NAME...``; the rungs are those of ``RUNGS``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder import results
from autograder.course import Assignment, Limits, find, find_root
from autograder.grader import Grader
from autograder.inside import linux
from autograder.intake import read_submission
from autograder.mistakes import reference_texts
from autograder.plugin import Tester, run_session
from autograder.sandbox import launch, plain
from autograder.sandbox.rungs import NAMESPACES, PROCESS, USER, Sandbox, open_sandbox

ZOO = Path(__file__).parent / "zoo"
RUNGS = ("bubblewrap", "walls", "unprivileged", "user", "process")
NOBODY = 65534
_IMPORT_SECONDS = 1.5


@dataclass(frozen=True)
class Animal:
    """One hostile or unlucky submission, and the exact result it must give.

    Attributes:
        name: Its folder.
        says: What it tries, in one sentence.
        expect: Status and score of each part it touches; a file's name stands for its witnesses.
        process: Why the ``process`` rung cannot hold it; empty if it can.
        user: Why the ``user`` rung cannot hold it; empty if it can.
        parts: The parts that are graded: those it touches and a witness of each file.
        few: Whether only the basic tests of those it touches are run: hangs cost their limit.
        twice: Whether it is graded twice, to find what it left the first time.
        limits: What is different from the usual limits.
        output: What its report's output must hold.
        lacks: What nothing of its report may hold; ``LEAK`` always.
        flags: Words that the report's flags must hold.
        notes: Words that the report's notes must hold.
        most: It must be over after this many seconds.
    """

    name: str
    says: str
    expect: dict[str, tuple[str, float]]
    process: str = ""
    user: str = ""
    parts: tuple[str, ...] = ()
    few: bool = False
    twice: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    output: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    most: float = 20.0


_WITNESSES = {"vectors.py": ("dot", "one_hot"), "network.py": ("relu", "cost")}


def load_animals() -> dict[str, Animal]:
    """Read every ``animal.toml``."""
    found = {}
    for path in sorted(ZOO.glob("*/animal.toml")):
        data = tomllib.loads(path.read_text("utf-8"))
        expect: dict[str, tuple[str, float]] = {}
        for name, (status, score) in data.pop("expect", {}).items():
            for part in _WITNESSES.get(name, (name,)):
                expect[part] = (status, float(score))
        parts = tuple(dict.fromkeys([*expect, "one_hot", "relu"]))
        lists = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        found[path.parent.name] = Animal(path.parent.name, expect=expect, parts=parts, **lists)
    return found


def submission_files(animal: Animal, assignment: Assignment) -> dict[str, str]:
    """The animal's files: whole ones, and heads and tails that are put around the reference's."""
    texts = reference_texts(assignment)
    folder = ZOO / animal.name
    for path in sorted(folder.iterdir()):
        text = path.read_text("utf-8")
        stem, _, which = path.stem.partition(".")
        if path.name == "animal.toml":
            continue
        if which == "head":
            texts[f"{stem}.py"] = text + "\n\n" + texts[f"{stem}.py"]
        elif which == "tail":
            texts[f"{stem}.py"] += "\n\n" + text
        else:  # what pytest would take for its own has another ending here
            texts[path.name.removesuffix(".txt")] = text
    return texts


def grade_animals(rung: str, names: list[str]) -> None:
    """Grade animals on one rung, one after another, in one warm session; print a line for each."""
    assignment = find("01", find_root())
    animals = load_animals()
    if rung in (PROCESS, USER):  # what it cannot hold would do to this machine what it tries
        names = [name for name in names if not getattr(animals[name], rung)]
    launch._IMPORT_SECONDS = plain._IMPORT_SECONDS = _IMPORT_SECONDS
    kind = rung if rung in (PROCESS, USER) else NAMESPACES
    use_bwrap = None if rung in (PROCESS, USER) else rung == "bubblewrap"
    sandbox = open_sandbox(assignment.warm, kind, use_bwrap=use_bwrap)

    def body(tester: Tester) -> None:
        keeper = Keeper(tester, sandbox, rung)
        for name in names:
            try:
                line = keeper.grade(animals[name])
            except Exception as error:  # the one thing that may never happen
                line = {"broke": f"{type(error).__name__}: {error}"}
            print(json.dumps({"animal": name, **line}), flush=True)

    try:
        run_session(assignment, body)
    finally:
        sandbox.close()


class Keeper:
    """Feeds animals to one warm grader."""

    def __init__(self, tester: Tester, sandbox: Sandbox, rung: str) -> None:
        self.sandbox = sandbox
        self.rung = rung
        self.limits = Limits()
        self.whole = tester.assignment
        self.of_part = tester.of_part
        self.few: frozenset[str] = frozenset()
        tester.of_part = self.tests_of  # type: ignore[method-assign]
        self.grader = Grader(tester, self.open, sandbox.rung)
        self.baseline = descendants()

    def open(self, order: dict[str, Any]) -> Any:
        """Start a submission's process with the limits of the animal at hand."""
        return self.sandbox.open(order, self.limits)

    def tests_of(self, part: str) -> list[Any]:
        """The tests of a part; of one where an animal hangs, the basic ones."""
        tests = self.of_part(part)
        return [test for test in tests if test.basic] if part in self.few else tests

    def grade(self, animal: Animal) -> dict[str, Any]:
        """Grade one animal and tell what came of it."""
        parts = animal.parts
        if self.rung == PROCESS:  # every part costs a fresh Python there
            parts = tuple(animal.expect) or parts[-1:]
        self.grader.assignment = replace(
            self.whole, parts=tuple(p for p in self.whole.parts if p.name in parts)
        )
        self.few = frozenset(animal.expect) if animal.few else frozenset()
        self.limits = replace(Limits(seconds=5.0, memory_mb=256), **animal.limits)
        seconds = self.limits.seconds
        tests = self.grader.tester.tests
        for test in tests:  # tests carry the assignment's limit; the animal's is what counts
            object.__setattr__(test, "seconds", seconds)
        files = submission_files(animal, self.whole)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8", errors="surrogatepass")
            submission = read_submission(Path(folder), self.whole)
        begin = time.monotonic()
        report = self.grader.grade(submission)
        took = time.monotonic() - begin
        if animal.twice:
            report = self.grader.grade(submission)
        text = results.to_json(report)
        assert results.from_json(text) == report
        return {
            "parts": {p.name: [str(p.status), p.score, p.points] for p in report.parts},
            "why": {
                f"{p.name}:{t.id}": [str(t.status), t.message.got, t.message.difference]
                for p in report.parts
                for t in p.tests
                if t.status != "passed"
            },
            "grader_error": report.has_grader_error,
            "output": report.output,
            "notes": "\n".join(report.notes),
            "flags": "\n".join(report.flags),
            "text": json.dumps(json.loads(text), ensure_ascii=False),
            "seconds": took,
            "left": len(descendants() - self.baseline),
        }


def descendants() -> set[int]:
    """Every process that has this one among its ancestors."""
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                stat = Path(path, "stat").read_text()
            except OSError:
                continue
            parents[int(path.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def show_python() -> None:
    """As root, let other users read Python wherever it is.

    Python may lie in a folder of root's own. In a mount namespace of this process an empty folder
    with nothing but Python in it is put over the first ancestor that others may not enter.
    """
    closed = {
        prefix: next((p for p in reversed(Path(prefix).parents) if not p.stat().st_mode & 1), None)
        for prefix in {sys.base_prefix, sys.prefix}
    }
    if not any(closed.values()):
        return
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    for prefix, ancestor in closed.items():
        if ancestor is not None:
            source = os.open(prefix, os.O_PATH)
            linux.mount("tmpfs", str(ancestor), "tmpfs", linux.MS_NOSUID, "size=1m,mode=0755")
            os.umask(0o022)
            os.makedirs(prefix)
            linux.mount(f"/proc/self/fd/{source}", prefix, None, linux.MS_BIND | linux.MS_REC)
            os.close(source)


def become_nobody() -> None:
    """As root, become an ordinary user who can read Python, for good."""
    show_python()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ.update(HOME="/nonexistent", TMPDIR="/tmp")


def main() -> None:
    """Grade the named animals on the named rung."""
    rung, *names = sys.argv[1:]
    if rung == "unprivileged" and os.geteuid() == 0:
        become_nobody()
        os.execv(sys.executable, [sys.executable, "-m", "tests.zoo_driver", rung, *names])
    if rung == USER:
        show_python()
    grade_animals(rung, names)


if __name__ == "__main__":
    main()
