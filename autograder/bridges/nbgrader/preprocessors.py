"""Two steps that take the place of nbgrader's own: how stubs are made, and where marks come from.

This module needs nbgrader; ``nbgrader_config.py`` imports it in nbgrader's own processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions
from nbgrader.utils import is_grade

from autograder.author import notebooks
from autograder.author.source import parse
from autograder.author.stubs import stub
from autograder.bridges.nbgrader.sources import test_id
from autograder.course import STAFF, Assignment, find
from autograder.reports.feedback import feedback_part
from autograder.results import PartResult, Report

Step = Callable[[Any, Any], tuple[Any, Any]]


def generating() -> list[type]:
    """What ``nbgrader generate_assignment`` does, with our stubs in place of its own."""
    steps = GenerateAssignment.class_traits()["preprocessors"].default()
    return [CourseStubs if step is ClearSolutions else step for step in steps]


class CourseStubs(ClearSolutions):  # type: ignore[misc]
    """Makes the stubs that ``course sync`` makes, out of a source notebook.

    nbgrader's own step leaves the same stub everywhere. Ours names its part, so that a part not
    written yet is told from a mistake, and a private helper of the solution vanishes. Cells that
    are not the course's, and notebooks that are not, get nbgrader's stub.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Replace all solutions of a notebook."""
        name = nb.metadata.get("course", {}).get("assignment", "")
        if name:
            assignment = find(name, Path(os.environ[STAFF]))
            where = Path(f"{resources['nbgrader']['notebook']}.ipynb")
            stubs = {
                file: stub(parse(text, where / file, assignment))
                for file, text in notebooks.to_files(nb).items()
            }
            nb = notebooks.fill(nb, stubs)
        done: tuple[Any, Any] = super().preprocess(nb, resources)
        return done

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """Leave the course's cells as they are by now."""
        if cell.metadata.get("course", {}).get("file"):
            return cell, resources
        done: tuple[Any, Any] = super().preprocess_cell(cell, resources, index)
        return done


def marks_of(report: Report, assignment: Assignment) -> Step:
    """Return what takes the place of running a notebook: marks of a report as the cells' outputs.

    nbgrader reads them there as if a kernel had made them, and keeps its own rules for the rest.
    """
    parts = {test_id(part.name): part for part in report.parts}

    def fill(nb: Any, resources: Any) -> tuple[Any, Any]:
        for cell in nb.cells:
            if is_grade(cell) and cell.cell_type == "code":
                part = parts.get(cell.metadata.nbgrader["grade_id"])
                cell.outputs = _outputs(part, assignment) if part else []
        return nb, resources

    return fill


def _outputs(part: PartResult, assignment: Assignment) -> list[Any]:
    told = feedback_part(part, assignment.policy)
    outputs: list[dict[str, Any]] = []
    if told:
        text = {"text/markdown": "\n\n".join(told), "text/plain": told[0]}
        outputs.append({"output_type": "display_data", "data": text, "metadata": {}})
    number = {"text/plain": repr(float(part.score))}
    result = {"output_type": "execute_result", "data": number, "metadata": {}}
    return [nbformat.from_dict(each) for each in [*outputs, {**result, "execution_count": None}]]  # type: ignore[no-untyped-call]
