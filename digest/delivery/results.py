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
from digest.delivery.statements import ACCEPT, GOT_DIGEST, NAME, adapted, for_keys
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
    # the key of a request that may have taken it stays, be it of this try or of an earlier one
    if result.provider_message_id or (result.status != SendStatus.UNKNOWN and delivery.handed_over_at == taken_at):
        delivery.provider_message_id = result.provider_message_id[:200]
    delivery.not_before = None
    if result.status == SendStatus.ACCEPTED:
        delivery.status, delivery.accepted_at = Delivery.Status.ACCEPTED, now
        return
    again = now + max(_wait(delivery), result.retry_after or timedelta())
    match result.status:
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
    """Write settled deliveries: most were accepted at their first try, and take one statement together."""
    ordinary = [row for row in chunk if _is_ordinary(row, now)]
    others = [row for row in chunk if not _is_ordinary(row, now)] if len(ordinary) < len(chunk) else []
    with transaction.atomic():
        if ordinary:
            _accept(ordinary, now=now)
        if others:
            _write_each(others)
        if named := [row for row in chunk if row.provider_message_id]:
            with connection.cursor() as cursor:
                cursor.executemany(NAME, [(row.provider_message_id, row.pk) for row in named])
        erased = _readers_got(ordinary, now=now) if ordinary else set()
        forget_the_erased([*others, *(row for row in ordinary if row.subscriber_id in erased)])
        for delivery in gone:
            consent.suppress(
                delivery.subscriber.email, reason=Suppression.Reason.BOUNCED, now=now, why=delivery_text(delivery)
            )


def _is_ordinary(row: Delivery, now: datetime) -> bool:
    """Return whether a row is a digest that was accepted at its first try, and nothing else was said of it."""
    return (
        row.status == Delivery.Status.ACCEPTED
        and row.attempts == 1
        and row.accepted_at == now
        and not (row.status_reason or row.detail or row.answer or row.not_before or row.announcement_id)
    )


def _accept(rows: Sequence[Delivery], *, now: datetime) -> None:
    with connection.cursor() as cursor:
        for since, alike_rows in alike(rows, lambda row: row.handed_over_at):
            values = [adapted(now), adapted(since), *[row.id for row in alike_rows]]
            cursor.execute(for_keys(ACCEPT, len(alike_rows)), values)


def _readers_got(rows: Sequence[Delivery], *, now: datetime) -> set[int]:
    """Write that the readers of these rows got a digest; return the keys of those who were erased meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(for_keys(GOT_DIGEST, len(rows)), [adapted(now), *[row.subscriber_id for row in rows]])
        return {key for key, status in cursor.fetchall() if status == Subscriber.Status.ERASED}


def _write_each(rows: Sequence[Delivery]) -> None:
    """Write rows that had anything else than an ordinary first try, by what is written to them."""
    for values, same in alike(rows, lambda row: tuple(getattr(row, name) for name in SETTLED)):
        status = cast(Delivery.Status, values[0])
        know_less = these(same).filter(status__in=KNOWS_LESS.get(status, MAY_HAVE_LEFT))
        know_less.update(**dict(zip(SETTLED, values, strict=True)))
    # the key of a request says nothing of a mail that surely did not leave with it
    if settings.MAIL_PROVIDER in BATCH_KEYS:
        without = these([row for row in rows if not row.provider_message_id])
        without.filter(provider_message_id__startswith=BATCH_KEY).update(provider_message_id="")
    accepted = [row.subscriber_id for row in rows if row.status == Delivery.Status.ACCEPTED and not row.announcement_id]
    if accepted:
        Subscriber.objects.filter(pk__in=accepted).update(last_digest_at=rows[0].accepted_at)


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
