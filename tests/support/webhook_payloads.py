"""Mail providers that tell what became of a mail: the bodies that each of them documents, with secret or signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client

from digest.models import Delivery, DeliveryEvent
from tests.support.factories import NOON

SECRET = "broadsheet:k7Qm2xVb9sTn4wLd"
OLD_SECRET = "broadsheet:Zx8cV5bN2mQ1wE4r"
MAILGUN_KEY = "signing-key-of-mailgun"
RESEND_SECRET = "whsec_" + base64.b64encode(b"a secret that Resend made").decode()

PROVIDERS = ("amazon_ses", "brevo", "mailgun", "mailjet", "postmark", "resend", "sparkpost")
BY_SECRET = ("amazon_ses", "brevo", "mailjet", "postmark", "sparkpost")
KINDS = ("delivered", "bounced", "soft_bounced", "complained", "unsubscribed")
NEVER = [("amazon_ses", "unsubscribed"), ("resend", "unsubscribed")]  # these two have no such event
TOLD = [(provider, kind) for provider in PROVIDERS for kind in KINDS if (provider, kind) not in NEVER]
_numbers = count(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """The mail that is told of: the name it bore, what the provider calls it, where it went."""

    reference: str = "d.abcdefghijklmnopqrstuvwxyz"
    number: str = "2706408a1f53"
    recipient: str = "ada@example.org"
    tag: str = "digest"

    def number_at(self, provider: str) -> str:
        """Its number as Anymail gives it back when the provider takes the mail."""
        return {"mailjet": str(int(self.number, 16)), "mailgun": f"<{self.number}>"}.get(provider, self.number)


@dataclass(frozen=True, slots=True)
class Post:
    """What a provider posts to ``/webhooks/PROVIDER``."""

    provider: str
    content: bytes
    headers: dict[str, str]

    def to(self, client: Client, **headers: str) -> HttpResponse:
        kind = "application/json; charset=utf-8"
        path = f"/webhooks/{self.provider}"
        return client.post(path, self.content, content_type=kind, headers={**self.headers, **headers})

    def with_content(self, content: bytes) -> Post:
        return replace(self, content=content)


def settings_of(provider: str) -> dict[str, Any]:
    """The settings of an installation whose mail leaves by this provider, and that takes its events."""
    return {
        "MAIL_PROVIDER": provider,
        "WEBHOOK_PROVIDER": provider,
        "RESEND_SIGNING_SECRET": RESEND_SECRET,
        "ANYMAIL": {
            "WEBHOOK_SECRET": [SECRET, OLD_SECRET] if provider in BY_SECRET else [],
            "MAILGUN_API_KEY": "which-is-not-the-signing-key",
            "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_KEY,
        },
    }


def post_of(provider: str, kind: str, mail: Mail, *, at: datetime = NOON, number: str = "1", **proof: str) -> Post:
    """One event of that kind; ``number`` is the provider's, if it counts events; ``proof`` as in :func:`proved`."""
    return proved(provider, [_EVENTS[provider](kind, mail, at, number)], number=number, **proof)


