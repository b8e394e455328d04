"""How often one reader is mailed a link, so that nobody can fill an inbox by asking for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Q, Value, When

from subscriptions.models import Subscriber


@dataclass(frozen=True, slots=True)
class Allowance:
    """Two columns of a reader: when the last such mail left, and how many did on that day (UTC)."""

    sent_at: str
    today: str
    gap: timedelta  # between two of them
    a_day: int


CONFIRMATIONS = Allowance("confirmation_sent_at", "confirmations_today", timedelta(minutes=15), 3)
SIGN_INS = Allowance("link_sent_at", "links_today", timedelta(minutes=2), 10)


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail of an allowance, taken at a moment; it can be given back when the mail surely did not leave."""

    allowance: Allowance
    reader: int
    at: datetime
    before: datetime | None


def take(allowance: Allowance, reader: Subscriber, *, now: datetime) -> Taken | None:
    """Take one mail of this reader's allowance, None when it is used up: one UPDATE, so that two cannot take one."""
    sent_at, today = allowance.sent_at, allowance.today
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rested = Q(**{sent_at: None}) | Q(**{f"{sent_at}__lte": now - allowance.gap})
    a_new_day = Q(**{sent_at: None}) | Q(**{f"{sent_at}__lt": midnight})
    before = getattr(reader, sent_at)
    taken = Subscriber.objects.filter(
        rested, a_new_day | Q(**{f"{today}__lt": allowance.a_day}), pk=reader.pk, **{sent_at: before}
    ).update(
        **{
            today: Case(When(a_new_day, then=Value(1)), default=F(today) + 1),
            sent_at: now,
        }
    )
    return Taken(allowance, reader.pk, now, before) if taken else None


def give_back(taken: Taken) -> None:
    """The mail did not leave: another may be tried, unless one was taken since."""
    sent_at, today = taken.allowance.sent_at, taken.allowance.today
    Subscriber.objects.filter(pk=taken.reader, **{sent_at: taken.at, f"{today}__gt": 0}).update(
        **{sent_at: taken.before, today: F(today) - 1}
    )
