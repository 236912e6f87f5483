"""A class compared: what is explained is set aside, the rest of each pair is laid side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autograder.similarity.fingerprints import (
    RUN,
    WINDOW,
    Flags,
    clear,
    covered,
    hashes,
    telling,
    winnow,
)
from autograder.similarity.tiles import Index, Tile, index, tiles
from autograder.similarity.tokens import Codes, Stream

_GAP = 3  # lines between two stretches that are shown as one
_FEW = 7  # so many may share something, however small the class, before it counts as common
_NONE: Codes = np.zeros(0, dtype=np.uint64)  # so that there is always something to put together


@dataclass(frozen=True)
class Rules:
    """What is looked for. How the numbers were found is told in ``docs/instructor.md``.

    Attributes:
        share: A pair is named when it shares at least this part of what is one of the two's own,
        stretch: or when it has one stretch of so many symbols without a difference;
        least: and shares at least so many symbols in all.
        common: What more than this part of the class has is taken for common knowledge.
    """

    share: float = 0.3
    stretch: int = 60
    least: int = 60
    common: float = 0.1

    def name(self, symbols: int, share: float, longest: int) -> bool:
        """Whether a pair that shares so much is to be named."""
        return symbols >= self.least and (share >= self.share or longest >= self.stretch)


@dataclass(frozen=True)
class Work:
    """What one student handed in, to be compared.

    Attributes:
        student: The student's stable name.
        files: Source text by file name.
        stream: Its symbols.
    """

    student: str
    files: dict[str, str]
    stream: Stream


@dataclass(frozen=True)
class Region:
    """A stretch that two have in common; lines are counted from 1, the last one is included."""

    left_file: str
    left: tuple[int, int]
    right_file: str
    right: tuple[int, int]
    symbols: int


@dataclass(frozen=True)
class Pair:
    """Two students who share more than is explained.

    Attributes:
        left: Number of one work.
        right: Number of the other.
        symbols: How many symbols they share.
        left_share: Which part that is of the one's own symbols.
        right_share: And of the other's.
        longest: The longest stretch without a difference, in symbols.
        regions: The stretches, merged where only a line or two lies between them.
        tiles: Each stretch without a difference.
    """

    left: int
    right: int
    symbols: int
    left_share: float
    right_share: float
    longest: int
    regions: tuple[Region, ...]
    tiles: tuple[Region, ...]

    @property
    def share(self) -> float:
        """The greater of the two shares: a copy may be hidden among much that is one's own."""
        return max(self.left_share, self.right_share)


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Attributes:
        works: All that was compared, in the order of the students.
        own: How many symbols of each work nothing explains.
        pairs: Those to look at, what shares most first.
    """

    works: tuple[Work, ...]
    own: tuple[int, ...]
    pairs: tuple[Pair, ...]

    @property
    def groups(self) -> list[list[int]]:
        """Three or more who hang together by pairs, as numbers of their works."""
        group = list(range(len(self.works)))
        for pair in self.pairs:
            old, new = sorted((group[pair.left], group[pair.right]), reverse=True)
            group = [new if each == old else each for each in group]
        found: dict[int, list[int]] = {}
        for at, each in enumerate(group):
            found.setdefault(each, []).append(at)
        return [members for members in found.values() if len(members) > 2]


@dataclass(frozen=True)
class _Prepared:
    own: int
    prints: Codes
    index: Index


def compare(
    works: Sequence[Work],
    known: Sequence[Stream],
    rules: Rules,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Compare every two works of a class.

    Args:
        works: What was handed in.
        known: What explains itself: the stub, the reference, other right answers.
        rules: What is looked for.
        step: Told how many of how many pairs have been laid side by side.
    """
    ordered = sorted(works, key=lambda work: work.student)
    runs = [hashes(work.stream.codes) for work in ordered]
    explained = np.unique(np.concatenate([_NONE, *(hashes(each.codes) for each in known)]))
    common = _common(runs, max(_FEW, int(rules.common * len(ordered))))
    prepared = [
        _prepare(work.stream, found, explained, common)
        for work, found in zip(ordered, runs, strict=True)
    ]
    candidates = _candidates(prepared, rules)
    pairs = []
    for done, (left, right) in enumerate(candidates):
        step(done, len(candidates))
        pair = _pair(left, right, ordered, prepared)
        if rules.name(pair.symbols, pair.share, pair.longest):
            pairs.append(pair)
    pairs.sort(key=lambda pair: (-pair.symbols, -pair.share, pair.left, pair.right))
    return Comparison(tuple(ordered), tuple(each.own for each in prepared), tuple(pairs))


def _common(runs: Sequence[Codes], most: int) -> Codes:
    """The runs that more than so many works hold."""
    each = [np.unique(found) for found in runs]
    together = np.sort(np.concatenate([_NONE, *each]))
    # Sorted, a value that stands in more than so many places equals the one so many further on.
    frequent: Codes = np.unique(together[:-most][together[:-most] == together[most:]])
    return frequent


