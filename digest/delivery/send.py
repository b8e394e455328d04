"""Lease a batch, hand its digests over, and write down what became of each.

docs/sending.md describes the states: nothing is handed over before its row says ``handing_off``, and a row that says so
when its worker is gone is left to :mod:`digest.delivery.sweep`, which reads the journal of what was on the wire.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from digest.delivery import throttle
from digest.delivery.composer import Composer
from digest.delivery.journal import Journal
from digest.delivery.ready_rows import ready_rows
from digest.delivery.results import LEASE, Outcomes, alike, may_repeat, record, these
from digest.delivery.statements import GIVE_BACK, KEEP_LEASE, MARK, adapted, for_keys
from digest.delivery.sweep import recover
from digest.models import Batch, Delivery, StatusReason
from digest.reader_data.erase import forget_the_erased
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import SendResult
from subscriptions.mail.providers import BATCH_KEY, BATCH_KEYS, key_of_batch
from subscriptions.models import Subscriber

logger = logging.getLogger(__name__)

LONGEST_DELIVERY = LEASE * 0.2  # then the batch is left to the next worker, so that one that is stopped ends in time
LONGEST_CHUNK = LEASE * 0.2  # what was not tried by then waits for the sweep; the last answer may take 40 seconds more
WHOLE = 1000  # no batch holds more rows
CHUNK: int = settings.MAILS_AT_ONCE  # mails that are handed over together


def lease_batch(now: datetime, *, only: Collection[int] | None = None) -> Batch | None:
    """Take the oldest batch that is due for this worker, so that no two workers hold one batch.

    ``only`` limits it to batches with these ids. A conditional UPDATE decides;
    where the database can, the others do not even look at a row that is being taken.
    """
    skips = connection.features.has_select_for_update_skip_locked
    token = secrets.token_hex(16)
    with transaction.atomic():
        due = Batch.objects.due(now) if only is None else Batch.objects.due(now).filter(pk__in=only)
        batch = (due.select_for_update(skip_locked=True) if skips else due).first()
        taken = batch and Batch.objects.filter(pk=batch.pk, status=Batch.Status.OPEN).update(
            status=Batch.Status.LEASED,
            token=token,
            lease_until=now + LEASE,
            not_before=None,
            attempts=F("attempts") + 1,
        )
    if not batch or not taken:
        return None
    batch.token = token  # all else that is written here is for others
    return batch


def deliver_all(*, clock: Callable[[], datetime], only: Collection[int] | None = None) -> Outcomes:
    """Deliver every batch that is due; ``only`` limits it to batches with these ids."""
    total = recover(clock())
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
    again: datetime | None = None
    # the mailer ends first: once the journal is closed, others may read it
    with Journal(batch.token) as journal, Mailer(at_once=CHUNK, history=throttle.session_history(began)) as mailer:
        composer = Composer(batch, mailer)
        while began <= (now := clock()) < until:  # a clock that was put back no longer tells how long this takes
            permit = throttle.acquire(CHUNK, now=now)
            if not permit.mails:
                again = permit.again
                break
            journal.chunk(now)
            if journal.is_broken or not (chunk := _take_chunk(batch, mailer, now, outcomes, limit=permit.mails)):
                break
            results = _hand_over(chunk, composer, mailer, journal, permit=permit, began=now, clock=clock)
            record(chunk, results, taken_at=now, now=clock())
            outcomes.counts.update(delivery.status for delivery in chunk)
            throttle.record_results(results, now=clock())
        _give_back(batch, again)
    logger.info("delivered", extra={"facts": {"batch": batch.pk, **outcomes.counts}})
    return outcomes


def _hand_over(
    chunk: Sequence[Delivery],
    composer: Composer,
    mailer: Mailer,
    journal: Journal,
    *,
    permit: throttle.Permit,
    began: datetime,
    clock: Callable[[], datetime],
) -> list[SendResult]:
    """Send the mails of a chunk that can be composed; return a result for each of its deliveries."""
    stop = began + LONGEST_CHUNK
    written = composer.mails(chunk)
    taken = iter(
        mailer.send_batch(
            [message for message in written if isinstance(message, EncodedMessage)],
            pace=permit.pace,
            in_time=lambda: began <= clock() < stop,
            journal=journal,
            together=all(row.handed_over_at == began or row.provider_message_id.startswith(BATCH_KEY) for row in chunk),
            meanwhile=lambda: composer.compose_ahead(CHUNK),
        )
    )
    return [next(taken) if isinstance(one, EncodedMessage) else one for one in written]


def _give_back(batch: Batch, again: datetime | None) -> None:
    """Release a batch: done, or open again where a delivery in it is still ready."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, [adapted(again), batch.pk, batch.token])


