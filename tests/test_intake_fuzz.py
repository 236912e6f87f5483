"""Whatever bytes are handed in, a submission comes back: never an exception, never half of one."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autograder.course import Assignment
from autograder.intake import Submission, read_submission
from autograder.intake.decode import Undecodable, decode
from autograder.intake.syntax import Unparsable, parse
from tests.intake_samples import GOOD, cell, make_assignment, make_tar, make_zip, notebook

FUZZ = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "metadata", "course", "file", "role"]),
            inner | st.sampled_from(["code", "vectors.py", "check", "x = 1"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return make_assignment(tmp_path_factory.mktemp("course"))


def read(path: Path, data: bytes, assignment: Assignment) -> Submission:
    path.write_bytes(data)
    submission = read_submission(path, assignment)
    assert submission.student == "ann"
    assert bool(submission.refused) != bool(submission.files)
    for text in submission.files.values():
        text.encode("utf-8")
    assert len(submission.digest) == 64
    return submission


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz", "ipynb", "py"])
@FUZZ
@given(data=st.binary(max_size=400))
def test_random_bytes(ending: str, data: bytes, tmp_path: Path, assignment: Assignment) -> None:
    read(tmp_path / f"ann.{ending}", data, assignment)
    if ending == "tgz":
        read(tmp_path / "ann.tgz", gzip.compress(data), assignment)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "ipynb", "py"])
@FUZZ
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12))
def test_good_work_with_some_bytes_changed(
    ending: str, changes: list[tuple[float, int]], tmp_path: Path, assignment: Assignment
) -> None:
    path = tmp_path / f"ann.{ending}"
    if ending == "zip":
        make_zip(path, GOOD)
    elif ending.startswith("tar"):
        make_tar(path, GOOD, mode="w" if ending == "tar" else "w:gz")
    else:
        path.write_text(notebook(GOOD) if ending == "ipynb" else GOOD["vectors.py"])
    data = bytearray(path.read_bytes())
    length = min(len(data), 4096)
    for place, value in changes:
        data[int(place * length)] = value
    submission = read(path, bytes(data), assignment)
    if not changes:
        assert submission.refused == ""


@FUZZ
@given(value=JSON)
@example(value={"cells": [{"cell_type": "code", "source": "\ud800", "metadata": {"course": 1}}]})
@example(value={"cells": [cell("def dot(): 0", file="vectors.py", points=float("nan"))]})
@example(value={"cells": [cell("check('x')", role="check", part="dot", points=10**400)]})
def test_any_json_as_a_notebook(value: object, tmp_path: Path, assignment: Assignment) -> None:
    read(tmp_path / "ann.ipynb", json.dumps(value).encode(), assignment)


@FUZZ
@given(text=st.text(alphabet="def x(y):\n\t #'\"\\[]{}.=@%!?éif class\0\r", max_size=120))
def test_any_text_as_python(text: str) -> None:
    with contextlib.suppress(Unparsable, Undecodable):
        parse(decode(text.encode())[0])


@pytest.mark.parametrize(
    "text",
    ["\\'" * 30_000, "'" * 90_001, "a." * 90 + "b" * 900_000, "\\" * 90_000, "'\"" * 45_000],
    ids=["escapes", "quotes", "dots", "backslashes", "alternating"],
)
def test_the_guards_themselves_take_linear_time(text: str) -> None:
    with pytest.raises(Unparsable):
        parse(f"({text}")
