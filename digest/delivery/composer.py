"""Compose the mails of a chunk, and those of the next one while a provider's answer is awaited."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from digest.compose.announcement import announcement_email, announcements_among
from digest.compose.emails import AT_HAND
from digest.delivery.ready_rows import ready_rows
from digest.models import Announcement, Batch, Delivery
from subscriptions.mail.mailer import Mailer, Purpose
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import SendReason, SendResult, SendStatus, error_text

logger = logging.getLogger(__name__)


class Composer:
    """The mails of one batch, of which some are composed ahead: those are used only if all is still as it was."""

    def __init__(self, batch: Batch, mailer: Mailer) -> None:
        self._batch, self._mailer = batch, mailer
        # by delivery: what the mail depends on, and the mail
        self._ahead: dict[int, tuple[object, EncodedMessage]] = {}

    def mails(self, chunk: Sequence[Delivery]) -> list[EncodedMessage | SendResult]:
        """Return the mail of each delivery as it can be handed over, or why it may not or cannot be."""
        with AT_HAND.lock:  # a worker without Redis delivers in several threads
            return self._compose(chunk)

    def compose_ahead(self, limit: int) -> None:
        """Compose the mails of up to ``limit`` deliveries that are ready now; raise nothing, since their turn comes."""
        try:
            rows = ready_rows(self._batch, limit, locked=False)
            self._mailer.look_up(row.subscriber for row in rows)
            with AT_HAND.lock:
                composed = [(row.pk, _key_of(row), mail) for row, mail in zip(rows, self._compose(rows), strict=True)]
            ahead = {pk: (key, mail) for pk, key, mail in composed if isinstance(mail, EncodedMessage)}
            for _, mail in ahead.values():
                self._mailer.prepare(mail)
            self._ahead = ahead
        except Exception as error:  # the answers that are awaited must be written down
            self._ahead = {}
            logger.warning("The next mails could not be composed ahead: %s", error_text(error))

    def _compose(self, rows: Sequence[Delivery]) -> list[EncodedMessage | SendResult]:
        AT_HAND.read_cards(rows)
        announced = announcements_among(rows)
        return [self._composed_ahead(row) or _encode(self._mailer, row, announced) for row in rows]

    def _composed_ahead(self, row: Delivery) -> EncodedMessage | None:
        """Return the mail that was composed ahead for a delivery, if all that it depends on is as it was."""
        if row.id not in self._ahead:
            return None
        key, mail = self._ahead[row.id]
        return mail if key == _key_of(row) else None


def _key_of(row: Delivery) -> object:
    """Return all that a mail depends on, apart from what is frozen for all readers of an edition."""
    reader, content = row.subscriber, row.content
    of_content = (content.subject, content.paper_ids, content.parsed, AT_HAND.deleted_in(row)) if content else ()
    of_reader = (reader.email, reader.public_id, reader.confirmed_at)
    return row.message_id, row.dated_at, row.issue_date, row.announcement_id, row.edition_id, of_reader, of_content


def _encode(mailer: Mailer, delivery: Delivery, announced: Mapping[int, Announcement]) -> EncodedMessage | SendResult:
    try:
        number = delivery.announcement_id
        email = announcement_email(announced[number], delivery.subscriber) if number else AT_HAND.email_for(delivery)
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
