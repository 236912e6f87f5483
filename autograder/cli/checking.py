"""Run ``course check``, once or at every save."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from autograder.course import Assignment, Part, find_root
from autograder.local_check import LocalCheck, read_own_work
from autograder.memory import Memory
from autograder.plugin import Tester, run_session
from autograder.reports.console import render_check
from autograder.results import Report, Status


def check_once(
    assignment: Assignment, parts: Sequence[Part], hidden: bool, screen: Console
) -> bool:
    """Check some parts, show how they went, remember it; return whether all tests passed."""
    if not hidden:
        report = run_session(assignment, lambda t: LocalCheck(t).run(parts), hidden=False)
    else:
        report = run_session(assignment, lambda t: LocalCheck(t).run(parts))
    screen.print(render_check(report, assignment, hidden))
    if not hidden:
        Memory(find_root()).record(assignment, report, work_digest(assignment))
    return all_passed(report)


def all_passed(report: Report) -> bool:
    """Whether every test that ran passed, and some did."""
    statuses = {test.status for part in report.parts for test in part.tests}
    return Status.PASSED in statuses and statuses <= {Status.PASSED, Status.SKIPPED}


def work_digest(assignment: Assignment) -> str:
    """Hash of a student's files of an assignment."""
    digest = hashlib.sha256()
    for path in sorted(assignment.folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def watch_and_check(
    assignment: Assignment, parts: Sequence[Part], hidden: bool, screen: Console
) -> bool:
    """Check, then check the touched parts again at every save, until ctrl-C."""

    def body(tester: Tester) -> bool:
        from watchfiles import watch

        local = LocalCheck(tester)
        passed = _show(local, parts, hidden, screen)
        before = fingerprints(assignment)
        screen.print("[dim]Watching; save a file to run its parts again, ctrl-C to stop.[/]")
        for changes in watch(assignment.folder, debounce=100, step=20, raise_interrupt=False):
            if not any(Path(path).suffix == ".py" for _, path in changes):
                continue
            now = fingerprints(assignment)
            touched = touched_parts(assignment, parts, before, now)
            before = now
            if touched:
                screen.rule(f"[bold]{', '.join(part.name for part in touched)}[/]")
                passed = _show(local, touched, hidden, screen)
        return passed

    return run_session(assignment, body, hidden=hidden)


def _show(local: LocalCheck, parts: Sequence[Part], hidden: bool, screen: Console) -> bool:
    report = local.run(parts, read_own_work(local.assignment))
    screen.print(render_check(report, local.assignment, hidden))
    if not hidden:
        memory = Memory(find_root())
        memory.record(local.assignment, report, work_digest(local.assignment))
    return all_passed(report)


def fingerprints(assignment: Assignment) -> dict[str, str]:
    """The code of every top-level definition as a tree, without comments and layout.

    What stands outside definitions is kept under the file's own name, as is a file that does not
    parse: a change there touches every part of the file.
    """
    found: dict[str, str] = {}
    for path in sorted(assignment.folder.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            found[path.name] = text
            continue
        rest = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                found[f"{path.name}:{node.name}"] = ast.dump(node)
            else:
                rest.append(ast.dump(node))
        found[path.name] = "\n".join(rest)
    return found


def touched_parts(
    assignment: Assignment, parts: Sequence[Part], before: dict[str, str], now: dict[str, str]
) -> list[Part]:
    """The parts whose own code changed, or their file's top level, or a part that they use."""
    changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    graded = {f"{p.file}:{name}" for p in assignment.parts for name in p.provides}
    loose = {key.partition(":")[0] for key in changed if key not in graded}
    touched: set[str] = set()
    for (
        part
    ) in assignment.parts:  # a part uses only parts that stand before it or after: to a fixpoint
        own = {f"{part.file}:{name.partition('.')[0]}" for name in part.provides}
        if own & changed or part.file in loose:
            touched.add(part.name)
    while True:
        more = {p.name for p in assignment.parts if set(p.uses) & touched} - touched
        if not more:
            break
        touched |= more
    return [part for part in parts if part.name in touched]
