"""Lease a batch, hand its digests over, write down what became of each; take back what a dead worker held.

docs/sending.md describes the states: nothing is handed over before its row says ``handing_off``, and a row that says so
when its worker is gone becomes ``unknown``, which is never sent again.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar, cast

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from digest.compose.announcement import announcement_email, announcements_among
from digest.compose.emails import AT_HAND, Mails
from digest.delivery import throttle
from digest.delivery.staff_texts import delivery_text
from digest.models import Announcement, Batch, Delivery, StatusReason
from digest.reader_data.erase import forget_the_erased
from subscriptions import consent
from subscriptions.mail.mailer import Mailer, Purpose
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import Scope, SendReason, SendResult, SendStatus
from subscriptions.mail.providers import may_be_asked_again
from subscriptions.models import Subscriber, Suppression

logger = logging.getLogger(__name__)
Key = TypeVar("Key")

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
FAR_AHEAD = timedelta(hours=1)  # a lease as far ahead as this was taken by a clock that has since been put right
LONGEST_DELIVERY = LEASE * 0.2  # then the batch is left to the next worker, so that one that is stopped ends in time
LONGEST_CHUNK = LEASE * 0.2  # what was not tried by then waits for the sweep; the last answer may take 40 seconds more
CHUNK: int = settings.MAILS_AT_ONCE  # mails that are handed over, and may be left unknown, together
BATCH = 1000  # deliveries that are leased as one row
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 3, 10, 30, 60)]
MOST_LEASES = 3  # of a batch of one that stops its worker each time
WRITE_AGAIN_AFTER = (0.1, 0.5, 1, 2, 5, 10, 15, 20)  # seconds: within the time of a task
SETTLED = ("status", "status_reason", "detail", "answer", "attempts", "accepted_at", "not_before", "handed_over_at")


@dataclass(slots=True)
class Outcomes:
    """Counts of deliveries by the status they ended with."""

    counts: Counter[str] = field(default_factory=Counter)


def lease_batch(now: datetime, *, only: Collection[int] | None = None) -> Batch | None:
    """Take the oldest batch that is due for this worker, so that no two workers hold one batch.

    ``only`` limits it to batches with these ids. A conditional UPDATE decides;
    where the database can, the others do not even look at a row that is being taken.
    """
    skips = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        due = Batch.objects.due(now) if only is None else Batch.objects.due(now).filter(pk__in=only)
        batch = (due.select_for_update(skip_locked=True) if skips else due).first()
        taken = batch and Batch.objects.filter(pk=batch.pk, status=Batch.Status.OPEN).update(
            status=Batch.Status.LEASED,
            token=secrets.token_hex(16),
            lease_until=now + LEASE,
            not_before=None,
            attempts=F("attempts") + 1,
        )
    if not batch or not taken:
        return None
    batch.refresh_from_db()
    return batch


def deliver_all(*, clock: Callable[[], datetime], only: Collection[int] | None = None) -> Outcomes:
    """Deliver every batch that is due; ``only`` limits it to batches with these ids."""
    total = Outcomes()
    while throttle.paused_until(clock()) is None and (batch := lease_batch(clock(), only=only)):
        total.counts += deliver(batch, clock=clock).counts
    return total


def deliver(batch: Batch, *, clock: Callable[[], datetime]) -> Outcomes:
    """Hand over what is ready in a leased batch, chunk by chunk.

    Ends early when the lease is no longer ours, when the time of a task is over, or when the gate closes; the rest of
    the batch is then open again, with the time at which to go on.
    """
    outcomes = Outcomes()
    began = clock()
    until = began + LONGEST_DELIVERY
    mails = AT_HAND
    again: datetime | None = None
    with Mailer(at_once=CHUNK, history=throttle.session_history(began)) as mailer:
        while began <= (now := clock()) < until:  # a clock that was put back no longer tells how long this takes
            permit = throttle.acquire(CHUNK, now=now)
            if not permit.mails:
                again = permit.again
                break
            if not (chunk := _take_chunk(batch, mailer, now, outcomes, limit=permit.mails)):
                break
            with mails.lock:  # a worker without Redis delivers in several threads
                mails.read_cards(chunk)
                announced = announcements_among(chunk)
                written = [_encode(mailer, delivery, mails, announced) for delivery in chunk]
            stop = now + LONGEST_CHUNK
            taken = iter(
                mailer.send_batch(
                    [message for message in written if isinstance(message, EncodedMessage)],
                    pace=permit.pace,
                    in_time=lambda start=now, stop=stop: start <= clock() < stop,  # type: ignore[misc]
                )
            )
            results = [next(taken) if isinstance(one, EncodedMessage) else one for one in written]
            _record(chunk, results, taken_at=now, now=clock())
            outcomes.counts.update(delivery.status for delivery in chunk)
            throttle.record_results(results, now=clock())
    _give_back(batch, again)
    logger.info("delivered", extra={"facts": {"batch": batch.pk, **outcomes.counts}})
    return outcomes


def _give_back(batch: Batch, again: datetime | None) -> None:
    """Release a batch: done, or open again where a delivery in it is still ready."""
    left = batch.deliveries.filter(status=Delivery.Status.READY).exists()
    Batch.objects.filter(pk=batch.pk, token=batch.token).update(
        status=Batch.Status.OPEN if left else Batch.Status.DONE,
        token="",
        lease_until=None,
        not_before=again,
        attempts=0,
    )


# --- what is left behind ---------------------------------------------------------------------------------------------


def reap(now: datetime) -> Outcomes:
    """Give back batches whose lease ran out, end what is too late, and batch what is due for another try."""
    outcomes = Outcomes()
    with transaction.atomic():
        is_over = Q(lease_until__lt=now) | Q(lease_until__gt=now + LEASE + FAR_AHEAD)
        lost = list(Batch.objects.select_for_update().filter(is_over, status=Batch.Status.LEASED))
        held = Delivery.objects.filter(batch__in=lost, status=Delivery.Status.HANDING_OFF)
        again = [row.pk for row in held if _may_repeat(row, now)]
        stopped = {"status_reason": StatusReason.WORKER_STOPPED, "detail": ""}
        held.filter(pk__in=again).update(status=Delivery.Status.RETRY_WAIT, not_before=now, **stopped)
        outcomes.counts[Delivery.Status.UNKNOWN] = held.update(status=Delivery.Status.UNKNOWN, **stopped)
        for batch in lost:
            _bisect(batch, outcomes)
        outcomes.counts[Delivery.Status.EXPIRED] += _expire(now, outcomes)
    if any(outcomes.counts.values()):
        logger.info("swept", extra={"facts": {"batches": len(lost), **outcomes.counts}})
    if unknown := outcomes.counts[Delivery.Status.UNKNOWN]:
        logger.error("%d mails may have left, which nobody can tell. They are not sent again.", unknown)
    due = Delivery.objects.filter(Q(not_before=None) | Q(not_before__lte=now), status=Delivery.Status.RETRY_WAIT)
    while ids := list(due.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            batch = Batch.objects.create(size=len(ids))
            ready = due.filter(pk__in=ids).update(status=Delivery.Status.READY, batch=batch)
        outcomes.counts[Delivery.Status.READY] += ready
    return outcomes


def _bisect(batch: Batch, outcomes: Outcomes) -> None:
    """Open a lost batch again, in two halves, so that one mail that stops its worker does not strand the rest."""
    ready = list(batch.deliveries.filter(status=Delivery.Status.READY).order_by("pk").values_list("pk", flat=True))
    if len(ready) == 1 and batch.attempts >= MOST_LEASES:
        batch.deliveries.filter(pk__in=ready).update(
            status=Delivery.Status.FAILED, status_reason=StatusReason.POISON, detail=""
        )
        outcomes.counts[Delivery.Status.FAILED] += 1
        ready = []
    half = ready[(len(ready) + 1) // 2 :]
    if half:
        other = Batch.objects.create(size=len(half))
        Delivery.objects.filter(pk__in=half).update(batch=other)
    Batch.objects.filter(pk=batch.pk).update(
        status=Batch.Status.OPEN if ready else Batch.Status.DONE,
        token="",
        lease_until=None,
        attempts=0 if half else batch.attempts,
        size=len(ready) - len(half),
    )


def _expire(now: datetime, outcomes: Outcomes) -> int:
    """End what can leave no more; what may have left before stays unknown."""
    late = Delivery.objects.filter(status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT], not_after__lt=now)
    outcomes.counts[Delivery.Status.UNKNOWN] += late.filter(handed_over_at__isnull=False).update(
        status=Delivery.Status.UNKNOWN
    )
    return late.update(status=Delivery.Status.EXPIRED, status_reason=StatusReason.EXPIRED, detail="")


def _may_repeat(delivery: Delivery, now: datetime) -> bool:
    """Return whether the provider still recognises the mail at ``now``, if it has taken it before."""
    since = delivery.handed_over_at
    is_in_time = delivery.not_after is None or now < delivery.not_after
    if since is None or not is_in_time or delivery.provider != settings.MAIL_PROVIDER:
        return False
    return delivery.attempts <= len(RETRY_AFTER) and may_be_asked_again(delivery.provider, now - since)


# --- a chunk ---------------------------------------------------------------------------------------------------------


def _take_chunk(batch: Batch, mailer: Mailer, now: datetime, outcomes: Outcomes, *, limit: int) -> list[Delivery]:
    """Return the next deliveries of the batch, marked as being handed over after a last look at their readers."""
    going: list[Delivery] = []
    while not going:
        with transaction.atomic():
            held = Batch.objects.filter(pk=batch.pk, token=batch.token, status=Batch.Status.LEASED, lease_until__gt=now)
            if not held.update(lease_until=now + LEASE):
                return []
            ready = list(
                batch.deliveries.filter(status=Delivery.Status.READY)
                .select_related("subscriber", "content")
                # who leaves at this moment is either seen to have left, or waits until the row says handing_off; and
                # an event that shows that this digest has left before is either seen, or comes after
                .select_for_update(of=("self", "subscriber"), no_key=True)
                .order_by("pk")[:limit]
            )
            if not ready:
                return []
            suppressed = mailer.look_up(delivery.subscriber for delivery in ready)
            for delivery in ready:
                delivery.status, delivery.status_reason = _last_look(delivery, suppressed, now)
                if delivery.handed_over_at and (
                    delivery.status != Delivery.Status.HANDING_OFF or not _may_repeat(delivery, now)
                ):
                    delivery.status = Delivery.Status.UNKNOWN  # an earlier try may have left
            going = [delivery for delivery in ready if delivery.status == Delivery.Status.HANDING_OFF]
            _mark(going, now)
            for (status, reason), rows in _alike(ready, lambda row: (row.status, row.status_reason)):
                if status != Delivery.Status.HANDING_OFF:
                    _these(rows).update(status=status, status_reason=reason, detail="")
                    outcomes.counts[status] += len(rows)
            forget_the_erased(row for row in ready if row.subscriber.status == Subscriber.Status.ERASED)
    return going


def _mark(going: Sequence[Delivery], now: datetime) -> None:
    """Write down that these are being handed over: from here on they may have left."""
    for delivery in going:
        delivery.attempts += 1
        delivery.handed_over_at = delivery.handed_over_at or now
        delivery.provider = settings.MAIL_PROVIDER
    for handed_over_at, rows in _alike(going, lambda row: row.handed_over_at):
        _these(rows).update(
            status=Delivery.Status.HANDING_OFF,
            status_reason="",
            detail="",
            attempts=F("attempts") + 1,
            handed_over_at=handed_over_at,
            provider=settings.MAIL_PROVIDER,
        )


def _last_look(delivery: Delivery, suppressed: set[int], now: datetime) -> tuple[str, str]:
    """Return the status that a digest goes on with, and the StatusReason for not sending it, or an empty string."""
    reader = delivery.subscriber
    if delivery.not_after and delivery.not_after < now:
        return Delivery.Status.EXPIRED, StatusReason.EXPIRED
    if reader.pk in suppressed:
        return Delivery.Status.SKIPPED, StatusReason.SUPPRESSED
    if reader.is_paused(delivery.issue_date or now.date()):
        return Delivery.Status.SKIPPED, StatusReason.PAUSED
    if reader.status not in (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED):
        return Delivery.Status.SKIPPED, StatusReason.UNSUBSCRIBED
    return Delivery.Status.HANDING_OFF, ""


def _encode(
    mailer: Mailer, delivery: Delivery, mails: Mails, announced: Mapping[int, Announcement]
) -> EncodedMessage | SendResult:
    """Return the mail as it can be handed over, or why it may not or cannot be."""
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


def _settle(delivery: Delivery, result: SendResult, *, taken_at: datetime, now: datetime) -> None:
    """Set a delivery's fields by the result of a hand-over that began at ``taken_at``; does not save."""
    delivery.status_reason, delivery.detail = str(result.reason), result.detail[:300]
    delivery.answer = result.answer[:20]
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
        case SendStatus.UNKNOWN if _may_repeat(delivery, again):
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
    return RETRY_AFTER[min(delivery.attempts, len(RETRY_AFTER)) - 1] * (0.8 + delivery.pk % 5 / 10)


