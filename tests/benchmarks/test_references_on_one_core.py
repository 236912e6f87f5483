"""How long the references of all assignments take through the sandbox, on one core.

Prints; never fails on a clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course import assignment_ids

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@pytest.mark.slow
def test_references_on_one_core(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for name in assignment_ids(ROOT):
        done = subprocess.run(
            [sys.executable, str(HERE / "references.py"), name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        rows.append((name, json.loads(done.stdout)))
    with capsys.disabled():
        print("\n\nReferences through the sandbox, on one core (seconds)")
        print(f"{'':20}{'tests':>7}{'grading':>10}{'with start-up':>15}")
        for name, row in rows:
            print(f"{name:20}{row['tests']:7.0f}{row['grading']:10.2f}{row['all']:15.2f}")
        totals = [sum(row[key] for _, row in rows) for key in ("tests", "grading", "all")]
        print(f"{'all':20}{totals[0]:7.0f}{totals[1]:10.2f}{totals[2]:15.2f}")