def proved(provider: str, events: list[Any], *, number: str = "1", secret: str = SECRET, key: str = "") -> Post:
    """These events in one body, with a right secret or signature unless others are given."""
    body: Any = events if provider in ("mailjet", "sparkpost") else events[0]
    headers = {}
    if provider == "amazon_ses":
        body = _from_sns("Notification", number, Message=json.dumps(events[0]))
        headers = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": number}
    if provider == "mailgun":
        body = {"signature": mailgun_signature(number, key or MAILGUN_KEY), "event-data": events[0]}
    content = json.dumps(body).encode()
    if provider == "resend":
        headers = svix_headers(number, content, key or RESEND_SECRET)
    if provider in BY_SECRET and secret:
        headers["authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    return Post(provider, content, headers)


def mailgun_signature(token: str, key: str) -> dict[str, str]:
    now = str(int(time.time()))
    return {
        "timestamp": now,
        "token": token,
        "signature": hmac.new(key.encode(), f"{now}{token}".encode(), hashlib.sha256).hexdigest(),
    }


def svix_headers(number: str, content: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    signed_at = str(int(time.time() if at is None else at))
    digest = hmac.digest(
        base64.b64decode(secret.removeprefix("whsec_")), f"{number}.{signed_at}.".encode() + content, "sha256"
    )
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"svix-id": number, "svix-timestamp": signed_at, "svix-signature": signature}


def subscription_confirmation(
    *, secret: str = SECRET, arn: str = "arn:aws:sns:eu-central-1:123456789012:broadsheet"
) -> Post:
    """What Amazon's SNS posts to an address that somebody has entered for a topic of theirs."""
    url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=x&Token=y"
    body = _from_sns(
        "SubscriptionConfirmation",
        "c",
        Message="You have chosen to subscribe to the topic ...",
        Token="2336412f37",
        SubscribeURL=url,
        TopicArn=arn,
    )
    headers = {"x-amz-sns-message-type": "SubscriptionConfirmation", "x-amz-sns-message-id": "c"}
    if secret:
        headers["authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    return Post("amazon_ses", json.dumps(body).encode(), headers)


def _from_sns(kind: str, number: str, **more: str) -> dict[str, str]:
    return {
        "Type": kind,
        "MessageId": number,
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:broadsheet",
        "Subject": "Amazon SES Email Event Notification",
        "Timestamp": "2026-03-02T12:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-example.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=x",
        **more,
    }


def mail_of(row: Delivery, **values: Any) -> Mail:
    """Describe a delivery's mail as its provider would."""
    reference = (row.message_id or "").strip("<>").partition("@")[0]
    return Mail(reference=reference, **{"recipient": row.subscriber.email, **values})


def told(kind: str, row: Delivery | None, *, at: datetime = NOON, **raw: Any) -> DeliveryEvent:
    """Store an event as a webhook would, without a post of the provider."""
    mail = mail_of(row) if row else Mail()
    return DeliveryEvent.objects.create(
        dedupe_key=str(next(_numbers)),
        kind="bounced" if kind == "soft_bounced" else kind,
        at=at,
        raw={
            "provider": "postmark",
            "reference": mail.reference,
            "recipient": mail.recipient,
            "message_id": "theirs",
            "tags": ["digest"],
            "reason": "bounced",
            "event": {"Type": {"bounced": "HardBounce", "soft_bounced": "SoftBounce"}.get(kind, "")},
            **raw,
        },
    )


# What each of them says ----------------------------------------------------------------------------------------------


def _amazon_ses(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    when = f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
    said: dict[str, Any] = {
        "notificationType": {"delivered": "Delivery", "complained": "Complaint", "opened": "Open"}.get(kind, "Bounce"),
        "mail": {
            "timestamp": when,
            "source": "digest@mail.example.org",
            "sourceArn": "arn:aws:ses:eu-central-1:123456789012:identity/mail.example.org",
            "sendingAccountId": "123456789012",
            "messageId": mail.number,
            "destination": [mail.recipient],
            "headersTruncated": False,
            "headers": [
                {"name": "From", "value": "Broadsheet <digest@mail.example.org>"},
                {"name": "To", "value": mail.recipient},
                {"name": "List-Unsubscribe", "value": "<https://papers.example.org/u/SECRETOFALINKINAMAIL>"},
                {"name": "X-Metadata", "value": json.dumps({"reference": mail.reference})},
                {"name": "X-Tag", "value": mail.tag},
            ],
            "commonHeaders": {"from": ["digest@mail.example.org"], "to": [mail.recipient], "subject": "2 Mar: Papers"},
        },
    }
    match kind:
        case "delivered":
            said["delivery"] = {
                "timestamp": when,
                "recipients": [mail.recipient],
                "processingTimeMillis": 546,
                "smtpResponse": "250 ok",
                "reportingMTA": "a8-70.smtp-out.amazonses.com",
            }
        case "opened":
            said["open"] = {"ipAddress": "192.0.2.1", "timestamp": when, "userAgent": "Mail/1"}
        case "complained":
            said["complaint"] = {
                "complainedRecipients": [{"emailAddress": mail.recipient}],
                "timestamp": when,
                "feedbackId": "000001378603177f",
                "userAgent": "AnyCompany Feedback Loop (V0.01)",
                "complaintFeedbackType": "abuse",
            }
        case _:
            is_hard = kind == "bounced"
            code, text = ("5.1.1", f"<{mail.recipient}>... User Unknown") if is_hard else ("4.4.7", "Message expired")
            said["bounce"] = {
                "bounceType": "Permanent" if is_hard else "Transient",
                "bounceSubType": "NoEmail" if is_hard else "General",
                "bouncedRecipients": [
                    {
                        "emailAddress": mail.recipient,
                        "action": "failed",
                        "status": code,
                        "diagnosticCode": f"smtp; 550 {code} {text}",
                    }
                ],
                "timestamp": when,
                "feedbackId": "00000138111222aa-33322211",
                "reportingMTA": "dsn; mta1.example.com",
            }
    return said


def _brevo(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    names = {
        "bounced": "hard_bounce",
        "soft_bounced": "soft_bounce",
        "complained": "spam",
        "unsubscribed": "unsubscribe",
    }
    said = {
        "event": names.get(kind, kind),
        "email": mail.recipient,
        "id": 26224,
        "date": f"{at:%Y-%m-%d %H:%M:%S}",
        "ts": int(at.timestamp()),
        "message-id": mail.number,
        "ts_event": int(at.timestamp()),
        "subject": "2 Mar: Papers",
        "X-Mailin-custom": json.dumps({"reference": mail.reference}),
        "sending_ip": "192.0.2.9",
        "ts_epoch": int(at.timestamp() * 1000),
        "tags": [mail.tag],
        "tag": json.dumps([mail.tag]),
    }
    if kind == "bounced":
        said["reason"] = f"550 5.1.1 <{mail.recipient}>: Recipient address rejected: User unknown"
    if kind == "soft_bounced":
        said["reason"] = "452 4.2.2 The email account that you tried to reach is over quota"
    return said


def _mailgun(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": f"CPgfbmQMTCKtHW6uIWtuVe{number}",
        "timestamp": at.timestamp(),
        "log-level": "info",
        "event": "failed" if kind in ("bounced", "soft_bounced") else kind,
        "recipient": mail.recipient,
        "recipient-domain": mail.recipient.partition("@")[2],
        "tags": [mail.tag],
        "campaigns": [],
        "user-variables": {"reference": mail.reference},
        "flags": {"is-routed": False, "is-authenticated": True, "is-system-test": False, "is-test-mode": False},
        "envelope": {
            "transport": "smtp",
            "sender": "digest@mail.example.org",
            "sending-ip": "192.0.2.9",
            "targets": mail.recipient,
        },
        "message": {
            "headers": {
                "to": mail.recipient,
                "message-id": mail.number.strip("<>"),
                "from": "digest@mail.example.org",
                "subject": "2 Mar: Papers",
            },
            "attachments": [],
            "size": 30000,
        },
    }
    if kind == "delivered":
        said["delivery-status"] = {
            "tls": True,
            "mx-host": "mx.example.org",
            "attempt-no": 1,
            "description": "",
            "code": 250,
            "message": "OK",
        }
    if kind == "bounced":
        said |= {"severity": "permanent", "reason": "bounce", "log-level": "error"}
        said["delivery-status"] = {
            "attempt-no": 1,
            "code": 550,
            "enhanced-code": "5.1.1",
            "description": "",
            "message": f"5.1.1 {mail.recipient} does not exist",
        }
    if kind == "soft_bounced":
        said |= {"severity": "permanent", "reason": "generic", "log-level": "error"}
        said["delivery-status"] = {"attempt-no": 8, "code": 452, "description": "", "message": "4.2.2 Mailbox full"}
    return said


def _mailjet(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    names = {
        "delivered": "sent",
        "bounced": "bounce",
        "soft_bounced": "bounce",
        "complained": "spam",
        "unsubscribed": "unsub",
        "opened": "open",
    }
    said: dict[str, Any] = {
        "event": names[kind],
        "time": int(at.timestamp()),
        "MessageID": int(mail.number, 16),
        "Message_GUID": "1ab23cd4-e567-8901-2345-6789f0gh1i2j",
        "email": mail.recipient,
        "mj_campaign_id": 7257,
        "mj_contact_id": 4,
        "customcampaign": mail.tag,
        "CustomID": "",
        "Payload": json.dumps({"reference": mail.reference}),
    }
    match kind:
        case "delivered":
            said |= {
                "mj_message_id": said["MessageID"],
                "smtp_reply": "sent (250 2.0.0 OK 4242 fa5si855896wjc.199 - gsmtp)",
            }
        case "bounced":
            said |= {
                "blocked": False,
                "hard_bounce": True,
                "error_related_to": "recipient",
                "error": "user unknown",
                "comment": "Host or domain name not found.",
            }
        case "soft_bounced":
            said |= {
                "blocked": False,
                "hard_bounce": False,
                "error_related_to": "recipient",
                "error": "quota exceeded",
                "comment": "",
            }
        case "complained":
            said |= {"source": "JMRPP"}
        case "unsubscribed":
            said |= {"mj_list_id": 1, "ip": "192.0.2.1", "geo": "DE", "agent": "Mozilla/5.0"}
    return said


def _postmark(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    when = f"{at:%Y-%m-%dT%H:%M:%S}.9070259Z"
    said: dict[str, Any] = {
        "MessageID": mail.number,
        "Metadata": {"reference": mail.reference},
        "Tag": mail.tag,
        "MessageStream": "broadcast",
        "ServerID": 23,
    }
    match kind:
        case "delivered":
            said |= {
                "RecordType": "Delivery",
                "Recipient": mail.recipient,
                "DeliveredAt": when,
                "Details": "smtp;250 2.0.0 OK",
            }
        case "opened":
            said |= {
                "RecordType": "Open",
                "Recipient": mail.recipient,
                "ReceivedAt": when,
                "FirstOpen": True,
                "UserAgent": "Mozilla/5.0",
                "ReadSeconds": 5,
                "Geo": {"IP": "192.0.2.1"},
            }
        case "unsubscribed":
            said |= {
                "RecordType": "SubscriptionChange",
                "Recipient": mail.recipient,
                "ChangedAt": when,
                "Origin": "Recipient",
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
            }
        case _:
            types = {
                "bounced": ("HardBounce", 1),
                "soft_bounced": ("SoftBounce", 4096),
                "complained": ("SpamComplaint", 100001),
            }
            said |= {
                "RecordType": "SpamComplaint" if kind == "complained" else "Bounce",
                "ID": 4323372036854775 + int(hashlib.sha256(number.encode()).hexdigest()[:6], 16),
                "Type": types[kind][0],
                "TypeCode": types[kind][1],
                "Name": "...",
                "Description": "The server was unable to deliver your message.",
                "Details": "smtp;550 5.1.1 The email account does not exist." if kind == "bounced" else "Test details",
                "Email": mail.recipient,
                "From": "digest@mail.example.org",
                "BouncedAt": when,
                "DumpAvailable": True,
                "Inactive": kind != "soft_bounced",
                "CanActivate": True,
                "Subject": "2 Mar: Papers",
                "Content": f"Return-Path: <>\r\nTo: {mail.recipient}\r\nList-Unsubscribe: <https://papers.example.org/u/SECRETOFALINKINAMAIL>",
            }
    return said


def _resend(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    when = f"{at:%Y-%m-%dT%H:%M:%S}.126Z"
    said: dict[str, Any] = {
        "type": "email.bounced" if kind == "soft_bounced" else f"email.{kind}",
        "created_at": when,
        "data": {
            "created_at": when,
            "email_id": mail.number,
            "from": "Broadsheet <digest@mail.example.org>",
            "to": [mail.recipient],
            "subject": "2 Mar: Papers",
            "headers": [
                {"name": "X-Metadata", "value": json.dumps({"reference": mail.reference})},
                {"name": "X-Tags", "value": json.dumps([mail.tag])},
                {"name": "List-Unsubscribe", "value": "<https://papers.example.org/u/SECRETOFALINKINAMAIL>"},
            ],
        },
    }
    if kind == "bounced":
        said["data"]["bounce"] = {
            "message": "The recipient's email provider sent a hard bounce message.",
            "subType": "General",
            "type": "Permanent",
        }
    if kind == "soft_bounced":
        said["data"]["bounce"] = {
            "message": "The recipient's email provider sent a bounce message because the recipient's inbox was full.",
            "subType": "MailboxFull",
            "type": "Transient",
        }
    return said


def _sparkpost(kind: str, mail: Mail, at: datetime, number: str) -> dict[str, Any]:
    names = {
        "delivered": "delivery",
        "bounced": "bounce",
        "soft_bounced": "bounce",
        "complained": "spam_complaint",
        "unsubscribed": "list_unsubscribe",
        "opened": "open",
    }
    classes = {"unsubscribed": "unsubscribe_event", "opened": "track_event"}
    said: dict[str, Any] = {
        "type": names[kind],
        "campaign_id": mail.tag,
        "customer_id": "1",
        "event_id": number,
        "friendly_from": "digest@mail.example.org",
        "message_id": "000443ee14578172be22",
        "rcpt_meta": {"reference": mail.reference},
        "rcpt_to": mail.recipient.lower(),
        "raw_rcpt_to": mail.recipient,
        "subject": "2 Mar: Papers",
        "timestamp": str(int(at.timestamp())),
        "transmission_id": mail.number,
    }
    if kind == "bounced":
        said |= {
            "bounce_class": "10",
            "error_code": "550",
            "raw_reason": f"550 5.1.1 <{mail.recipient}>: User unknown",
            "reason": "550 5.1.1 ...@... User unknown",
        }
    if kind == "soft_bounced":
        said |= {
            "bounce_class": "22",
            "error_code": "452",
            "raw_reason": "452 4.2.2 Mailbox full",
            "reason": "452 4.2.2 Mailbox full",
        }
    if kind == "complained":
        said |= {"fbtype": "abuse", "report_by": "server.email.com"}
    return {"msys": {classes.get(kind, "message_event"): said}}


_EVENTS: dict[str, Callable[[str, Mail, datetime, str], dict[str, Any]]] = {
    "amazon_ses": _amazon_ses,
    "brevo": _brevo,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "postmark": _postmark,
    "resend": _resend,
    "sparkpost": _sparkpost,
}
