"""From what a person handed in to a frozen value. Nothing of it is ever executed here."""

from autograder.intake.entries import find_submissions
from autograder.intake.reader import read_entry, read_submission
from autograder.intake.values import Entry, Origin, Submission

__all__ = ["Entry", "Origin", "Submission", "find_submissions", "read_entry", "read_submission"]
