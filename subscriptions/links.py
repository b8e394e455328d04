"""Short signed tokens, one purpose each, and their reading back.

A token is the reader's public id (22 characters) and 16 characters of HMAC-SHA256 (96 bits), so that a whole link stays
within the 70 columns that a List-Unsubscribe header allows (EMAIL.md 20). It never expires, and outlives a change of
address and of key as long as the old key stays in SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from django.conf import settings
from django.urls import reverse

from subscriptions.models import Subscriber

UNSUBSCRIBE = "unsubscribe"
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{16})")


class BadLink(Exception):
    """The token was not made here, or for another purpose."""


def token_for(purpose: str, subscriber: Subscriber) -> str:
    return subscriber.public_id + _seal(purpose, subscriber.public_id, settings.SECRET_KEY)


def read_token(purpose: str, token: str) -> str:
    """The public id that the token was made for; raises BadLink."""
    match = _TOKEN.fullmatch(token)
    if match:
        public_id, seal = match.groups()
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            if hmac.compare_digest(seal, _seal(purpose, public_id, key)):
                return public_id
    raise BadLink(f"not a link to {purpose}")


def unsubscribe_url(subscriber: Subscriber) -> str:
    return settings.SITE_URL + reverse("unsubscribe", args=[token_for(UNSUBSCRIBE, subscriber)])


def message_id(purpose: str, key: str) -> str:
    """``<d.{26 characters}@domain>``, the same for each try of the mail that ``key`` names, and not to be guessed."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"{purpose}|{key}".encode(), "sha256")
    return f"<d.{base64.b32encode(digest).decode()[:26].lower()}@{sending_domain()}>"


def sending_domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> "))


def _seal(purpose: str, public_id: str, key: str) -> str:
    digest = hmac.digest(key.encode(), f"broadsheet.link|{purpose}|{public_id}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest)[:16].decode()
