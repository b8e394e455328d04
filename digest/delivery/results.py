"""Write down what became of a chunk's mails, and say which of them may be tried again, and when."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar, cast

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.db.models import QuerySet

from digest.delivery.staff_texts import delivery_text
from digest.models import Delivery
from digest.reader_data.erase import forget_the_erased
from subscriptions import consent
from subscriptions.mail.outcomes import Scope, SendReason, SendResult, SendStatus
from subscriptions.mail.providers import BATCH_KEY, BATCH_KEYS, may_be_asked_again
from subscriptions.models import Subscriber, Suppression

logger = logging.getLogger(__name__)
Key = TypeVar("Key")

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 3, 10, 30, 60)]
WRITE_AGAIN_AFTER = (0.1, 0.5, 1, 2, 5, 10, 15, 20)  # seconds: within the time of a task
SETTLED = ("status", "status_reason", "detail", "answer", "attempts", "accepted_at", "not_before", "handed_over_at")


@dataclass(slots=True)
class Outcomes:
    """Counts of deliveries by the status they ended with."""

    counts: Counter[str] = field(default_factory=Counter)


def may_repeat(delivery: Delivery, now: datetime) -> bool:
    """Return whether the provider still recognises the mail at ``now``, if it has taken it before."""
    since = delivery.handed_over_at
    is_in_time = delivery.not_after is None or now < delivery.not_after
    if since is None or not is_in_time or delivery.provider != settings.MAIL_PROVIDER:
        return False
    return delivery.attempts <= len(RETRY_AFTER) and may_be_asked_again(delivery.provider, now - since)


def settle(delivery: Delivery, result: SendResult, *, taken_at: datetime | None, now: datetime) -> None:
    """Set a delivery's fields by the result of a hand-over that began at ``taken_at``; does not save."""
    delivery.status_reason, delivery.detail = str(result.reason), result.detail[:300]
    delivery.answer = result.answer[:20]
    if result.status != SendStatus.UNKNOWN or result.provider_message_id:  # else the key of its request, if any, stays
        delivery.provider_message_id = result.provider_message_id[:200]
    delivery.not_before = None
    again = now + max(_wait(delivery), result.retry_after or timedelta())
    match result.status:
        case SendStatus.ACCEPTED:
            delivery.status, delivery.accepted_at = Delivery.Status.ACCEPTED, now
            return
        case SendStatus.NOT_TRIED:
            # not ready: when the lease is over, its batch may be done already, and nobody would look into it
            delivery.status, again = Delivery.Status.RETRY_WAIT, now
            delivery.attempts -= 1
        case SendStatus.LATER if result.scope in (Scope.TOO_FAST, Scope.OURS):
            # the throttle says when the next mail may go; this try is not counted
            delivery.status, again = Delivery.Status.RETRY_WAIT, now + (result.retry_after or RETRY_AFTER[0])
            delivery.attempts -= 1
        case SendStatus.LATER if delivery.attempts <= len(RETRY_AFTER) or _is_not_of_the_mail(result):
            delivery.status = Delivery.Status.RETRY_WAIT
        case SendStatus.UNKNOWN if may_repeat(delivery, again):
            delivery.status = Delivery.Status.RETRY_WAIT
        case SendStatus.UNKNOWN:
            delivery.status = Delivery.Status.UNKNOWN
        case SendStatus.REFUSED:
            delivery.status = Delivery.Status.SKIPPED
        case SendStatus.FAILED | SendStatus.NO_SUCH_ADDRESS | SendStatus.LATER:
            delivery.status = Delivery.Status.FAILED
    if delivery.status == Delivery.Status.RETRY_WAIT:
        delivery.not_before = again
    if result.status == SendStatus.UNKNOWN:
        return
    if delivery.handed_over_at != taken_at and delivery.status in (Delivery.Status.FAILED, Delivery.Status.SKIPPED):
        delivery.status = Delivery.Status.UNKNOWN  # an earlier try may have left
    elif delivery.handed_over_at == taken_at and delivery.status != Delivery.Status.FAILED:
        delivery.handed_over_at = None  # this one surely did not


