"""Inline SVG drawn from numbers alone; no text in it comes from a submission."""

from __future__ import annotations

from markupsafe import Markup

from autograder.reports.statistics import ClassStatistics
from autograder.reports.words import count, number

WIDTH, HEIGHT, TOP, FLOOR, SIDE = 440, 190, 18, 150, 10


def score_histogram(stats: ClassStatistics) -> Markup:
    """Draw how many scores lie in each tenth of the points, with the median marked."""
    bins = stats.histogram
    step = (WIDTH - 2 * SIDE) / len(bins)
    tallest = max((*bins, 1))
    shapes = []
    for i, many in enumerate(bins):
        left, height = SIDE + i * step, (FLOOR - TOP) * many / tallest
        low, high = (number(stats.points * edge / len(bins)) for edge in (i, i + 1))
        tip = f"<title>{count(many, 'submission')} from {low} to {high} points</title>"
        shapes.append(
            f'<g>{tip}<rect class="bar" x="{left + 1.5:.1f}" y="{FLOOR - height:.1f}" '
            f'width="{step - 3:.1f}" height="{height:.1f}" rx="1.5"/>'
            f'<text class="count" x="{left + step / 2:.1f}" y="{FLOOR - height - 5:.1f}">'
            f"{many or ''}</text></g>"
        )
    shapes.append(f'<path class="axis" d="M{SIDE} {FLOOR + 0.5}H{WIDTH - SIDE}"/>')
    for i in range(0, len(bins) + 1, 2):
        edge = number(stats.points * i / len(bins))
        shapes.append(f'<text x="{SIDE + i * step:.1f}" y="{FLOOR + 16}">{edge}</text>')
    if stats.median is not None and stats.points > 0:
        shapes.append(_median(stats.median, stats.points))
    return Markup(
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{_words(bins, stats.points)}">{"".join(shapes)}</svg>'
    )


def _median(median: float, points: float) -> str:
    x = SIDE + (WIDTH - 2 * SIDE) * min(1.0, max(0.0, median / points))
    anchor = min(max(x, 45), WIDTH - 45)
    return (
        f'<path class="median" d="M{x:.1f} {FLOOR + 21}l4.5 7h-9z"/>'
        f'<text class="median" x="{anchor:.1f}" y="{FLOOR + 39}">median {number(median, 1)}</text>'
    )


def _words(bins: tuple[int, ...], points: float) -> str:
    edges = [number(points * i / len(bins)) for i in range(len(bins) + 1)]
    texts = [f"{edges[i]} to {edges[i + 1]}: {many}" for i, many in enumerate(bins) if many]
    return "Submissions by score. " + "; ".join(texts)


def meter(share: float, width: int = 72) -> Markup:
    """Draw a share of one as a thin bar; its number stands beside it."""
    filled = width * min(1.0, max(0.0, share))
    return Markup(
        f'<svg class="meter" width="{width}" height="6" viewBox="0 0 {width} 6" aria-hidden="true">'
        f'<rect class="rail" width="{width}" height="6" rx="3"/>'
        f'<rect class="bar" width="{filled:.1f}" height="6" rx="3"/></svg>'
    )
