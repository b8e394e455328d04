"""Which digests that failed may be tried again by hand, and trying them: docs/sending.md says why these are safe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from digest.compose.phrases import plural
from digest.models import Batch, Delivery, DeliveryEvent, StatusReason
from subscriptions.mail.refusals import ADDRESS_IS_GONE

CHUNK = 1000
NO_ADDRESS = (*ADDRESS_IS_GONE, "refused")  # answers after which another try would fail too


@dataclass(frozen=True, slots=True)
class Again:
    """Counts of the latest digests that can be tried again, and of those that cannot, by reason."""

    can: int = 0
    may_have_left: int = 0
    too_late: int = 0
    no_use: int = 0

    @property
    def in_words(self) -> str:
        cannot = [
            (self.may_have_left, "unknown cannot, since it may have left", "unknown cannot, since they may have left"),
            (self.too_late, "cannot, since its time is over", "cannot, since their time is over"),
            (self.no_use, "cannot, since another try would fail too", "cannot, since another try would fail too"),
        ]
        said = [f"{count:,} {one if count == 1 else many}" for count, one, many in cannot if count]
        can = plural(self.can, "failed digest") if self.can else "No failed digest"
        return "; ".join([f"{can} can be tried again", *said]) + "."


def may_be_tried(now: datetime) -> Again:
    """Count what :func:`try_again` would do now, and what it would leave alone, of the last issue dates."""
    failed = _latest(now).filter(status=Delivery.Status.FAILED)
    all_failed = failed.count()
    if not all_failed:
        return Again(may_have_left=_unknown(now))
    can = _safe(now).count()
    late = failed.filter(not_after__lte=now).count()
    return Again(can=can, may_have_left=_unknown(now), too_late=late, no_use=all_failed - late - can)


def try_again(now: datetime) -> int:
    """Let each of these wait for another try, which the next sweep batches; how many.

    Twice, or from two places at once, is the same as once: a row goes from failed to waiting in one statement, and
    from there it is a delivery like any other. ``handed_over_at`` is emptied, since the mail surely was not taken.
    """
    numbers = list(_safe(now).order_by("pk").values_list("pk", flat=True))
    tried = 0
    with transaction.atomic():
        for start in range(0, len(numbers), CHUNK):
            # by number and status alone, so that a row which somebody else has just moved is looked at once more
            these = Delivery.objects.filter(pk__in=numbers[start : start + CHUNK], status=Delivery.Status.FAILED)
            tried += these.update(
                status=Delivery.Status.RETRY_WAIT,
                not_before=now,
                handed_over_at=None,
                status_reason=StatusReason.RETRIED_BY_HAND,
                detail="",
            )
    return tried


def reopen_from_outbox(delivery: Delivery) -> bool:
    """Let a digest that only went to the outbox leave once more, through a provider; return False for any other.

    It never left this machine, so that nobody gets it twice.
    """
    with transaction.atomic():
        only_there = Delivery.objects.filter(
            pk=delivery.pk, status=Delivery.Status.ACCEPTED, provider="outbox", batch__isnull=False
        )
        changed = only_there.update(
            status=Delivery.Status.READY, handed_over_at=None, accepted_at=None, answer="", provider=""
        )
        if changed:
            Batch.objects.filter(deliveries=delivery).update(status=Batch.Status.OPEN, not_before=None)
    return bool(changed)


def _safe(now: datetime) -> QuerySet[Delivery]:
    """Return the failed digests that surely did not leave, can still arrive in time, and may succeed if tried again."""
    later = _latest(now).filter(subscriber=OuterRef("subscriber"), issue_date__gt=OuterRef("issue_date"))
    told = DeliveryEvent.objects.filter(delivery=OuterRef("pk"))
    return (
        _latest(now)
        .filter(
            ~Exists(told),  # the provider had it
            ~Exists(later.filter(status__in=[*Delivery.SENT, *Delivery.OPEN])),  # its papers are in the next one
            Q(not_after=None) | Q(not_after__gt=now),
            status=Delivery.Status.FAILED,
            accepted_at=None,
            provider_message_id="",
            message_id__isnull=False,  # not emptied with its reader's erasure
        )
        .exclude(
            status_reason=StatusReason.POISON
        )  # it stops its worker, and whether one of its tries left is not looked into
        .exclude(answer__in=NO_ADDRESS)
    )


def _unknown(now: datetime) -> int:
    return _latest(now).filter(status=Delivery.Status.UNKNOWN).count()


def _latest(now: datetime) -> QuerySet[Delivery]:
    """Return the deliveries of yesterday, today and tomorrow, as dates differ by a day around the world.

    The dates are named one by one, because the index begins with the date.
    """
    return Delivery.objects.filter(issue_date__in=[now.date() + timedelta(days=days) for days in (-1, 0, 1)])
