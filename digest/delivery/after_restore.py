"""Treat digests as sent that may have left between a backup and its restore.

No unique key can prevent these duplicates (docs/sending.md), because the rows are lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from digest.delivery import throttle
from digest.delivery.due_days import move_on
from digest.editions.open_edition import open_when_ready
from digest.ingest.refresh import Reading, refresh_due
from digest.models import Delivery, Edition, StatusReason
from subscriptions.models import Subscriber
from subscriptions.schedule import local_date
from subscriptions.tokens import digest_message_id


@dataclass(slots=True)
class RestoreResult:
    """Numbers of rows that were open in the backup (``doubtful``), and of new ones for days since (``passed``)."""

    doubtful: int = 0
    passed: int = 0


class EditionMayBeLost(Exception):
    """Raised where today's edition may have been open before the loss, and cannot be opened again now.

    ``readings`` are those of its sources that were tried.
    """

    def __init__(self, readings: list[Reading]) -> None:
        super().__init__()
        self.readings = readings


def reopen_edition(clock: Callable[[], datetime]) -> Edition | None:
    """Read the due sources and open today's edition, if readers may have got it before the loss; else return None.

    Its papers would come a second time if it opened after :func:`after_restore`. Raises EditionMayBeLost.
    """
    now = clock()
    if Edition.objects.filter(date=now.date()).exists() or not Subscriber.objects.due(now).exists():
        return None
    readings = list[Reading]()
    while some := refresh_due(clock()):
        readings += some
    if not (edition := open_when_ready(clock())):
        raise EditionMayBeLost(readings)
    return edition


def after_restore(now: datetime) -> RestoreResult:
    """Pause sending, and mark as unknown every digest that was open in the backup or came due since.

    Their papers count as sent, up to the newest edition. Events of the provider tell of those that did leave.
    """
    throttle.pause_for_restore(is_finished=False, now=now)
    restored = RestoreResult()
    restored.doubtful = Delivery.objects.filter(status__in=Delivery.OPEN).update(
        status=Delivery.Status.UNKNOWN, status_reason=StatusReason.RESTORED, detail="", batch=None
    )
    edition = Edition.objects.filter(date__lte=now.date()).order_by("-date").first()
    while passed := _pass(edition, now):
        restored.passed += passed
    throttle.pause_for_restore(is_finished=True, now=now)
    return restored


def _pass(edition: Edition | None, now: datetime) -> int:
    """Write a row for each day since the backup, for the next thousand readers; return their number."""
    with transaction.atomic():
        readers = list(Subscriber.objects.due(now).order_by("pk").select_for_update()[:1000])
        rows = []
        for reader in readers:
            while reader.next_send_at and reader.next_send_at <= now:
                day = local_date(reader.zone, reader.next_send_at)
                rows.append(
                    Delivery(
                        subscriber=reader,
                        issue_date=day,
                        edition=edition,
                        status=Delivery.Status.SKIPPED if reader.is_paused(day) else Delivery.Status.UNKNOWN,
                        status_reason=StatusReason.PAUSED if reader.is_paused(day) else StatusReason.RESTORED,
                        dated_at=reader.next_send_at,
                        message_id=digest_message_id(reader, day),  # by which events find it
                    )
                )
                move_on(reader, day)
        Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        Subscriber.objects.bulk_update(readers, ["last_issue_date", "next_send_at"], batch_size=500)
    return len(rows)
