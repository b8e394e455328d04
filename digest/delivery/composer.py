"""Compose the mails of a chunk, and those of the next one while a provider's answer is awaited."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

from django.db import DatabaseError

from digest.compose.announcement import announcement_email, announcements_among
from digest.compose.emails import AT_HAND, Mails
from digest.delivery.ready_rows import ready_rows
from digest.models import Announcement, Batch, Delivery
from subscriptions.mail.mailer import Mailer, Purpose
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import SendReason, SendResult, SendStatus

logger = logging.getLogger(__name__)


class Composer:
    """The mails of one batch, of which some are composed ahead: those are used only if their row is as it was."""

    def __init__(self, batch: Batch, mailer: Mailer) -> None:
        self._batch, self._mailer = batch, mailer
        self._ahead: dict[int, tuple[object, EncodedMessage]] = {}  # by delivery

    def mails(self, chunk: Sequence[Delivery]) -> list[EncodedMessage | SendResult]:
        """Return the mail of each delivery as it can be handed over, or why it may not or cannot be."""
        found: dict[int, EncodedMessage | SendResult] = dict(self._composed_ahead(chunk))
        rest = [row for row in chunk if row.pk not in found]
        found |= zip((row.pk for row in rest), _compose(rest, self._mailer), strict=True)
        return [found[row.pk] for row in chunk]

    def compose_ahead(self, limit: int) -> None:
        """Compose the mails of up to ``limit`` deliveries that are ready now; what goes wrong is met again in turn."""
        try:
            rows = ready_rows(self._batch, limit, locked=False)
            known = dict(self._composed_ahead(rows))
            new = [row for row in rows if row.pk not in known]
            self._mailer.look_up(row.subscriber for row in new)
            composed = zip(new, _compose(new, self._mailer), strict=True)
        except DatabaseError:
            self._ahead = {}
            return
        for row, mail in composed:
            if isinstance(mail, EncodedMessage):
                self._mailer.prepare(mail)
                known[row.pk] = mail
        self._ahead = {row.pk: (_key_of(row), known[row.pk]) for row in rows if row.pk in known}

    def _composed_ahead(self, rows: Sequence[Delivery]) -> Iterator[tuple[int, EncodedMessage]]:
        """Yield the mails that are composed and still right, by delivery."""
        for row in rows:
            key, mail = self._ahead.get(row.pk, (None, None))
            if mail and key == _key_of(row):
                yield row.pk, mail


def _key_of(row: Delivery) -> object:
    """Return all that a mail depends on, apart from what is frozen for all readers of an edition."""
    reader, content = row.subscriber, row.content
    of_content = (content.subject, content.paper_ids, content.record) if content else ()
    of_reader = (reader.email, reader.public_id, reader.confirmed_at)
    return row.message_id, row.dated_at, row.issue_date, row.announcement_id, row.edition_id, of_reader, of_content


def _compose(rows: Sequence[Delivery], mailer: Mailer) -> list[EncodedMessage | SendResult]:
    mails = AT_HAND
    with mails.lock:  # a worker without Redis delivers in several threads
        mails.read_cards(rows)
        announced = announcements_among(rows)
        return [_encode(mailer, row, mails, announced) for row in rows]


def _encode(
    mailer: Mailer, delivery: Delivery, mails: Mails, announced: Mapping[int, Announcement]
) -> EncodedMessage | SendResult:
    try:
        number = delivery.announcement_id
        email = announcement_email(announced[number], delivery.subscriber) if number else mails.email_for(delivery)
    except Exception:  # one digest that cannot be made must not stop the others
        logger.exception("Delivery %s could not be composed", delivery.pk)
        return SendResult(SendStatus.FAILED, reason=SendReason.COMPOSE_ERROR)
    return mailer.encode(
        delivery.subscriber,
        email,
        purpose=Purpose.DIGEST,
        message_id=cast(str, delivery.message_id),  # a ready row has both
        dated_at=cast(datetime, delivery.dated_at),
        issue_date=delivery.issue_date,
        announcement=number or 0,
    )
