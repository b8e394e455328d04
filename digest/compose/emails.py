"""Make a delivery's mail from its row and its edition, both frozen."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection

from digest.compose.build import EMPTY_TEXTS, Digest, Nothing, Reader, Sender, compose, compose_nothing, subject_line
from digest.compose.card import Card
from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.letter import Letter, read_letter
from digest.compose.size_limit import email_of_nothing, fit
from digest.compose.template_cache import TemplateCache
from digest.models import Delivery, DeliveryContent, Edition, EditionLetter, EditionPaper, PaperSummary
from digest.models.key_lists import listed
from digest.record import DigestRecord, UnknownVersion
from subscriptions.mail.encodings import ENCODINGS
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.marks import ngettext
from subscriptions.mail.providers import encoding_of
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.tokens import digest_links


def sender() -> Sender:
    return _sender(settings.SITE_URL, settings.POSTAL_ADDRESS)


# one object, so that a page's key is compared at once
@lru_cache(maxsize=8)
def _sender(site_url: str, postal_address: str) -> Sender:
    return Sender(name="Broadsheet", site_url=site_url, postal_address=postal_address)


class Mails:
    """Cache for the mails of many deliveries: shared parts are read and rendered once. Grows with papers, not readers.

    Threads that share one hold its ``lock`` from reading the cards of some deliveries until their mails are made.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._templates = {encoding: TemplateCache(encoding) for encoding in ENCODINGS}
        self._cards: dict[int, list[tuple[date, Card]]] = {}  # by paper, newest edition first
        self._newest: dict[date, dict[int, Card]] = defaultdict(dict)  # by an edition's day and paper: the one it shows
        self._deleted: set[int] = set()  # papers, as of the last reading
        self._editions: dict[int, Edition] = {}
        self._letters: dict[date, Letter] = {}  # by edition
        self._receipts: dict[int | None, tuple[str, ...]] = {}  # by edition
        self._summaries: dict[int, PaperSummary] = {}
        self._summarised: dict[tuple[int, int], Card] = {}  # by the card's id() and the summary

    def read_cards(self, deliveries: Sequence[Delivery]) -> None:
        """Read the editions, letters, frozen cards and summaries of these deliveries that are not cached.

        One query for each kind.

        A new edition empties the cache first: it may have a newer card for any paper.
        """
        if needed := {one.edition_id for one in deliveries if one.edition_id} - self._editions.keys():
            given = {
                one.edition.id: one.edition for one in deliveries if Delivery.edition.is_cached(one) and one.edition
            }
            # read before it is kept: after a query that failed, half of it would be taken for the whole
            editions = self._editions | given
            editions |= Edition.objects.in_bulk(needed - editions.keys())
            letters = letters_of(edition.date for edition in editions.values())
            self.forget()
            self._editions, self._letters = editions, letters
        for delivery in deliveries:
            if delivery.edition_id and not Delivery.edition.is_cached(delivery):
                delivery.edition = self._editions[delivery.edition_id]
        contents = [delivery.kept for delivery in deliveries]
        shown = {number for content in contents for number in _summaries_of(content)}
        if new := shown - self._summaries.keys():
            self._summaries |= PaperSummary.objects.in_bulk(new)
        papers = {paper_id for content in contents for paper_id in _papers_of(content)}
        unread = papers - self._cards.keys()
        # a card at hand may be of a paper that was deleted since
        self._deleted = _deleted_among(papers - unread)
        if not unread:
            return
        cards: dict[int, list[tuple[date, Card]]] = {paper_id: [] for paper_id in unread}
        rows = EditionPaper.objects.filter(paper__in=unread).order_by("-edition__date")
        for paper_id, day, card in rows.values_list("paper_id", "edition__date", "card"):
            cards[paper_id].append((day, Card.from_json(card)))
        self._cards |= cards
        self._deleted |= {paper_id for paper_id, found in cards.items() if not found}

    def lay_beside(self, rows: Iterable[EditionPaper]) -> None:
        """Add cards that are not saved yet, of papers that join an edition at the next planning."""
        self._newest.clear()
        for row in rows:
            self._deleted.discard(row.paper_id)  # without a card it was taken for a deleted one
            if row.paper_id in self._cards:
                self._cards[row.paper_id].insert(0, (row.edition.date, Card.from_json(row.card)))

    def put_letter(self, edition: Edition, letter: Letter | None) -> None:
        """Show this letter, which is not saved, or none, in the mails of an edition whose cards were read."""
        self._letters.pop(edition.date, None)
        if letter:
            self._letters[edition.date] = letter

    def letter_of(self, delivery: Delivery) -> Letter | None:
        return self._letters.get(delivery.edition.date) if delivery.edition else None

    def deleted_in(self, delivery: Delivery) -> set[int]:
        """Return which papers of a delivery were deleted, as of the last reading of its cards."""
        return self._deleted.intersection(_papers_of(delivery.kept))

    def cards_of(self, delivery: Delivery) -> dict[int, Card]:
        """Return each paper's newest card as of the delivery's edition; a deleted paper has none."""
        last = delivery.edition.date if delivery.edition else date.min
        known, newest, content = self._newest[last], {}, delivery.kept
        for paper_id in _papers_of(content):
            if paper_id not in self._deleted and (card := known.get(paper_id) or self._newest_of(paper_id, last)):
                newest[paper_id] = card
        for number in _summaries_of(content):
            if (summary := self._summaries.get(number)) and summary.paper_id in newest:
                newest[summary.paper_id] = self._with_summary(newest[summary.paper_id], summary)
        return newest

    def _newest_of(self, paper_id: int, last: date) -> Card | None:
        card = next((card for day, card in self._cards[paper_id] if day <= last), None)
        if card:
            self._newest[last][paper_id] = card
        return card

    def _with_summary(self, card: Card, summary: PaperSummary) -> Card:
        key = (id(card), summary.pk)
        if key not in self._summarised:
            self._summarised[key] = with_summary(card, summary)
        return self._summarised[key]

    def email_for(self, delivery: Delivery) -> RenderedEmail | JoinedEmail:
        """Return the mail of a delivery, the same each time, from its frozen row and edition."""
        # without this check a mail without papers would leave, and say nothing
        content = delivery.kept
        if content.parsed is None:
            raise UnknownVersion(f"what delivery {delivery.pk} was made of cannot be read")
        cards, reader = self.cards_of(delivery), reader_of(delivery)
        if content.paper_ids:
            delivery = without_deleted(delivery, cards)
        if delivery.empty_reason:
            return email_of_nothing(nothing_of(delivery, cards, reader, letter=self.letter_of(delivery)))
        if delivery.edition_id not in self._receipts:
            self._receipts[delivery.edition_id] = completeness_of(delivery)
        digest = digest_of(
            delivery,
            cards,
            reader,
            completeness=self._receipts[delivery.edition_id],
            letter=self.letter_of(delivery),
        )
        return self._templates[encoding_of(settings.MAIL_PROVIDER)].join(digest) or fit(digest)[1]


