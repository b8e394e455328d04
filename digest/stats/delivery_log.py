"""List the steps of one digest, in words for the staff and without the reader's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.compose.phrases import plural
from digest.delivery.events import REASON, Kind, status_code
from digest.delivery.staff_texts import delivery_text
from digest.models import Delivery, DeliveryEvent

_Status = Delivery.Status
BECAME: dict[str, str] = {
    _Status.READY: "Waits for its turn to leave",
    _Status.HANDING_OFF: "Is being handed over at this moment",
    _Status.RETRY_WAIT: "Waits for another try",
    _Status.ACCEPTED: "Taken by the mail provider",
    _Status.DELIVERED: "Delivered to the reader’s mail server",
    _Status.BOUNCED: "Came back from the reader’s mail server",
    _Status.COMPLAINED: "Reported as spam",
    _Status.UNKNOWN: "May have left: nobody can tell, and it is not sent again",
    _Status.FAILED: "Could not be sent",
    _Status.EXPIRED: "Could not leave in time",
    _Status.SKIPPED: "Nothing was sent",
}
TOLD: dict[str, str] = {  # by the provider
    Kind.QUEUED: "The mail provider has it in its queue",
    Kind.SENT: "The mail provider sent it on",
    Kind.DEFERRED: "The reader’s mail server asks the provider to wait",
    Kind.AUTORESPONDED: "An automatic answer came",
    Kind.FAILED: "The mail provider could not send it",
    Kind.REJECTED: "The mail provider did not send it",
    Kind.LISTED: "The mail provider did not send it: the address is on its suppression list",
    Kind.COMPLAINED_BEFORE: "The mail provider did not send it: the reader reported an earlier mail as spam",
    Kind.LEFT_BEFORE: "The mail provider did not send it: the reader unsubscribed there",
    Kind.REFUSED: "The reader’s mail server refused it",
    Kind.SOFT_BOUNCED: "The reader’s mail server could not take it that day",
    Kind.DELIVERED: "Delivered to the reader’s mail server",
    Kind.BOUNCED: "Bounced: the address does not exist",
    Kind.COMPLAINED: "Reported as spam",
    Kind.UNSUBSCRIBED: "The reader left by the provider’s link",
    Kind.SUBSCRIBED: "The reader subscribed at the provider",
    Kind.UNKNOWN: "The mail provider told something that is not understood",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; ``at`` is None where no time was kept of it."""

    at: datetime | None
    what: str
    detail: str = ""


def log_of(delivery: Delivery) -> list[Step]:
    """Return the steps of a delivery in their order, those without a time last; one query, for its events."""
    steps = [_planned(delivery), *_handed_over(delivery)]
    events = DeliveryEvent.objects.filter(delivery=delivery).order_by("at", "pk")
    steps += [_told(event) for event in events]
    timed = [(step.at, place, step) for place, step in enumerate(steps) if step.at]
    return [*(step for _, _, step in sorted(timed)), *(step for step in steps if not step.at), *_now(delivery, steps)]


def _planned(delivery: Delivery) -> Step:
    if not delivery.dated_at:
        return Step(None, "The day passed without a digest")
    papers = plural(delivery.paper_count, "paper") if delivery.paper_count else "no paper"
    edition = f" from the edition of {delivery.edition.date}" if delivery.edition else ""
    return Step(delivery.dated_at, f"Planned with {papers}{edition}")


def _handed_over(delivery: Delivery) -> list[Step]:
    steps = []
    if delivery.attempts or delivery.handed_over_at:
        tries = "first try" if delivery.attempts <= 1 else f"{delivery.attempts} tries so far"
        steps.append(Step(delivery.handed_over_at, f"Handed over to {delivery.provider or 'the provider'}", tries))
    if delivery.accepted_at:
        taken = f"answer {delivery.answer}" if delivery.answer else ""
        steps.append(Step(delivery.accepted_at, BECAME[_Status.ACCEPTED], taken))
    return steps


def _told(event: DeliveryEvent) -> Step:
    said = event.raw.get("said") if isinstance(event.raw, dict) else None
    code = status_code(said) if isinstance(said, str) else ""  # the rest of it may name the address
    return Step(event.at, TOLD.get(event.kind, f"The mail provider told: {event.kind}"), code)


def _now(delivery: Delivery, steps: Sequence[Step]) -> list[Step]:
    """Return the present status, unless a step before says it; events are kept 30 days, the status for good."""
    told = {step.what for step in steps}
    if BECAME.get(delivery.status, delivery.status) in told or (
        delivery.status_reason in REASON.values() and told & set(TOLD.values())
    ):
        return []
    detail = " ".join(filter(None, (delivery_text(delivery), f"Answer: {delivery.answer}." if delivery.answer else "")))
    if delivery.status in Delivery.OPEN and delivery.not_before:
        detail += f" Not before {delivery.not_before:%H:%M} UTC."
    if delivery.status in Delivery.OPEN and delivery.not_after:
        detail += f" Not after {delivery.not_after:%H:%M} UTC."
    return [Step(None, BECAME.get(delivery.status, delivery.status), detail.strip())]
