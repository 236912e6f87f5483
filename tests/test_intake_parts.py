"""Which parts are there, which are not, and which are still the stub's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from autograder.course import Assignment
from autograder.intake import Submission, read_submission
from tests.intake_samples import GOOD, STUBS, make_assignment, write

Read = Callable[[Mapping[str, str]], Submission]
FORWARD = GOOD["network.py"]


@pytest.fixture(params=[True, False], ids=["stubs", "no stubs"])
def has_stubs(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def read(tmp_path: Path, has_stubs: bool) -> Read:
    assignment: Assignment = make_assignment(tmp_path, has_stubs)

    def read(files: Mapping[str, str]) -> Submission:
        return read_submission(write(tmp_path / "ann", files), assignment)

    return read


def test_finished_work_is_neither_missing_nor_untouched(read: Read) -> None:
    submission = read(GOOD)
    assert submission.missing == {}
    assert submission.untouched == frozenset()


def test_the_stub_is_untouched(read: Read, has_stubs: bool) -> None:
    submission = read(STUBS)
    expected = {"dot", "Value", "forward"} if has_stubs else {"dot", "Value"}
    assert submission.untouched == expected
    assert submission.missing == {}


def test_a_comment_or_another_docstring_does_not_touch(read: Read, has_stubs: bool) -> None:
    changed = {
        name: text.replace('"""Return the', '"""# TODO Return the').replace("raise", "raise \\\n  ")
        for name, text in STUBS.items()
    }
    assert "dot" in read(changed).untouched
    assert ("forward" in read(changed).untouched) == has_stubs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('raise NotImplementedError("01_tiny: dot")', "pass"),
        ('raise NotImplementedError("01_tiny: dot")', "raise ValueError"),
        ('raise NotImplementedError("01_tiny: dot")', "return a\n    raise NotImplementedError"),
        ("def dot(a, b):", "@write\ndef dot(a, b):"),
    ],
)
def test_any_other_body_is_an_attempt(old: str, new: str, read: Read) -> None:
    submission = read(STUBS | {"vectors.py": STUBS["vectors.py"].replace(old, new)})
    assert "dot" not in submission.untouched
    assert "Value" in submission.untouched


def test_a_class_with_one_method_done_is_an_attempt(read: Read) -> None:
    text = STUBS["vectors.py"].replace('raise NotImplementedError("01_tiny: Value")', "return 1", 1)
    assert read(STUBS | {"vectors.py": text}).untouched >= {"dot"}
    assert "Value" not in read(STUBS | {"vectors.py": text}).untouched


@pytest.mark.parametrize(
    "after",
    [
        "from solved import *\n",
        "from solved import dot\n",
        "dot = lambda a, b: 1\n",
        "globals()['dot'] = len\n",
        "exec('dot = len')\n",
        "import this as t; t.x = 1\n",
        "def dot(a, b):\n    return 1\n",
        "if True:\n    def dot(a, b):\n        return 1\n",
        "for dot in [len]: pass\n",
        "from unknown import *\n",
    ],
)
def test_what_replaces_the_stub_later_counts(after: str, read: Read) -> None:
    solved = {"solved.py": "def dot(a, b):\n    return 1\n"}
    submission = read(STUBS | solved | {"vectors.py": STUBS["vectors.py"] + "\n\n" + after})
    assert "dot" not in submission.untouched
    assert submission.missing == {}


def test_a_star_import_that_does_not_bring_it_changes_nothing(read: Read) -> None:
    text = "from solved import *\n" + STUBS["vectors.py"]
    assert "dot" in read(STUBS | {"vectors.py": text, "solved.py": "x = 1\n"}).untouched


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            FORWARD.replace("def forward", "def foward"),
            "network.py has no `forward`; did you mean `foward`?",
        ),
        (
            FORWARD.replace("def forward", "def go"),
            "network.py has no `forward`.",
        ),
        (
            "class Net:\n    def forward(self, x):\n        return x\n",
            "network.py has no `forward` at the top level; there is one inside `Net`.",
        ),
        (
            "def outer():\n    def forward(x):\n        return x\n",
            "network.py has no `forward`.",
        ),
        ("", "network.py has no `forward`."),
    ],
)
def test_a_missing_function_is_said_with_its_nearest_name(
    text: str, sentence: str, read: Read
) -> None:
    submission = read(GOOD | {"network.py": text})
    assert submission.missing == {"forward": sentence}
    assert submission.files["network.py"] == text


def test_a_missing_method_is_said_too(read: Read) -> None:
    text = GOOD["vectors.py"].replace("def mul", "def mull")
    expected = "The class Value in vectors.py has no `mul`; did you mean `mull`?"
    assert read(GOOD | {"vectors.py": text}).missing == {"Value": expected}
    text = GOOD["vectors.py"].replace("class Value", "class Valeu")
    expected = "vectors.py has no `Value`; did you mean `Valeu`?"
    assert read(GOOD | {"vectors.py": text}).missing == {"Value": expected}


def test_a_missing_file_is_said(read: Read) -> None:
    submission = read({"vectors.py": GOOD["vectors.py"]})
    expected = "network.py was not handed in; there is vectors.py."
    assert submission.missing == {"forward": expected}


def test_a_part_in_the_other_file_is_found(read: Read) -> None:
    both = GOOD["vectors.py"] + "\n\ndef forward(x):\n    return x\n"
    submission = read({"vectors.py": both, "network.py": "from vectors import dot\n"})
    assert submission.missing == {}
    assert submission.notes == ("forward was found in vectors.py instead of network.py.",)


@pytest.mark.parametrize(
    "text",
    [
        "from helpers import forward\n",
        "from helpers import *\n",
        "from elsewhere import *\n",
        "forward = len\n",
        "forward: object = len\n",
        "forward, other = len, len\n",
        "try:\n    import torch\nexcept ImportError:\n    def forward(x):\n        return x\n",
        "globals().update(forward=len)\n",
        "def __getattr__(name):\n    return len\n",
        "with open('x') as forward:\n    pass\n",
        "import math as forward\n",
    ],
)
def test_a_name_bound_in_any_other_way_is_not_missing(text: str, read: Read) -> None:
    helper = {"helpers.py": "def forward(x):\n    return x\n"}
    assert read(GOOD | helper | {"network.py": text}).missing == {}


def test_star_imports_in_a_circle_end(read: Read) -> None:
    circle = {"vectors.py": "from network import *\n", "network.py": "from vectors import *\n"}
    submission = read(circle)
    assert set(submission.missing) == {"dot", "Value", "forward"}


def test_of_an_unreadable_file_nothing_is_missing(read: Read) -> None:
    submission = read({"vectors.py": "def dot(:\n", "network.py": "x = 1\n"})
    assert list(submission.syntax_errors) == ["vectors.py"]
    assert submission.missing == {}
