"""A class as one HTML file: no network, no dependencies, safe to open and to pass on.

A strict content security policy is part of the file: only the one script and the one style sheet
whose hashes it names are live, whatever a submission managed to print.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.course import Assignment
from autograder.reports.charts import meter, score_histogram
from autograder.reports.payload import payload
from autograder.reports.rows import concerns, student_row
from autograder.reports.statistics import class_statistics
from autograder.reports.words import count, line, number, word
from autograder.results import Report

_TEMPLATES = Path(__file__).parent / "templates"


def class_html(reports: Sequence[Report], assignment: Assignment, *, engine_version: str) -> str:
    """Return the report of a class as one self-contained HTML page.

    Args:
        reports: One for each submission, in any order.
        assignment: What they handed in.
        engine_version: The version of the grader, shown in the header.
    """
    ordered = sorted(reports, key=lambda report: (report.student.casefold(), report.key))
    names = [part.name for part in assignment.parts]
    script, style = _read("report.js"), _read("report.css")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            assignment=assignment,
            engine_version=engine_version,
            policy=content_policy(script, style),
            script=Markup(script),
            style=Markup(style),
            payload=Markup(payload(ordered)),
            stats=class_statistics(ordered),
            names=names,
            rows=[student_row(report, names) for report in ordered],
            concerns=concerns(ordered),
            rungs=_tally(report.rung for report in ordered),
            seeds=_tally(str(report.seed) for report in ordered),
            weak=sum(report.rung == "process" for report in ordered),
        )
    )


def content_policy(script: str, style: str) -> str:
    """Return the policy that lets exactly this script and this style sheet live."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _tally(values: Iterable[str]) -> str:
    counts = Counter(values)
    if len(counts) == 1:
        return line(next(iter(counts)), 60)
    return ", ".join(f"{line(value, 60)} ({many})" for value, many in sorted(counts.items()))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(meter=meter, histogram=score_histogram, count=count, word=word)
    environment.filters.update(number=number, line=line)
    return environment