def _is_not_of_the_mail(result: SendResult) -> bool:
    """Return whether it may be tried until its time is over, at the last of these paces."""
    return result.scope == Scope.UNREACHABLE or result.reason == SendReason.TOO_FAST


def _wait(delivery: Delivery) -> timedelta:
    """Return the time until the next try, 20 % more or less, so that not all tries come at one moment."""
    # the mails of one request are tried again together
    spread = 0.2 if delivery.provider_message_id.startswith(BATCH_KEY) else delivery.pk % 5 / 10
    return RETRY_AFTER[min(delivery.attempts, len(RETRY_AFTER)) - 1] * (0.8 + spread)


def record(chunk: Sequence[Delivery], results: Sequence[SendResult], *, taken_at: datetime, now: datetime) -> None:
    """Write down what became of a chunk; while the database is away, try the writing again and never the sending."""
    gone = []
    for delivery, result in zip(chunk, results, strict=True):
        settle(delivery, result, taken_at=taken_at, now=now)
        if result.status == SendStatus.NO_SUCH_ADDRESS:
            gone.append(delivery)
    for pause in (*WRITE_AGAIN_AFTER, None):
        try:
            write(chunk, gone, now=now)
            return
        except (OperationalError, InterfaceError, InternalError) as error:  # the last: of a replica, after a failover
            if pause is None or connection.in_atomic_block:
                raise
            why = " ".join(str(error).split())
            logger.warning("What became of %d mails cannot be written yet: %s", len(chunk), why)
            connection.close()
            time.sleep(pause)


def write(chunk: Sequence[Delivery], gone: Sequence[Delivery], *, now: datetime) -> None:
    with transaction.atomic():
        for values, rows in alike(chunk, lambda row: tuple(getattr(row, name) for name in SETTLED)):
            status = cast(Delivery.Status, values[0])
            these(rows).filter(status__in=KNOWS_LESS.get(status, MAY_HAVE_LEFT)).update(
                **dict(zip(SETTLED, values, strict=True))
            )
        # the key of a request says nothing of a mail that surely did not leave with it
        if settings.MAIL_PROVIDER in BATCH_KEYS:
            without = these([row for row in chunk if not row.provider_message_id])
            without.filter(provider_message_id__startswith=BATCH_KEY).update(provider_message_id="")
        named = [delivery for delivery in chunk if delivery.provider_message_id]
        Delivery.objects.bulk_update(named, ["provider_message_id"], batch_size=100)
        forget_the_erased(chunk)
        Subscriber.objects.filter(
            pk__in=[
                delivery.subscriber_id
                for delivery in chunk
                if delivery.status == Delivery.Status.ACCEPTED and not delivery.announcement_id
            ]
        ).update(last_digest_at=now)
        for delivery in gone:
            consent.suppress(
                delivery.subscriber.email, reason=Suppression.Reason.BOUNCED, now=now, why=delivery_text(delivery)
            )


# What a row may say for this worker to know better: since the chunk was taken, an event may have told what became of a
# mail, or the sweep given up on it.
MAY_HAVE_LEFT = (Delivery.Status.HANDING_OFF, Delivery.Status.UNKNOWN)
KNOWS_LESS = {
    Delivery.Status.ACCEPTED: (*MAY_HAVE_LEFT, Delivery.Status.RETRY_WAIT, Delivery.Status.READY),
}


def these(rows: Sequence[Delivery]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk__in=[row.pk for row in rows])


def alike(rows: Sequence[Delivery], what: Callable[[Delivery], Key]) -> Iterable[tuple[Key, list[Delivery]]]:
    """Group rows by what is written to them, so that each group takes one statement."""
    groups: dict[Key, list[Delivery]] = defaultdict(list)
    for row in rows:
        groups[what(row)].append(row)
    return groups.items()
