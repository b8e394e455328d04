"""What mail providers want said in their own way; Anymail does the rest."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from subscriptions.mail.message import EncodedMessage

AS_OCTETS = ("outbox", "smtp", "amazon_ses")  # they take the mail as it is; the others take words and write it anew
IN_TURN = ("outbox", "smtp")  # over one connection; the others by several at a time

# For so long a mail that was handed over before is known by its key, and not sent a second time.
KEY_LASTS = {"resend": timedelta(hours=24), "brevo": timedelta(minutes=30)}
MARGIN = timedelta(minutes=2)

# A mail with one of these is refused as a whole (Mailjet's error send-0011); it names and dates mails itself.
NOT_TAKEN = {"mailjet": {"Message-ID", "List-Id"}}
TRACKERS = ("mailgun", "mailjet", "postmark", "sparkpost")  # the others track only where their own settings say so


def adapt(message: EncodedMessage, provider: str, *, reference: str, tag: str) -> None:
    """Make a letter one that this provider takes, and whose headers and links arrive as they are.

    ``reference`` comes back with each event; it may be seen by the reader. ``tag`` is the stream, digest or link.
    """
    message.metadata, message.tags = {"reference": reference}, [tag]
    if provider in AS_OCTETS:
        return
    dropped = {"Date"} | NOT_TAKEN.get(provider, set())  # who writes the mail dates it
    message.extra_headers = {name: value for name, value in message.extra_headers.items() if name not in dropped}
    if provider in TRACKERS:
        message.track_opens = message.track_clicks = False
    if provider == "brevo":
        message.extra_headers["idempotencyKey"] = str(UUID(bytes=sha256(reference.encode()).digest()[:16]))
    elif provider == "postmark":
        message.extra_headers["X-PM-KeepID"] = "true"  # else it puts a Message-ID of its own
        if tag == "digest" and settings.POSTMARK_DIGEST_STREAM:
            message.esp_extra = {"MessageStream": settings.POSTMARK_DIGEST_STREAM}
    elif provider == "sparkpost":
        message.esp_extra = {"options": {"transactional": True}}  # else it puts its own List-Unsubscribe over ours


def may_be_asked_again(provider: str, since: timedelta) -> bool:
    """Whether a mail that may have left so long ago can be handed over again without being sent twice."""
    return since < KEY_LASTS.get(provider, timedelta()) - MARGIN
