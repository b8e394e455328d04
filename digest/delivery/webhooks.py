"""Receive the events of mail providers: each is stored as it came, and a task applies it.

Anymail's views check the secret or the signature, and read what each provider sends; an event that they cannot read is
stored as one that is not understood. Only the provider that mail leaves by has an address here, and only while its
secret is set.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from digest.delivery.events import Kind, name_of, told_kind
from digest.models import DeliveryEvent
from subscriptions import rate_limits
from subscriptions.models import address_hash
from subscriptions.wake_worker import enqueue_task
from subscriptions.web.request_size import takes_up_to

logger = logging.getLogger(__name__)

TASK = "digest.tasks.apply_events"
LARGEST = 1 << 20  # octets of one request
SIGNED_WITHIN = 300  # seconds between a signature and its arrival, as Svix has it
NOT_KEPT = ("opened", "clicked")  # nobody here wants to know who reads what
# A mail's headers hold the links that act for its reader; a bounced mail may come back whole.
NOT_STORED = ("headers", "commonHeaders", "message-headers", "Content", "body-plain")
VIEWS = {
    "amazon_ses": "anymail.webhooks.amazon_ses.AmazonSESTrackingWebhookView",
    "brevo": "anymail.webhooks.brevo.BrevoTrackingWebhookView",
    "mailgun": "anymail.webhooks.mailgun.MailgunTrackingWebhookView",
    "mailjet": "anymail.webhooks.mailjet.MailjetTrackingWebhookView",
    "postmark": "anymail.webhooks.postmark.PostmarkTrackingWebhookView",
    "resend": "digest.delivery.webhooks.ResendView",
    "sparkpost": "anymail.webhooks.sparkpost.SparkPostTrackingWebhookView",
}


class EventBuffer(list[AnymailTrackingEvent]):
    """The events of one request, in place of Anymail's signal, so that they are stored together."""

    def send(self, *, event: AnymailTrackingEvent, **_: Any) -> None:
        self.append(event)


class ResendView(ResendTrackingWebhookView):
    """Anymail's, which asks a package with a dozen dependencies to check an HMAC."""

    warn_if_no_basic_auth = False  # there is a signature

    def __init__(self, **kwargs: Any) -> None:
        self._svix_webhook = None
        AnymailBaseWebhookView.__init__(self, **kwargs)

    def validate_request(self, request: HttpRequest) -> None:
        """Verify as docs.svix.com/receiving/verifying-payloads/how-manual; a new secret means two signatures."""
        number, signed_at = request.headers.get("svix-id", ""), request.headers.get("svix-timestamp", "")
        key = base64.b64decode(settings.RESEND_SIGNING_SECRET.removeprefix("whsec_") + "==")
        digest = hmac.digest(key, f"{number}.{signed_at}.".encode() + request.body, "sha256")
        right = f"v1,{base64.b64encode(digest).decode()}".encode()
        given = request.headers.get("svix-signature", "").encode().split()
        is_signed = any(hmac.compare_digest(right, one) for one in given)
        age = timezone.now().timestamp() - (int(signed_at) if signed_at.isdecimal() else 0)
        if not is_signed or abs(age) > SIGNED_WITHIN:
            raise AnymailWebhookValidationFailure("not signed with our secret, or long ago")


class TolerantView(AnymailBaseWebhookView):
    """A view of Anymail's in which an event that cannot be read costs none of the others: it becomes an unknown one."""

    def esp_to_anymail_event(self, *parts: Any) -> AnymailTrackingEvent:
        event: AnymailTrackingEvent | None = _tried(super().esp_to_anymail_event, *parts)
        return event or _unread(*reversed(parts))

    def esp_to_anymail_events(self, *parts: Any) -> list[AnymailTrackingEvent]:
        """Read an event of Amazon's, which may be of several recipients."""
        return _tried(super().esp_to_anymail_events, *parts) or [_unread(parts[0])]

    def unwrap_event(self, raw: Any) -> tuple[Any, Any, Any]:
        """Unwrap an event of SparkPost's."""
        return _tried(super().unwrap_event, raw) or ("", _unread(raw).esp_event, raw)


