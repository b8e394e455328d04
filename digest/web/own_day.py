"""A signed-in reader's own day for the home page: the papers of their latest digest, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from digest.compose.build import NOTE_LENGTH
from digest.compose.phrases import shorten
from digest.compose.reasons import Reason, reason_in_words
from digest.delivery.reader_texts import reason_text
from digest.models import Delivery, EditionPaper
from digest.record import DigestRecord
from digest.web.cards import PageCard, page_cards
from subscriptions.models import Subscriber
from subscriptions.schedule import local_date
from subscriptions.web.sign_up import next_digest_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPaper:
    """A paper of a reader's digest with its reason in words, empty after the reasons were deleted.

    ``note`` is None unless a curator picked it.
    """

    one: PageCard
    why: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDay:
    """The latest digest of a reader; ``day`` is None before the first.

    ``note`` says why it has no papers, or that their reasons were deleted; ``next_digest`` when the next one comes.
    """

    day: date | None
    is_today: bool
    papers: list[OwnPaper]
    note: str
    next_digest: str


def own_day(reader: Subscriber, *, now: datetime) -> OwnDay:
    """Return a reader's latest digest as a page shows it. Two queries."""
    sent = Delivery.objects.filter(subscriber=reader, status__in=Delivery.SENT).select_related("edition", "content")
    delivery = sent.order_by("-issue_date").first()
    papers = _papers(delivery) if delivery else []
    return OwnDay(
        day=delivery.issue_date if delivery else None,
        is_today=delivery is not None and delivery.issue_date == local_date(reader.zone, now),
        papers=papers,
        note=_note(delivery, papers) if delivery else "",
        next_digest=next_digest_in_words(reader, now),
    )


def _note(delivery: Delivery, papers: list[OwnPaper]) -> str:
    if delivery.empty_reason:
        return reason_text(delivery.empty_reason)
    return _("The reasons for each paper are no longer stored.") if papers and not papers[0].why else ""


def _papers(delivery: Delivery) -> list[OwnPaper]:
    """Return the papers in the order of the mail; those that are gone or were withdrawn since are left out."""
    until = delivery.edition.date if delivery.edition else date.max
    rows = EditionPaper.objects.filter(
        paper__in=delivery.paper_ids, edition__date__lte=until, paper__withdrawn_at=None
    ).select_related("paper")
    newest = {row.paper_id: row for row in rows.order_by("edition__date")}
    record = delivery.record or DigestRecord()
    reasons = record.reasons_of(len(delivery.paper_ids))
    found = [(newest[pk], why) for pk, why in zip(delivery.paper_ids, reasons, strict=True) if pk in newest]
    cards = page_cards(row for row, _why in found)
    return [
        _own(one, [Reason(*term) for term in why], is_kept=record.has_counts)
        for one, (_row, why) in zip(cards, found, strict=True)
    ]


def _own(one: PageCard, why: list[Reason], *, is_kept: bool) -> OwnPaper:
    note = next((shorten(reason.label, NOTE_LENGTH) for reason in why if reason.kind == "pick"), None)
    return OwnPaper(one=one, why=reason_in_words(why, facts=one.card.facts) if is_kept else "", note=note)
