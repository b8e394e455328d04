"""What a mail provider's event says of a mail, and what a delivery is by all that was said of it.

Anymail has one name for most bounces. Whether the address is gone, whether another day may do, or whether it was the
mail that nobody wanted, each provider says in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

from digest.models import Delivery, StatusReason
from subscriptions.mail.outcomes import ADDRESS_IS_GONE


class Kind(StrEnum):
    """What is told of a mail: Anymail's names, and two more for what it calls a bounce."""

    QUEUED = "queued"
    SENT = "sent"
    DEFERRED = "deferred"
    AUTORESPONDED = "autoresponded"
    FAILED = "failed"  # the provider could not send it
    REJECTED = "rejected"  # the provider would not send it
    REFUSED = "refused"  # the reader's mail server would not have it, for what it is or whom it comes from
    SOFT_BOUNCED = "soft_bounced"  # the reader's mail server could not take it
    DELIVERED = "delivered"
    BOUNCED = "bounced"  # the address is gone
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


TOO_BIG = ("2.3", "3.4")

_Status = Delivery.Status
BECOMES: dict[str, str] = {  # each outweighs those before it
    **dict.fromkeys((Kind.QUEUED, Kind.SENT, Kind.DEFERRED, Kind.AUTORESPONDED), _Status.ACCEPTED),
    **dict.fromkeys((Kind.FAILED, Kind.REJECTED, Kind.REFUSED), _Status.FAILED),
    Kind.SOFT_BOUNCED: _Status.BOUNCED,
    Kind.DELIVERED: _Status.DELIVERED,
    Kind.BOUNCED: _Status.BOUNCED,
    Kind.COMPLAINED: _Status.COMPLAINED,
}
NEVER_SENT = (Kind.FAILED, Kind.REJECTED)  # all others of these show that the provider took the mail
_WEIGHT = {kind: weight for weight, kind in enumerate(BECOMES)}
_WEIGHT_OF_STATUS: dict[str, int] = {  # of any other status there is nothing that an event does not outweigh
    _Status.ACCEPTED: _WEIGHT[Kind.AUTORESPONDED],
    _Status.DELIVERED: _WEIGHT[Kind.DELIVERED],
    _Status.BOUNCED: _WEIGHT[Kind.BOUNCED],
    _Status.COMPLAINED: _WEIGHT[Kind.COMPLAINED],
}

REASON = {  # why a delivery has the status that such an event gave it
    Kind.FAILED: StatusReason.EVENT_FAILED,
    Kind.REJECTED: StatusReason.EVENT_REJECTED,
    Kind.REFUSED: StatusReason.EVENT_REFUSED,
    Kind.SOFT_BOUNCED: StatusReason.EVENT_SOFT_BOUNCED,
    Kind.BOUNCED: StatusReason.EVENT_BOUNCED,
    Kind.COMPLAINED: StatusReason.EVENT_COMPLAINED,
}


def most_severe(kinds: Collection[str]) -> str:
    """The one that outweighs the others; empty where none of them is about the way of a mail."""
    return max((kind for kind in kinds if kind in _WEIGHT), key=_WEIGHT.__getitem__, default="")


def resolve_status(status: str, kinds: Collection[str]) -> str:
    """What a delivery of that status is once all these are known of it: never less, and the same in any order.

    An event shows that the provider has the mail, so one that was to be tried again, or was given up, is so no more.
    """
    told = most_severe(kinds)
    weight = _WEIGHT_OF_STATUS.get(status, -1)
    if status == _Status.BOUNCED and Kind.SOFT_BOUNCED in kinds and Kind.BOUNCED not in kinds:
        weight = _WEIGHT[Kind.SOFT_BOUNCED]
    return BECOMES[told] if told and _WEIGHT[told] > weight else status


# What providers call a bounce ----------------------------------------------------------------------------------------


