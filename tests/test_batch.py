"""The batch drops what has not begun when ctrl-C comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder import batch
from autograder.batch import Job, grade_all
from autograder.intake import Entry


class Pool:
    """Remembers how it was shut down; ctrl-C comes with the first job."""

    def __init__(self) -> None:
        self.shut: list[tuple[bool, bool]] = []

    def submit(self, *_: object) -> None:
        raise KeyboardInterrupt

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.shut.append((wait, cancel_futures))


def test_ctrl_c_waits_until_the_queue_is_dropped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not waited for, a pool may be collected as rubbish first: then it grades the whole class."""
    pool = Pool()
    monkeypatch.setattr(batch, "process_pool", lambda workers: pool)
    entry = Entry("agate", tmp_path)
    job = Job(tmp_path, "01_networks", entry, tmp_path, None, "namespaces", False)
    with pytest.raises(KeyboardInterrupt):
        list(grade_all([job], workers=1))
    assert pool.shut == [(True, True)]
