"""Templates that are rendered and encoded once for all readers, with placeholders for personal values.

The result has the same words as a full rendering by :mod:`subscriptions.mail.rendering`. Quoted-printable is encoded
piece by piece, since a soft line break is allowed between any two characters (RFC 2045 section 6.7).
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
    """A rendered and encoded text with ``%b`` for each placeholder, and the placeholders' names and steps."""

    template: bytes
    placeholders: tuple[tuple[str, Step], ...]

    @classmethod
    def of(cls, rendered: str, step: Callable[[tuple[str, ...]], Step]) -> CompiledTemplate:
        """Compile a text that was rendered with :class:`~subscriptions.mail.rendering.Placeholder` values.

        ``step`` returns the function for the filters that a placeholder recorded.
        """
        parts = _PLACEHOLDER.split(rendered)
        names = [part.split("|") for part in parts[1::2]]
        return cls(
            template=b"%b".join(encode(part).replace(b"%", b"%%") for part in parts[::2]),
            placeholders=tuple((name, step(tuple(steps))) for name, *steps in names),
        )

    def fill(self, values: Mapping[str, str | bytes]) -> bytes:
        """Return the text with these values, in lines of at most 76 octets that end with CRLF.

        A value is a text, or encoded bytes. Raise KeyError for a placeholder without a value.
        """
        return self.template % tuple(
            [
                value if isinstance(value := values[name], bytes) else _encoded_after(step, value)
                for name, step in self.placeholders
            ]
        )


def encode(text: str) -> bytes:
    """Encode ``text`` in quoted-printable; it ends with a hard or soft line break, so that more can be appended."""
    quoted = b2a_qp(text.encode())
    if quoted and not quoted.endswith(b"\n"):
        if len(quoted) - quoted.rfind(b"\n") > 76:  # the "=" of the soft break does not fit
            cut = quoted.rfind(b"=", -3)  # not within an escape
            cut = cut if cut > 0 else len(quoted) - 1
            quoted = quoted[:cut] + b"=\n" + quoted[cut:]
        quoted += b"=\n"
    return quoted.replace(b"\n", b"\r\n")


@lru_cache(maxsize=20_000)  # most reasons are the same for many readers
def _encoded_after(step: Step, value: str) -> bytes:
    return encode(step(value))


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
    return a2b_qp(quoted).decode().replace("\r\n", "\n")
