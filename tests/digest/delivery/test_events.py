"""What providers call a bounce, and that a delivery ends where all that was told leads, in whatever order it came."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.events import BECOMES, Kind, kind_of, most_severe, name_of, resolve_status, status_code, told_kind
from digest.models import Delivery

Status = Delivery.Status
GONE, SOFT, REFUSED, LISTED, REJECTED = Kind.BOUNCED, Kind.SOFT_BOUNCED, Kind.REFUSED, Kind.LISTED, Kind.REJECTED


def told(provider: str, event: Any, *, said: str = "", kind: str = "bounced") -> str:
    return kind_of(provider, kind, said=said, event=event)


@pytest.mark.parametrize(
    ("provider", "event", "kind"),
    [
        ("amazon_ses", {"bounce": {"bounceType": "Permanent", "bounceSubType": "NoEmail"}}, GONE),
        ("amazon_ses", {"bounce": {"bounceType": "Permanent", "bounceSubType": "General"}}, GONE),
        ("amazon_ses", {"bounce": {"bounceType": "Permanent", "bounceSubType": "Suppressed"}}, GONE),
        ("amazon_ses", {"bounce": {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}}, LISTED),
        ("amazon_ses", {"bounce": {"bounceType": "Permanent", "bounceSubType": "UnsubscribedRecipient"}}, Kind.LEFT_BEFORE),
        ("amazon_ses", {"bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}, SOFT),
        ("amazon_ses", {"bounce": {"bounceType": "Transient", "bounceSubType": "ContentRejected"}}, REFUSED),
        ("amazon_ses", {"bounce": {"bounceType": "Undetermined", "bounceSubType": "Undetermined"}}, SOFT),
        ("brevo", {"event": "hard_bounce"}, GONE),
        ("brevo", {"event": "invalid_email"}, GONE),
        ("brevo", {"event": "soft_bounce"}, SOFT),
        ("mailgun", {"event-data": {"reason": "bounce"}}, GONE),
        ("mailgun", {"event-data": {"reason": "suppress-bounce"}}, LISTED),
        ("mailgun", {"event-data": {"reason": "suppress-complaint"}}, Kind.COMPLAINED_BEFORE),
        ("mailgun", {"event-data": {"reason": "suppress-unsubscribe"}}, Kind.LEFT_BEFORE),
        ("mailgun", {"event-data": {"reason": "suppress-something-new"}}, REJECTED),
        ("mailgun", {"event-data": {"reason": "espblock"}}, REFUSED),
        ("mailgun", {"event-data": {"reason": "old"}}, SOFT),
        ("mailgun", {"event-data": {"reason": "generic", "delivery-status": {"enhanced-code": "5.1.1"}}}, GONE),
        ("mailjet", {"event": "bounce", "hard_bounce": True, "error": "user unknown"}, GONE),
        ("mailjet", {"event": "bounce", "hard_bounce": False, "error": "quota exceeded"}, SOFT),
        ("mailjet", {"event": "bounce", "hard_bounce": True, "error_related_to": "spam", "error": "policy issue"}, REFUSED),
        ("mailjet", {"event": "blocked", "error_related_to": "recipient", "error": "user unknown"}, GONE),
        ("mailjet", {"event": "blocked", "error_related_to": "mailjet", "error": "preblocked"}, LISTED),
        ("mailjet", {"event": "blocked", "error_related_to": "recipient", "error": "spam reporter"}, Kind.COMPLAINED_BEFORE),
        ("mailjet", {"event": "blocked", "error_related_to": "recipient", "error": "blacklisted"}, REJECTED),
        ("mailjet", {"event": "bounce", "hard_bounce": True, "error": "mailbox inactive"}, GONE),
        ("mailjet", {"event": "bounce", "hard_bounce": True, "error": "", "comment": "554 rejected by policy"}, REFUSED),
        ("postmark", {"Type": "HardBounce"}, GONE),
        ("postmark", {"SuppressionReason": "HardBounce"}, REJECTED),  # the bounce has an event of its own
        ("postmark", {"Type": "Unknown"}, SOFT),
        ("postmark", {"Type": "Blocked"}, REFUSED),
        ("postmark", {"Type": "SoftBounce"}, SOFT),
        ("postmark", {"Type": "VirusNotification"}, REFUSED),
        ("resend", {"data": {"bounce": {"type": "Permanent", "subType": "Suppressed"}}}, GONE),
        ("resend", {"data": {"bounce": {"type": "Permanent", "subType": "OnAccountSuppressionList"}}}, LISTED),
        ("resend", {"data": {"bounce": {"type": "Permanent", "diagnosticCode": ["smtp; 554 IP on a blocklist"]}}}, REFUSED),
        ("resend", {"type": "email.suppressed", "data": {}}, LISTED),
        ("resend", {"data": {"bounce": {"type": "Transient", "subType": "MailboxFull"}}}, SOFT),
        ("resend", {"data": {"bounce": {"type": "Transient", "subType": "ContentRejected"}}}, REFUSED),
        ("resend", {"data": {"bounce": {"message": "The recipient's provider sent a hard bounce message"}}}, GONE),
        ("resend", {"data": {"bounce": {"message": "a bounce message because the inbox was full"}}}, SOFT),
        ("sparkpost", {"msys": {"message_event": {"bounce_class": "10"}}}, GONE),
        ("sparkpost", {"msys": {"message_event": {"bounce_class": "22"}}}, SOFT),
        ("sparkpost", {"msys": {"message_event": {"bounce_class": "51"}}}, REFUSED),
        ("sparkpost", {"msys": {"message_event": {"type": "policy_rejection", "bounce_class": "25",
                                                  "raw_reason": "554 5.7.1 recipient address suppressed"}}}, LISTED),
        ("another", {}, SOFT),
    ],
)  # fmt: skip
def test_a_bounce_is_what_its_provider_means_by_it(provider: str, event: dict[str, Any], kind: str) -> None:
    assert told(provider, event) == kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("smtp; 550 5.1.1 <x>: User unknown", GONE),
        ("550-5.2.1 The account is disabled", GONE),
        ("550 5.7.26 This mail has been blocked because the sender is unauthenticated", REFUSED),
        ("554 5.7.1 listed at a blocklist", REFUSED),
        ("552 5.3.4 message too big", REFUSED),
        ("552 5.2.2 mailbox full", SOFT),
        ("550 5.4.1 Recipient address rejected: Access denied", SOFT),  # unclear: as long as it is so for two weeks
        ("550 Requested action not taken", SOFT),
        ("554 Message refused: your IP 192.0.2.9 is listed at bl.example", REFUSED),
        ("5.0.0 554 rejected for policy reasons", REFUSED),
        ("554 5.4.14 Hop count exceeded - possible mail loop", REFUSED),
        ("5.4.6", REFUSED),
        ("554 5.1.1 sender on our block list", REFUSED),
        ("Unable to deliver", GONE),  # no mail server's answer: the provider's word counts
        ("", GONE),
    ],
)
def test_what_the_mail_server_said_corrects_a_hard_bounce(said: str, kind: str) -> None:
    """No mistake of ours, such as a DNS record that is gone, may cost every reader of a large provider their digest."""
    assert told("brevo", {"event": "hard_bounce"}, said=said) == kind


@pytest.mark.parametrize(
    ("provider", "event", "name", "kind"),
    [
        ("resend", {"type": "email.failed"}, "email.failed", Kind.FAILED),
        ("resend", {"type": "email.suppressed"}, "email.suppressed", LISTED),
        ("resend", {"type": "email.scheduled"}, "email.scheduled", Kind.QUEUED),
        ("resend", {"type": "email.new"}, "email.new", Kind.UNKNOWN),
        ("amazon_ses", {"eventType": "DeliveryDelay"}, "DeliveryDelay", Kind.DEFERRED),
        ("amazon_ses", {"eventType": "Subscription"}, "Subscription", Kind.SUBSCRIBED),
        ("amazon_ses", {"notificationType": "New"}, "New", Kind.UNKNOWN),
        ("brevo", {"event": "unsubscribed"}, "unsubscribed", Kind.UNSUBSCRIBED),
        ("brevo", {"event": "sent"}, "sent", Kind.SENT),
        ("mailgun", {"event-data": {"event": "stored"}}, "stored", Kind.UNKNOWN),
        ("mailjet", {"event": "new"}, "new", Kind.UNKNOWN),
        ("postmark", {"RecordType": "New", "Type": "Unknown"}, "New", SOFT),
        ("postmark", {"RecordType": "New <b>ada@example.org</b>"}, "New badaexample.orgb", Kind.UNKNOWN),
        ("sparkpost", {"msys": {"message_event": {"type": "new"}}}, "new", Kind.UNKNOWN),
        ("sparkpost", {"msys": {}}, "", Kind.UNKNOWN),
        ("another", {"event": "new"}, "", Kind.UNKNOWN),
        *((provider, [7], "", Kind.UNKNOWN) for provider in ("amazon_ses", "brevo", "mailgun", "resend", "sparkpost")),
    ],
)
def test_a_kind_that_anymail_does_not_know(provider: str, event: Any, name: str, kind: str) -> None:
    assert name_of(provider, event) == name
    assert told(provider, event, kind=told_kind(provider, "unknown", event)) == kind


def test_leaving_all_topics_of_amazons_lists_is_leaving() -> None:
    event = {"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": True}}}
    assert told("amazon_ses", event, kind="subscribed") == Kind.UNSUBSCRIBED


def test_an_address_that_is_gone_is_so_even_in_a_soft_bounce() -> None:
    assert told("brevo", {"event": "soft_bounce"}, said="550 5.1.1 User unknown") == GONE
    assert told("brevo", {"event": "soft_bounce"}, said="421 4.7.0 try again later") == REFUSED


def test_a_spam_filter_is_no_reader_who_complains() -> None:
    assert told("postmark", {"Type": "SpamNotification"}, kind="complained") == REFUSED
    assert told("postmark", {"Type": "SpamComplaint"}, kind="complained") == Kind.COMPLAINED


def test_a_provider_that_will_not_send_to_a_gone_address_says_that_it_is_gone() -> None:
    assert told("postmark", {"Type": "BadEmailAddress"}, kind="rejected") == GONE
    assert told("mailjet", {"event": "blocked", "error": "user unknown"}, kind="rejected") == GONE
    assert told("mailjet", {"event": "blocked", "error": "quota exceeded"}, kind="rejected") == SOFT
    assert told("brevo", {"event": "blocked"}, kind="rejected") == Kind.REJECTED


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("550 5.1.1 no", "5.1.1"), ("550-5.7.26 no", "5.7.26"), ("(5.1.1).", "5.1.1"), ("250 2.0.0 OK", ""),
        ("from 192.0.2.15 and 5.1.1.9", ""), ("version 15.1.1", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_enhanced_status_code_of_an_answer(said: str, code: str) -> None:
    assert status_code(said) == code


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["bounce", "event-data", "data", "msys", "Type", "event", "error", "hard_bounce", "x"]),
            inner,
        )
    ),
)


@given(
    provider=st.sampled_from(["amazon_ses", "brevo", "mailgun", "mailjet", "postmark", "resend", "sparkpost", "x"]),
    kind=st.sampled_from(["bounced", "rejected", "complained", "unknown"]),
    said=st.text(),
    event=_JSON,
)
def test_an_event_of_any_shape_has_a_kind(provider: str, kind: str, said: str, event: Any) -> None:
    assert kind_of(provider, kind, said=said, event=event) in [*Kind, "unknown"]


# --- where a delivery ends -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kinds", "becomes"),
    [
        ("accepted", {"delivered"}, "delivered"),
        ("accepted", {"sent"}, "accepted"),
        ("accepted", {"soft_bounced"}, "bounced"),
        ("accepted", {"refused"}, "failed"),
        ("accepted", {"rejected"}, "failed"),
        ("unknown", {"sent"}, "accepted"),
        ("unknown", {"delivered"}, "delivered"),
        ("unknown", {"bounced"}, "bounced"),
        ("unknown", {"rejected"}, "failed"),
        ("handing_off", {"queued"}, "accepted"),
        ("ready", {"sent"}, "accepted"),  # so that it is not sent again
        ("retry_wait", {"deferred"}, "accepted"),
        ("retry_wait", {"delivered"}, "delivered"),
        ("expired", {"delivered"}, "delivered"),
        ("failed", {"delivered"}, "delivered"),
        ("bounced", {"soft_bounced", "delivered"}, "delivered"),
        ("bounced", {"bounced", "delivered"}, "bounced"),
        ("bounced", {"delivered"}, "bounced"),  # whatever told of the bounce is forgotten by now
        ("delivered", {"soft_bounced"}, "delivered"),
        ("delivered", {"bounced"}, "bounced"),
        ("delivered", {"rejected"}, "delivered"),
        ("complained", {"delivered", "bounced"}, "complained"),
        ("retry_wait", {"unsubscribed"}, "retry_wait"),
        ("unknown", set(), "unknown"),
        ("unknown", {"something new"}, "unknown"),
    ],
)
def test_what_is_told_moves_a_delivery_and_never_back(status: str, kinds: set[str], becomes: str) -> None:
    assert resolve_status(status, kinds) == becomes


@given(
    status=st.sampled_from(Delivery.Status.values),
    told=st.lists(st.sampled_from([*Kind, "unknown"]), max_size=5, unique=True),
)
def test_the_order_of_events_does_not_matter_nor_does_a_replay(status: str, told: list[str]) -> None:
    ends = set()
    for order in permutations(told):
        stands, known = status, set()
        for kind in [*order, *order]:
            known.add(str(kind))
            stands = resolve_status(stands, known)
        ends.add(stands)
    assert ends == {resolve_status(status, set(map(str, told)))}


@given(kinds=st.sets(st.sampled_from([str(kind) for kind in Kind])), more=st.sampled_from([str(kind) for kind in Kind]))
def test_more_that_is_told_never_makes_less_of_it(kinds: set[str], more: str) -> None:
    before, after = most_severe(kinds), most_severe(kinds | {more})
    order = list(BECOMES)
    assert not before or order.index(Kind(after)) >= order.index(Kind(before))
