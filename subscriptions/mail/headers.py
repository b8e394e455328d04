"""Compose and encode the headers of a mail: the same octets on each try."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from email.charset import Charset
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from itertools import chain, repeat
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.mail.message import sanitize_address

from subscriptions.mail.addresses import PLAIN_ADDRESS
from subscriptions.models import Subscriber
from subscriptions.tokens import digest_links, sending_domain, unsubscribe_url

COLUMNS = 76
LONGEST = 998  # RFC 5322 section 2.1.1

_UTF_8 = Charset("utf-8")
_CONTENT_TYPE = 'multipart/alternative; boundary="%s"'
_MAY_FOLD = ("From", "Subject")  # not List-Unsubscribe: some programs read it line by line


class Headers(NamedTuple):
    """The headers of one mail.

    A mail with an ``issue_date`` is a digest, one with the number of an ``announcement`` a mail to the same list.
    """

    subscriber: Subscriber
    subject: str
    sender: str
    address: str
    message_id: str
    dated_at: datetime
    issue_date: date | None = None
    announcement: int = 0

    def fields(self) -> list[tuple[str, str]]:
        """Return unique names with their values, in order. Raise ValueError for an address that cannot be encoded."""
        reader, day = self.subscriber, self.issue_date
        return [
            ("From", _mailbox(self.sender)),
            ("To", _recipient(self.address)),
            ("Subject", self.subject),
            ("Date", _written(self.dated_at, self.dated_at.utcoffset())),
            ("Message-ID", self.message_id),
            ("MIME-Version", "1.0"),
            ("Auto-Submitted", "auto-generated"),
            *(
                _of_list(
                    self.sender,
                    unsubscribe=unsubscribe_url(reader),
                    archive=digest_links(reader, day).web_copy if day else f"{settings.SITE_URL}/",
                    mail=f"{day:%Y%m%d}:digest" if day else f"{self.announcement}:announcement",
                )
                if day or self.announcement
                else ()
            ),
        ]

    def octets(self, boundary: str) -> bytes:
        """Return the lines of all fields and of the content type of a mail in two parts.

        Raise ValueError for what no header can hold.
        """
        if self.issue_date:
            day = (self.sender, self.dated_at, self.dated_at.utcoffset(), self.issue_date)
            template = _template(*day, settings.SITE_URL, settings.CONTACT, sending_domain())
            own = (*self.own(self.issue_date), boundary)
            together = "".join(own)
            if together.isascii() and together.isprintable() and len(together) < LONGEST - 100:
                return (template % (own[0], _line("Subject", self.subject), *own[1:])).encode("ascii")
        return header_lines([*self.fields(), ("Content-Type", _CONTENT_TYPE % boundary)])

    def own(self, day: date) -> tuple[str, ...]:
        """Return the values of OWN of a digest. Raise ValueError for an address that cannot be encoded."""
        links = digest_links(self.subscriber, day)
        return _recipient(self.address), self.message_id, f"<{links.unsubscribe}>", f"<{links.web_copy}>"


# The headers that differ between the digests of a day, apart from the subject
OWN = ("To", "Message-ID", "List-Unsubscribe", "List-Archive")


@lru_cache(maxsize=64)
def _template(
    sender: str, dated_at: datetime, offset: timedelta | None, issue_date: date, site: str, contact: str, domain: str
) -> str:
    """Return the headers of all digests of a day, with a ``%s`` for each value of a reader.

    ``offset``, ``site``, ``contact`` and ``domain`` are only keys of the cache: settings on which the headers depend.
    """
    fields = Headers(Subscriber(), "%s", sender, "nobody@example.org", "", dated_at, issue_date).fields()
    lines = [
        _line(name, "%s") if name in OWN else _line(name, value).replace("%", "%%")
        for name, value in fields
        if name != "Subject"
    ]
    lines.append(_line("Content-Type", _CONTENT_TYPE))
    return "".join([*lines[:2], "%s", *lines[2:]])  # the subject may be folded, and is given as a line


def _of_list(sender: str, *, unsubscribe: str, archive: str, mail: str) -> list[tuple[str, str]]:
    """Return the headers of a mail to the list; ``mail`` is what Feedback-ID calls it."""
    domain = sending_domain()
    return [
        ("List-Id", f"Broadsheet <digest.{domain}>"),
        ("List-Unsubscribe", f"<{unsubscribe}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("List-Help", f"<{settings.SITE_URL}/>"),
        ("List-Owner", _owner(settings.CONTACT, sender)),
        ("List-Archive", f"<{archive}>"),
        ("List-Post", "NO"),
        ("Precedence", "bulk"),
        ("X-Auto-Response-Suppress", "All"),
        ("Feedback-ID", _feedback_id(mail, domain)),
    ]


def header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Encode headers as 7-bit lines that end with CRLF; From and Subject are folded at 76 columns, the others never.

    Raise ValueError for a value with line breaks, controls or other characters that no header can have.
    """
    return "".join([_line(name, value) for name, value in headers]).encode("ascii")


