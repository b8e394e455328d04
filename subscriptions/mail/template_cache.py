"""A template rendered once, with holes for what is personal, and encoded once: each mail is then joined, not made.

The templates are those that :mod:`subscriptions.mail.rendering` renders in full, and the words come out the same; only
the work is done once for all readers. Quoted-printable is encoded piece by piece, since a soft line break may stand
between any two characters (RFC 2045 section 6.7).
"""

from __future__ import annotations

import re
from binascii import a2b_qp, b2a_qp
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_PLACEHOLDER = re.compile("\ue000([^\ue001]*)\ue001")

Step = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A rendered and encoded text with ``%b`` for each hole, and the holes' names and what their values go through."""

    template: bytes
    placeholders: tuple[tuple[str, Step], ...]

    @classmethod
    def of(cls, rendered: str, step: Callable[[tuple[str, ...]], Step]) -> CompiledTemplate:
        """What a template gave for :class:`~subscriptions.mail.rendering.Placeholder` values.

        ``step`` turns the names that a hole remembers into what is to be done to its value.
        """
        parts = _PLACEHOLDER.split(rendered)
        names = [part.split("|") for part in parts[1::2]]
        return cls(
            template=b"%b".join(encode(part).replace(b"%", b"%%") for part in parts[::2]),
            placeholders=tuple((name, step(tuple(steps))) for name, *steps in names),
        )

    def fill(self, values: Mapping[str, str | bytes]) -> bytes:
        """The text with these values in the holes, in lines of at most 76 octets, each ended by CRLF.

        A value is a text, or bytes that are encoded already. Raises KeyError for a hole without a value.
        """
        return self.template % tuple(
            [
                value if isinstance(value := values[name], bytes) else _encoded_after(step, value)
                for name, step in self.placeholders
            ]
        )


def encode(text: str) -> bytes:
    """``text`` in quoted-printable with CRLF, ended by a line break, hard or soft, so that anything may follow."""
    quoted = b2a_qp(text.encode())
    if quoted and not quoted.endswith(b"\n"):
        if len(quoted) - quoted.rfind(b"\n") > 76:  # no room for the soft break's own "="
            cut = quoted.rfind(b"=", -3)  # not within an escape
            cut = cut if cut > 0 else len(quoted) - 1
            quoted = quoted[:cut] + b"=\n" + quoted[cut:]
        quoted += b"=\n"
    return quoted.replace(b"\n", b"\r\n")


@lru_cache(maxsize=20_000)
def _encoded_after(step: Step, value: str) -> bytes:
    return encode(step(value))  # of two readers' mails most reasons are the same


@dataclass(frozen=True, slots=True)
class JoinedEmail:
    """A :class:`~subscriptions.mail.rendering.RenderedEmail` whose two parts are encoded already."""

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
    return a2b_qp(quoted).decode().replace("\r\n", "\n")
