"""Interpret the events of mail providers, and derive the status of a delivery from all of them.

Anymail has one name for most bounces. Whether the address is gone, whether another day may do, or whether it was the
mail that nobody wanted, each provider says in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

from digest.models import Delivery, StatusReason
from subscriptions.mail.refusals import Refusal, classify_refusal, speaks_of_policy


class Kind(StrEnum):
    """Kinds of provider events: Anymail's names, and more for what it calls a bounce or a rejection."""

    QUEUED = "queued"
    SENT = "sent"
    DEFERRED = "deferred"
    AUTORESPONDED = "autoresponded"
    FAILED = "failed"  # the provider could not send it
    REJECTED = "rejected"  # the provider would not send it
    LISTED = "listed"  # nor this: it keeps the address on a list, for an earlier bounce or for a cause it does not say
    COMPLAINED_BEFORE = "complained_before"  # nor this: the reader reported an earlier mail as spam
    LEFT_BEFORE = "left_before"  # nor this: the reader unsubscribed at the provider
    REFUSED = "refused"  # the reader's mail server would not have it, for what it is or whom it comes from
    SOFT_BOUNCED = "soft_bounced"  # the reader's mail server could not take it
    DELIVERED = "delivered"
    BOUNCED = "bounced"  # the address is gone
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    UNKNOWN = "unknown"  # not understood: counted, and nothing follows


# Enhanced status without its class: too large, or a mail loop
OF_THE_MAIL = ("2.3", "3.4", "4.6", "4.14")

_Status = Delivery.Status
BECOMES: dict[str, str] = {  # each outweighs those before it
    **dict.fromkeys((Kind.QUEUED, Kind.SENT, Kind.DEFERRED, Kind.AUTORESPONDED), _Status.ACCEPTED),
    **dict.fromkeys((Kind.FAILED, Kind.REJECTED), _Status.FAILED),
    **dict.fromkeys((Kind.LISTED, Kind.LEFT_BEFORE, Kind.COMPLAINED_BEFORE, Kind.REFUSED), _Status.FAILED),
    Kind.SOFT_BOUNCED: _Status.BOUNCED,
    Kind.DELIVERED: _Status.DELIVERED,
    Kind.BOUNCED: _Status.BOUNCED,
    Kind.COMPLAINED: _Status.COMPLAINED,
}
# All other kinds in BECOMES show that the provider took the mail.
NEVER_SENT = (Kind.FAILED, Kind.REJECTED, Kind.LISTED, Kind.LEFT_BEFORE, Kind.COMPLAINED_BEFORE)
_WEIGHT = {kind: weight for weight, kind in enumerate(BECOMES)}
_WEIGHT_OF_STATUS: dict[str, int] = {  # of any other status there is nothing that an event does not outweigh
    _Status.ACCEPTED: _WEIGHT[Kind.AUTORESPONDED],
    _Status.DELIVERED: _WEIGHT[Kind.DELIVERED],
    _Status.BOUNCED: _WEIGHT[Kind.BOUNCED],
    _Status.COMPLAINED: _WEIGHT[Kind.COMPLAINED],
}

REASON = {  # why a delivery has the status that such an event gave it
    Kind.FAILED: StatusReason.EVENT_FAILED,
    **dict.fromkeys(NEVER_SENT[1:], StatusReason.EVENT_REJECTED),
    Kind.REFUSED: StatusReason.EVENT_REFUSED,
    Kind.SOFT_BOUNCED: StatusReason.EVENT_SOFT_BOUNCED,
    Kind.BOUNCED: StatusReason.EVENT_BOUNCED,
    Kind.COMPLAINED: StatusReason.EVENT_COMPLAINED,
}


def most_severe(kinds: Collection[str]) -> str:
    """Return the kind that outweighs the others; empty if none of them is about a delivery."""
    return max((kind for kind in kinds if kind in _WEIGHT), key=_WEIGHT.__getitem__, default="")


def resolve_status(status: str, kinds: Collection[str]) -> str:
    """Return the status of a delivery after all these events: the same in any order, and never less certain.

    An event shows that the provider has the mail, so one that was to be tried again, or was given up, is so no more.
    """
    told = most_severe(kinds)
    weight = _WEIGHT_OF_STATUS.get(status, -1)
    if status == _Status.BOUNCED and Kind.SOFT_BOUNCED in kinds and Kind.BOUNCED not in kinds:
        weight = _WEIGHT[Kind.SOFT_BOUNCED]
    return BECOMES[told] if told and _WEIGHT[told] > weight else status


# The names of providers ----------------------------------------------------------------------------------------------

