"""Links in mails: signed tokens, which never expire, and login tokens, which work once and expire soon.

A signed token is the reader's public id (22 characters), the day of a digest if it is about one (3; older links have
5), and 16 characters of HMAC-SHA256 (96 bits), so that List-Unsubscribe stays one line of 70 columns, and a link under
a paper is whole in 80 columns, with a host of up to 20 characters. It has one
purpose, and stays valid after a change of address, and of key while the old key is in SECRET_KEY_FALLBACKS. A login
token is 128 random bits, of which only the hash is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils.encoding import punycode

from subscriptions.keyed_hash import keyed_hash
from subscriptions.models import LoginToken, Subscriber

UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"  # only requests a mail with a sign-in link
FEEDBACK = "feedback"  # on the papers of one digest
WEB_COPY = "copy"  # only shows one digest

LASTS = {
    LoginToken.Purpose.CONFIRM: timedelta(hours=48),
    LoginToken.Purpose.SIGN_IN: timedelta(minutes=30),
    LoginToken.Purpose.CHANGE_ADDRESS: timedelta(hours=48),
}

# Page -> its path before a token, as the URL configuration has it. That would bring all pages into the memory of a
# worker, which only writes these links.
BEFORE_TOKEN = {
    "unsubscribe": "/u/",
    "ask_for_link": "/p/",
    "web_copy": "/d/",
    "feedback": "/f/",
    "confirm": "/c/",
    "magic_link": "/s/",
    "change_address": "/a/",
}

_DAY_BITS = 18  # a day's number begins with the same bits from the year 1436 to 2154
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})([0-9a-f]{5}|[A-Za-z0-9_-]{3})?([A-Za-z0-9_-]{16})")


class BadLink(Exception):
    """Raised for a token that is forged, made for another purpose, or about something that is gone."""


class LinkExpired(BadLink):
    """Raised for a valid token that has expired."""


class LinkUsed(BadLink):
    """Raised for a valid single-use token that was used."""


# Signed tokens -------------------------------------------------------------------------------------------------------


def token_for(purpose: str, subscriber: Subscriber, *, day: date | None = None) -> str:
    about = subscriber.public_id + _written(day)
    return about + _seal(purpose, about, settings.SECRET_KEY)


def read_token(purpose: str, token: str) -> str:
    """Return the public id that the token was made for; raise BadLink."""
    return _read(purpose, token)[0]


def read_day_token(purpose: str, token: str) -> tuple[str, date]:
    """Return the public id and the day that the token was made for; raise BadLink."""
    public_id, day = _read(purpose, token)
    if day is None:
        raise BadLink(f"not a link to {purpose}")
    return public_id, day


def unsubscribe_url(subscriber: Subscriber) -> str:
    return _url("unsubscribe", token_for(UNSUBSCRIBE, subscriber))


def preferences_url(subscriber: Subscriber) -> str:
    return _url("ask_for_link", token_for(PREFERENCES, subscriber))


class DigestLinks(NamedTuple):
    """The addresses that a digest has of its own; under its third paper, ``/3/more`` follows ``feedback``."""

    unsubscribe: str
    preferences: str
    feedback: str
    web_copy: str


def digest_links(subscriber: Subscriber, day: date) -> DigestLinks:
    return _digest_links(subscriber.public_id, day, settings.SECRET_KEY, settings.SITE_URL)


# Cached: a mail's headers and its two parts contain the same links.
@lru_cache(maxsize=8)
def _digest_links(public_id: str, day: date, key: str, site: str) -> DigestLinks:
    about = public_id + _written(day)
    sealed = (UNSUBSCRIBE, public_id), (PREFERENCES, public_id), (FEEDBACK, about), (WEB_COPY, about)
    unsubscribe, preferences, feedback, web_copy = _seals(sealed, key)
    return DigestLinks(
        unsubscribe=f"{site}{BEFORE_TOKEN['unsubscribe']}{public_id}{unsubscribe}",
        preferences=f"{site}{BEFORE_TOKEN['ask_for_link']}{public_id}{preferences}",
        feedback=f"{site}{BEFORE_TOKEN['feedback']}{about}{feedback}",
        web_copy=f"{site}{BEFORE_TOKEN['web_copy']}{about}{web_copy}",
    )


def _url(page: str, token: str) -> str:
    return f"{settings.SITE_URL}{BEFORE_TOKEN[page]}{token}"


def _read(purpose: str, token: str) -> tuple[str, date | None]:
    if match := _TOKEN.fullmatch(token):
        public_id, day, seal = match.groups(default="")
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            if hmac.compare_digest(seal, _seal(purpose, public_id + day, key)):
                return public_id, _read_day(day) if day else None
    raise BadLink(f"not a link to {purpose}")


@lru_cache(maxsize=64)
def _written(day: date | None) -> str:
    """Return the last 18 bits of the day's number as three characters."""
    if day is None:
        return ""
    number = day.toordinal() & (1 << _DAY_BITS) - 1
    return base64.urlsafe_b64encode(number.to_bytes(3, "big"))[1:].decode()


