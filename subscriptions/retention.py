"""Delete rows that are not needed any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db import connection, transaction

from subscriptions import consent
from subscriptions.models import LinkRequest, LoginToken, RateCounter, Subscriber
from subscriptions.tokens import LASTS

UNCONFIRMED = timedelta(days=7)
SPENT = timedelta(days=7)  # so long the page of an old link says "expired" and not "invalid"
UNANSWERED = timedelta(days=1)


def delete_expired(now: datetime) -> None:
    """Delete unconfirmed sign-ups, expired links, sessions and counters, and unanswered requests."""
    pending = Subscriber.objects.filter(status=Subscriber.Status.PENDING, signed_up_at__lte=now - UNCONFIRMED)
    with transaction.atomic():
        consent.delete_unconfirmed(pending.filter(confirmed_at=None))
    LoginToken.objects.filter(expires_at__lte=now - SPENT).delete()
    # By time alone, whether a link was mailed or not: otherwise the end would reveal which addresses are suppressed.
    asked_long_ago = Subscriber.objects.filter(pending_since__lte=now - LASTS[LoginToken.Purpose.CHANGE_ADDRESS])
    asked_long_ago.update(pending_email=None, pending_since=None)
    LinkRequest.objects.filter(asked_at__lte=now - UNANSWERED).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    RateCounter.objects.filter(until__lte=now).delete()
    _delete_expired_cache(now)


def _delete_expired_cache(now: datetime) -> None:
    """Delete expired rows of Django's cache, which deletes none by itself below its MAX_ENTRIES."""
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    with connection.cursor() as cursor:
        expired = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [expired])  # noqa: S608 (the name is of the settings)
