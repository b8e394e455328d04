"""Lease a batch, hand its digests over, write down what became of each; take back what a dead worker held.

The states are SENDING.md's: nothing is handed over before its row says ``handing_off``, and a row that says so when its
worker is gone becomes ``unknown``, which is never sent again.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from digest import erasing
from digest.mails import Mails
from digest.models import PAUSED, SUPPRESSED, Batch, Delivery
from subscriptions import consent
from subscriptions.models import Subscriber, Suppression
from subscriptions.sending import Door, Fate, Handover, Purpose

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=300)
LONGEST_DELIVERY = timedelta(seconds=180)  # then the batch is left to the next worker: tasks end after 240
CHUNK = 20
EXPIRED = "It could not leave in time; its papers return to the next digest."
EXPIRED_WITH_NOTHING = "It could not leave in time; it had no paper for you."
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 3, 10, 30, 60)]


@dataclass(slots=True)
class Outcomes:
    """How many deliveries ended how, by status."""

    counts: Counter[str] = field(default_factory=Counter)


def lease_batch(now: datetime) -> Batch | None:
    """Take the oldest open batch for this worker: one conditional UPDATE, so that no two workers hold one batch."""
    for batch in Batch.objects.filter(status=Batch.Status.OPEN).order_by("pk")[:10]:
        token = secrets.token_hex(16)
        taken = Batch.objects.filter(pk=batch.pk, status=Batch.Status.OPEN).update(
            status=Batch.Status.LEASED, token=token, lease_until=now + LEASE, attempts=F("attempts") + 1
        )
        if taken:
            batch.refresh_from_db()
            return batch
    return None


def deliver_all(*, clock: Callable[[], datetime]) -> Outcomes:
    """Deliver every open batch."""
    total = Outcomes()
    while batch := lease_batch(clock()):
        total.counts += deliver(batch, clock=clock).counts
    return total


def deliver(batch: Batch, *, clock: Callable[[], datetime]) -> Outcomes:
    """Hand over what is ready in a leased batch, chunk by chunk; ends early when the lease is no longer ours."""
    outcomes = Outcomes()
    until = clock() + LONGEST_DELIVERY
    mails = Mails()
    with Door() as door:
        while clock() < until and (chunk := _take_chunk(batch, clock(), outcomes)):
            door.look_up(delivery.subscriber for delivery in chunk)
            mails.read_cards(chunk)
            for delivery in chunk:
                _settle(delivery, _hand_over(door, delivery, mails), now=clock())
                outcomes.counts[delivery.status] += 1
            _record(chunk)
    left = batch.deliveries.filter(status=Delivery.Status.READY).exists()  # the lease ran out in a slow chunk
    status = Batch.Status.OPEN if left else Batch.Status.DONE
    Batch.objects.filter(pk=batch.pk, token=batch.token).update(status=status, token="", lease_until=None)
    return outcomes


def sweep(now: datetime) -> Outcomes:
    """Give back batches whose lease ran out: what was being handed over is unknown, what is due again is batched."""
    outcomes = Outcomes()
    with transaction.atomic():
        lost = Batch.objects.filter(status=Batch.Status.LEASED, lease_until__lt=now)
        outcomes.counts[Delivery.Status.UNKNOWN] = Delivery.objects.filter(
            batch__in=lost, status=Delivery.Status.HANDING_OFF
        ).update(status=Delivery.Status.UNKNOWN, outcome="The worker stopped while this mail was being handed over.")
        lost.update(status=Batch.Status.OPEN, token="", lease_until=None)
        late = Delivery.objects.filter(
            status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT], not_after__lt=now
        )
        outcomes.counts[Delivery.Status.EXPIRED] = late.update(
            status=Delivery.Status.EXPIRED,
            outcome=Case(When(paper_ids=[], then=Value(EXPIRED_WITH_NOTHING)), default=Value(EXPIRED)),
        )
        again = Delivery.objects.filter(status=Delivery.Status.RETRY_WAIT).filter(
            Q(not_before=None) | Q(not_before__lte=now)
        )
        ids = list(again.values_list("pk", flat=True)[:1000])
        if ids:
            batch = Batch.objects.create(size=len(ids))
            outcomes.counts[Delivery.Status.READY] = again.filter(pk__in=ids).update(
                status=Delivery.Status.READY, batch=batch
            )
    return outcomes


def _take_chunk(batch: Batch, now: datetime, outcomes: Outcomes) -> list[Delivery]:
    """The next deliveries of the batch, after a last look at their readers, marked as being handed over."""
    with transaction.atomic():
        held = Batch.objects.filter(pk=batch.pk, token=batch.token, status=Batch.Status.LEASED, lease_until__gt=now)
        if not held.update(lease_until=now + LEASE):
            return []
        ready = list(
            batch.deliveries.filter(status=Delivery.Status.READY)
            .select_related("subscriber", "edition")
            # who leaves at this moment is either seen to have left, or waits until the row says handing_off
            .select_for_update(of=("subscriber",), no_key=True)
            .order_by("pk")[:CHUNK]
        )
        suppressed = Suppression.objects.blocked([delivery.subscriber for delivery in ready])
        for delivery in ready:
            delivery.status, delivery.outcome = _last_look(delivery, suppressed, now)
            delivery.attempts += 1
            if delivery.status == Delivery.Status.HANDING_OFF:
                delivery.handed_over_at = now
            else:
                outcomes.counts[delivery.status] += 1
        Delivery.objects.bulk_update(ready, ["status", "outcome", "attempts", "handed_over_at"])
        erasing.forget_the_erased(row for row in ready if row.subscriber.status == Subscriber.Status.ERASED)
    going = [delivery for delivery in ready if delivery.status == Delivery.Status.HANDING_OFF]
    return going or (_take_chunk(batch, now, outcomes) if ready else [])


def _last_look(delivery: Delivery, suppressed: set[int], now: datetime) -> tuple[str, str]:
    """The status this digest goes on with, and why it must not leave after all, or an empty string."""
    reader = delivery.subscriber
    if delivery.not_after and delivery.not_after < now:
        return Delivery.Status.EXPIRED, EXPIRED if delivery.paper_ids else EXPIRED_WITH_NOTHING
    if reader.pk in suppressed:
        return Delivery.Status.SKIPPED, SUPPRESSED
    if reader.is_paused(delivery.issue_date):
        return Delivery.Status.SKIPPED, PAUSED
    if reader.status not in (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED):
        return Delivery.Status.SKIPPED, "You unsubscribed before it left."
    return Delivery.Status.HANDING_OFF, ""


def _hand_over(door: Door, delivery: Delivery, mails: Mails) -> Handover:
    try:
        email = mails.email_for(delivery)
    except Exception:  # one digest that cannot be made must not stop the others
        logger.exception("Delivery %s could not be composed", delivery.pk)
        return Handover(Fate.FAILED, "This digest could not be composed; the service's log says why.")
    return door.send(
        delivery.subscriber,
        email,
        purpose=Purpose.DIGEST,
        message_id=cast(str, delivery.message_id),  # a ready row has both
        dated_at=cast(datetime, delivery.dated_at),
        issue_date=delivery.issue_date,
    )


def _settle(delivery: Delivery, handover: Handover, *, now: datetime) -> None:
    delivery.outcome = handover.detail[:300]
    delivery.provider_message_id = handover.provider_message_id[:200]
    match handover.fate:
        case Fate.ACCEPTED:
            delivery.status, delivery.accepted_at = Delivery.Status.ACCEPTED, now
        case Fate.LATER if delivery.attempts <= len(RETRY_AFTER):
            wait = RETRY_AFTER[delivery.attempts - 1]
            delivery.status, delivery.not_before = Delivery.Status.RETRY_WAIT, now + wait
        case Fate.REFUSED:
            delivery.status = Delivery.Status.SKIPPED
        case Fate.FAILED | Fate.NO_SUCH_ADDRESS | Fate.LATER:
            delivery.status = Delivery.Status.FAILED
        case Fate.UNKNOWN:
            delivery.status = Delivery.Status.UNKNOWN
    if handover.fate == Fate.NO_SUCH_ADDRESS:
        consent.suppress(delivery.subscriber.email, reason=Suppression.Reason.BOUNCED, now=now, why=delivery.outcome)


def _record(chunk: list[Delivery]) -> None:
    with transaction.atomic():
        Delivery.objects.bulk_update(
            chunk, ["status", "outcome", "provider_message_id", "accepted_at", "not_before"], batch_size=CHUNK
        )
        erasing.forget_the_erased(chunk)
        sent = [delivery for delivery in chunk if delivery.status == Delivery.Status.ACCEPTED]
        if sent:
            Subscriber.objects.filter(pk__in=[delivery.subscriber_id for delivery in sent]).update(
                last_digest_at=max(delivery.accepted_at for delivery in sent if delivery.accepted_at)
            )
