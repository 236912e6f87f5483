"""Who an entry belongs to, and a name for that person which is safe as a file name.

The rules, in this order:

1. Canvas, ``lastfirst_123_456_file.py`` (or ``lastfirst_LATE_123_...``): the student is
   ``lastfirst_123``, and all files of that name and id belong together.
2. Moodle, ``Full Name_123_assignsubmission_file_``: the student is ``Full_Name_123``.
3. Anything else: its name without the ending.

A name keeps letters, digits and ``. _ - + @``; a space becomes ``_``. Any other change appends a
hash of the original, so that two people never meet under one name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

_CANVAS = re.compile(r"([^_]+?)(_LATE)?_(\d+)_(\d+)_(.+)", re.DOTALL)
_MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_(?:file|onlinetext)_?(.*)", re.DOTALL)
_ENDING = re.compile(r"(\.tar\.gz|\.tar\.[a-z0-9]{1,4}|\.[A-Za-z][A-Za-z0-9]{0,5}|\.7z)\Z")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_LONGEST = 80


@dataclass(frozen=True)
class Who:
    """What an entry's name says.

    Attributes:
        key: The person, before the name is made safe; equal keys are the same person.
        file: The file's own name, without what the learning platform put before it.
        platform: Whether a learning platform made the name, so that several belong together.
        identity: The id in such a name, as ``canvas:123`` or ``moodle:77``.
        late: Whether Canvas marked it late.
    """

    key: str
    file: str
    platform: bool
    identity: str = ""
    late: bool = False


def identify(name: str, is_folder: bool) -> Who:
    """Find the person and the file in the name of an entry."""
    name = unicodedata.normalize("NFC", name)
    if match := _MOODLE.fullmatch(name):
        return Who(f"{match[1]}_{match[2]}", match[3] or name, True, f"moodle:{match[2]}")
    if match := _CANVAS.fullmatch(name):
        late = match[2] is not None
        return Who(f"{match[1]}_{match[3]}", match[5], True, f"canvas:{match[3]}", late)
    stem = name if is_folder else _ENDING.sub("", name) or name
    return Who(stem, name, False)


def safe(key: str, hashed: int = 0) -> str:
    """Make a name safe for any file system and shell.

    Args:
        key: The person's name as found.
        hashed: How many digits of a hash to append whatever the name, to tell it from another.
    """
    spaced = key.replace(" ", "_")
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode("ascii")
    kept = re.sub(r"[^A-Za-z0-9._+@-]", "_", plain).lstrip("._-+@").rstrip(".")[:_LONGEST]
    if _RESERVED.fullmatch(kept):
        kept = f"student-{kept}"
    kept = kept or "student"
    if kept == spaced and not hashed:
        return kept
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kept}-{digest[: hashed or 8]}"


def distinct(keys: list[str]) -> dict[str, str]:
    """Give each person a safe name of their own, also where upper and lower case are one."""
    names = {key: safe(key) for key in keys}
    for digits in (8, 16, 64):
        count: dict[str, int] = {}
        for name in names.values():
            count[name.casefold()] = count.get(name.casefold(), 0) + 1
        clashing = [key for key in keys if count[names[key].casefold()] > 1]
        if not clashing:
            break
        names.update({key: safe(key, digits) for key in clashing})
    return names
