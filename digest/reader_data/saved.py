"""Save papers to read later, and give the list a feed whose address can be revoked.

The address's token is a random name, which is stored, and a seal of it by SECRET_KEY, which is not: a copy of the
database opens no feed, and a deleted row closes it for good.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction

from digest.models import Paper, SavedFeed, SavedPaper
from subscriptions.models import Subscriber

MOST = 2000  # saved papers of one reader
_TOKEN = re.compile(r"([A-Za-z0-9_-]{16})([A-Za-z0-9_-]{16})")


class ListFull(Exception):
    """Raised when a reader has saved MOST papers."""


def save(reader: Subscriber, paper: Paper, *, now: datetime) -> bool:
    """Save a paper, once; return False if the reader was erased meanwhile. Raises ListFull."""
    with transaction.atomic():
        present = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        if not present.select_for_update():
            return False
        mine = SavedPaper.objects.filter(subscriber=reader)
        if not mine.filter(paper=paper).exists():
            if mine.count() >= MOST:
                raise ListFull
            SavedPaper.objects.create(subscriber=reader, paper=paper, saved_at=now)
    return True


def unsave(reader: Subscriber, paper: Paper) -> None:
    SavedPaper.objects.filter(subscriber=reader, paper=paper).delete()


def open_feed(reader: Subscriber, *, now: datetime) -> None:
    """Give a reader's list a feed, unless it has one."""
    with transaction.atomic():
        present = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        if present.select_for_update():
            defaults = {"name": secrets.token_urlsafe(12), "made_at": now}
            SavedFeed.objects.get_or_create(subscriber=reader, defaults=defaults)


def close_feed(reader: Subscriber) -> None:
    """Revoke the address of a reader's feed at once."""
    SavedFeed.objects.filter(subscriber=reader).delete()


def token_of(feed: SavedFeed) -> str:
    """Return the token in the feed's address: 192 bits, of which half are stored."""
    return feed.name + _seal(feed.name, settings.SECRET_KEY)


def feed_of(token: str) -> SavedFeed | None:
    """Return the feed of a token with its reader; None for one that is revoked or forged."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    name, seal = match.groups()
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(seal, _seal(name, key)) for key in keys):
        return None
    kept = SavedFeed.objects.exclude(subscriber__status=Subscriber.Status.ERASED)
    return kept.filter(name=name).select_related("subscriber").first()


def _seal(name: str, key: str) -> str:
    sealed = hmac.digest(key.encode(), f"broadsheet.saved|{name}".encode(), "sha256")
    return base64.urlsafe_b64encode(sealed)[:16].decode()
