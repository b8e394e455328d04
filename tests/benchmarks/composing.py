"""What it takes to make a digest's octets: the contenders of ``./run bench``, each in a process of its own.

``ours`` is what a worker does with a delivery's row; ``reference`` is the same row composed alike, rendered in full by
Jinja2 and written by Django with the same headers. The others are parts of the one or the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from django.core.mail import EmailMultiAlternatives

from digest.compose.build import Digest
from digest.compose.emails import Mails, completeness_of, digest_of, reader_of
from digest.compose.size_limit import fit
from digest.compose.template_cache import TemplateCache
from digest.delivery.send import CHUNK
from digest.models import Delivery
from subscriptions.mail.encodings import QUOTED_PRINTABLE
from subscriptions.mail.headers import Headers
from subscriptions.mail.mailer import message_to
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.tokens import sender_of
from tests.benchmarks.driver import Questions, Stopwatch, peak_megabytes


def rows_of(ids: Sequence[int]) -> list[Delivery]:
    """As a worker reads them."""
    return list(Delivery.objects.filter(pk__in=ids).select_related("subscriber", "content").order_by("pk"))


def contender(name: str, mails: Mails) -> tuple[Callable[[Delivery], Any], Callable[[Any], Any]]:
    """What is prepared of a row before the clock runs, and what is made of it while it runs."""
    cache, reports = TemplateCache(QUOTED_PRINTABLE), dict[int | None, tuple[str, ...]]()

    def as_it_is(row: Delivery) -> Delivery:
        return row

    def digest(row: Delivery) -> Digest:
        if row.edition_id not in reports:  # once an edition, as a worker does
            reports[row.edition_id] = completeness_of(row)
        return digest_of(row, mails.cards_of(row), reader_of(row), completeness=reports[row.edition_id])

    def in_full(row: Delivery) -> RenderedEmail:
        return fit(digest(row))[1]

    return {
        "ours": (as_it_is, lambda row: octets(row, mails.email_for(row))),
        "compose": (as_it_is, digest),
        "join": (digest, cache.join),
        "encode": (lambda row: (row, mails.email_for(row)), lambda given: octets(*given)),
        "reference": (as_it_is, lambda row: django_octets(row, in_full(row))),
        "jinja": (digest, fit),
        "django": (lambda row: (row, in_full(row)), lambda given: django_octets(*given)),
    }[name]


def octets(row: Delivery, email: RenderedEmail | JoinedEmail) -> bytes:
    """As they are handed over."""
    message = message_to(
        row.subscriber,
        email,
        message_id=cast(str, row.message_id),
        dated_at=row.dated_at,
        issue_date=row.issue_date,
    )
    return message.message().as_bytes()


def django_message(row: Delivery, email: RenderedEmail) -> EmailMultiAlternatives:
    """The same mail as Django writes it, in the encoding it chooses."""
    sender = sender_of("digest")
    headers = Headers(
        row.subscriber,
        email.subject,
        sender,
        row.subscriber.email,
        cast(str, row.message_id),
        cast(datetime, row.dated_at),
        row.issue_date,
    ).fields()
    others = {name: value for name, value in headers if name not in ("From", "To", "Subject", "MIME-Version")}
    message = EmailMultiAlternatives(email.subject, email.text, sender, [row.subscriber.email], headers=others)
    message.attach_alternative(email.html, "text/html")
    return message


def django_octets(row: Delivery, email: RenderedEmail) -> bytes:
    return django_message(row, email).message().as_bytes(linesep="\r\n")  # as Django's backend asks for


class Rounds:
    """One contender's rounds, each over other readers: what is kept of one reader does not help with the next."""

    def __init__(self, name: str) -> None:
        self._start = time.process_time()
        self._mails = Mails()
        self._prepared, self._make = contender(name, self._mails)

    def first(self, ids: Sequence[int], folder: str = "") -> dict[str, Any]:
        """With what is done once for all readers; where there is a folder, the mails are kept in it."""
        with Stopwatch() as once:
            self._mails.read_cards(rows_of(ids))
        return self.again(ids, folder=folder) | {"start": self._start, "once": once.cpu}

    def again(self, ids: Sequence[int], folder: str = "") -> dict[str, Any]:
        watch, octets = Stopwatch(), 0
        for start in range(0, len(ids), CHUNK):
            rows = rows_of(ids[start : start + CHUNK])
            self._mails.read_cards(rows)
            given = [self._prepared(row) for row in rows]
            with watch:
                made = [self._make(one) for one in given]
            for row, mail in zip(rows, made, strict=True):
                if isinstance(mail, bytes):
                    octets += len(mail)
                    if folder:
                        Path(folder, f"{row.pk}.eml").write_bytes(mail)
        return {"mails": len(ids), "cpu": watch.cpu, "octets": octets, "peak": peak_megabytes()}


def questions(name: str) -> Questions:
    rounds = Rounds(name)
    return {"first": rounds.first, "again": rounds.again}
