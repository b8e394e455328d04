"""What is kept no longer than it is of use."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db import transaction

from subscriptions import consent
from subscriptions.models import CacheRow, LoginToken, MailRequest, Subscriber

UNCONFIRMED = timedelta(days=7)
SPENT = timedelta(days=7)  # a link that is over goes on saying so for a while, and not that it never was one
UNANSWERED = timedelta(days=1)


def tidy(now: datetime) -> None:
    """Take out sign-ups nobody confirmed, links and visits that are over, requests nobody answers, spent counts."""
    pending = Subscriber.objects.filter(status=Subscriber.Status.PENDING, signed_up_at__lte=now - UNCONFIRMED)
    with transaction.atomic():
        consent.vanish(pending.filter(confirmed_at=None))
        pending.update(status=Subscriber.Status.UNSUBSCRIBED)  # who had confirmed once, and not again
    LoginToken.objects.filter(expires_at__lte=now - SPENT).delete()
    changing = LoginToken.objects.filter(purpose=LoginToken.Purpose.CHANGE_ADDRESS, used_at=None, expires_at__gt=now)
    asked = MailRequest.objects.filter(kind=MailRequest.Kind.CHANGE_ADDRESS, subscriber__isnull=False)
    Subscriber.objects.exclude(pending_email=None).exclude(pk__in=changing.values("subscriber")).exclude(
        pk__in=asked.values("subscriber")
    ).update(pending_email=None)
    MailRequest.objects.filter(asked_at__lte=now - UNANSWERED).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    CacheRow.objects.filter(expires__lte=now).delete()
