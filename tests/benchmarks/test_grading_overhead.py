"""What grading a submission costs over its own tests, beside fresh pytest processes.

Prints; never fails on a clock. Figures of one run are comparable with each other only.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FEW, MANY = 10, int(os.environ.get("BENCHMARK_SUBMISSIONS", "40"))
FRESH = 5


def measure(folder: Path, count: int) -> dict:
    done = subprocess.run(
        [sys.executable, str(HERE / "grading.py"), str(folder), str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fresh_pytest(tree: Path) -> tuple[float, float]:
    """Wall and processor seconds of one pytest process that runs the same tests."""
    tests = [tree / "assignments/01_networks", tree / "solutions/01_networks"]
    walls, cpus = [], []
    for _ in range(FRESH):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", *map(str, tests)],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stdout
    return statistics.median(walls), statistics.median(cpus)


@pytest.mark.slow
def test_grading_overhead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = ROOT / "solutions/01_networks"
    folder = tmp_path / "class"
    for index in range(MANY):
        (folder / f"student{index:03}").mkdir(parents=True)
        for path in ("vectors.py", "network.py"):
            text = (source / path).read_text() + f"\n\n# {index}\n"
            (folder / f"student{index:03}" / path).write_text(text)
    few, many = measure(folder, FEW), measure(folder, MANY)
    each = MANY - FEW
    cpu = 1000 * (many["cpu"] - few["cpu"]) / each
    wall = 1000 * (many["wall"] - few["wall"]) / each
    bodies = 1000 * many["bodies"]
    tree = tmp_path / "course"
    for room in ("assignments", "solutions"):
        shutil.copytree(ROOT / room / "01_networks", tree / room / "01_networks")
    for path in ("vectors.py", "network.py"):
        shutil.copy(source / path, tree / "assignments/01_networks" / path)
    fresh_wall, fresh_cpu = fresh_pytest(tree)
    with capsys.disabled():
        print(f"\n\nGrading {each} correct submissions of 01, rung {many['rung']}, per submission:")
        print(f"  all of it, wall                          {wall:8.1f} ms")
        print(f"  all of it, processor, every process      {cpu:8.1f} ms")
        print(f"  the same test bodies in process          {bodies:8.1f} ms")
        print(f"  overhead, processor                      {cpu - bodies:8.1f} ms")
        print(
            "Where the wall time goes (the grader waits for the student's process in all of these):"
        )
        for name, seconds in sorted(many["spans"].items(), key=lambda item: -item[1]):
            print(f"  {name:40} {1000 * seconds / MANY:8.1f} ms")
        print(f"A fresh pytest process, wall, median of {FRESH}:      {1000 * fresh_wall:8.1f} ms")
        print(f"A fresh pytest process, processor:           {1000 * fresh_cpu:8.1f} ms")
        ratio = (fresh_cpu - bodies / 1000) / ((cpu - bodies) / 1000)
        print(f"Overhead of a fresh pytest over ours, processor: {ratio:.0f} times")
    assert many["spans"]
