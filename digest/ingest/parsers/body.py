"""Turn the bytes of any source into text: limit the size, unpack, decode."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from dataclasses import dataclass, field

from digest.ingest.parsers.feed import SourceUnreadable
from digest.source_errors import ErrorKind

MAX_BYTES = 32 * 1024 * 1024
MAX_PARTS = 100  # a .gz may be several, one after the other

_TOO_LARGE = f"more than {MAX_BYTES // 1024**2} MiB"
_NOT_TEXT = {
    b"PK\x03\x04": (ErrorKind.ARCHIVE, "zip"),
    b"PK\x05\x06": (ErrorKind.ARCHIVE, "an empty zip"),
    b"%PDF-": (ErrorKind.BINARY, "PDF"),
    b"\x1f\x8b": (ErrorKind.ARCHIVE, "a .gz inside a .gz"),
}
_DECLARED = re.compile(r"<\?xml[^<>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
# Python also knows "encodings" that are none for a web page (punycode, unicode_escape, idna), some of them slow
_WEB_ENCODINGS = re.compile(r"(?:ascii|iso8859|cp\d|koi8|big5|gb|euc|shift|iso2022|tis-620|mac|utf-8).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A decoded body. ``garbled`` says why some of its bytes became U+FFFD, "" when none did."""

    text: str
    notes: tuple[str, ...] = field(default=())
    garbled: str = ""


def open_text(body: bytes) -> Text:
    """Unpack and decode what a source sent. Raises SourceUnreadable for what is too large, empty or no text."""
    body, notes = _unpacked(body)
    for mark, (kind, detail) in _NOT_TEXT.items():
        if body.startswith(mark):
            raise SourceUnreadable(kind, detail)
    decoded = _decoded(body)
    text = decoded.text.lstrip("\ufeff \t\r\n")
    if not text:
        raise SourceUnreadable(ErrorKind.EMPTY)
    if text[0] not in "<[{" and "\x00" in text[:1000]:
        raise SourceUnreadable(ErrorKind.BINARY)
    return Text(text=text, notes=(*notes, *decoded.notes), garbled=decoded.garbled)


def _unpacked(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Unpack a .gz, at most MAX_BYTES of it; of a cut one, what is there."""
    if len(body) > MAX_BYTES:
        raise SourceUnreadable(ErrorKind.TOO_LARGE, _TOO_LARGE)
    if not body.startswith(b"\x1f\x8b"):
        return body, ()
    unpacked = b""
    for _ in range(MAX_PARTS):
        if not body.startswith(b"\x1f\x8b"):
            break
        part = zlib.decompressobj(wbits=31)
        try:
            unpacked += part.decompress(body, MAX_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise SourceUnreadable(ErrorKind.BAD_COMPRESSION, "a damaged .gz file") from error
        if len(unpacked) > MAX_BYTES:
            raise SourceUnreadable(ErrorKind.TOO_LARGE, _TOO_LARGE)
        if not part.eof:
            return unpacked, ("the .gz file is cut in the middle",)
        body = part.unused_data
    return unpacked, ()


def _decoded(body: bytes) -> Text:
    """Decode by byte order mark or shape, then by the declared encoding, then as UTF-8; never by guessing."""
    shape = json.detect_encoding(body)  # from byte order mark and zeros: right for XML too, which also starts in ASCII
    declared = _DECLARED.search(body[:4096].decode("ascii", "replace")) if shape == "utf-8" else None
    named = _usable(declared[1]) if declared else ""
    notes = (f"it names an encoding that cannot be right: {declared[1]}",) if declared and not named else ()
    if (text := _strictly(body, named or shape)) is not None:
        return Text(text=text, notes=notes)
    if named and (text := _strictly(body, "utf-8")) is not None:
        return Text(text=text, notes=(f"it says {named} but is UTF-8",))
    if named or shape != "utf-8":
        why = f"some of its bytes are not the {named or shape} that it says it is"
    else:
        why = "it names no encoding and is not UTF-8"
    return Text(text=body.decode(named or shape, "replace"), notes=notes, garbled=why)


def _strictly(body: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(body)  # a character that is cut at the end is left out
    except UnicodeDecodeError:
        return None


def _usable(name: str) -> str:
    """Return Python's name of a declared encoding; "" for unknown ones and for those its own declaration disproves."""
    try:
        known = codecs.lookup(name).name
    except LookupError:
        return ""
    return known if _WEB_ENCODINGS.fullmatch(known) else ""  # a UTF-16 declaration that reads as ASCII is not UTF-16