# Kinds that providers document and Anymail 15.2 does not know; openings are not kept (webhooks.NOT_KEPT).
_DOCUMENTED: dict[tuple[str, str], str] = {
    ("amazon_ses", "DeliveryDelay"): Kind.DEFERRED,
    ("amazon_ses", "Subscription"): Kind.SUBSCRIBED,
    ("brevo", "sent"): Kind.SENT,
    ("brevo", "invalid"): Kind.BOUNCED,
    ("brevo", "unsubscribed"): Kind.UNSUBSCRIBED,
    ("resend", "email.failed"): Kind.FAILED,
    ("resend", "email.suppressed"): Kind.REJECTED,
    ("resend", "email.scheduled"): Kind.QUEUED,
    ("sparkpost", "initial_open"): "opened",
    ("sparkpost", "amp_initial_open"): "opened",
}
_PLACE_OF_NAME: dict[str, tuple[tuple[str, ...], ...]] = {
    "amazon_ses": (("eventType",), ("notificationType",)),
    "brevo": (("event",),),
    "mailgun": (("event-data", "event"), ("event",)),
    "mailjet": (("event",),),
    "postmark": (("RecordType",),),
    "resend": (("type",),),
    "sparkpost": (("msys", "*", "type"),),
}


def name_of(provider: str, event: Any) -> str:
    """Return the provider's own name for the kind of an event, in at most 60 characters; empty without one."""
    names = (_at(event, *place) for place in _PLACE_OF_NAME.get(provider, ()))
    return re.sub(r"[^\w.: -]", "", next(filter(None, names), ""))[:60]


def told_kind(provider: str, told: str, event: Any) -> str:
    """Return Anymail's name ``told`` for the kind of an event, or ours where Anymail has none."""
    if told == Kind.UNKNOWN:
        return str(_DOCUMENTED.get((provider, name_of(provider, event)), told))
    return told


# What providers call a bounce ----------------------------------------------------------------------------------------

_HARD = "hard"  # a bounce that the provider calls permanent: the mail server's words tell whether the address is gone
_UNCLEAR = (Kind.BOUNCED, Kind.REJECTED, Kind.COMPLAINED, Kind.SUBSCRIBED, Kind.UNKNOWN)


def kind_of(provider: str, told: str, *, said: str, event: Any) -> str:
    """Return the kind of an event that :func:`told_kind` calls ``told``; UNKNOWN for one that nobody here knows.

    ``said`` is what the reader's mail server answered, ``event`` what the provider sent, whose shape nobody promises.
    """
    if told not in _UNCLEAR:
        return told if told in set(Kind) else Kind.UNKNOWN
    if told == Kind.COMPLAINED and _at(event, "Type") != "SpamNotification":  # Postmark's, of a filter
        return told
    judge = _OF_PROVIDER.get(provider)
    kind = (judge(event) if judge else "") or (Kind.SOFT_BOUNCED if told == Kind.BOUNCED else told)
    if kind not in (_HARD, Kind.BOUNCED, Kind.SOFT_BOUNCED):
        return kind
    answers = [said, *(_at(event, *place) for place in _PLACES_OF_ANSWERS.get(provider, ()))]
    return _by_answer(kind, " ".join(filter(None, answers)))


def _by_answer(kind: str, said: str) -> Kind:
    """Correct what a provider calls a bounce by the mail server's answer: only an address that is gone is BOUNCED.

    A mistake of ours, such as a DNS record that is gone or a block list, must not cost readers their digest.
    """
    status = status_code(said)
    refusal = classify_refusal(0, status, said)
    is_an_answer = bool(status or re.search(r"\b[45]\d\d\b", said))
    if is_an_answer and refusal == Refusal.DEAD_ADDRESS:
        return Kind.BOUNCED
    if status[2:].startswith("7.") or status[2:] in OF_THE_MAIL or speaks_of_policy(said):
        return Kind.REFUSED
    if not is_an_answer:  # the provider's own words at most
        return Kind.BOUNCED if kind == _HARD else Kind(kind)
    if refusal in (Refusal.MAILBOX_FULL, Refusal.DEFERRED) or kind == _HARD:
        return Kind.SOFT_BOUNCED
    return Kind.REFUSED if refusal == Refusal.TOO_FAST else Kind(kind)


def status_code(said: str) -> str:
    """Return the first enhanced status code of a failure in a server's answer, such as 5.1.1; empty where there is
    none.
    """
    found = re.search(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\.?\d)", said)
    return found[0] if found else ""


def _amazon_ses(event: Any) -> str:
    kind, cause = _at(event, "bounce", "bounceType"), _at(event, "bounce", "bounceSubType")
    causes = {
        "NoEmail": Kind.BOUNCED,
        "Suppressed": Kind.BOUNCED,  # on Amazon's own list, for it bounced as invalid
        "OnAccountSuppressionList": Kind.LISTED,
        "UnsubscribedRecipient": Kind.LEFT_BEFORE,
    }
    if kind == "Permanent":
        return causes.get(cause, _HARD)
    if cause in _OF_THE_MAIL:
        return Kind.REFUSED
    preferences = event.get("subscription") if isinstance(event, Mapping) else None
    preferences = preferences.get("newTopicPreferences") if isinstance(preferences, Mapping) else None
    return Kind.UNSUBSCRIBED if _is(preferences, "unsubscribeAll") else ""