def _record(chunk: Sequence[Delivery], results: Sequence[SendResult], *, taken_at: datetime, now: datetime) -> None:
    """Write down what became of a chunk; while the database is away, try the writing again and never the sending."""
    gone = []
    for delivery, result in zip(chunk, results, strict=True):
        _settle(delivery, result, taken_at=taken_at, now=now)
        if result.status == SendStatus.NO_SUCH_ADDRESS:
            gone.append(delivery)
    for pause in (*WRITE_AGAIN_AFTER, None):
        try:
            _write(chunk, gone, now=now)
            return
        except (OperationalError, InterfaceError, InternalError) as error:  # the last: of a replica, after a failover
            if pause is None or connection.in_atomic_block:
                raise
            why = " ".join(str(error).split())
            logger.warning("What became of %d mails cannot be written yet: %s", len(chunk), why)
            connection.close()
            time.sleep(pause)


def _write(chunk: Sequence[Delivery], gone: Sequence[Delivery], *, now: datetime) -> None:
    with transaction.atomic():
        for values, rows in _alike(chunk, lambda row: tuple(getattr(row, name) for name in SETTLED)):
            status = cast(Delivery.Status, values[0])
            _these(rows).filter(status__in=KNOWS_LESS.get(status, MAY_HAVE_LEFT)).update(
                **dict(zip(SETTLED, values, strict=True))
            )
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


def _these(rows: Sequence[Delivery]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk__in=[row.pk for row in rows])


def _alike(rows: Sequence[Delivery], what: Callable[[Delivery], Key]) -> Iterable[tuple[Key, list[Delivery]]]:
    """Group rows by what is written to them, so that each group takes one statement."""
    groups: dict[Key, list[Delivery]] = defaultdict(list)
    for row in rows:
        groups[what(row)].append(row)
    return groups.items()
