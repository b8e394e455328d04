"""Templates that are rendered and encoded once for all readers, with placeholders for personal values.

The result has the same words as a full rendering by :mod:`subscriptions.mail.rendering`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from subscriptions.mail.encodings import Encoding

_PLACEHOLDER = re.compile("\ue000([^\ue001]*)\ue001")

Step = Callable[[str], bytes]  # what is done to a value, and its encoding
Filters = tuple[str, ...]  # names of the filters that a placeholder recorded


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A rendered and encoded text: the pieces around a hole for each placeholder, and the holes' names and steps."""

    pieces: tuple[bytes, ...]
    holes: tuple[tuple[str, Step], ...]

    @classmethod
    def of(cls, rendered: str, encoding: Encoding, step: Callable[[Filters], Step]) -> CompiledTemplate:
        """Compile a text that was rendered with :class:`~subscriptions.mail.rendering.Placeholder` values.

        ``step`` returns the function for the filters that a placeholder recorded.
        """
        parts = _PLACEHOLDER.split(rendered)
        names = [part.split("|") for part in parts[1::2]]
        return cls(
            pieces=tuple(map(encoding.encode, parts[::2])),
            holes=tuple((name, step(tuple(filters))) for name, *filters in names),
        )

    def fill(self, values: Mapping[str, bytes | list[bytes]]) -> list[bytes]:
        """Return the text in pieces, with these encoded values; one of them may be a list of pieces.

        Raise KeyError for a placeholder without a value.
        """
        given = [values[name] for name, _ in self.holes]
        filled: list[Any] = [b""] * (len(self.pieces) + len(given))
        filled[::2] = self.pieces
        filled[1::2] = given
        # from the last one on, so that the places before it stay
        for hole in [hole for hole, value in enumerate(given) if type(value) is list][::-1]:
            filled[2 * hole + 1 : 2 * hole + 2] = given[hole]
        return filled

    def around(self, names: Sequence[str]) -> tuple[bytes, ...]:
        """Return the pieces around holes with exactly these names, in this order; one that it lacks has none after it.

        Raise ValueError for any other hole.
        """
        left = [(name, piece) for (name, _), piece in zip(self.holes, self.pieces[1:], strict=True)]
        after = [left.pop(0)[1] if left and left[0][0] == name else b"" for name in names]
        if left:
            raise ValueError(f"{left[0][0]} is not where it is looked for")
        return self.pieces[0], *after


@dataclass(frozen=True)
class JoinedEmail:
    """A :class:`~subscriptions.mail.rendering.RenderedEmail` with encoded parts, each in the pieces that it shares.

    They are joined when the mail leaves: a digest is 50,000 octets, and each copy of it costs time.
    """

    subject: str
    text_pieces: Sequence[bytes]
    html_pieces: Sequence[bytes]
    encoding: Encoding

    @cached_property
    def encoded_text(self) -> bytes:
        return b"".join(self.text_pieces)

    @cached_property
    def encoded_html(self) -> bytes:
        return b"".join(self.html_pieces)

    @cached_property
    def text(self) -> str:
        return self.encoding.decode(self.encoded_text)

    @cached_property
    def html(self) -> str:
        return self.encoding.decode(self.encoded_html)
