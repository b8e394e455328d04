"""Approve, cancel and plan announcements: mails outside the digests, to readers who agreed to them.

Their rows are deliveries like those of digests, so that leases, the last look, the breaker, retries and events of
providers hold for them too. They count as no digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from digest.compose.build import SUBJECT_LENGTH
from digest.editions.letter import checked_letter
from digest.models import Announcement, Batch, Delivery, StatusReason
from subscriptions.consent_text import COVERS_ANNOUNCEMENTS
from subscriptions.models import ConsentEvent, Preference, Subscriber, Topic
from subscriptions.tokens import message_id
from subscriptions.unicode_text import clean_text

HOLD = timedelta(minutes=10)  # from the approval to the first mail: time to cancel
OPEN_FOR = timedelta(hours=24)  # how late a mail of it may leave
SLICE = 1000  # readers planned in one transaction


class CannotAnnounce(Exception):
    """Raised with a sentence for the member; nothing was written."""


@dataclass(frozen=True, slots=True)
class Audience:
    """How many readers get an announcement, and how many are left out: by their pause, or by what they agreed to."""

    gets_it: int
    paused: int
    not_covered: int


def save_draft(number: int, *, subject: str, text: str, topic: Topic | None, by: User, seen: str) -> Announcement:
    """Create an announcement (number 0) or change a draft. Raises CannotAnnounce or CannotSave."""
    subject = " ".join(clean_text(subject[: 2 * SUBJECT_LENGTH]).split())
    if not subject or len(subject) > SUBJECT_LENGTH:
        raise CannotAnnounce(_("Write a subject of at most %(limit)s characters.") % {"limit": SUBJECT_LENGTH})
    values = {"subject": subject, "text": checked_letter(text).source, "topic": topic, "author": by}
    if not number:
        return Announcement.objects.create(**values)
    with transaction.atomic():
        row = _locked(number)
        if row.status != Announcement.Status.DRAFT:
            raise CannotAnnounce(_("It is approved or cancelled, and cannot be changed any more."))
        if seen != row.version:
            raise CannotAnnounce(_("It has changed since you opened the page. Your text below is not saved."))
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=[*values, "updated_at"])
    return row


def approve(number: int, *, by: User, seen: str, now: datetime) -> Announcement:
    """Approve a draft as it was ``seen`` (its version); its mails leave after HOLD. Raises CannotAnnounce."""
    with transaction.atomic():
        row = _locked(number)
        if row.status != Announcement.Status.DRAFT:
            raise CannotAnnounce(_("Only a draft can be approved."))
        if row.author_id is None or row.author_id == by.pk:
            raise CannotAnnounce(_("Somebody else must approve it: two members look at each announcement."))
        if seen != row.version:
            raise CannotAnnounce(_("It has changed since you opened the page. Read it again, then approve it."))
        row.status, row.approved_by, row.approved_at = Announcement.Status.APPROVED, by, now
        row.save(update_fields=["status", "approved_by", "approved_at", "updated_at"])
    return row


def cancel(number: int) -> int:
    """Cancel an announcement; mails that have not left are skipped. Return their number. Raises CannotAnnounce."""
    with transaction.atomic():
        row = _locked(number)
        if row.status == Announcement.Status.CANCELLED:
            raise CannotAnnounce(_("It is cancelled already."))
        row.status = Announcement.Status.CANCELLED
        row.save(update_fields=["status", "updated_at"])
        waiting = Q(status=Delivery.Status.READY) | Q(status=Delivery.Status.RETRY_WAIT, handed_over_at=None)
        return row.deliveries.filter(waiting).update(
            status=Delivery.Status.SKIPPED, status_reason=StatusReason.CANCELLED, detail=""
        )


def plan_announcements(now: datetime, *, at: datetime | None = None) -> int:
    """Write the rows of approved announcements whose time has come; return how many are ready.

    HOLD passes by the clock ``now``. The rows are of the time ``at``, which stands still outside live mode; without it
    they are of ``now``. A process that dies goes on where its last slice was committed.
    """
    ready = 0
    due = Announcement.objects.filter(status=Announcement.Status.APPROVED, approved_at__lte=now - HOLD)
    for number in due.order_by("pk").values_list("pk", flat=True):
        while (planned := _plan_slice(number, now=at or now)) is not None:
            ready += planned
    return ready


def audience_of(row: Announcement, *, now: datetime) -> Audience:
    """Count the readers of an announcement. One query."""
    is_paused = _is_paused(now)
    counted = _readers_of(row).aggregate(
        gets_it=Count("pk", filter=~is_paused & Q(wording__in=COVERS_ANNOUNCEMENTS)),
        paused=Count("pk", filter=is_paused),
        not_covered=Count("pk", filter=~is_paused & (Q(wording=None) | ~Q(wording__in=COVERS_ANNOUNCEMENTS))),
    )
    return Audience(**counted)


def progress_of(row: Announcement) -> dict[str, int]:
    """Return the numbers of its deliveries by status. One query."""
    return dict(row.deliveries.order_by().values_list("status").annotate(Count("pk")))


def _locked(number: int) -> Announcement:
    row = Announcement.objects.select_for_update().filter(pk=number).first()
    if row is None:
        raise CannotAnnounce(_("This announcement is no longer stored."))
    return row


def _plan_slice(number: int, *, now: datetime) -> int | None:
    """Write the rows of the next readers; return their number, or None when all readers have been looked at."""
    with transaction.atomic():
        row = _locked(number)
        if row.status != Announcement.Status.APPROVED:
            return None
        readers = list(
            _readers_of(row)
            .exclude(_is_paused(now))
            .filter(pk__gt=row.planned_up_to, wording__in=COVERS_ANNOUNCEMENTS)
            .order_by("pk")[:SLICE]
        )
        if not readers:
            row.status = Announcement.Status.PLANNED
            row.save(update_fields=["status", "updated_at"])
            return None
        batch = Batch.objects.create(size=len(readers))
        Delivery.objects.bulk_create([_row_for(reader, row, batch, now=now) for reader in readers], batch_size=500)
        row.planned_up_to = readers[-1].pk
        row.save(update_fields=["planned_up_to"])
    return len(readers)


def _row_for(reader: Subscriber, row: Announcement, batch: Batch, *, now: datetime) -> Delivery:
    return Delivery(
        subscriber=reader,
        announcement=row,
        batch=batch,
        status=Delivery.Status.READY,
        message_id=message_id("digest", f"{reader.public_id}|announcement {row.pk}"),
        dated_at=now,
        not_after=now + OPEN_FOR,
    )


def _readers_of(row: Announcement) -> Any:
    """Return the readers on the list whom it is about, with the version of the words that each agreed to.

    These are the words of the last sign-up before the last confirmation; None where no such event is stored.
    """
    agreed = ConsentEvent.objects.filter(
        public_id=OuterRef("public_id"), kind=ConsentEvent.Kind.SIGNED_UP, at__lte=OuterRef("confirmed_at")
    ).order_by("-at", "-pk")
    readers = Subscriber.objects.on_the_list().annotate(wording=Subquery(agreed.values("wording")[:1]))
    wanted = Preference.objects.filter(topic=row.topic_id, stance=Preference.Stance.WANT)
    return readers.filter(pk__in=wanted.values("subscriber")) if row.topic_id else readers


def _is_paused(now: datetime) -> Q:
    return Q(status=Subscriber.Status.PAUSED) & (Q(paused_until=None) | Q(paused_until__gt=now.date()))
