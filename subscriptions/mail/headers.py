"""Compose and encode the headers of a mail: the same octets on each try."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from email.charset import Charset
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from itertools import chain, repeat
from urllib.parse import quote

from django.conf import settings
from django.core.mail.message import sanitize_address

from subscriptions.mail.addresses import PLAIN_ADDRESS
from subscriptions.models import Subscriber
from subscriptions.tokens import sending_domain, unsubscribe_url, web_copy_url

COLUMNS = 76
LONGEST = 998  # RFC 5322 section 2.1.1

_UTF_8 = Charset("utf-8")
_MAY_FOLD = ("From", "Subject")  # not List-Unsubscribe: some programs read it line by line


def headers_of(
    subscriber: Subscriber,
    subject: str,
    *,
    sender: str,
    address: str,
    message_id: str,
    dated_at: datetime,
    issue_date: date | None = None,
    announcement: int = 0,
) -> list[tuple[str, str]]:
    """Return unique names with their values, in order.

    A mail with an ``issue_date`` is a digest, one with the number of an ``announcement`` a mail to the same list.

    Raise ValueError for an address that cannot be encoded.
    """
    headers = [
        ("From", _mailbox(sender)),
        ("To", _recipient(address)),
        ("Subject", subject),
        ("Date", _written(dated_at, dated_at.utcoffset())),
        ("Message-ID", message_id),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
    ]
    if issue_date or announcement:
        domain = sending_domain()
        site = f"<{settings.SITE_URL}/>"
        headers += [
            ("List-Id", f"Broadsheet <digest.{domain}>"),
            ("List-Unsubscribe", f"<{unsubscribe_url(subscriber)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("List-Help", site),
            ("List-Owner", _owner(settings.CONTACT, sender)),
            ("List-Archive", f"<{web_copy_url(subscriber, issue_date)}>" if issue_date else site),
            ("List-Post", "NO"),
            ("Precedence", "bulk"),
            ("X-Auto-Response-Suppress", "All"),
            (
                "Feedback-ID",
                _feedback_id(f"{issue_date:%Y%m%d}:digest" if issue_date else f"{announcement}:announcement", domain),
            ),
        ]
    return headers


def header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Encode headers as 7-bit lines that end with CRLF; From and Subject are folded at 76 columns, the others never.

    Raise ValueError for a value with line breaks, controls or other characters that no header can have.
    """
    return "".join([_line(name, value) for name, value in headers]).encode("ascii")


@lru_cache(maxsize=64)  # most lines are the same in all mails of a day
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