# --- a chunk ---------------------------------------------------------------------------------------------------------


def _take_chunk(batch: Batch, mailer: Mailer, now: datetime, outcomes: Outcomes, *, limit: int) -> list[Delivery]:
    """Return the next deliveries of the batch, marked as being handed over after a last look at their readers."""
    going: list[Delivery] = []
    while not going:
        with transaction.atomic():
            if not _keep_lease(batch, now):
                return []
            ready = _next_rows(batch, limit)
            if not ready:
                return []
            suppressed = mailer.look_up(delivery.subscriber for delivery in ready)
            for delivery in ready:
                delivery.status, delivery.status_reason = _last_look(delivery, suppressed, now)
                if delivery.handed_over_at and (
                    delivery.status != Delivery.Status.HANDING_OFF or not may_repeat(delivery, now)
                ):
                    delivery.status = Delivery.Status.UNKNOWN  # an earlier try may have left
            _keep_requests_whole(ready)
            going = [delivery for delivery in ready if delivery.status == Delivery.Status.HANDING_OFF]
            _mark(going, now)
            others = [row for row in ready if row.status != Delivery.Status.HANDING_OFF]
            for (status, reason), rows in alike(others, lambda row: (row.status, row.status_reason)):
                these(rows).update(status=status, status_reason=reason, detail="")
                outcomes.counts[status] += len(rows)
            forget_the_erased(row for row in ready if row.subscriber.status == Subscriber.Status.ERASED)
    return going


def _keep_lease(batch: Batch, now: datetime) -> bool:
    """Prolong the lease; return False if it is no longer ours."""
    with connection.cursor() as cursor:
        cursor.execute(KEEP_LEASE, [adapted(now + LEASE), batch.pk, batch.token, adapted(now)])
        return cursor.rowcount > 0


def _next_rows(batch: Batch, limit: int) -> list[Delivery]:
    """Return the next ready deliveries of a batch, locked: up to ``limit``, or all of a request that may have left."""
    ready = ready_rows(batch, limit)
    first = ready[0].provider_message_id if ready else ""
    if first.startswith(BATCH_KEY):
        return [row for row in ready_rows(batch, WHOLE) if row.provider_message_id == first]
    return [row for row in ready if not row.provider_message_id.startswith(BATCH_KEY)]


def _keep_requests_whole(ready: Sequence[Delivery]) -> None:
    """Leave the mails of a request unknown that may have left, unless all of them can be in it once more.

    The provider knows the request by its key, and only as it was.
    """
    key = ready[0].provider_message_id
    if key.startswith(BATCH_KEY):
        again = [row.reference for row in ready if row.status == Delivery.Status.HANDING_OFF]
        if key_of_batch(again) != key:
            for row in ready:
                row.status, row.status_reason = Delivery.Status.UNKNOWN, StatusReason.NO_ANSWER


def _mark(going: Sequence[Delivery], now: datetime) -> None:
    """Write down that these are being handed over: from here on they may have left."""
    fresh = [delivery for delivery in going if delivery.handed_over_at is None]
    key = (
        key_of_batch([row.reference for row in fresh])
        if len(going) == len(fresh) > 1 and settings.MAIL_PROVIDER in BATCH_KEYS
        else ""
    )
    for delivery in fresh:
        delivery.provider_message_id = key
    provider: str = settings.MAIL_PROVIDER
    for delivery in going:
        delivery.attempts += 1
        delivery.handed_over_at = delivery.handed_over_at or now
        delivery.provider = provider
    for (handed_over_at, key), rows in alike(going, lambda row: (row.handed_over_at, row.provider_message_id)):
        with connection.cursor() as cursor:
            values = [adapted(handed_over_at), key, provider, *[row.id for row in rows]]
            cursor.execute(for_keys(MARK, len(rows)), values)


def _last_look(delivery: Delivery, suppressed: set[int], now: datetime) -> tuple[str, str]:
    """Return the status that a digest goes on with, and the StatusReason for not sending it, or an empty string."""
    reader = delivery.subscriber
    if delivery.not_after and delivery.not_after < now:
        return Delivery.Status.EXPIRED, StatusReason.EXPIRED
    if reader.id in suppressed:
        return Delivery.Status.SKIPPED, StatusReason.SUPPRESSED
    if reader.is_paused(delivery.issue_date or now.date()):
        return Delivery.Status.SKIPPED, StatusReason.PAUSED
    if reader.status not in (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED):
        return Delivery.Status.SKIPPED, StatusReason.UNSUBSCRIBED
    return Delivery.Status.HANDING_OFF, ""