def _brevo(event: Any) -> str:
    return {"hard_bounce": _HARD, "invalid_email": Kind.BOUNCED, "invalid": Kind.BOUNCED}.get(_at(event, "event"), "")


def _mailgun(event: Any) -> str:
    reason = _at(event, "event-data", "reason")
    lists = {
        "suppress-bounce": Kind.LISTED,
        "suppress-complaint": Kind.COMPLAINED_BEFORE,
        "suppress-unsubscribe": Kind.LEFT_BEFORE,
        "bounce": _HARD,
    }
    other = {"suppress": Kind.REJECTED, "espblock": Kind.REFUSED}.get(reason.partition("-")[0], "")
    return lists.get(reason, other)


def _mailjet(event: Any) -> str:
    error = _at(event, "error")
    errors = {
        "preblocked": Kind.LISTED,
        "spam reporter": Kind.COMPLAINED_BEFORE,
        "blacklisted": Kind.REJECTED,
        "duplicate in campaign": Kind.REJECTED,
        "relay/access denied": Kind.REFUSED,
    }
    if error in errors:
        return errors[error]
    if _at(event, "error_related_to") in ("spam", "mailjet", "content"):
        return Kind.REFUSED
    is_gone = error in ("user unknown", "mailbox inactive", "invalid domain", "no mail host", "typofix")
    # It blocks what bounced before.
    is_hard = _is(event, "hard_bounce") or (_at(event, "event") == "blocked" and is_gone)
    if is_hard:
        return Kind.BOUNCED if is_gone else _HARD
    return Kind.SOFT_BOUNCED if error in ("quota exceeded", "greylisted") else ""


def _postmark(event: Any) -> str:
    causes = {
        "HardBounce": _HARD,
        "BadEmailAddress": Kind.BOUNCED,
        **dict.fromkeys(("SoftBounce", "Unknown"), Kind.SOFT_BOUNCED),
        **dict.fromkeys(("Blocked", "SpamNotification", "VirusNotification"), Kind.REFUSED),
    }
    # The bounce itself, which has an event of its own, tells whether the address is gone.
    of_the_list = {"HardBounce": Kind.REJECTED}
    return causes.get(_at(event, "Type"), "") or of_the_list.get(_at(event, "SuppressionReason"), "")


def _resend(event: Any) -> str:
    if _at(event, "type") == "email.suppressed":
        return Kind.LISTED
    message, kind = _at(event, "data", "bounce", "message"), _at(event, "data", "bounce", "type")
    cause = _at(event, "data", "bounce", "subType")
    if cause == "OnAccountSuppressionList" or (not kind and "suppress" in message):
        return Kind.LISTED
    if kind == "Permanent" or (not kind and "hard bounce" in message):
        return Kind.BOUNCED if cause in ("NoEmail", "Suppressed") else _HARD
    return Kind.REFUSED if cause in _OF_THE_MAIL else ""


def _sparkpost(event: Any) -> str:
    kind = _at(event, "msys", "*", "type")
    if kind in ("policy_rejection", "bounce") and "address suppressed" in _at(event, "msys", "*", "raw_reason"):
        return Kind.LISTED
    bounce_class = _at(event, "msys", "*", "bounce_class")
    if kind not in ("", "bounce", "out_of_band"):
        return ""
    if bounce_class in ("10", "30"):
        return Kind.BOUNCED
    return Kind.REFUSED if bounce_class in ("23", "25", "50", "51", "52", "53", "54") else ""


_OF_THE_MAIL = ("MessageTooLarge", "ContentRejected", "AttachmentRejected")  # as Amazon SES and Resend have it
_OF_PROVIDER: dict[str, Callable[[Any], str]] = {
    "amazon_ses": _amazon_ses,
    "brevo": _brevo,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "postmark": _postmark,
    "resend": _resend,
    "sparkpost": _sparkpost,
}
# What Anymail leaves out of the mail server's answer
_PLACES_OF_ANSWERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "amazon_ses": (("bounce", "bouncedRecipients", "*", "status"),),
    "mailgun": (("event-data", "delivery-status", "enhanced-code"),),
    "mailjet": (("comment",),),
    "resend": (("data", "bounce", "diagnosticCode", "*"), ("data", "bounce", "diagnosticCode")),
}


def _at(event: Any, *path: str) -> str:
    """Return the text at that place, or an empty one; ``*`` is the first of a list or mapping."""
    for name in path:
        if name == "*":
            inner = event.values() if isinstance(event, Mapping) else event if isinstance(event, list) else ()
            event = next(iter(inner), None)
        else:
            event = event.get(name) if isinstance(event, Mapping) else None
    return event if isinstance(event, str) else ""


def _is(event: Any, name: str) -> bool:
    return isinstance(event, Mapping) and event.get(name) in (True, "true", "1", 1)
