"""A template rendered once, with holes for what is personal, and encoded once: each mail is then joined, not made.

The templates are those that :mod:`subscriptions.rendering` renders in full, and the words come out the same; only the
work is done once for all readers. Quoted-printable is encoded piece by piece, since a soft line break may stand between
any two characters (RFC 2045 section 6.7).
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_HOLE = re.compile("\ue000([^\ue001]*)\ue001")

Step = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rendered text: encoded pieces, and between each two of them the name of a hole and what its value goes through.

    ``size`` is the length of the pieces in octets, decoded.
    """

    pieces: tuple[bytes, ...]
    holes: tuple[tuple[str, Step], ...]
    size: int

    @classmethod
    def of(cls, rendered: str, step: Callable[[tuple[str, ...]], Step]) -> Prepared:
        """What a template gave for :class:`~subscriptions.rendering.Hole` values.

        ``step`` turns the names that a hole remembers into what is to be done to its value.
        """
        parts = _HOLE.split(rendered)
        names = [tuple(part.split("|")) for part in parts[1::2]]
        return cls(
            pieces=tuple(encoded(part) for part in parts[::2]),
            holes=tuple((name, step(tuple(steps))) for name, *steps in names),
            size=sum(len(part.encode()) for part in parts[::2]),
        )

    def filled(self, values: Mapping[str, str | Sequence[bytes]]) -> list[bytes]:
        """The pieces with these values in the holes, to be joined: lines of at most 76 octets, ended by CRLF.

        A value is a text, or pieces that are encoded already.
        """
        out = [self.pieces[0]]
        for (name, step), piece in zip(self.holes, self.pieces[1:], strict=True):
            value = values[name]
            if isinstance(value, str):
                out.append(_encoded_after(step, value))
            else:
                out.extend(value)
            out.append(piece)
        return out


def encoded(text: str) -> bytes:
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
    return encoded(step(value))  # of two readers' mails most reasons are the same
