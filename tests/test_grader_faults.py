"""The grader's own faults: never charged to a student, never published, never kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from autograder.cli.common import console
from autograder.cli.grading import publish
from autograder.course import find
from autograder.results import Status, from_json, make_part, to_json
from tests.course_tree import Course
from tests.report_samples import make_class


@pytest.mark.slow
def test_a_broken_hidden_test_stops_publication_and_is_graded_again(
    course: Course, tree: Path
) -> None:
    hidden = tree / "solutions/01_networks/test_hidden.py"
    whole = hidden.read_text()
    marker = "close(student.euclidean_distance(a, b), math.dist(a, b))"
    assert marker in whole
    hidden.write_text(whole.replace(marker, "raise RuntimeError('a bug of the test')", 1))
    folder = tree / "submissions/agate"
    folder.mkdir(parents=True)
    for file in ("vectors.py", "network.py"):
        (folder / file).write_text((tree / "solutions/01_networks" / file).read_text())
    words = ("grade", "submissions", "-a", "01", "--out", "graded", "--workers", "1")
    done = course(*words)
    assert done.returncode == 3
    assert "Nothing is charged" in done.stdout
    report = from_json((tree / "graded/agate.json").read_text())
    statuses = {part.name: part.status for part in report.parts}
    assert statuses.pop("euclidean_distance") is Status.GRADER_ERROR
    assert set(statuses.values()) == {Status.PASSED}
    assert report.score == report.points
    assert not (tree / "graded/scores.csv").exists()
    assert not (tree / "graded/feedback").exists()
    again = course(*words)
    assert again.returncode == 3
    assert "unchanged and kept" not in again.stdout
    hidden.write_text(whole)
    assert course(*words).returncode == 0
    assert (tree / "graded/scores.csv").exists()


def test_a_test_that_trips_over_an_odd_value_is_the_students_fault(
    course: Course, tree: Path
) -> None:
    path = tree / "assignments/01_networks/vectors.py"
    text = path.read_text()
    path.write_text(text.replace('raise NotImplementedError("01_networks: dot")', "return None", 1))
    done = course("check", "01", "dot", "--hidden")
    assert done.returncode == 1
    assert "grader" not in done.stdout.lower().replace("autograder", "")


def test_publish_refuses_reports_with_a_grader_error(tree: Path, tmp_path: Path) -> None:
    assignment = find("01", tree)
    reports = list(make_class(3))
    part = reports[0].parts[0]
    broken = replace(part.tests[0], status=Status.GRADER_ERROR)
    parts = (make_part(part.name, part.points, (broken,)), *reports[0].parts[1:])
    reports[0] = replace(reports[0], parts=parts)
    assert from_json(to_json(reports[0])) == reports[0]
    assert publish(assignment, reports, tmp_path / "out", console()) == 3
    assert (tmp_path / "out/report.html").exists()
    assert not (tmp_path / "out/scores.csv").exists()