# Shared by all batches of this process: preparing a paper takes as long as some mails.
AT_HAND = Mails()


def frozen_parts(delivery: Delivery) -> tuple[dict[int, Card], Letter | None]:
    """Return the frozen cards and the letter of one delivery."""
    mails = Mails()
    mails.read_cards([delivery])
    return mails.cards_of(delivery), mails.letter_of(delivery)


def letters_of(days: Iterable[date]) -> dict[date, Letter]:
    """Return the letters of these editions by day, without empty ones. One query."""
    rows = EditionLetter.objects.filter(edition_date__in=set(days)).exclude(text="")
    return {day: read_letter(text) for day, text in rows.values_list("edition_date", "text")}


def _deleted_among(papers: Collection[int]) -> set[int]:
    """Return which of these papers are no longer stored. One query where all are, else two."""
    if not papers:
        return set()
    keys, value = listed(papers)
    with connection.cursor() as cursor:
        # nearly always all are there: an index of editions, of which papers take their rows with them, takes a third
        # of the time of the papers themselves
        cursor.execute(f"SELECT count(DISTINCT paper_id) FROM digest_editionpaper WHERE paper_id IN ({keys})", [value])  # noqa: S608 (no values)
        if cursor.fetchone() == (len(papers),):
            return set()
        cursor.execute(f"SELECT id FROM digest_paper WHERE id IN ({keys})", [value])  # noqa: S608 (no values)
        return set(papers) - {key for (key,) in cursor.fetchall()}


def _papers_of(content: DeliveryContent) -> list[int]:
    return [*content.paper_ids, *(content.parsed.also if content.parsed else ())]


def _summaries_of(content: DeliveryContent) -> Sequence[int]:
    return content.parsed.summaries if content.parsed else ()


def with_summary(card: Card, summary: PaperSummary) -> Card:
    """Return the card with a summary, which names its source; that of the operator's model has no name."""
    by = "" if summary.source == PaperSummary.Source.MODEL else str(summary.get_source_display())
    return replace(card, summary=summary.text, summary_by=by)


