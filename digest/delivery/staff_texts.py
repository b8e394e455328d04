"""Say to the staff, in a sentence, why a delivery has its status."""

from __future__ import annotations

from digest.delivery import reader_texts
from digest.models import Delivery, StatusReason
from subscriptions.mail import outcomes

REASON_TEXTS = {
    StatusReason.NOTHING_MATCHED: "Nothing matched.",
    StatusReason.PAUSED: "The reader paused.",
    StatusReason.UNSUBSCRIBED: "The reader unsubscribed.",
    StatusReason.TOO_SOON: "Less than 12 hours after the last digest.",
    StatusReason.TOO_LATE: "Not made in time.",
    StatusReason.WORKER_STOPPED: "The worker stopped while this mail was being handed over.",
    StatusReason.POISON: "This digest stopped every worker that took it.",
    StatusReason.RETRIED_BY_HAND: "Tried again by hand.",
    StatusReason.RESTORED: "The database was restored from a backup; this digest may have left before.",
    StatusReason.CANCELLED: "It was cancelled before it left.",
    StatusReason.EVENT_FAILED: "The mail provider could not send it.",
    StatusReason.EVENT_REJECTED: "The mail provider did not send it.",
    StatusReason.EVENT_REFUSED: "The reader’s mail server refused it.",
    StatusReason.EVENT_SOFT_BOUNCED: "The reader’s mail server could not take it that day.",
    StatusReason.EVENT_BOUNCED: "The reader’s mail server says that this address does not exist.",
    StatusReason.EVENT_COMPLAINED: "It was reported as spam.",
    **{StatusReason(reason): text for reason, text in outcomes.REASON_TEXTS.items()},
}


def reason_text(reason: str, detail: str = "", *, papers: int = 0) -> str:
    """Return the sentence for a StatusReason, then the detail in brackets; empty without either.

    A code that this version does not know is ``unknown reason`` with its detail.
    """
    if reason and reason not in StatusReason.values:
        return reader_texts.unknown_text(detail)
    if reason == StatusReason.OTHER and not detail:
        return "Another reason."
    if reason == StatusReason.EXPIRED and not papers:
        return outcomes.with_detail("It could not leave in time; it had no paper.", detail)
    # a row holds the text of a StatusReason, which is equal to it, but not for the types
    sentence = REASON_TEXTS.get(reason) or reader_texts.reason_text(reason, papers=papers)  # type: ignore[call-overload]
    return outcomes.with_detail(sentence, detail)


def delivery_text(delivery: Delivery) -> str:
    return reason_text(delivery.status_reason, delivery.detail, papers=delivery.paper_count)
