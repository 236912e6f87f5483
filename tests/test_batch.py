"""The batch drops what has not begun when ctrl-C comes, wherever it comes."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from autograder.batch import Done, Job
from autograder.cli import grading
from autograder.results import Report


def test_ctrl_c_between_two_reports_drops_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    report = Report("01_networks", "agate", "key", 1, "namespaces", 0.0, 1.0, ())

    def endless(jobs: list[Job], *, workers: int) -> Iterator[Done]:
        try:
            while True:
                yield Done(report, True, None)
        finally:
            closed.append(True)

    def interrupted(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(grading, "grade_all", endless)
    monkeypatch.setattr(Progress, "update", interrupted)
    # The exception keeps the frames, and with them an unclosed generator, alive for a while.
    with pytest.raises(KeyboardInterrupt):
        list(grading.run_with_progress([], 1, Console(file=io.StringIO())))
    assert closed