def _read_day(text: str) -> date:
    if len(text) == 5:  # of a mail before 2026-12
        return date.fromordinal(int(text, 16))
    number = int.from_bytes(base64.urlsafe_b64decode("A" + text), "big")
    return date.fromordinal(2 << _DAY_BITS | number)


# Login tokens --------------------------------------------------------------------------------------------------------


def new_login_token(
    purpose: LoginToken.Purpose, subscriber: Subscriber, *, now: datetime, choices: dict[str, Any] | None = None
) -> str:
    """Create a token for that purpose and return it; only its hash is stored.

    ``choices`` are those of a sign-up, as JSON, stored until it is confirmed.
    """
    token = secrets.token_urlsafe(16)
    LoginToken.objects.create(
        token_hash=_hash(token),
        purpose=purpose,
        subscriber=subscriber,
        expires_at=now + LASTS[purpose],
        choices=choices,
    )
    return token


def login_token(purpose: LoginToken.Purpose, token: str, *, now: datetime) -> LoginToken:
    """Return the row of a valid token without using it; raise BadLink, LinkUsed or LinkExpired."""
    row = LoginToken.objects.filter(purpose=purpose, token_hash=_hash(token)).select_related("subscriber").first()
    if row is None:
        raise BadLink(f"not a link to {purpose}")
    if row.used_at:
        raise LinkUsed(f"a link to {purpose} that was used")
    if row.expires_at <= now:
        raise LinkExpired(f"a link to {purpose} that has expired")
    return row


def use_login_token(purpose: LoginToken.Purpose, token: str, *, now: datetime) -> LoginToken:
    """Mark a token as used, exactly once even under races; raise as :func:`login_token` does."""
    reader = login_token(purpose, token, now=now).subscriber_id
    with transaction.atomic():
        # Lock the reader before their links, in the order of unsubscribe and erase, to avoid a deadlock.
        Subscriber.objects.select_for_update().filter(pk=reader).first()
        row = login_token(purpose, token, now=now)
        LoginToken.objects.filter(pk=row.pk).update(used_at=now)
    return row


def withdraw_login_token(token: str) -> None:
    """Delete a token because its mail did not leave."""
    LoginToken.objects.filter(token_hash=_hash(token)).delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# Message ids and HMACs -----------------------------------------------------------------------------------------------


def message_id(purpose: str, key: str) -> str:
    """Return ``<d.{26 characters}@domain>``: the same for each try of the mail named by ``key``, and unguessable."""
    digest = keyed_hash(settings.SECRET_KEY).digest(f"{purpose}|{key}".encode())
    return f"<d.{base64.b32encode(digest[:20]).decode()[:26].lower()}@{sending_domain(purpose)}>"


def digest_message_id(subscriber: Subscriber, day: date) -> str:
    """Return the message id of this reader's one digest for that issue date."""
    return message_id("digest", f"{subscriber.public_id}|{day}")


def sender_of(purpose: str) -> str:
    """Return the sender. Mails with a link may have their own, so that digests do not affect its reputation."""
    return str((purpose != "digest" and settings.TRANSACTIONAL_FROM_EMAIL) or settings.DEFAULT_FROM_EMAIL)


def sending_domain(purpose: str = "digest") -> str:
    return _domain_of(sender_of(purpose))


@lru_cache(maxsize=8)
def _domain_of(sender: str) -> str:
    return punycode(sender.rpartition("@")[2].strip("> "))


def _seal(purpose: str, about: str, key: str) -> str:
    return _seals([(purpose, about)], key)[0]


def _seals(sealed: Sequence[tuple[str, str]], key: str) -> list[str]:
    """Return the seal of each purpose and what it is about: 16 characters, the first 96 bits of an HMAC."""
    digest = keyed_hash(key).digest
    octets = b"".join([digest(f"broadsheet.link|{purpose}|{about}".encode())[:12] for purpose, about in sealed])
    text = base64.urlsafe_b64encode(octets).decode()
    return [text[start : start + 16] for start in range(0, len(text), 16)]
