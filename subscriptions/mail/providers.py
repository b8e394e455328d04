"""Differences between mail providers that Anymail does not cover."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from subscriptions.mail.encodings import JSON_STRING, QUOTED_PRINTABLE, Encoding
from subscriptions.mail.message import EncodedMessage

AS_OCTETS = ("outbox", "smtp", "amazon_ses")  # take our octets; the others take texts and encode the mail themselves
IN_TURN = ("outbox", "smtp")  # one connection; the others use several in parallel

# In one request: all that a worker hands over at once, which is at most 100 mails.
TAKE_MANY = ("postmark", "resend")

# How long a provider recognizes a mail by its idempotency key and does not send it a second time.
KEY_LASTS = {"resend": timedelta(hours=24), "brevo": timedelta(minutes=15)}
MARGIN = timedelta(minutes=2)
BATCH_KEYS = ("resend",)  # know a request for many mails by one key, for as long
BATCH_KEY = "batch/"  # what such a key begins with

# Mailjet sets these itself and refuses a mail that has one (error send-0011).
NOT_TAKEN = {"mailjet": {"Message-ID", "List-Id"}}
TRACKERS = ("mailgun", "mailjet", "postmark", "sparkpost")  # the others track only if their own settings say so


def encoding_of(provider: str) -> Encoding:
    """Return how this provider takes the texts of a mail."""
    return QUOTED_PRINTABLE if provider in AS_OCTETS else JSON_STRING


def adapt(message: EncodedMessage, provider: str, *, reference: str, tag: str) -> None:
    """Adapt a message to this provider, so that its headers and links arrive unchanged.

    ``reference`` comes back with each event; the reader may see it. ``tag`` is the stream, digest or link.
    """
    message.metadata, message.tags = {"reference": reference}, [tag]
    if provider in AS_OCTETS:
        return
    message.left_out = {"Date"} | NOT_TAKEN.get(provider, set())  # these providers set the date themselves
    if provider in TRACKERS:
        message.track_opens = message.track_clicks = False
    if provider == "brevo":
        # A valid UUID says its version: 5, named by a hash.
        key = UUID(bytes=sha256(reference.encode()).digest()[:16], version=5)
        message.added = {"idempotencyKey": str(key)}
    elif provider == "postmark":
        message.added = {"X-PM-KeepID": "true"}  # otherwise it replaces the Message-ID
        if tag == "digest" and settings.POSTMARK_DIGEST_STREAM:
            message.esp_extra = {"MessageStream": settings.POSTMARK_DIGEST_STREAM}
    elif provider == "sparkpost":
        message.esp_extra = {"options": {"transactional": True}}  # otherwise it replaces List-Unsubscribe


def key_of_batch(references: Sequence[str]) -> str:
    """Return the key of a request for these mails, in this order."""
    return BATCH_KEY + sha256(" ".join(references).encode()).hexdigest()[:40]


def may_be_asked_again(provider: str, since: timedelta) -> bool:
    """Return whether a mail that may have left ``since`` ago can be sent again without arriving twice."""
    return since < KEY_LASTS.get(provider, timedelta()) - MARGIN
