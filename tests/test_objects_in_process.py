"""Objects of a submission in process: what they raise counts as over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.faults import Mismatch, StudentFault
from autograder.results import Status
from autograder.student.local import LocalStudent, Sources, raised_by_submission
from autograder.testing import raises

SOURCE = """
class Table:
    def __call__(self, index):
        if index > 2:
            raise ValueError("too far")
        return index

    def later(self):
        raise NotImplementedError("01_tiny: later")
"""


def student(**options: Any) -> LocalStudent:
    return LocalStudent(Sources({"work.py": SOURCE}, {}, "<work>"), **options)


def test_raises_takes_what_an_object_raises():
    table = student().Table()
    with raises(ValueError):
        table(3)
    with pytest.raises(Mismatch, match="nothing was raised"), raises(ValueError):
        table(2)


def test_raises_passes_on_what_is_of_another_kind():
    table = student().Table()
    with pytest.raises(ValueError, match="too far"), raises(KeyError):
        table(3)


def test_raises_does_not_take_what_the_test_itself_raises():
    with pytest.raises(ValueError, match="of the test"), raises(ValueError):
        raise ValueError("of the test")


def error_of(action: Any) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        action()
    return caught.value


def test_what_escapes_is_blamed_on_the_submission():
    local = student()
    error = error_of(local.Table().later)
    assert raised_by_submission(error)
    fault = local._blamed(error)
    assert isinstance(fault, StudentFault)
    assert fault.status is Status.EXCEPTION
    assert "work.py, line 9, in later" in fault.text


def test_what_the_test_raises_stays_as_it_is():
    local = student()
    for error in (error_of(lambda: 1 / 0), Mismatch("", "", "wrong"), None):
        assert local._blamed(error) is error


def test_a_student_that_lives_long_need_not_remember():
    local = student(record=False)
    local.Table()
    assert not local._transcript.calls