def _among(found: Codes, values: Codes) -> Flags:
    """Which of the hashes are among sorted values; quicker here than ``np.isin``."""
    if not len(values):
        return np.zeros(len(found), dtype=np.bool_)
    at = np.minimum(np.searchsorted(values, found), len(values) - 1)
    same: Flags = values[at] == found
    return same


def _prepare(stream: Stream, found: Codes, explained: Codes, common: Codes) -> _Prepared:
    length = len(stream)
    known = covered(_among(found, explained) | _among(found, common), length)
    known |= stream.codes == 0
    usable: Flags = clear(known) & telling(stream.codes)
    return _Prepared(
        own=int(length - known.sum()),
        prints=winnow(found, usable),
        index=index(found, usable, length),
    )


def _candidates(prepared: Sequence[_Prepared], rules: Rules) -> list[tuple[int, int]]:
    """Pairs that share fingerprints, the most promising first."""
    owner = np.concatenate(
        [np.zeros(0, dtype=np.intp)]
        + [np.full(len(each.prints), at, dtype=np.intp) for at, each in enumerate(prepared)]
    )
    prints = np.concatenate([_NONE, *(each.prints for each in prepared)])
    order = np.lexsort((owner, prints))
    owner, prints = owner[order], prints[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(prints)) + 1, [len(prints)]])
    codes = [np.zeros(0, dtype=np.intp)]
    sizes = np.diff(starts)
    for size in np.unique(sizes[sizes > 1]):
        first = starts[:-1][sizes == size]
        groups = owner[first[:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        codes.append((groups[:, left] * len(prepared) + groups[:, right]).ravel())
    found, counts = np.unique(np.concatenate(codes), return_counts=True)
    return _promising(found, counts, prepared, rules)


def _promising(
    found: NDArray[np.intp],
    counts: NDArray[np.intp],
    prepared: Sequence[_Prepared],
    rules: Rules,
) -> list[tuple[int, int]]:
    """Of pairs and how many fingerprints they share, those that may share enough symbols."""
    left, right = np.divmod(found, len(prepared))
    prints = np.array([max(1, len(each.prints)) for each in prepared])
    own = np.array([each.own for each in prepared])
    fewest = np.minimum(prints[left], prints[right])
    # A stretch leaves a fingerprint in every window. Half of what is asked for is enough here,
    # since fingerprints are a sample.
    by_share = counts / fewest / max(rules.share, 0.01)
    by_stretch = counts / max(1.0, (rules.stretch - RUN + 1) / WINDOW)
    promise = np.maximum(by_share, by_stretch)
    good = (np.minimum(own[left], own[right]) >= rules.least) & (promise >= 0.5)
    left, right, promise = left[good], right[good], promise[good]
    order = np.lexsort((right, left, -promise))
    return list(zip(left[order].tolist(), right[order].tolist(), strict=True))


def _pair(left: int, right: int, works: Sequence[Work], prepared: Sequence[_Prepared]) -> Pair:
    laid = tiles(prepared[left].index, prepared[right].index)
    symbols = sum(each.length for each in laid)
    exact = tuple(_region(each, works[left], works[right]) for each in laid)
    return Pair(
        left=left,
        right=right,
        symbols=symbols,
        left_share=symbols / max(1, prepared[left].own),
        right_share=symbols / max(1, prepared[right].own),
        longest=max((each.length for each in laid), default=0),
        regions=tuple(_merged(exact)),
        tiles=exact,
    )


def _region(tile: Tile, left: Work, right: Work) -> Region:
    left_file, left_lines = _lines(left, tile.left, tile.length)
    right_file, right_lines = _lines(right, tile.right, tile.length)
    return Region(left_file, left_lines, right_file, right_lines, tile.length)


def _lines(work: Work, start: int, length: int) -> tuple[str, tuple[int, int]]:
    stream = work.stream
    name = list(work.files)[int(stream.files[start])]
    return name, (int(stream.lines[start]), int(stream.lines[start + length - 1]))


def _merged(regions: Sequence[Region]) -> Iterator[Region]:
    """Put stretches together that follow each other closely on both sides."""
    if not regions:
        return
    last = regions[0]
    for each in regions[1:]:
        same = (last.left_file, last.right_file) == (each.left_file, each.right_file)
        near = all(
            -1 <= new[0] - old[1] <= _GAP
            for old, new in ((last.left, each.left), (last.right, each.right))
        )
        if same and near:
            last = Region(
                last.left_file,
                (last.left[0], max(last.left[1], each.left[1])),
                last.right_file,
                (last.right[0], max(last.right[1], each.right[1])),
                last.symbols + each.symbols,
            )
            continue
        yield last
        last = each
    yield last
