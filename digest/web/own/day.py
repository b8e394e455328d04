"""A signed-in reader's own day for the home page: the papers of their latest digest, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from digest.compose.build import NOTE_LENGTH
from digest.compose.card import Card
from digest.compose.phrases import shorten
from digest.compose.reasons import TOLD, Reason, reason_in_words, reasons_as_text
from digest.delivery.reader_texts import reason_text
from digest.models import Delivery, EditionPaper
from digest.ranking.matching import phrase_pieces
from digest.record import DigestRecord
from digest.web.papers.acts import PaperActs, acts_for
from digest.web.papers.cards import PageCard, page_cards
from digest.web.papers.marks import marked
from subscriptions.models import Subscriber
from subscriptions.schedule import local_date
from subscriptions.tokens import FEEDBACK, token_for
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
    """Return a reader's latest digest as a page shows it. Six queries."""
    sent = (
        Delivery.objects.digests()
        .filter(subscriber=reader, status__in=Delivery.SENT)
        .select_related("edition", "content", "subscriber")
    )
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
    is_forgotten = papers and not papers[0].why and papers[0].note is None
    return _("The reasons for each paper are no longer stored.") if is_forgotten else ""


def _papers(delivery: Delivery) -> list[OwnPaper]:
    """Return the papers in the order of the mail; those that are gone or were withdrawn since are left out."""
    until = delivery.edition.date if delivery.edition else date.max
    rows = EditionPaper.objects.filter(
        paper__in=delivery.paper_ids, edition__date__lte=until, paper__withdrawn_at=None
    ).select_related("paper")
    newest = {row.paper_id: row for row in rows.order_by("edition__date")}
    record = delivery.record or DigestRecord()
    reasons = record.explained_of(len(delivery.paper_ids))
    found = [
        (number, newest[pk], [Reason(*term) for term in why])
        for number, (pk, why) in enumerate(zip(delivery.paper_ids, reasons, strict=True), start=1)
        if pk in newest
    ]
    acts = acts_for(delivery.subscriber, (row.paper for _number, row, _why in found))
    numbered = {row.paper_id: _in_digest(acts[row.paper_id], delivery, number) for number, row, _why in found}
    cards = page_cards((row for _number, row, _why in found), numbered)
    return [
        OwnPaper(
            one=_marked(one, why),
            why=_why(one.card, why) if record.has_counts else "",
            note=next((shorten(reason.label, NOTE_LENGTH) for reason in why if reason.kind == "pick"), None),
        )
        for one, (_number, _row, why) in zip(cards, found, strict=True)
    ]


def _why(card: Card, why: list[Reason]) -> str:
    """Return the reasons in words without the pick, which the page tells with its note."""
    others = [reason for reason in why if reason.kind != "pick"]
    is_pick_alone = len(others) < len(why) and not any(reason.kind in TOLD for reason in others)
    return "" if is_pick_alone else reason_in_words(reasons_as_text(others), card.counts)


def _in_digest(acts: PaperActs, delivery: Delivery, number: int) -> PaperActs:
    """Return the buttons for the paper of that number in a digest, which acts there also when it is not public."""
    day = delivery.issue_date
    token = token_for(FEEDBACK, delivery.subscriber, day=day)
    return replace(
        acts,
        path=reverse("own_feedback", args=[day and day.isoformat(), number]),
        place=f"own-{number}",
        all_mutes=reverse("feedback", args=[token, number, "mute"]),
    )


def _marked(one: PageCard, why: list[Reason]) -> PageCard:
    """Return a card with the reader's keywords in ``<mark>``; mails mark none, since their text is the same for all."""
    phrases = [reason.label for reason in why if reason.kind == "keyword"]
    if not phrases:
        return one
    title, abstract = (marked(phrase_pieces(text, phrases)) for text in (one.card.title, one.abstract))
    return replace(one, title=title, abstract=abstract)
