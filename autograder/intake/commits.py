"""Commits of a git repository, read as plain bytes.

git itself is never run: the settings of a repository that a stranger made can start programs. The
formats are those of gitrepository-layout(5) and gitformat-pack(5). Whatever the bytes are, reading
them ends soon: no link is followed, nothing is taken that does not hash to its own name, and the
sizes of commits and of chains of deltas are bounded.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from autograder.intake.folders import open_regular
from autograder.intake.values import Refused

MOST_COMMIT = 2**17
_MOST_DELTAS = 2**20
_LONGEST_CHAIN = 300
_MOST_PACKS = 100
_CHUNK = 2**14
_COMMIT, _OFFSET_DELTA, _NAME_DELTA = 1, 6, 7
_INDEX = re.compile(r"pack-[0-9a-f]{40,64}\.idx")
_MARK = b"\xfftOc\x00\x00\x00\x02"
_TABLE = len(_MARK) + 4 * 256


class Unreadable(Exception):
    """What is asked of a repository cannot be read; the message says why."""


class _Damaged(Exception):
    """The bytes are not as their format says."""


def open_inside(git: Path, name: str) -> BinaryIO | None:
    """Open an ordinary file of a repository; None where there is none.

    Raises:
        Unreadable: It is reached through a link, or is no ordinary file.
    """
    path = git / name
    if os.path.realpath(path) != os.path.join(os.path.realpath(git), *name.split("/")):
        raise Unreadable(f"{name} is reached through a link")
    try:
        return open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, Refused):
        raise Unreadable(f"{name} cannot be opened") from None


def read_inside(git: Path, name: str, most: int) -> bytes | None:
    """Read an ordinary file of a repository; None where there is none.

    Raises:
        Unreadable: It is larger than ``most`` bytes, or nothing to read.
    """
    stream = open_inside(git, name)
    if stream is None:
        return None
    with stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise Unreadable(f"{name} is larger than {most:,} bytes")
    return data


def read_commit(git: Path, name: str) -> bytes:
    """Return the text of a commit by its hexadecimal name.

    Raises:
        Unreadable: It is not there, is no commit, or is damaged.
    """
    try:
        found = _loose(git, name) or _packed(git, bytes.fromhex(name))
    except (_Damaged, OSError, IndexError, OverflowError, zlib.error):
        raise Unreadable(f"the commit {name[:12]} is damaged") from None
    if found is None:
        raise Unreadable(f"the commit {name[:12]} is not in it")
    whole = b"commit %d\0%b" % (len(found), found)
    make = hashlib.sha1 if len(name) == 40 else hashlib.sha256
    if make(whole, usedforsecurity=False).hexdigest() != name:
        raise Unreadable(f"the commit {name[:12]} is damaged")
    return found


def _loose(git: Path, name: str) -> bytes | None:
    stream = open_inside(git, f"objects/{name[:2]}/{name[2:]}")
    if stream is None:
        return None
    with stream:
        head, _, body = _inflate(stream, MOST_COMMIT + 32).partition(b"\0")
    if not head.startswith(b"commit "):
        raise Unreadable(f"{name[:12]} is no commit")
    return body


def _packed(git: Path, name: bytes) -> bytes | None:
    folder = git / "objects" / "pack"
    if not folder.is_dir():
        return None
    names = sorted(item.name for item in islice(os.scandir(folder), 10 * _MOST_PACKS))
    for file in [each for each in names if _INDEX.fullmatch(each)][:_MOST_PACKS]:
        index = open_inside(git, f"objects/pack/{file}")
        if index is None:
            continue
        with index:
            if (offset := _offset(index, name)) is None:
                continue
            pack = open_inside(git, f"objects/pack/{file.removesuffix('.idx')}.pack")
            if pack is None:
                continue
            with pack:
                return _entry(index, pack, offset, len(name))
    return None


def _offset(index: BinaryIO, name: bytes) -> int | None:
    """Look a name up in a pack's index: a table by first byte, then names in order."""
    if _at(index, 0, len(_MARK)) != _MARK:
        raise Unreadable("its pack has an index of an unknown version")
    low = _number(index, len(_MARK) + 4 * (name[0] - 1)) if name[0] else 0
    high = _number(index, len(_MARK) + 4 * name[0])
    count = _number(index, _TABLE - 4)
    while low < high:
        middle = (low + high) // 2
        here = _at(index, _TABLE + middle * len(name), len(name))
        if here == name:
            offsets = _TABLE + count * (len(name) + 4)
            offset = _number(index, offsets + 4 * middle)
            if offset >= 2**31:
                raise Unreadable("its pack is larger than 2 GB")
            return offset
        low, high = (middle + 1, high) if here < name else (low, middle)
    return None