def kind_of(provider: str, told: str, *, reason: str, said: str, event: Any) -> str:
    """The kind of an event that Anymail calls ``told``, for a ``reason`` in its words; unknown kinds stay as they are.

    ``said`` is what the reader's mail server answered, ``event`` what the provider sent, whose shape nobody promises.
    """
    if told == Kind.COMPLAINED and provider == "postmark" and _at(event, "Type") == "SpamNotification":
        return Kind.REFUSED  # by a filter: no reader has complained
    if told != Kind.BOUNCED and not (told == Kind.REJECTED and reason in ("invalid", "bounced")):
        return told
    code = status_code(f"{said} {_at(event, 'event-data', 'delivery-status', 'enhanced-code')}")
    if code[2:4] == "7." or code[2:] in TOO_BIG:
        return Kind.REFUSED  # x.7.x is about who sends, or what: it must never cost a reader their digest
    if code in ADDRESS_IS_GONE:
        return Kind.BOUNCED
    kind = _OF_PROVIDER[provider](event) if provider in _OF_PROVIDER else Kind.SOFT_BOUNCED
    return Kind.SOFT_BOUNCED if kind == Kind.BOUNCED and code[2:] == "2.2" else kind  # a full mailbox is there


def status_code(said: str) -> str:
    """The first enhanced status code of a failure in a server's answer, such as 5.1.1; empty where there is none."""
    found = re.search(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)", said)
    return found[0] if found else ""


def _amazon_ses(event: Any) -> Kind:
    if _at(event, "bounce", "bounceType") == "Permanent":
        return Kind.BOUNCED
    of_the_mail = ("MessageTooLarge", "ContentRejected", "AttachmentRejected")
    return Kind.REFUSED if _at(event, "bounce", "bounceSubType") in of_the_mail else Kind.SOFT_BOUNCED


def _brevo(event: Any) -> Kind:
    return Kind.BOUNCED if _at(event, "event") in ("hard_bounce", "invalid_email") else Kind.SOFT_BOUNCED


def _mailgun(event: Any) -> Kind:
    reason = _at(event, "event-data", "reason")
    if reason in ("bounce", "suppress-bounce"):
        return Kind.BOUNCED
    return Kind.REFUSED if reason.startswith(("suppress-", "espblock")) else Kind.SOFT_BOUNCED


def _mailjet(event: Any) -> Kind:
    error = _at(event, "error")
    if _at(event, "error_related_to") in ("spam", "mailjet", "content") or error == "relay/access denied":
        return Kind.REFUSED
    is_gone = error in ("user unknown", "invalid domain", "no mail host", "typofix")
    is_hard = _is(event, "hard_bounce") or (
        _at(event, "event") == "blocked" and is_gone
    )  # it blocks what bounced before
    return Kind.BOUNCED if is_hard else Kind.SOFT_BOUNCED


def _postmark(event: Any) -> Kind:
    kind = _at(event, "Type") or _at(event, "SuppressionReason")
    if kind in ("HardBounce", "BadEmailAddress"):
        return Kind.BOUNCED
    return Kind.SOFT_BOUNCED if kind == "SoftBounce" else Kind.REFUSED


def _resend(event: Any) -> Kind:
    message, kind = _at(event, "data", "bounce", "message"), _at(event, "data", "bounce", "type")
    if kind == "Permanent" or (not kind and ("hard bounce" in message or "suppress" in message)):
        return Kind.BOUNCED
    of_the_mail = ("MessageTooLarge", "ContentRejected", "AttachmentRejected")
    return Kind.REFUSED if _at(event, "data", "bounce", "subType") in of_the_mail else Kind.SOFT_BOUNCED


def _sparkpost(event: Any) -> Kind:
    msys = event.get("msys") if isinstance(event, Mapping) else None
    bounce_class = next((_at(one, "bounce_class") for one in msys.values()), "") if isinstance(msys, Mapping) else ""
    if bounce_class in ("10", "30"):
        return Kind.BOUNCED
    return Kind.REFUSED if bounce_class in ("25", "50", "51", "52", "53", "54") else Kind.SOFT_BOUNCED


_OF_PROVIDER: dict[str, Callable[[Any], Kind]] = {
    "amazon_ses": _amazon_ses,
    "brevo": _brevo,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "postmark": _postmark,
    "resend": _resend,
    "sparkpost": _sparkpost,
}


def _at(event: Any, *path: str) -> str:
    """The text at that place, or an empty one."""
    for name in path:
        event = event.get(name) if isinstance(event, Mapping) else None
    return event if isinstance(event, str) else ""


def _is(event: Any, name: str) -> bool:
    return isinstance(event, Mapping) and event.get(name) in (True, "true", "1", 1)
