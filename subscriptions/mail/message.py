"""A mail for Django's mail API that encodes itself: 7-bit, CRLF, and the same octets on each try."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import date
from types import MappingProxyType
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import EmailAlternative

from subscriptions.mail.encodings import JSON_STRING, QUOTED_PRINTABLE
from subscriptions.mail.headers import OWN, Headers, header_lines
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail

_NOT_OF_A_BOUNDARY = re.compile(r"[^a-z0-9]")
_OF_DJANGO = ("From", "To", "Subject", "MIME-Version")  # headers that Django makes of a message's other attributes


class EncodedMessage(EmailMultiAlternatives):
    """A message that is encoded already. The constructor raises ValueError for what cannot be encoded."""

    prepared: Any = None  # what it becomes in a request for many mails, by subscriptions.mail.backends.batch

    has_dots = False  # no line begins with one: headers begin with their names, and ``encode`` writes =2E

    # Attributes that Anymail reads (set in subscriptions.mail.providers)
    metadata: dict[str, str]
    tags: list[str]
    track_opens: bool
    track_clicks: bool
    esp_extra: dict[str, object]

    # Headers that a provider does not take, and others that only it takes (set there, too)
    left_out: Collection[str] = ()
    added: Mapping[str, str] = MappingProxyType({})
    _others: dict[str, str]  # headers, once somebody asks for them

    def __init__(self, email: RenderedEmail | JoinedEmail, headers: Headers) -> None:
        self._email, self._headers = email, headers
        super().__init__(email.subject, "", headers.sender, [headers.address])
        # "=_" never occurs in quoted-printable, so the boundary is never found within a part.
        boundary = "=_" + _NOT_OF_A_BOUNDARY.sub("", headers.message_id.partition("@")[0].removeprefix("<d."))
        self._head, self._boundary = headers.octets(boundary), boundary.encode()
        # providers that take JSON ask for no octets
        self._parts = () if self.in_json else _parts(email, self._boundary)

    @property
    def reference(self) -> str:
        """Return what names this mail in events and journals: the Message-ID without its domain."""
        return self.metadata["reference"]

    @property
    def of_day(self) -> tuple[str, date] | None:
        """Return what names the digests that differ from this one by nothing but ``own``; None for another mail."""
        day = self._headers.issue_date
        return (self._headers.sender, day) if day else None

    @property
    def in_json(self) -> tuple[bytes, bytes] | None:
        """Return the text and the HTML as they are within strings of JSON, if they were encoded so."""
        email = self._email
        if isinstance(email, JoinedEmail) and email.encoding is JSON_STRING:
            return email.encoded_text, email.encoded_html
        return None

    def own(self) -> dict[str, str]:
        """Return by name what differs between the digests of a day, apart from the texts; empty for another mail.

        Raise ValueError for an address that cannot be encoded.
        """
        if not (day := self._headers.issue_date):
            return {}
        headers = zip(OWN, self._headers.own(day), strict=True)
        return {"Subject": self._email.subject, "reference": self.reference, **dict(headers)}

    def with_marks(self, mark: Callable[[str], str]) -> EncodedMessage:
        """Return a copy of this digest with marks in place of ``own`` and of its texts, which are "text" and "html"."""
        other = copy(self)
        other._email = RenderedEmail(mark("Subject"), mark("text"), mark("html"))
        other.subject, other.to = mark("Subject"), [mark("To")]
        other.metadata = self.metadata | {"reference": mark("reference")}
        other.extra_headers = self.extra_headers | {name: mark(name) for name in OWN if name in self.extra_headers}
        return other

    # backends ask only for as_bytes of what Django types as its own message
    def message(self) -> MimeBytes:  # type: ignore[override]
        return MimeBytes(self._head, self._parts or _parts(self._email, self._boundary))

    # Only providers that take texts instead of octets read these, and the outbox the headers; Django's constructor sets
    # them to empty values.

    @property
    def extra_headers(self) -> Any:
        if not self._others:
            not_here = {*_OF_DJANGO, *self.left_out}
            fields = {name: value for name, value in self._headers.fields() if name not in not_here}
            self._others = {**fields, **self.added}
        return self._others

    @extra_headers.setter
    def extra_headers(self, value: dict[str, str]) -> None:
        self._others = value

    @property
    def body(self) -> str:
        return self._email.text

    @body.setter
    def body(self, value: Any) -> None:
        pass

    @property
    def alternatives(self) -> Any:
        return [EmailAlternative(self._email.html, "text/html")]

    @alternatives.setter
    def alternatives(self, value: Any) -> None:
        pass


class MimeBytes:
    """A finished mail with the methods that backends call; Anymail's backend for Amazon SES adds headers."""

    def __init__(self, head: bytes, parts: tuple[bytes, ...]) -> None:
        self._head, self._parts = head, parts
        self._added: list[tuple[str, str]] = []

    def __setitem__(self, name: str, value: str) -> None:
        self._added.append((name, value))

    add_header = __setitem__

    def walk(self) -> Iterator[Any]:
        """Return the parts that are not 7-bit yet: none."""
        return iter(())

    def as_bytes(self, unixfrom: bool = False, linesep: str = "\r\n") -> bytes:
        """Return the octets, always with CRLF: no other line end is valid in a mail."""
        return b"".join(self.pieces())

    def pieces(self) -> tuple[bytes, ...]:
        """Return the octets in the pieces that are joined when the mail leaves."""
        return self._head, header_lines(self._added), b"\r\n", *self._parts


def _parts(email: RenderedEmail | JoinedEmail, boundary: bytes) -> tuple[bytes, ...]:
    """Return the body in pieces."""
    text: Sequence[bytes]
    html: Sequence[bytes]
    if isinstance(email, JoinedEmail) and email.encoding is QUOTED_PRINTABLE:
        text, html = email.text_pieces, email.html_pieces
    else:
        text, html = [QUOTED_PRINTABLE.encode(email.text)], [QUOTED_PRINTABLE.encode(email.html)]
    head = b'--%b\r\nContent-Type: text/%b; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    first, second = (head % (boundary, kind) for kind in (b"plain", b"html"))
    return first, *text, b"\r\n", second, *html, b"\r\n--", boundary, b"--\r\n"
