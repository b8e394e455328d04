"""Templates that are rendered and encoded once for all readers, with placeholders for personal values.

The result has the same words as a full rendering by :mod:`subscriptions.mail.rendering`. Quoted-printable is encoded
piece by piece, since a soft line break is allowed between any two characters (RFC 2045 section 6.7).
"""

from __future__ import annotations

import re
from binascii import a2b_qp, b2a_qp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_PLACEHOLDER = re.compile("\ue000([^\ue001]*)\ue001")
_LEADING_DOTS = re.compile(rb"^\.+", re.MULTILINE)
# b2a_qp breaks lines first and escapes a blank at the end of one afterwards, which may make it 78 columns (Python 3.11)
_LONG_END = re.compile(rb"^(.{74,})(=20|=09)$", re.MULTILINE)

Step = Callable[[str], str]
Steps = tuple[str, ...]  # names of the filters that a placeholder recorded


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A rendered and encoded text: the pieces around a hole for each placeholder, and the holes' names and steps."""

    pieces: tuple[bytes, ...]
    holes: tuple[tuple[str, Step], ...]

    @classmethod
    def of(cls, rendered: str, step: Callable[[Steps], Step]) -> CompiledTemplate:
        """Compile a text that was rendered with :class:`~subscriptions.mail.rendering.Placeholder` values.

        ``step`` returns the function for the filters that a placeholder recorded.
        """
        parts = _PLACEHOLDER.split(rendered)
        names = [part.split("|") for part in parts[1::2]]
        return cls(
            pieces=tuple(map(encode, parts[::2])),
            holes=tuple((name, step(tuple(steps))) for name, *steps in names),
        )

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the text with these encoded values. Raise KeyError for a placeholder without a value."""
        filled = [b""] * (len(self.pieces) + len(self.holes))
        filled[::2] = self.pieces
        filled[1::2] = [values[name] for name, _ in self.holes]
        return b"".join(filled)

    def around(self, names: Sequence[str]) -> tuple[bytes, ...]:
        """Return the pieces around holes with exactly these names, in this order; one that it lacks has none after it.

        Raise ValueError for any other hole.
        """
        left = [(name, piece) for (name, _), piece in zip(self.holes, self.pieces[1:], strict=True)]
        after = [left.pop(0)[1] if left and left[0][0] == name else b"" for name in names]
        if left:
            raise ValueError(f"{left[0][0]} is not where it is looked for")
        return self.pieces[0], *after


def encode(text: str) -> bytes:
    """Encode ``text`` in quoted-printable; it ends with a hard or soft line break, so that more can be appended.

    No line begins with a dot, so that SMTP has none to double (RFC 5321 section 4.5.2).
    """
    if 0 < len(text) < 76 and text.isascii() and text.isprintable() and "=" not in text and text[0] != ".":
        return f"{text}=\r\n".encode()  # most links and short texts
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


@dataclass(frozen=True, slots=True)
class JoinedEmail:
    """A :class:`~subscriptions.mail.rendering.RenderedEmail` with encoded parts."""

    subject: str
    encoded_text: bytes
    encoded_html: bytes

    @property
    def text(self) -> str:
        return decode(self.encoded_text)

    @property
    def html(self) -> str:
        return decode(self.encoded_html)


def decode(quoted: bytes) -> str:
    # before the octets are text, where it takes ten times as long
    return a2b_qp(quoted.replace(b"\r\n", b"\n")).decode()