@lru_cache(maxsize=1000)  # many mails of a day have the same subject
def _line(name: str, value: str) -> str:
    if name == "Subject" and (not value.isascii() or "=?" in value):
        value = _encoded_words(value)
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} has characters that no header may have")
    lines = _folded(f"{name}:", value) if name in _MAY_FOLD else [f"{name}: {value}"]
    if max(map(len, lines)) > LONGEST:
        raise ValueError(f"{name} is too long for a header")
    return "\r\n".join(lines) + "\r\n"


# Cached: encoding is slow, and many mails of a day begin with the same paper.
@lru_cache(maxsize=1000)
def _encoded_words(subject: str) -> str:
    widths = chain([COLUMNS - len("Subject: ")], repeat(COLUMNS - 1))
    return " ".join(word for word in _UTF_8.header_encode_lines(subject, widths) if word)


def _folded(start: str, value: str) -> list[str]:
    """Break a header at spaces, but never right after the colon, which some programs misread."""
    lines = [start]
    for word in value.split(" "):
        if word and lines[-1] != start and len(lines[-1]) + 1 + len(word) > COLUMNS:
            lines.append("")
        lines[-1] += f" {word}"
    return lines


@lru_cache(maxsize=8)
def _written(moment: datetime, offset: timedelta | None) -> str:
    """Format a date; ``offset`` is part of the cache key, since equal moments in two zones differ in text."""
    return format_datetime(moment)


@lru_cache(maxsize=8)
def _mailbox(written: str) -> str:
    """Return ``Name <address>`` with the name encoded by RFC 2047."""
    return " ".join(sanitize_address(written, "utf-8").split())


def _recipient(address: str) -> str:
    """Return the bare address in ASCII; raise ValueError if that is impossible."""
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        bare = str(sanitize_address(address, "utf-8"))
    except ValueError:  # its text repeats the address
        bare = ""
    # A local part that is not ASCII would be encoded, and most servers do not decode it.
    if "@" not in bare or bare.endswith(">") or not address.rpartition("@")[0].isascii():
        raise ValueError("this is not an address that every mail server accepts")
    return bare


@lru_cache(maxsize=8)
def _owner(contact: str, sender: str) -> str:
    """Return the mailto URL of the list's owner: CONTACT, or the sender if CONTACT is the URL of a page."""
    address = parseaddr(contact)[1] if contact.isprintable() else ""  # Python versions parse the others differently
    if not PLAIN_ADDRESS.fullmatch(address):
        address = parseaddr(sender)[1]
    return f"<mailto:{quote(address, safe='@')}>"


@lru_cache(maxsize=8)
def _feedback_id(mail: str, domain: str) -> str:
    """Return the Feedback-ID; its last field, 5 to 15 characters for Gmail's feedback loop, never changes."""
    return f"{mail}:bulk:{('digest' + re.sub(r'[^a-z0-9]', '', domain.lower()))[-15:]}"
