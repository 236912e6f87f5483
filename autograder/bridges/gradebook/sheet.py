"""CSV files as people and spreadsheets write them: any separator, a few encodings, one table."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import CourseError

_SEPARATORS = ",;\t"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Sheet:
    """A table: its header, its rows, each as long as the header, and the line each ends on."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    note: str = ""

    def column(self, names: Collection[str]) -> int | None:
        """Where the first column with one of these names stands; case does not count."""
        wanted = {name.casefold() for name in names}
        return next((i for i, name in enumerate(self.header) if plain_name(name) in wanted), None)


def plain_name(text: str) -> str:
    """A column's name, as names are compared."""
    return text.strip().casefold()


def read_sheet(path: Path, known: Collection[str], what: str) -> Sheet:
    """Read a table.

    Args:
        path: The file.
        known: Names of columns that may be in it: what separates them is what separates cells.
        what: What the file is, for messages: ``"roster"``.

    Raises:
        CourseError: It is no CSV, or a row is not as long as the header.
    """
    text, note = _text(path, what)
    first, _, rest = text.partition("\n")
    declared = first.lower().startswith("sep=") and len(first.rstrip()) == 5
    separator = first[4] if declared else _separator(first, known)
    reader = csv.reader(io.StringIO(rest if declared else text), delimiter=separator, strict=True)
    found: list[tuple[int, tuple[str, ...]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((reader.line_num + declared, tuple(cells)))
    except csv.Error as error:
        line = reader.line_num + declared
        raise CourseError(
            f"The {what} {path}, line {line}: it is no CSV ({error}). Export it again."
        ) from None
    header = tuple(cell.strip() for cell in found[0][1]) if found else ()
    for line, row in found[1:]:
        if len(row) != len(header):
            raise CourseError(
                f"The {what} {path}, line {line}: this row has {len(row)} cells, the header has "
                f"{len(header)}. Export it again."
            )
    return Sheet(path, header, tuple(r for _, r in found[1:]), tuple(n for n, _ in found[1:]), note)


def _separator(first: str, known: Collection[str]) -> str:
    wanted = {name.casefold() for name in known}

    def hits(separator: str) -> int:
        cells = next(csv.reader([first], delimiter=separator), [])
        return sum(plain_name(cell) in wanted for cell in cells)

    return max(_SEPARATORS, key=hits)


def _text(path: Path, what: str) -> tuple[str, str]:
    """Return the text with plain line ends, and a note where its encoding is worth one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"The {what} {path} cannot be read: {error.strerror or error}.") from None
    name = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    note = ""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        # What a spreadsheet of Western Europe saves as “CSV”; only five of its bytes mean nothing.
        note = f"{path} is not UTF-8, and was read as Windows-1252: look at the names in it."
        text = _western(data, path, what)
    if "\0" in text:
        raise CourseError(f"The {what} {path} is no text. Save it as CSV in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n"), note


def _western(data: bytes, path: Path, what: str) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        raise CourseError(
            f"The {what} {path} is neither UTF-8 nor Windows-1252. Save it as CSV in UTF-8."
        ) from None


def write_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV, with commas."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
