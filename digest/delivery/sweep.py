"""Take back what dead workers held, end what is too late, and batch what is due for another try."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from digest.delivery import journal
from digest.delivery.results import LEASE, Outcomes, may_repeat, settle, write
from digest.delivery.throttle import session_history
from digest.models import Batch, Delivery, StatusReason
from subscriptions.mail.outcomes import SendResult, SendStatus
from subscriptions.mail.providers import BATCH_KEY

logger = logging.getLogger(__name__)

BATCH = 1000  # deliveries that are leased as one row
FAR_AHEAD = timedelta(hours=1)  # a lease as far ahead as this was taken by a clock that has since been put right
MOST_LEASES = 3  # of a batch of one that stops its worker each time


def reap(now: datetime) -> Outcomes:
    """Give back batches with an expired lease, end what is too late, and batch what is due for another try."""
    outcomes = recover(now)
    with transaction.atomic():
        is_over = Q(lease_until__lt=now) | Q(lease_until__gt=now + LEASE + FAR_AHEAD)
        lost = list(Batch.objects.select_for_update().filter(is_over, status=Batch.Status.LEASED))
        held = Delivery.objects.filter(batch__in=lost, status=Delivery.Status.HANDING_OFF)
        again = [row.pk for row in held if may_repeat(row, now)]
        stopped = {"status_reason": StatusReason.WORKER_STOPPED, "detail": ""}
        held.filter(pk__in=again).update(status=Delivery.Status.RETRY_WAIT, not_before=now, **stopped)
        outcomes.counts[Delivery.Status.UNKNOWN] += held.update(status=Delivery.Status.UNKNOWN, **stopped)
        for batch in lost:
            _bisect(batch, outcomes)
        outcomes.counts[Delivery.Status.EXPIRED] += _expire(now, outcomes)
    if any(outcomes.counts.values()):
        logger.info("swept", extra={"facts": {"batches": len(lost), **outcomes.counts}})
    if unknown := outcomes.counts[Delivery.Status.UNKNOWN]:
        logger.error("%d mails may have left, which nobody can tell. They are not sent again.", unknown)
    due = Delivery.objects.filter(Q(not_before=None) | Q(not_before__lte=now), status=Delivery.Status.RETRY_WAIT)
    while ids := list(due.order_by("provider_message_id", "pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            batch = Batch.objects.create(size=len(ids))
            ready = due.filter(pk__in=ids).update(status=Delivery.Status.READY, batch=batch)
        outcomes.counts[Delivery.Status.READY] += ready
    return outcomes


# --- journals --------------------------------------------------------------------------------------------------------


def recover(now: datetime) -> Outcomes:
    """Give back the batches of processes of this machine that have ended, by their journals; the lease may still last.

    What had not begun to leave is ready again, what was answered becomes what was answered, and only what was in
    transit is unknown.
    """
    outcomes = Outcomes()
    with journal.left_behind() as found:
        for left in found:
            with transaction.atomic():
                _recover(left, now, outcomes)
    return outcomes


def _recover(left: journal.LeftBehind, now: datetime, outcomes: Outcomes) -> None:
    # without this lease the batch was given back or swept since, and the rows may be somebody else's
    batch = Batch.objects.select_for_update().filter(token=left.token, status=Batch.Status.LEASED).first()
    if batch is None:
        return
    rows = batch.deliveries.filter(status=Delivery.Status.HANDING_OFF).select_related("subscriber")
    held = list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))
    told = _judged(left, held, now)
    gone = []
    for row in held:
        reference = row.reference
        if reference in told:
            settle(row, told[reference], taken_at=left.taken_at, now=now)
            if told[reference].status == SendStatus.NO_SUCH_ADDRESS:
                gone.append(row)
        elif not reference or reference in left.begun or left.taken_at is None:
            row.status = Delivery.Status.RETRY_WAIT if may_repeat(row, now) else Delivery.Status.UNKNOWN
            row.status_reason, row.not_before = StatusReason.WORKER_STOPPED, now
        elif row.handed_over_at == left.taken_at:
            row.status, row.attempts = Delivery.Status.READY, row.attempts - 1
            row.handed_over_at, row.provider_message_id = None, ""
        else:  # an earlier try may have left: the key of its request stays, and the sweep keeps its mails together
            row.status, row.attempts, row.not_before = Delivery.Status.RETRY_WAIT, row.attempts - 1, now
    write(held, gone, now=now)
    _bisect(batch, outcomes)
    found = Counter(row.status for row in held)
    outcomes.counts.update(found)
    logger.info("recovered by a journal", extra={"facts": {"batch": batch.pk, **found}})


def _judged(left: journal.LeftBehind, held: list[Delivery], now: datetime) -> dict[str, SendResult]:
    """Return the answers by reference, read together as their mailer would have done."""
    answered = {row.reference: left.answers[row.reference] for row in held if row.reference in left.answers}
    if not answered:
        return {}
    history = session_history(now)
    for result in answered.values():
        history.add(result)
    return dict(zip(answered, history.judge(list(answered.values())), strict=True))


# --- batches ---------------------------------------------------------------------------------------------------------


def _bisect(batch: Batch, outcomes: Outcomes) -> None:
    """Open a lost batch again, in two halves, so that one mail that stops its worker does not strand the rest."""
    ready, middle = _in_halves(batch)
    if len(ready) == 1 and batch.attempts >= MOST_LEASES:
        batch.deliveries.filter(pk__in=ready).update(
            status=Delivery.Status.FAILED, status_reason=StatusReason.POISON, detail=""
        )
        outcomes.counts[Delivery.Status.FAILED] += 1
        ready = []
    half = ready[middle:]
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


def _in_halves(batch: Batch) -> tuple[list[int], int]:
    """Return the keys of a batch's ready rows, and how many are in the first half.

    The mails of a request that may have left stay together, since they can leave once more only as they were; unless
    the batch stopped its workers too often.
    """
    rows = batch.deliveries.filter(status=Delivery.Status.READY).order_by("provider_message_id", "pk")
    ready = list(rows.values_list("pk", "provider_message_id"))
    middle = (len(ready) + 1) // 2
    if batch.attempts < MOST_LEASES:
        while (
            middle < len(ready) and ready[middle][1].startswith(BATCH_KEY) and ready[middle][1] == ready[middle - 1][1]
        ):
            middle += 1
    return [pk for pk, _ in ready], middle


def _expire(now: datetime, outcomes: Outcomes) -> int:
    """End what can leave no more; what may have left before stays unknown."""
    late = Delivery.objects.filter(status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT], not_after__lt=now)
    outcomes.counts[Delivery.Status.UNKNOWN] += late.filter(handed_over_at__isnull=False).update(
        status=Delivery.Status.UNKNOWN
    )
    return late.update(status=Delivery.Status.EXPIRED, status_reason=StatusReason.EXPIRED, detail="")
