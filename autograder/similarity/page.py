"""The pairs of a class as one HTML file: no network, safe to open and to pass on.

Built like the report of a class: a content security policy lets one script and one style sheet
live, and what students wrote reaches the page as text only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.course import Assignment
from autograder.reports.charts import meter
from autograder.reports.html import content_policy
from autograder.reports.payload import embed
from autograder.reports.words import count, line
from autograder.show import clean
from autograder.similarity.compare import Comparison, Pair, Region, Rules, Work
from autograder.similarity.reading import Unread

MOST_PAIRS = 200
_WIDEST = 400
_TEMPLATES = Path(__file__).parent / "templates"


def similarity_html(
    comparison: Comparison,
    unread: Sequence[Unread],
    assignment: Assignment,
    rules: Rules,
    *,
    engine_version: str,
) -> str:
    """Return the pairs, side by side, as one self-contained HTML page.

    Args:
        comparison: What was found.
        unread: Submissions that were not compared.
        assignment: What was handed in.
        rules: What was looked for.
        engine_version: The version of the grader, shown in the header.
    """
    script, style = _read("similarity.js"), _read("similarity.css")
    shown = comparison.pairs[:MOST_PAIRS]
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(meter=meter, count=count)
    return environment.get_template("similarity.html.j2").render(
        assignment=assignment,
        engine_version=engine_version,
        policy=content_policy(script, style),
        script=Markup(script),
        style=Markup(style),
        payload=Markup(embed(_payload(shown, comparison.works))),
        comparison=comparison,
        rules=rules,
        rows=[
            (pair, _name(comparison, pair.left), _name(comparison, pair.right)) for pair in shown
        ],
        groups=[[_name(comparison, at) for at in group] for group in comparison.groups],
        unread=[(line(each.student, 80), line(each.reason)) for each in unread],
        little=sum(own < rules.least for own in comparison.own),
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _name(comparison: Comparison, at: int) -> str:
    return line(comparison.works[at].student, 80) or "(no name)"


def _payload(pairs: Sequence[Pair], works: Sequence[Work]) -> dict[str, Any]:
    """Sources once, by number of the student; of each pair what is alike."""
    wanted = sorted({at for pair in pairs for at in (pair.left, pair.right)})
    return {
        "works": {str(at): _source(works[at]) for at in wanted},
        "pairs": [_pair(pair, works) for pair in pairs],
    }


def _source(work: Work) -> dict[str, Any]:
    files = [
        [line(name, 80), [clean(row, _WIDEST) for row in text.split("\n")]]
        for name, text in work.files.items()
    ]
    return {"name": line(work.student, 80), "files": files}


def _pair(pair: Pair, works: Sequence[Work]) -> dict[str, Any]:
    left, right = (list(works[at].files) for at in (pair.left, pair.right))
    return {
        "left": pair.left,
        "right": pair.right,
        "regions": _spans(pair.regions, left, right),
        "exact": _spans(pair.tiles, left, right),
    }


def _spans(regions: Iterable[Region], left: list[str], right: list[str]) -> list[list[int]]:
    return [
        [left.index(each.left_file), *each.left, right.index(each.right_file), *each.right]
        for each in regions
    ]
