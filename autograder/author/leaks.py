"""Searches a tree of files for secrets: in text, inside notebooks and inside archives."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.author.secrets import Secret, digests, normal, secrets
from autograder.course import Assignment

_COMPILED = (".pyc", ".pyo")
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".tgz": gzip.decompress,
    ".xz": lzma.decompress,
}
_WORD = re.compile(r"\w+")


def find_leaks(assignments: Sequence[Assignment], tree: Path) -> list[str]:
    """Return one line for each secret found in a tree, naming the file and the secret.

    Compiled Python and whole files of solutions/ count as leaks whatever they hold.
    """
    staff = [each for each in assignments if each.has_solutions]
    known = [secret for each in staff for secret in secrets(each)]
    whole = {digest: name for each in staff for digest, name in digests(each).items()}
    inner = [(secret, _inner_words(secret.text)) for secret in known]
    found: list[str] = []
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            for name, data in _unpacked(str(path.relative_to(tree)), path.read_bytes()):
                found += _search(name, data, inner, whole)
    return found


def _search(
    name: str,
    data: bytes,
    inner: list[tuple[Secret, frozenset[str]]],
    whole: Mapping[str, str],
) -> Iterator[str]:
    copied = whole.get(hashlib.sha256(data).hexdigest())
    if copied:
        yield f"{name} is {copied}."
    if name.endswith(_COMPILED):
        yield f"{name} is compiled Python, in which code can hide."
    text = normal("\n".join(_texts(name, data)))
    words = set(_WORD.findall(text))
    for secret, needed in inner:
        if needed <= words and _occurs(secret.text, text):
            yield f"{name} holds {secret.what}: {secret.text}"


def _inner_words(text: str) -> frozenset[str]:
    """Words that a text must have to hold this one; the outer two may be cut from longer ones."""
    return frozenset(_WORD.findall(text)[1:-1])


def _occurs(secret: str, text: str) -> bool:
    """Whether a text holds a secret; one without blanks, an id, must stand there on its own."""
    if secret not in text or " " in secret:
        return secret in text
    return re.search(rf"(?<![\w.]){re.escape(secret)}(?!\w|\.\w)", text) is not None


def _texts(name: str, data: bytes) -> Iterator[str]:
    """The text of a file, and for JSON, notebooks among them, its strings as they read."""
    text = data.decode("utf-8", errors="replace")
    yield text
    if name.endswith((".ipynb", ".json")):
        try:
            yield from _strings(json.loads(text))
        except ValueError:
            return


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and if it is an archive all that it holds, archives inside archives too."""
    yield name, data
    if data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield from _unpacked(f"{name}!{entry.filename}", archive.read(entry))
        return
    if _is_tar(data):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member)
                if file:
                    yield from _unpacked(f"{name}!{member.name}", file.read())
        return
    unpack = _UNPACK.get(Path(name).suffix)
    if unpack:
        yield from _unpacked(f"{name}!{Path(name).stem}", unpack(data))


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"
