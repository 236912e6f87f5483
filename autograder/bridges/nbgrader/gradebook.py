"""Marks into ``gradebook.db``, by nbgrader's own autograde, which runs no code here."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    LimitOutput,
    SaveAutoGrades,
)
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import Config, PyFileConfigLoader

from autograder.author import notebooks
from autograder.author.notebooks import Notebook
from autograder.bridges.nbgrader.collected import Collected, small_file, stage
from autograder.bridges.nbgrader.layout import CONFIG
from autograder.bridges.nbgrader.preprocessors import marks_of
from autograder.bridges.nbgrader.sources import test_id
from autograder.course import Assignment, CourseError
from autograder.intake import read_entry
from autograder.results import Report

_TIME = "timestamp.txt"


class Course:
    """A course of nbgrader's, with its configuration."""

    def __init__(self, folder: Path) -> None:
        """Read ``nbgrader_config.py``.

        Raises:
            CourseError: It cannot be read.
        """
        self.folder = folder.resolve()
        _find_alembic()
        try:
            loaded = PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except Exception as error:  # it is a program of the instructor's
            raise CourseError(
                f"{self.folder / CONFIG} cannot be read: {type(error).__name__}: {error}."
            ) from None
        self.config: Any = Config(loaded)
        self.config.CourseDirectory.root = str(self.folder)

    def directory(self, **settings: str) -> Any:
        """Return nbgrader's own idea of the folder."""
        config = self.config.copy()
        config.CourseDirectory.update(settings)
        return CourseDirectory(config=config)

    def released(self, assignment: Assignment) -> Notebook:
        """Read the notebook that students got, and check that the gradebook knows it.

        Raises:
            CourseError: It was not generated, or with other points than ``assignment.toml`` has.
        """
        directory = self.directory()
        path = Path(directory.format_path(directory.release_directory, ".", assignment.id))
        path /= f"{assignment.id}.ipynb"
        again = (
            f"In {self.folder}, run: nbgrader generate_assignment {assignment.id} --force "
            f"(after `course nbgrader {self.folder}` where the sources are old)."
        )
        if not path.is_file():
            raise CourseError(f"{assignment.id} was never generated: there is no {path}. {again}")
        known = self.points(assignment)
        wanted = {test_id(part.name): part.points for part in assignment.parts}
        if known != wanted:
            wrong = sorted(set(known.items()) ^ set(wanted.items()))[0][0]
            raise CourseError(
                f"The gradebook's {wrong} of {assignment.id} is not what assignment.toml says. "
                f"{again}"
            )
        return notebooks.read(path.read_text(encoding="utf-8"))

    def points(self, assignment: Assignment) -> dict[str, float]:
        """What the gradebook says that each cell is worth; empty where it lacks the assignment."""
        directory = self.directory()
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            try:
                notebook = gradebook.find_notebook(assignment.id, assignment.id)
            except MissingEntry:
                return {}
            return {cell.name: float(cell.max_score) for cell in notebook.grade_cells}

    def record(
        self, assignment: Assignment, works: Sequence[Collected], reports: Mapping[str, Report]
    ) -> Iterator[Collected]:
        """Write the marks of reports into the gradebook; yield each submission when it is there.

        Args:
            assignment: Of which assignment.
            works: The submissions.
            reports: A report for each, by the entry's name.

        Raises:
            CourseError: nbgrader refused some; the others are there all the same.
        """
        released, refused = self.released(assignment), []
        with tempfile.TemporaryDirectory() as folder:
            for work in works:
                submission = read_entry(work.entry, assignment)
                stage(work, submission, released, _beside(work), Path(folder))
                try:
                    self._autograde(work, assignment, reports[work.entry.student], folder)
                except NbGraderException as error:
                    refused.append(f"  {work.student}: {error}")
                yield work
        if refused:
            lines = "\n".join(refused)
            raise CourseError(f"nbgrader refused the marks of {len(refused)} students:\n{lines}")

    def _autograde(
        self, work: Collected, assignment: Assignment, report: Report, staged: str
    ) -> None:
        directory = self.directory(
            submitted_directory=staged, assignment_id=assignment.id, student_id=work.student
        )
        converter = Autograde(coursedir=directory, config=self.config)
        converter.force = True
        converter.autograde_preprocessors = [
            marks_of(report, assignment),
            LimitOutput,
            SaveAutoGrades,
            AssignLatePenalties,
            CheckCellMetadata,
        ]
        heard = _Heard()
        converter.log.addHandler(heard)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own queries
                converter.start()
        except NbGraderException as error:
            raise NbGraderException(heard.last or str(error)) from None
        finally:
            converter.log.removeHandler(heard)


def _beside(work: Collected) -> dict[str, str]:
    """What nbgrader needs beside a notebook: the time, and what names its page of feedback.

    The time is kept to the microsecond: formgrader takes an older one for work not graded yet. One
    that nbgrader cannot read would stop it.
    """
    texts = {name: small_file(work, name) for name in (_TIME, "submission_secret.txt")}
    try:
        parse_utc(texts[_TIME].strip())
    except Exception:  # dateutil's parser, on a stranger's text
        del texts[_TIME]
    return {name: text for name, text in texts.items() if text}


def _find_alembic() -> None:
    """Let nbgrader find the program ``alembic``, which lies beside Python, where nobody activated.

    It calls it by name whenever it opens a gradebook that is new.
    """
    here = os.path.dirname(sys.executable)
    if here not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", os.defpath)])


class _Heard(logging.Handler):
    """Keeps what nbgrader says went wrong, which its exceptions do not repeat."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and "Traceback" in record.getMessage():
            self.last = record.getMessage().strip().splitlines()[-1]
