"""``course grade``: progress, differences, and the files that come out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from autograder import __version__
from autograder.batch import Done, Job, cores, grade_all, read_report, report_path
from autograder.course import Assignment, CourseError, find_root, unknown
from autograder.files import write_atomically
from autograder.intake import Entry, find_submissions
from autograder.reports.feedback import feedback_markdown
from autograder.reports.html import class_html
from autograder.reports.table import scores_csv
from autograder.reports.words import number
from autograder.results import Report, Status
from autograder.sandbox.rungs import PROCESS, open_sandbox, remedy

_SHOWN = 12


@dataclass(frozen=True)
class Request:
    """What the instructor asked for; see ``course grade --help``."""

    submissions: Path
    out: Path
    workers: int = 0
    students: tuple[str, ...] = ()
    seed: int | None = None
    rung: str = ""
    allow_weak: bool = False
    release_name: str = ""


def grade_class(assignment: Assignment, request: Request, screen: Console) -> int:
    """Grade a class and write everything; return the exit code.

    Raises:
        CourseError: The request cannot be carried out; the message says what to do.
    """
    require_solutions(assignment)
    with screen.status("Reading the folder …"):
        entries = find_entries(assignment, request)
    reports = grade_entries(assignment, entries, request, screen)
    return publish(assignment, reports, request.out, screen)


def require_solutions(assignment: Assignment) -> None:
    """Refuse where the hidden tests are not at hand.

    Raises:
        CourseError: They are not.
    """
    if not assignment.has_solutions:
        raise CourseError("Grading needs solutions/, which this copy of the course lacks.")


def grade_entries(
    assignment: Assignment, entries: Sequence[Entry], request: Request, screen: Console
) -> list[Report]:
    """Grade the entries of a class; return all reports, which are on the disk by then.

    Raises:
        CourseError: The sandbox is too weak, and nobody said that it will do.
    """
    rung = find_rung(assignment, request, screen)
    request.out.mkdir(parents=True, exist_ok=True)
    chosen = [e for e in entries if not request.students or e.student in request.students]
    jobs = [
        Job(
            root=find_root(),
            assignment=assignment.id,
            entry=entry,
            out=request.out,
            seed=request.seed,
            rung=rung,
            again=bool(request.students),
        )
        for entry in chosen
    ]
    done: list[Done] = []
    try:
        with closing(run_with_progress(jobs, request.workers or cores(), screen)) as results:
            done.extend(results)
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nInterrupted after {len(done)} of {len(jobs)}. What was finished is kept: the same "
            "command goes on from there.\n"
        )
        raise
    print_differences(done, screen)
    return collect(done, entries, request)


def find_entries(assignment: Assignment, request: Request) -> list[Entry]:
    """The submissions in the folder.

    Raises:
        CourseError: There is no folder, nothing in it, or a student who is not there was named.
    """
    if not request.submissions.is_dir():
        raise CourseError(
            f"{request.submissions} is no folder. Give the folder that holds one entry per "
            "student: a folder, .py, .ipynb, .zip or .tar.gz."
        )
    entries = find_submissions(request.submissions, assignment, request.release_name)
    if not entries:
        raise CourseError(f"{request.submissions} holds no submissions.")
    names = [entry.student for entry in entries]
    for student in request.students:
        if student not in names:
            raise CourseError(unknown("student", student, names, str(request.submissions)))
    return entries


def find_rung(assignment: Assignment, request: Request, screen: Console) -> str:
    """The sandbox rung to grade on.

    Raises:
        CourseError: Only the weak one can be had, and nobody said that it will do.
    """
    sandbox = open_sandbox((), request.rung)
    sandbox.close()
    if sandbox.rung == PROCESS and not request.allow_weak:
        raise CourseError(
            f"This machine gives only the sandbox rung {PROCESS!r}, which does not hide files or "
            f"the network from submissions ({sandbox.why or 'as asked'}). {remedy(sandbox.why)} "
            "To grade all the same: --allow-weak-sandbox."
        )
    walls = "two walls" if sandbox.wrapped else "one wall"
    screen.print(
        f"[dim]Sandbox: {sandbox.rung}" + (f", {walls}" if sandbox.rung != PROCESS else "")
    )
    return sandbox.rung


def run_with_progress(
    jobs: Sequence[Job], workers: int, screen: Console
) -> Generator[Done, None, None]:
    """Run the jobs, showing a bar, the time left and how many parts ended how.

    Closed at once when ctrl-C comes between two of them, or the pool would go on with the rest.
    """
    counts: Counter[str] = Counter()
    with _progress(screen) as progress, closing(grade_all(jobs, workers=workers)) as finished:
        task = progress.add_task("Grading", total=len(jobs), statuses="")
        for done in finished:
            counts.update(part.status.value for part in done.report.parts)
            common = ", ".join(f"{n} {status}" for status, n in counts.most_common(4))
            progress.update(task, advance=1, statuses=common)
            yield done


@contextmanager
def _progress(screen: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[statuses]}"),
    )
    with Progress(*columns, console=screen) as progress:
        yield progress


def print_differences(done: Sequence[Done], screen: Console) -> None:
    """Say what a second run changed: how many were kept, and every score that moved."""
    kept = sum(1 for each in done if not each.graded)
    if kept:
        screen.print(f"{kept} unchanged and kept, {len(done) - kept} graded.")
    moved = [d for d in done if d.graded and d.before is not None and d.before != d.report.score]
    for each in sorted(moved, key=lambda d: d.report.student):
        old, new = number(each.before or 0.0), number(each.report.score)
        screen.print(f"  {each.report.student}: {old} → {new}", markup=False)


def collect(done: Sequence[Done], entries: Sequence[Entry], request: Request) -> list[Report]:
    """All reports of the class: those of this run, and with --student those of the rest."""
    found = {each.report.student: each.report for each in done}
    for entry in entries:
        if entry.student not in found:
            old = read_report(report_path(request.out, entry.student))
            if old is not None:
                found[entry.student] = old
    return [found[name] for name in sorted(found)]


def publish(assignment: Assignment, reports: list[Report], out: Path, screen: Console) -> int:
    """Write the class's files, unless the grader itself failed somewhere; return the exit code."""
    page = class_html(reports, assignment, engine_version=__version__)
    write_atomically(out / "report.html", page)
    broken = [report.student for report in reports if report.has_grader_error]
    if broken:
        screen.print(
            f"[bold red]The grader itself failed on {len(broken)} submissions[/] "
            f"({', '.join(broken[:_SHOWN])}). Nothing is charged to them, and no scores or "
            f"feedback were written. {out / 'report.html'} says what happened; run it again."
        )
        return 3
    for report in reports:
        feedback = feedback_markdown(report, assignment)
        write_atomically(out / "feedback" / f"{report.student}.md", feedback)
    write_atomically(out / "scores.csv", scores_csv(reports, assignment))
    _summary(assignment, reports, out, screen)
    return 0


def _summary(assignment: Assignment, reports: list[Report], out: Path, screen: Console) -> None:
    scores = sorted(report.score for report in reports)
    full = sum(1 for score in scores if score == assignment.points)
    refused = sum(1 for r in reports if all(p.status is Status.NOT_GRADABLE for p in r.parts))
    flagged = sum(1 for report in reports if report.flags)
    middle = (scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2
    screen.print(
        f"{len(reports)} submissions: median {number(middle)} of {number(assignment.points)}, "
        f"{full} with full marks, {refused} not gradable, {flagged} flagged."
    )
    screen.print(f"Report:   {out / 'report.html'}\nScores:   {out / 'scores.csv'}", markup=False)
    screen.print(f"Feedback: {out / 'feedback'}/", markup=False)
