"""Limits on mails with a link to one reader, so that nobody can flood an inbox by asking for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, Value, When

from subscriptions.models import Subscriber


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit that is counted in two columns of the reader: time of the last mail, number on that day (UTC)."""

    sent_at: str
    today: str
    gap: timedelta  # between two of them
    a_day: int


CONFIRMATIONS = Quota("confirmation_sent_at", "confirmations_today", timedelta(minutes=15), 3)
SIGN_INS = Quota("link_sent_at", "links_today", timedelta(minutes=2), 10)


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """One mail counted against a quota; refund it when the mail surely did not leave."""

    quota: Quota
    reader: int
    at: datetime
    before: datetime | None


def use(quota: Quota, reader: Subscriber, *, now: datetime) -> QuotaUse | None:
    """Count one mail against the reader's quota; None when it is used up. One UPDATE, so it is safe against races."""
    sent_at, today = quota.sent_at, quota.today
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rested = Q(**{sent_at: None}) | Q(**{f"{sent_at}__lte": now - quota.gap})
    a_new_day = Q(**{sent_at: None}) | Q(**{f"{sent_at}__lt": midnight})
    before = getattr(reader, sent_at)
    used = Subscriber.objects.filter(
        rested, a_new_day | Q(**{f"{today}__lt": quota.a_day}), pk=reader.pk, **{sent_at: before}
    ).update(
        **{
            today: Case(When(a_new_day, then=Value(1)), default=F(today) + 1),
            sent_at: now,
        }
    )
    return QuotaUse(quota, reader.pk, now, before) if used else None


def refund(used: QuotaUse) -> None:
    """Take back the count of a mail that did not leave, unless another was counted since."""
    sent_at, today = used.quota.sent_at, used.quota.today
    Subscriber.objects.filter(pk=used.reader, **{sent_at: used.at, f"{today}__gt": 0}).update(
        **{sent_at: used.before, today: F(today) - 1}
    )
