"""Fingerprints: which runs of symbols a stream holds, and which of them explain themselves.

Winnowing, after Schleimer, Wilkerson and Aiken (2003): every run of ``RUN`` symbols is hashed, and
of each ``WINDOW`` neighbouring hashes the smallest is kept. Two streams that share ``RUN + WINDOW -
1`` symbols in a row share a fingerprint, wherever these stand; nothing shorter than ``RUN`` counts.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from autograder.similarity.tokens import Codes

RUN = 16
WINDOW = 5
_KINDS = 5  # different symbols that a run needs; tables of numbers or texts have fewer
_BASE = np.uint64(0x9E3779B97F4A7C15)  # any odd number; nothing depends on which
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(32)

Flags = NDArray[np.bool_]


def hashes(codes: Codes, run: int = RUN) -> Codes:
    """Hash every run of symbols; number i begins at symbol i."""
    many = len(codes) - run + 1
    if many <= 0:
        return np.zeros(0, dtype=np.uint64)
    total = np.zeros(many, dtype=np.uint64)
    for offset in range(run):  # a polynomial modulo 2**64
        total = total * _BASE + codes[offset : offset + many]
    total = (total ^ (total >> _SHIFT)) * _MIX  # so that the smallest is any of them
    mixed: Codes = total ^ (total >> _SHIFT)
    return mixed


def covered(starts: Flags, length: int, run: int = RUN) -> Flags:
    """Mark every symbol that lies in one of the runs.

    Args:
        starts: For each run, whether it is one of those meant.
        length: How many symbols the stream has.
        run: The length of a run.
    """
    steps = np.zeros(length + 1, dtype=np.int64)
    at = np.flatnonzero(starts)
    np.add.at(steps, at, 1)
    np.add.at(steps, at + run, -1)
    inside: Flags = np.cumsum(steps[:length]) > 0
    return inside


def clear(explained: Flags, run: int = RUN) -> Flags:
    """For each run, whether none of its symbols is explained."""
    if len(explained) < run:
        return np.zeros(0, dtype=np.bool_)
    before = np.concatenate([[0], np.cumsum(explained)])
    free: Flags = before[run:] == before[:-run]
    return free


def telling(codes: Codes, run: int = RUN) -> Flags:
    """For each run, whether it is more than a table of numbers or texts."""
    if len(codes) < run:
        return np.zeros(0, dtype=np.bool_)
    rows = np.sort(sliding_window_view(codes, run), axis=1)
    enough: Flags = (np.diff(rows, axis=1) != 0).sum(axis=1) >= _KINDS - 1
    return enough


def winnow(found: Codes, usable: Flags, window: int = WINDOW) -> Codes:
    """Return the fingerprints of a stream, sorted, each once.

    Args:
        found: The hashes of its runs.
        usable: Which of them may become fingerprints. No window reaches over those that may not,
            so that what is explained does not change the fingerprints beside it.
        window: Of how many neighbours the smallest is kept.
    """
    kept = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2):
        piece = found[start:end]
        if len(piece) > window:
            piece = sliding_window_view(piece, window).min(axis=1)
        elif len(piece):
            piece = piece.min(keepdims=True)
        kept.append(piece)
    return np.unique(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.uint64)
