"""Say to a reader, in a sentence, why a day had no digest or what became of one."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from digest.compose.build import EMPTY_TEXTS
from digest.models import Delivery, StatusReason

STATUS_TEXTS = {
    Delivery.Status.READY: gettext_lazy("On its way."),
    Delivery.Status.HANDING_OFF: gettext_lazy("On its way."),
    Delivery.Status.RETRY_WAIT: gettext_lazy("On its way: your mail server asked us to try again."),
    Delivery.Status.ACCEPTED: gettext_lazy("Sent."),
    Delivery.Status.DELIVERED: gettext_lazy("Sent."),
    Delivery.Status.BOUNCED: gettext_lazy("Sent, and returned by your mail server."),
    Delivery.Status.COMPLAINED: gettext_lazy("Sent, and reported as spam."),
    Delivery.Status.UNKNOWN: gettext_lazy("It may have been sent; we do not send it twice."),
    Delivery.Status.FAILED: gettext_lazy("It could not be sent."),
    Delivery.Status.EXPIRED: gettext_lazy("It could not leave in time."),
    Delivery.Status.SKIPPED: gettext_lazy("No digest."),
}
REASON_TEXTS = {
    **{StatusReason(reason): gettext_lazy(text) for reason, text in EMPTY_TEXTS.items()},
    StatusReason.PAUSED: gettext_lazy("You paused your digests."),
    StatusReason.SUPPRESSED: gettext_lazy("Mail to this address is suppressed."),
    StatusReason.UNSUBSCRIBED: gettext_lazy("You unsubscribed before it left."),
    StatusReason.NOT_CONFIRMED: gettext_lazy("The address was never confirmed."),
    StatusReason.DEMO_READER: gettext_lazy("A demonstration reader gets mail in the outbox only."),
    StatusReason.TOO_SOON: gettext_lazy(
        "Two digests are never less than 12 hours apart; the papers of this one are in the next."
    ),
    StatusReason.TOO_LATE: gettext_lazy("Your digest could not be made in time; its papers are in the next one."),
}
SAID_TO_READERS = (Delivery.Status.SKIPPED, Delivery.Status.EXPIRED)  # of others the status says enough


def reason_text(reason: str, *, papers: int = 0, detail: str = "") -> str:
    """Return the sentence for a StatusReason; empty where the status says all that concerns a reader.

    A code that this version does not know is ``unknown reason`` with its ``detail``.
    """
    if not reason:
        return ""
    if reason == StatusReason.EXPIRED:
        if papers:
            return _("It could not leave in time; its papers return to the next digest.")
        return _("It could not leave in time; it had no paper for you.")
    if reason == StatusReason.OTHER or reason not in StatusReason.values:
        return detail if reason == StatusReason.OTHER else unknown_text(detail)
    return str(REASON_TEXTS.get(StatusReason(reason), ""))


def unknown_text(detail: str) -> str:
    return _("Unknown reason: %(detail)s") % {"detail": detail} if detail else _("Unknown reason.")


def status_text(delivery: Delivery) -> str:
    """Return what a reader is told of one delivery."""
    said = ""
    if delivery.status in SAID_TO_READERS:
        said = reason_text(delivery.status_reason, papers=delivery.paper_count, detail=delivery.detail)
    known = delivery.status in Delivery.Status.values
    return said or (str(STATUS_TEXTS[Delivery.Status(delivery.status)]) if known else unknown_text(delivery.detail))
