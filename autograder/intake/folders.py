"""Read folders and single files from the disk, following no link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from autograder.intake.archives import read_archive
from autograder.intake.kinds import Kind, in_cache, kind_of
from autograder.intake.tree import MOST_BYTES, MOST_SOURCE, Tree
from autograder.intake.values import Refused, shown


def read_folder(folder: Path, tree: Tree) -> None:
    """Read a folder into a tree; where it holds one archive and no source, that archive.

    Raises:
        Refused: It holds too much, a link that leads out, or a device.
    """
    before = len(tree.archives)
    archives: list[tuple[str, Path]] = []
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        for item in sorted(os.scandir(place), key=lambda entry: entry.name):
            path = prefix + item.name
            if in_cache(path):
                tree.others.append(path)
                continue
            tree.count()
            if item.is_symlink():
                _link(Path(item.path), path, folder, tree)
            elif item.is_dir(follow_symlinks=False):
                waiting.append((Path(item.path), f"{path}/"))
            elif not item.is_file(follow_symlinks=False):
                raise Refused(f"{shown(path)} is a device or a pipe, not a file.")
            elif kind_of(path) is Kind.ARCHIVE:
                archives.append((path, Path(item.path)))
            elif tree.sort_in(path):
                tree.add(path, _bytes(Path(item.path), tree))
    if len(archives) == 1 and not tree.files and len(tree.archives) == before:
        name, place = archives[0]
        read_archive_file(name, place, tree)
        tree.notes.append(f"The files were taken out of {shown(name)}.")
    else:
        tree.archives += [name for name, _ in archives]


def read_archive_file(name: str, path: Path, tree: Tree) -> None:
    """Read an archive on the disk into a tree.

    Raises:
        Refused: It cannot be used.
    """
    read_archive(name, read_bytes(path, MOST_BYTES + 1), tree)


def read_file(name: str, path: Path, tree: Tree) -> None:
    """Read a single source or notebook into a tree.

    Raises:
        Refused: It is too large, or no ordinary file.
    """
    tree.count()
    tree.add(name, _bytes(path, tree))


def read_bytes(path: Path, most: int) -> bytes:
    """Read the first bytes of an ordinary file.

    Raises:
        Refused: It is a pipe or a device.
    """
    with open_regular(path) as stream:
        return stream.read(most)


def open_regular(path: Path) -> BinaryIO:
    """Open an ordinary file, without waiting where it is none.

    Raises:
        Refused: It is a pipe or a device.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused(f"{shown(path.name)} is a device or a pipe, not a file.")
    return open(handle, "rb")


def _bytes(path: Path, tree: Tree) -> bytes:
    source = kind_of(path.name) is Kind.SOURCE
    data = read_bytes(path, MOST_SOURCE + 1 if source else MOST_BYTES + 1)
    tree.spend(len(data))
    return data


def _link(link: Path, path: str, root: Path, tree: Tree) -> None:
    target = os.readlink(link)
    if not Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root)):
        raise Refused(f"{shown(path)} is a link to {shown(target)}, which is outside of it.")
    tree.links.append(path)
