"""What can go wrong on the student's side, as exceptions that carry a status."""

from __future__ import annotations

from autograder.results import Status


class StudentFault(Exception):
    """The submission did something that ends this test: the status says what kind of thing.

    Attributes:
        status: The status that the test gets.
        text: What to tell the student, one line or a few.
        kinds: For an exception of the student's own: its class and base classes, by name.
        message: For an exception of the student's own: its text.
    """

    def __init__(self, status: Status, text: str, kinds: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.kinds = kinds
        self.message = ""


class Mismatch(AssertionError):
    """A value that came back is not the one expected."""

    def __init__(self, got: str, expected: str, difference: str) -> None:
        super().__init__(f"Got {got}\nExpected {expected}\nFirst difference: {difference}")
        self.got = got
        self.expected = expected
        self.difference = difference


class GraderFault(Exception):
    """The grader itself failed: never charged to a student, and it stops publication."""