def digest_of(
    delivery: Delivery,
    cards: dict[int, Card],
    reader: Reader,
    *,
    completeness: tuple[str, ...] | None = None,
    letter: Letter | None = None,
) -> Digest:
    """Return the words of a delivery for its mail or its copy on the web, which differ only in ``reader``.

    ``completeness`` is the edition's report in words, if the caller has it.
    """
    content = delivery.kept
    record = content.parsed or DigestRecord()
    return compose(
        [(cards[paper_id], reasons) for paper_id, reasons in zip(content.paper_ids, record.reasons, strict=True)],
        reader,
        issue_date=delivery.day,
        sender=sender(),
        arrived=record.arrived,
        matched=record.matched,
        completeness=(*_left_out(delivery), *(completeness_of(delivery) if completeness is None else completeness)),
        also=_also(delivery, cards),
        occasion=record.occasion,
        since=date.fromisoformat(record.since) if record.since else None,
        subject=content.subject,
        letter=letter,
        full=record.full,
    )


def nothing_of(delivery: Delivery, cards: dict[int, Card], reader: Reader, *, letter: Letter | None = None) -> Nothing:
    """Return the words of a delivery without papers; its mail and its copy differ only in ``reader``."""
    nothing = compose_nothing(
        EMPTY_TEXTS.get(delivery.empty_reason, _("There is no paper for you.")),
        reader,
        issue_date=delivery.day,
        sender=sender(),
        completeness=completeness_of(delivery),
        also=_also(delivery, cards),
        letter=letter,
    )
    return replace(nothing, subject=delivery.subject)


def without_deleted(delivery: Delivery, cards: dict[int, Card]) -> Delivery:
    """Return the delivery with the papers that have a card, each with its reasons or none; else itself.

    It is a copy that is never saved, and its subject names no deleted paper. Raise ValueError if no paper is left.
    """
    content = delivery.kept
    planned, record = content.paper_ids, content.parsed or DigestRecord()
    left = [place for place, paper_id in enumerate(planned) if paper_id in cards]
    if len(left) == len(planned) == len(record.reasons):
        return delivery
    if not left:
        raise ValueError(f"all papers of delivery {delivery.pk} were deleted")
    paper_ids, subject, rest = [planned[place] for place in left], content.subject, copy(delivery)
    if len(left) < len(planned):
        subject = subject_line(delivery.day, len(paper_ids), cards[paper_ids[0]].title)
    rest.put_content(paper_ids=paper_ids, subject=subject, record=record.for_papers(left))
    rest.paper_count = len(planned)  # as planned: what is missing is said
    return rest


def _left_out(delivery: Delivery) -> tuple[str, ...]:
    """Return the line that says how many papers were deleted since this delivery was planned, if any were."""
    if (count := delivery.paper_count - len(delivery.paper_ids)) <= 0:
        return ()
    said = ngettext(
        "Left out: %(count)s paper deleted here since this digest was put together.",
        "Left out: %(count)s papers deleted here since this digest was put together.",
        count,
    )
    return (said % {"count": f"{count:,}"},)


def _also(delivery: Delivery, cards: dict[int, Card]) -> list[Card]:
    """Return the further trending papers frozen with the row, without those deleted since."""
    record = delivery.record
    return [cards[paper_id] for paper_id in (record.also if record else ()) if paper_id in cards]


def reader_of(delivery: Delivery) -> Reader:
    """Return a delivery's recipient with every link of the mail."""
    subscriber, record = delivery.subscriber, delivery.record or DigestRecord()
    links = digest_links(subscriber, delivery.day)
    return Reader(
        address=subscriber.email,
        unsubscribe_url=links.unsubscribe,
        preferences_url=links.preferences,
        feedback_url=links.feedback,
        web_url=links.web_copy,
        asked_for=tuple(record.asked_for),
        rhythm=record.rhythm,
        limit=record.limit,
        confirmed_on=subscriber.confirmed_at.date() if subscriber.confirmed_at else None,
    )


def completeness_of(delivery: Delivery) -> tuple[str, ...]:
    """Return the completeness report of a delivery's edition in words."""
    return in_words(delivery.edition.completeness if delivery.edition else [])


def in_words(completeness: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return an edition's completeness report as readers see it, without given files that failed."""
    return completeness_in_words(
        [
            SourceCount(
                name=row["source"],
                stored=row["stored"],
                expected=row["expected"],
                late=row["state"] in ("stale", "absent", "failed"),
            )
            for row in completeness
            if not (row["given"] and row["state"] == "failed")
        ]
    )
