"""Encode the texts of mails in pieces that may be joined: for a message, or for a request to a provider."""

from __future__ import annotations

import json
import re
from binascii import a2b_qp, b2a_qp
from collections.abc import Callable
from dataclasses import dataclass

_LEADING_DOTS = re.compile(rb"^\.+", re.MULTILINE)
# b2a_qp breaks lines first and escapes a blank at the end of one afterwards, which may make it 78 columns (Python 3.11)
_LONG_END = re.compile(rb"^(.{74,})(=20|=09)$", re.MULTILINE)


# each mail looks up one, which is equal to itself alone
@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How texts are written: encoded one by one and joined, they are the joined text, encoded.

    A decimal number that follows an encoded piece is written as it is, and ``end`` after it.
    """

    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]
    end: bytes


def _quote(text: str) -> bytes:
    """Encode ``text`` in quoted-printable; it ends with a hard or soft line break, so that more can be appended.

    A soft one is allowed between any two characters (RFC 2045 section 6.7). No line begins with a dot, so that SMTP
    has none to double (RFC 5321 section 4.5.2).
    """
    # most links and short texts; Markup takes long to format or to cut
    if 0 < len(text) < 76 and text.isascii() and text.isprintable() and "=" not in text and not text.startswith("."):
        return text.encode() + b"=\r\n"
    quoted = b2a_qp(text.encode())
    if quoted and not quoted.endswith(b"\n"):
        if len(quoted) - quoted.rfind(b"\n") > 76:  # the "=" of the soft break does not fit
            cut = quoted.rfind(b"=", -3)  # not within an escape
            cut = cut if cut > 0 else len(quoted) - 1
            quoted = quoted[:cut] + b"=\n" + quoted[cut:]
        quoted += b"=\n"
    if (b"=20\n" in quoted or b"=09\n" in quoted) and max(map(len, quoted.split(b"\n"))) > 76:
        quoted = _LONG_END.sub(rb"\1=\n\2", quoted)
    if b"\n." in quoted or quoted.startswith(b"."):
        quoted = _LEADING_DOTS.sub(lambda dots: b"=2E=\n" * len(dots[0]), quoted)
    return quoted.replace(b"\n", b"\r\n")


def _unquote(quoted: bytes) -> str:
    # before the octets are text, where it takes ten times as long
    return a2b_qp(quoted.replace(b"\r\n", b"\n")).decode()


def _escape(text: str) -> bytes:
    """Write ``text`` as within a string of JSON, in ASCII as Python's ``json`` writes it."""
    return json.dumps(text)[1:-1].encode()


def _unescape(escaped: bytes) -> str:
    return str(json.loads(b'"%b"' % escaped))


QUOTED_PRINTABLE = Encoding(_quote, _unquote, end=b"=\r\n")
JSON_STRING = Encoding(_escape, _unescape, end=b"")
ENCODINGS = (QUOTED_PRINTABLE, JSON_STRING)
