"""The pairs as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from autograder.reports.table import guard
from autograder.similarity.compare import Comparison, Region

HEADER = (
    "student",
    "other",
    "shared symbols",
    "share of student",
    "share of other",
    "longest stretch",
    "where",
)


def pairs_csv(comparison: Comparison) -> str:
    """Return one row a pair, in the order of the page."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for pair in comparison.pairs:
        writer.writerow(
            [
                guard(comparison.works[pair.left].student),
                guard(comparison.works[pair.right].student),
                pair.symbols,
                f"{pair.left_share:.3f}",
                f"{pair.right_share:.3f}",
                pair.longest,
                guard("; ".join(_where(region) for region in pair.regions)),
            ]
        )
    return out.getvalue()


def _where(region: Region) -> str:
    left = f"{region.left_file}:{region.left[0]}-{region.left[1]}"
    return f"{left} = {region.right_file}:{region.right[0]}-{region.right[1]}"
