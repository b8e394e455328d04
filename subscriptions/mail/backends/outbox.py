"""A mail backend that writes mails to files, and a page that shows them."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from email.utils import parsedate_to_datetime
from pathlib import Path
from smtplib import SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils.timezone import now

logger = logging.getLogger(__name__)

SHOWN = 200


class EmailBackend(BaseEmailBackend):
    """A backend that writes each message to ``var/outbox/*.eml``, and ``index.html`` on closing."""

    written = 0

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            # Django's SafeMIMEText takes linesep; the stubs have the method of email.message
            body = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
            try:
                _write(settings.OUTBOX / _name(message), body)
            except OSError as error:  # a temporary error of SMTP: surely not accepted, try again later
                raise SMTPResponseException(452, f"The outbox cannot be written: {error.strerror}") from error
            self.written += 1
        return len(email_messages)

    def close(self) -> None:
        if self.written:
            self.written = 0
            try:
                write_index(settings.OUTBOX)
            except OSError:  # the mails are written; the next close tries again
                logger.exception("The index of the outbox cannot be written")


def write_index(outbox: Path) -> Path:
    """Write ``index.html``, a page without other files that shows the newest 200 mails of the folder."""
    newest = sorted(outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)[:SHOWN]
    page = render_to_string("outbox.html", {"mails": [_read(path) for path in newest], "shown": SHOWN})
    _write(outbox / "index.html", page.encode())
    return outbox / "index.html"


def _read(path: Path) -> dict[str, str]:
    message: Parsed = message_from_bytes(path.read_bytes(), policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "file": path.name,
        "subject": str(message["Subject"]),
        "to": str(message["To"]),
        "date": str(message["Date"]),
        "text": text.get_content() if text else "",
        # no page of ours may be shown within another, so each link opens on its own
        "html": (html.get_content() if html else "").replace("<head>", '<head><base target="_blank">', 1),
    }


def _name(message: EmailMessage) -> str:
    reader = re.sub(r"[^a-z0-9]+", "-", message.to[0].partition("@")[0].lower()).strip("-")[:40]
    serial = re.sub(r"[^a-z0-9]", "", message.extra_headers.get("Message-ID", os.urandom(8).hex()).lower())[:10]
    date = message.extra_headers.get("Date")
    day = parsedate_to_datetime(date) if date else now()
    return f"{day:%Y-%m-%d}-{reader or 'reader'}-{serial}.eml"


def _write(path: Path, body: bytes) -> None:
    """Write a file atomically, so that nobody reads half a mail."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
