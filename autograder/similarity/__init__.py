"""Where two submissions share more than the stub explains: places to look, never a verdict."""

from autograder.similarity.compare import Comparison, Pair, Region, Rules, Work, compare
from autograder.similarity.reading import Unread, known_streams, read_class

__all__ = [
    "Comparison",
    "Pair",
    "Region",
    "Rules",
    "Unread",
    "Work",
    "compare",
    "known_streams",
    "read_class",
]
