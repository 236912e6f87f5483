"""From the bytes of a source file to its text."""

from __future__ import annotations

import codecs
import io
import re
import tokenize

from autograder.intake.values import shown

_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KNOWN = re.compile(
    r"utf-8(-sig)?|ascii|iso8859-\d+|cp\d+|mac-\w+|koi8-\w|gb\w+|big5\w*|shift_jis\w*|euc_\w+"
    r"|johab|tis-620"
)
_COOKIE = re.compile(r"\A((?:[^\n]*\n)?[ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")


class Undecodable(Exception):
    """The bytes are no text that Python would read; the message says why."""


def decode(data: bytes) -> tuple[str, str]:
    r"""Return the text with ``\n`` line ends, and how it was decoded if that is worth a note.

    Raises:
        Undecodable: It is in no encoding that can be told, or holds NUL.
    """
    text, how = _decode(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Undecodable(f"line {line}: the file holds a NUL byte, so it is no text")
    return text, how


def _decode(data: bytes) -> tuple[str, str]:
    for mark, name in _WIDE:
        if data.startswith(mark):
            return _text(data, name), name.upper()
    try:
        found, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, UnicodeDecodeError, LookupError, ValueError):
        found = "utf-8"
        if match := _COOKIE.match(data[:400].decode("latin-1")):
            name = match[2].casefold()
            if name.replace("_", "-") not in ("utf-8", "utf8"):
                raise Undecodable(
                    f"the file declares the encoding {shown(match[2])!r}, which Python does not "
                    "know or the file is not in: save it as UTF-8"
                ) from None
    encoding = codecs.lookup(found).name
    if not _KNOWN.fullmatch(encoding):
        raise Undecodable(
            f"the file declares the encoding {shown(encoding)!r}: save it as UTF-8 instead"
        )
    text = _text(data, encoding)
    if encoding in ("utf-8", "utf-8-sig", "ascii"):
        return text, ""
    return _COOKIE.sub(r"\1utf-8", text, count=1), encoding


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = data[error.start]
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        raise Undecodable(
            f"line {line}: the byte 0x{byte:02x} is not {name}: save the file as UTF-8"
        ) from None
    except (LookupError, ValueError):
        raise Undecodable(f"the file is not {encoding} text: save it as UTF-8") from None
