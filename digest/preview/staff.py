"""Drafts for the staff: the mail that a reader, or somebody with given choices, would get now.

Nothing is written. A draft has no valid links and no address of a reader, so that the staff can click its links and
forward it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from digest.compose.build import compose_nothing
from digest.compose.emails import Mails, digest_of, nothing_of, reader_of, sender
from digest.compose.letter import Letter
from digest.compose.phrases import plural
from digest.compose.reasons import TERMS, WITHOUT_LABEL
from digest.compose.size_limit import HTML_BYTES, email_of_nothing
from digest.delivery.plan import draft, draft_first
from digest.delivery.reader_texts import status_text
from digest.models import Delivery, Edition, EditionPaper
from digest.preview.visitor import NO_EDITION, demand_of, pool_at
from digest.record import DigestRecord
from subscriptions.mail.mailer import message_to
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.models import Subscriber
from subscriptions.preferences import CONTENTS, Choices
from subscriptions.tokens import sending_domain

NOBODY = "preview-of-no-reader--"  # as long as a public id, but no reader's: real ones are 128 random bits
WAITS = "This reader has been sent the latest edition. Their next digest comes with the next edition."
FORGOTTEN = "This reader’s last digest cannot be shown: the reasons for its papers are no longer stored."


@dataclass(frozen=True, slots=True)
class Why:
    """A paper of the draft with the terms that add up to its score."""

    title: str
    terms: tuple[tuple[str, str, float], ...]  # kind, label, contribution
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail and its details; without a mail, ``why_nothing`` is a sentence that says why.

    ``is_planned`` marks a digest that is stored already: curators' judgements no longer change it.
    """

    edition: Edition | None
    at: datetime
    issue_date: date | None = None
    is_planned: bool = False
    status: str = ""
    why_nothing: str = ""
    email: RenderedEmail | JoinedEmail | None = None
    preheader: str = ""
    octets: bytes = b""  # as they would go out
    papers: tuple[Why, ...] = ()

    @property
    def html_octets(self) -> int:
        return len(self.email.html.encode()) if self.email else 0

    @property
    def size(self) -> str:
        """Return the size of the HTML and its limit: ``29,842 of 90,000 octets``."""
        return f"{self.html_octets:,} of {HTML_BYTES:,} octets"

    @property
    def whole_size(self) -> str:
        return plural(len(self.octets), "octet")


def for_reader(reader: Subscriber, *, now: datetime) -> Draft:
    """Return the digest that this reader would get if it were due ``now``, or the latest one that is stored."""
    if not Subscriber.objects.on_the_list().filter(pk=reader.pk).exists():
        status = reader.get_status_display().partition(":")[0]
        return Draft(edition=None, at=now, why_nothing=f"This reader is not on the list ({status}) and gets no digest.")
    pool = pool_at(now)
    if pool is None:
        return Draft(edition=None, at=now, why_nothing=NO_EDITION)
    if row := draft(reader, pool, now=now):
        return _made(row, pool.added, now=now)
    before = (
        reader.deliveries.exclude(edition=None).select_related("edition", "content").order_by("-issue_date").first()
    )
    if before is None:
        return Draft(edition=pool.editions[-1], at=now, why_nothing=WAITS)
    before.subscriber = reader
    return _made(before, [], now=now, is_planned=True)


def for_taste(choices: Choices, *, now: datetime) -> Draft:
    """Return the first digest of somebody with these choices."""
    pool = pool_at(now)
    if pool is None:
        return Draft(edition=None, at=now, why_nothing=NO_EDITION)
    reader = Subscriber(confirmed_at=now, **{name: getattr(choices, name) for name in CONTENTS})
    return _made(draft_first(reader, demand_of(choices), pool, now=now), pool.added, now=now)


def for_letter(letter: Letter | None, *, now: datetime) -> RenderedEmail | JoinedEmail:
    """Return a mail with a letter that is not saved, above the papers of somebody who asked for nothing."""
    choices, pool = Choices(), pool_at(now)
    if pool is not None:
        reader = Subscriber(max_papers=choices.max_papers, hype=choices.hype, confirmed_at=now)
        row = draft_first(reader, demand_of(choices), pool, now=now)
        if email := _made(row, pool.added, now=now, letter=(letter,)).email:
            return email
    recipient = reader_of(Delivery(subscriber=nobody(None), issue_date=now.date()))
    return email_of_nothing(
        compose_nothing(NO_EDITION, recipient, issue_date=now.date(), sender=sender(), letter=letter)
    )


def nobody(confirmed_at: datetime | None) -> Subscriber:
    """Return a recipient that no reader is, with links of the same length."""
    return Subscriber(public_id=NOBODY, email=f"preview@{sending_domain()}", confirmed_at=confirmed_at)


def _made(
    row: Delivery,
    added: list[EditionPaper],
    *,
    now: datetime,
    is_planned: bool = False,
    letter: tuple[Letter | None] | None = None,
) -> Draft:
    """Return the draft of a row, which is never saved; ``added`` are papers not in the edition's table yet.

    ``letter`` holds a letter to show instead of the saved one, or None for no letter.
    """
    known: dict[str, Any] = {
        "edition": row.edition,
        "at": now,
        "issue_date": row.issue_date,
        "is_planned": is_planned,
        "status": row.get_status_display() if is_planned else "",
    }
    if row.status == Delivery.Status.SKIPPED:
        return Draft(**known, why_nothing=status_text(row))
    if not row.record or not row.record.has_counts:
        return Draft(**known, why_nothing=FORGOTTEN)
    row.subscriber = nobody(row.subscriber.confirmed_at)
    mails = Mails()
    mails.read_cards([row])
    if letter and row.edition:
        mails.put_letter(row.edition, letter[0])
    mails.lay_beside(added)
    cards = mails.cards_of(row)
    _leave_out_what_is_gone(row, set(cards))
    if not row.paper_ids and not row.empty_reason:
        return Draft(**known, why_nothing="The papers of this digest are no longer stored.")
    email = mails.email_for(row)
    compose = nothing_of if row.empty_reason else digest_of
    message = message_to(
        row.subscriber,
        email,
        message_id=row.message_id or "",
        dated_at=row.dated_at or now,
        issue_date=row.issue_date,
    )
    papers = tuple(
        Why(
            cards[paper_id].title,
            tuple(
                (TERMS.get(kind, kind), "" if kind in WITHOUT_LABEL else label, value) for kind, label, value in reasons
            ),
            sum(value for _, _, value in reasons),
        )
        for paper_id, reasons in zip(row.paper_ids, (row.record or DigestRecord()).explained, strict=True)
    )
    octets = message.message().as_bytes()
    return Draft(
        **known, email=email, preheader=compose(row, cards, reader_of(row)).preheader, octets=octets, papers=papers
    )


def _leave_out_what_is_gone(row: Delivery, there: set[int]) -> None:
    """Drop papers that were merged with another, or deleted, since they were chosen."""
    paper_ids, record = row.paper_ids, row.record
    if record is None or there.issuperset(paper_ids):
        return
    left = [place for place, paper_id in enumerate(paper_ids) if paper_id in there]
    row.put_content(paper_ids=[paper_ids[place] for place in left], subject=row.subject, record=record.for_papers(left))
