"""``course status``: where a student stands in every assignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.cli.checking import work_digest
from autograder.course import Assignment, find_root, load_all
from autograder.local_check import LocalCheck
from autograder.memory import Memory
from autograder.plugin import run_session
from autograder.reports.words import number

_BAR = 20


def show_status(screen: Console) -> None:
    """Check what changed since the last check, then print a row for each assignment."""
    root = find_root()
    memory = Memory(root)
    assignments = load_all(root)
    _refresh(assignments, memory, screen)
    before: dict[str, float] = memory.data.get("status", {})
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("assignment", "", "points", "parts", "since last time"):
        table.add_column(head, no_wrap=True)
    now = {}
    for assignment in assignments:
        score, done = _standing(assignment, memory)
        now[assignment.id] = score
        change = score - before.get(assignment.id, 0.0)
        table.add_row(
            f"{assignment.number} {assignment.title}",
            _bar(score / assignment.points),
            f"{number(score)} of {number(assignment.points)}",
            f"{done} of {len(assignment.parts)}",
            Text(f"{change:+.4g}" if change else "", style="green" if change > 0 else "red"),
        )
    screen.print(table)
    _next_step(assignments, memory, screen)
    memory.data["status"] = now
    memory.save()


def _refresh(assignments: list[Assignment], memory: Memory, screen: Console) -> None:
    stale = [a for a in assignments if memory.data.get("work", {}).get(a.id) != work_digest(a)]
    with screen.status("Checking what changed …") as spinner:
        for assignment in stale:
            spinner.update(f"Checking {assignment.id} …")
            report = run_session(
                assignment, lambda t: LocalCheck(t).run(list(t.assignment.parts)), hidden=False
            )
            memory.record(assignment, report, work_digest(assignment))


def _standing(assignment: Assignment, memory: Memory) -> tuple[float, int]:
    kept: dict[str, Any] = memory.results(assignment)
    done = sum(1 for part in assignment.parts if memory.passed(assignment, part.name))
    score = sum(kept.get(part.name, {}).get("score", 0.0) for part in assignment.parts)
    return round(score, 4), done


def _bar(share: float) -> Text:
    filled = round(share * _BAR)
    return Text("█" * filled, style="green") + Text("░" * (_BAR - filled), style="dim")


def _next_step(assignments: list[Assignment], memory: Memory, screen: Console) -> None:
    for assignment in assignments:
        for part in assignment.parts:
            if not memory.passed(assignment, part.name):
                readme = Path("assignments") / assignment.id / "README.md"
                screen.print(
                    f"\nNext: [bold]{part.name}[/] in {assignment.id} (read {readme}), then "
                    f"[bold]course check {assignment.number} {part.name}[/]"
                )
                screen.print(
                    "[dim]Points are by the public tests; hidden ones run when it is graded.[/]"
                )
                return
    screen.print("\nEvery public test of every assignment passes.")
