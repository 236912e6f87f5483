"""Grade a class: independent jobs over all cores, each report on the disk at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, CourseError, load
from autograder.faults import GraderFault
from autograder.files import write_atomically
from autograder.grader import report_key
from autograder.intake import Entry, read_entry
from autograder.results import (
    Message,
    Report,
    Status,
    TestResult,
    from_json,
    make_part,
    to_json,
)
from autograder.warm import warm_grader

_TRIES = 3


@dataclass(frozen=True)
class Job:
    """One submission to grade; plain values, so that it can travel to another machine."""

    root: Path
    assignment: str
    entry: Entry
    out: Path
    seed: int | None
    rung: str
    again: bool


@dataclass(frozen=True)
class Done:
    """What became of a job.

    Attributes:
        report: The report, new or kept.
        graded: Whether it was graded now; a kept one is unchanged.
        before: The score it had before, or None.
    """

    report: Report
    graded: bool
    before: float | None


def run_job(job: Job) -> Done:
    """Grade one submission and write its report, unless the one on the disk still stands."""
    assignment = load(job.assignment, job.root)
    submission = read_entry(job.entry, assignment)
    path = report_path(job.out, job.entry.student)
    before = read_report(path)
    seed = assignment.seed if job.seed is None else job.seed
    key = report_key(submission, assignment, seed, job.rung)
    stands = before is not None and before.key == key and not before.has_grader_error
    if before is not None and stands and not job.again:
        return Done(before, False, before.score)
    try:
        grader = warm_grader(job.root, job.assignment, job.seed, job.rung)
        report = grader.grade(submission)
    except GraderFault as fault:
        report = failed_report(assignment, job, key, seed, str(fault))
    write_atomically(path, to_json(report))
    return Done(report, True, before.score if before else None)


def failed_report(assignment: Assignment, job: Job, key: str, seed: int, why: str) -> Report:
    """The report of a submission at which the grader itself failed: no zero, and no publication."""
    message = Message(got=why)
    parts = tuple(
        make_part(
            part.name,
            part.points,
            (
                TestResult(
                    "grader", "The grader works", True, False, 1, Status.GRADER_ERROR, message
                ),
            ),
        )
        for part in assignment.parts
    )
    student, points = job.entry.student, assignment.points
    return Report(job.assignment, student, f"failed:{key}", seed, job.rung, 0.0, points, parts)


def report_path(out: Path, student: str) -> Path:
    """Where a student's report lies."""
    return out / f"{student}.json"


def read_report(path: Path) -> Report | None:
    """Read a report, or None where there is none that this version can read."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def grade_all(
    jobs: Sequence[Job], *, workers: int, executor: Executor | None = None
) -> Generator[Done, None, None]:
    """Run jobs over processes (or any executor) and yield each as it is done.

    A worker that is lost costs nothing but time: what it had not finished is tried again. Close
    the generator to drop what has not begun.

    Args:
        jobs: What to grade.
        workers: How many processes; 1 runs everything in this process's own child.
        executor: Another executor, such as a cluster's, instead of processes of this machine.

    Raises:
        CourseError: Workers died again and again.
    """
    left = {job.entry.student: job for job in jobs}
    for _ in range(_TRIES):
        pool = executor or process_pool(min(workers, max(1, len(left))))
        try:
            yield from _drain(pool, left)
            return
        except BrokenProcessPool:
            continue
        except BaseException:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            if executor is None:
                # Waits: a pool that is forgotten before it has dropped its queue works through it.
                pool.shutdown(wait=True, cancel_futures=True)
    raise CourseError(
        f"The grading processes died {_TRIES} times; {len(left)} submissions are left: "
        f"{', '.join(sorted(left)[:5])}. Is the machine out of memory? Try --workers 1."
    )


def _drain(pool: Executor, left: dict[str, Job]) -> Iterator[Done]:
    futures: dict[Future[Done], str] = {pool.submit(run_job, job): s for s, job in left.items()}
    for future in as_completed(futures):
        done = future.result()
        del left[futures[future]]
        yield done


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes that leave ctrl-C to the one that started them."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
