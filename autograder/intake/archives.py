"""Read archives into memory. Nothing is written to disk, and no header is believed."""

from __future__ import annotations

import gzip
import io
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable
from typing import IO

from autograder.intake.tree import MOST_BYTES, MOST_ENTRIES, Tree, inside
from autograder.intake.values import Refused, shown

_CHUNK = 2**16
_ENTRY_MARK = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_archive(name: str, data: bytes, tree: Tree) -> None:
    """Read an archive's files into a tree.

    Raises:
        Refused: It is damaged, encrypted, too large, or holds what no archive should.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"{shown(name)} is larger than {MOST_BYTES // 2**20} MB.")
    reader: Callable[[bytes, Tree], None] = (
        _read_zip if name.casefold().endswith(".zip") else _read_tar
    )
    try:
        reader(data, tree)
    except Refused:
        raise
    except Exception as error:  # parsers of hostile bytes raise anything
        kind = "zip" if reader is _read_zip else "tar"
        raise Refused(
            f"{shown(name)} is damaged, cut off or no {kind} archive at all ({_cause(error)})."
        ) from None


def _cause(error: Exception) -> str:
    return shown(str(error).rstrip(".") or type(error).__name__)


def _read_zip(data: bytes, tree: Tree) -> None:
    if data.count(_ENTRY_MARK) > 10 * MOST_ENTRIES:
        raise Refused(f"It holds more than {MOST_ENTRIES:,} files and folders.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            tree.count()
            path = inside(info.filename)
            if info.flag_bits & 0x1:
                raise Refused("The archive is encrypted: make one without a password.")
            if not path or info.is_dir():
                continue
            if info.compress_type not in _METHODS:
                raise Refused(f"{shown(path)} is compressed in an unusual way: make a plain zip.")
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                with archive.open(info) as stream:
                    target = stream.read(4096).decode("utf-8", "replace")
                tree.link(path, target, posixpath.dirname(path))
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Refused(f"{shown(path)} is a device or a pipe, not a file.")
            with archive.open(info) as stream:
                _keep(path, stream, tree)


def _read_tar(data: bytes, tree: Tree) -> None:
    plain = _unzip(data) if data[:2] == b"\x1f\x8b" else data
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for info in archive:
            tree.count()
            path = inside(info.name)
            if not path or info.isdir():
                continue
            if info.issym():
                tree.link(path, info.linkname, posixpath.dirname(path))
            elif info.islnk():
                tree.link(path, info.linkname, "")
            elif not info.isreg():
                raise Refused(f"{shown(path)} is a device or a pipe, not a file.")
            elif (stream := archive.extractfile(info)) is not None:
                _keep(path, stream, tree)
    if plain[-512:].strip(b"\0"):
        raise Refused("The archive is cut off: its end is missing.")


def _unzip(data: bytes) -> bytes:
    most = MOST_BYTES + 4 * 1024 * MOST_ENTRIES
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        plain = stream.read(most + 1)
    if len(plain) > most:
        raise Refused(f"It unpacks to more than {MOST_BYTES // 2**20} MB.")
    return plain


def _keep(path: str, stream: IO[bytes], tree: Tree) -> None:
    wanted = tree.sort_in(path)
    chunks: list[bytes] = []
    while chunk := stream.read(_CHUNK):
        tree.spend(len(chunk))
        if wanted:
            chunks.append(chunk)
    if wanted:
        tree.add(path, b"".join(chunks))