def _entry(index: BinaryIO, pack: BinaryIO, offset: int, width: int) -> bytes:
    """Read a commit from a pack, through the deltas that it is kept as."""
    deltas: list[bytes] = []
    while len(deltas) < _LONGEST_CHAIN and sum(map(len, deltas)) <= _MOST_DELTAS:
        pack.seek(offset)
        head = pack.read(20 + width)
        kind, at = head[0] >> 4 & 7, _past_size(head, 0)  # sizes are said; the hash is the check
        base: int | None = None
        if kind == _OFFSET_DELTA:
            back, at = _back(head, at)
            base = offset - back
        elif kind == _NAME_DELTA:
            base = _offset(index, head[at : at + width])
            at += width
        elif kind != _COMMIT:
            raise Unreadable("what its branch names is no commit")
        pack.seek(offset + at)
        data = _inflate(pack, MOST_COMMIT)
        if kind == _COMMIT:
            return _rebuilt(data, deltas)
        if base is None or base <= 0:
            raise _Damaged
        deltas.append(data)
        offset = base
    raise Unreadable("its commit is kept as too long a chain of changes")


def _back(head: bytes, at: int) -> tuple[int, int]:
    """How far back the base of a delta lies: seven bits a byte, each further one counts from 1."""
    back = head[at] & 0x7F
    while head[at] & 0x80:
        at += 1
        back = (back + 1 << 7) | head[at] & 0x7F
    return back, at + 1


def _rebuilt(data: bytes, deltas: list[bytes]) -> bytes:
    for delta in reversed(deltas):
        data = _apply(data, delta)
    return data


def _apply(base: bytes, delta: bytes) -> bytes:
    """Apply a delta: copies from the base, and bytes of its own. The hash tells whether it fits."""
    at = _past_size(delta, _past_size(delta, 0))
    out = bytearray()
    while at < len(delta) and len(out) <= MOST_COMMIT:
        order = delta[at]
        at += 1
        if order & 0x80:
            start = size = 0
            for place in range(7):
                if order >> place & 1:
                    if place < 4:
                        start |= delta[at] << 8 * place
                    else:
                        size |= delta[at] << 8 * (place - 4)
                    at += 1
            out += base[start : start + (size or 0x10000)]
        else:
            out += delta[at : at + order]
            at += order
    return bytes(out)


def _past_size(delta: bytes, at: int) -> int:
    while delta[at] & 0x80:
        at += 1
    return at + 1


def _inflate(stream: BinaryIO, most: int) -> bytes:
    """Inflate what starts here, and no more than ``most`` bytes of it."""
    inflater = zlib.decompressobj()
    out, spent = b"", 0
    while not inflater.eof and len(out) <= most:
        chunk = inflater.unconsumed_tail or stream.read(_CHUNK)
        spent += len(chunk)
        if not chunk or spent > 8 * most:  # blocks of nothing inflate to nothing for ever
            raise _Damaged
        out += inflater.decompress(chunk, most + 1 - len(out))
    if len(out) > most:
        raise Unreadable(f"its commit is larger than {most:,} bytes")
    return out


def _number(stream: BinaryIO, place: int) -> int:
    return int.from_bytes(_at(stream, place, 4), "big")


def _at(stream: BinaryIO, place: int, size: int) -> bytes:
    stream.seek(place)
    data = stream.read(size)
    if len(data) != size:
        raise _Damaged
    return data