def _tried(read: Callable[..., Any], *parts: Any) -> Any:
    """Return what it reads; None if it cannot, whatever the event was."""
    try:
        return read(*parts)
    except (AnymailConfigurationError, AnymailWebhookValidationFailure):
        raise
    except Exception:
        return None


def _unread(*parts: Any) -> AnymailTrackingEvent:
    """Return an unknown event of the first part that is an object; raise ValueError without one."""
    for part in parts:
        if isinstance(part, Mapping):
            return AnymailTrackingEvent(event_type=Kind.UNKNOWN, esp_event=part)
    raise ValueError("not an event")


@cache
def _view_of(provider: str) -> type[AnymailBaseWebhookView]:
    return type("View", (TolerantView, import_string(VIEWS[provider])), {})


@takes_up_to(LARGEST)
@csrf_exempt
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """Store what a provider tells, and wake who settles it: 200 once it is stored, 400 for what it did not send."""
    if provider not in VIEWS or provider != settings.WEBHOOK_PROVIDER:
        raise Http404
    arrived = EventBuffer()
    try:
        answer = _view_of(provider).as_view(signal=arrived)(request)
        now = timezone.now()
        rows = [row for event in arrived if (row := _row(provider, event, now=now)).kind not in NOT_KEPT]
    except AnymailWebhookValidationFailure:
        _count_unproved(provider)
        return HttpResponse(status=400)
    except Exception as error:  # whatever the body was; it may hold addresses
        logger.warning("An event from %s could not be read (%s).", provider, type(error).__name__)
        return HttpResponse(status=400)
    if rows:
        with transaction.atomic():
            DeliveryEvent.objects.bulk_create(rows, ignore_conflicts=True)
            transaction.on_commit(partial(enqueue_task, TASK, queue="ticks", timeout=0.1))
    return answer


def _count_unproved(provider: str) -> None:
    """Count a request that anybody may have sent; log one line a minute, with the minute before's count."""
    this, before = rate_limits.count_per_minute(f"unproved event|{provider}", now=timezone.now())
    if this == 1:
        logger.warning(
            "Requests were refused that do not prove that they come from %s (%d in the minute before).",
            provider,
            before,
        )


def _row(provider: str, event: AnymailTrackingEvent, *, now: datetime) -> DeliveryEvent:
    """Return the row of an event: what Anymail read, and what the provider sent."""
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    raw = {
        "provider": provider,
        "message_id": event.message_id,
        "reference": metadata.get("reference"),
        "recipient": event.recipient,
        "tags": event.tags,
        "reason": event.reject_reason,
        "said": event.mta_response or event.description,
        "name": name_of(provider, event.esp_event),
        "event": event.esp_event,
    }
    return DeliveryEvent(
        dedupe_key=_dedupe_key(provider, event),
        kind=told_kind(provider, str(event.event_type), event.esp_event)[:20],
        at=min(_aware(event.timestamp) if event.timestamp else now, now),
        raw=_plain(raw),
    )


def _dedupe_key(provider: str, event: AnymailTrackingEvent) -> str:
    """Return the provider's number of the event, or else what tells it from others; one number may be of several
    people.
    """
    number = event.event_id or [str(event.timestamp), event.message_id]
    if not event.event_id and not (event.timestamp and event.message_id):
        number = _plain(event.esp_event)
    whom = address_hash(event.recipient) if isinstance(event.recipient, str) else None
    named = json.dumps([number, event.event_type, whom], default=str)
    return f"{provider}:{hashlib.sha256(named.encode()).hexdigest()}"


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    """Return what both databases store as JSON: no NUL, no lone surrogate, no infinity."""
    match value:
        case str():
            return value.replace("\0", "").encode(errors="replace").decode()
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {_plain(str(name)): _plain(one) for name, one in value.items() if name not in NOT_STORED}
        case list() | tuple():
            return [_plain(one) for one in value]
        case bool() | int() | float() | None:
            return value
    return _plain(str(value))
