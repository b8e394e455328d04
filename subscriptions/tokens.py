"""Links that a mail carries: signed tokens, which last, and login tokens, which work once and soon end.

A signed token is the reader's public id (22 characters), the day of a digest where it is about one (4), and 16
characters of HMAC-SHA256 (96 bits), so that a whole link stays within the 70 columns that a List-Unsubscribe header
allows (requirement 20 of docs/requirements.md). It has one purpose, never expires, and outlives a change of address and
of key as long as the old key stays in SECRET_KEY_FALLBACKS. A login token is 128 random bits, of which only the hash is
kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import punycode

from subscriptions.models import LoginToken, Subscriber

UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"  # only ever asks for a mail with a sign-in link
FEEDBACK = "feedback"  # on the papers of one digest
WEB_COPY = "copy"  # only ever shows one digest

LASTS = {
    LoginToken.Purpose.CONFIRM: timedelta(hours=48),
    LoginToken.Purpose.SIGN_IN: timedelta(minutes=30),
    LoginToken.Purpose.CHANGE_ADDRESS: timedelta(hours=48),
}

_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})([0-9a-f]{5})?([A-Za-z0-9_-]{16})")


class BadLink(Exception):
    """The token was not made here, or for another purpose, or is of no use any more."""


class LinkExpired(BadLink):
    """It was good, and its time is over."""


class LinkUsed(BadLink):
    """It was good, and it works only once."""


# Signed tokens -------------------------------------------------------------------------------------------------------


def token_for(purpose: str, subscriber: Subscriber, *, day: date | None = None) -> str:
    about = subscriber.public_id + _written(day)
    return about + _seal(purpose, about, settings.SECRET_KEY)


def read_token(purpose: str, token: str) -> str:
    """The public id that the token was made for; raises BadLink."""
    return _read(purpose, token)[0]


def read_day_token(purpose: str, token: str) -> tuple[str, date]:
    """The public id and the day that the token was made for; raises BadLink."""
    public_id, day = _read(purpose, token)
    if day is None:
        raise BadLink(f"not a link to {purpose}")
    return public_id, day


def unsubscribe_url(subscriber: Subscriber) -> str:
    return _url("unsubscribe", token_for(UNSUBSCRIBE, subscriber))


def preferences_url(subscriber: Subscriber) -> str:
    return _url("ask_for_link", token_for(PREFERENCES, subscriber))


def web_copy_url(subscriber: Subscriber, day: date) -> str:
    return _url("web_copy", token_for(WEB_COPY, subscriber, day=day))


def feedback_url(subscriber: Subscriber, day: date) -> str:
    """What the links under a paper begin with: ``/3/more`` follows for the third. One token serves the whole mail."""
    token = token_for(FEEDBACK, subscriber, day=day)
    return _url("feedback", token)


def _url(page: str, token: str) -> str:
    return f"{settings.SITE_URL}{_before_token(page)}{token}"


@cache  # a mail has four of them, and Django takes longer for one than for its seal
def _before_token(page: str) -> str:
    more = {"number": 1, "wish": "more"} if page == "feedback" else {}
    return reverse(page, kwargs={"token": "TOKEN", **more}).partition("TOKEN")[0]


def _read(purpose: str, token: str) -> tuple[str, date | None]:
    if match := _TOKEN.fullmatch(token):
        public_id, day, seal = match.groups(default="")
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            if hmac.compare_digest(seal, _seal(purpose, public_id + day, key)):
                return public_id, date.fromordinal(int(day, 16)) if day else None
    raise BadLink(f"not a link to {purpose}")


def _written(day: date | None) -> str:
    return f"{day.toordinal():05x}" if day else ""


# Login tokens --------------------------------------------------------------------------------------------------------


def new_login_token(
    purpose: LoginToken.Purpose, subscriber: Subscriber, *, now: datetime, choices: dict[str, Any] | None = None
) -> str:
    """A new token for that purpose; only its hash is kept, so this is the one time it can be seen.

    ``choices`` are those of a sign-up, as JSON, held until it is confirmed.
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
    """The row of a token that is still good, unchanged; raises BadLink, LinkUsed or LinkExpired."""
    row = LoginToken.objects.filter(purpose=purpose, token_hash=_hash(token)).select_related("subscriber").first()
    if row is None:
        raise BadLink(f"not a link to {purpose}")
    if row.used_at:
        raise LinkUsed(f"a link to {purpose} that was used")
    if row.expires_at <= now:
        raise LinkExpired(f"a link to {purpose} that has expired")
    return row


def use_login_token(purpose: LoginToken.Purpose, token: str, *, now: datetime) -> LoginToken:
    """Use a token up, once whoever else tries at the same moment; raises as :func:`login_token` does."""
    reader = login_token(purpose, token, now=now).subscriber_id
    with transaction.atomic():
        # the reader first, then their links: as leaving and erasing lock them, else two could wait for each other
        Subscriber.objects.select_for_update().filter(pk=reader).first()
        row = login_token(purpose, token, now=now)
        LoginToken.objects.filter(pk=row.pk).update(used_at=now)
    return row


def withdraw_login_token(token: str) -> None:
    """The mail that was to carry this token did not leave."""
    LoginToken.objects.filter(token_hash=_hash(token)).delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# Names and seals -----------------------------------------------------------------------------------------------------


def message_id(purpose: str, key: str) -> str:
    """``<d.{26 characters}@domain>``, the same for each try of the mail that ``key`` names, and not to be guessed."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"{purpose}|{key}".encode(), "sha256")
    return f"<d.{base64.b32encode(digest).decode()[:26].lower()}@{sending_domain(purpose)}>"


def digest_message_id(subscriber: Subscriber, day: date) -> str:
    """Of the one digest that this reader may have for that issue date."""
    return message_id("digest", f"{subscriber.public_id}|{day}")


def sender_of(purpose: str) -> str:
    """Who sends digests; mails with a link may have a sender of their own, whose reputation digests do not touch."""
    return str((purpose != "digest" and settings.TRANSACTIONAL_FROM_EMAIL) or settings.DEFAULT_FROM_EMAIL)


def sending_domain(purpose: str = "digest") -> str:
    return _domain_of(sender_of(purpose))


@lru_cache(maxsize=8)
def _domain_of(sender: str) -> str:
    return punycode(sender.rpartition("@")[2].strip("> "))


@lru_cache(maxsize=8)  # a mail's head and its two parts bear the same links
def _seal(purpose: str, about: str, key: str) -> str:
    sealing = _sealing(purpose, key).copy()
    sealing.update(about.encode())
    return base64.urlsafe_b64encode(sealing.digest())[:16].decode()


@lru_cache(maxsize=16)
def _sealing(purpose: str, key: str) -> hmac.HMAC:
    return hmac.new(key.encode(), f"broadsheet.link|{purpose}|".encode(), hashlib.sha256)
