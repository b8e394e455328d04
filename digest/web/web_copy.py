"""A digest on the web as it was mailed, for whoever has its link: the same words, and nothing that is its reader's."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from digest.compose import emails
from digest.compose.build import Reader
from digest.compose.card import Card
from digest.compose.size_limit import email_of_nothing, fit
from digest.models import Delivery
from digest.record import DigestRecord
from subscriptions.models import Subscriber
from subscriptions.tokens import WEB_COPY, BadLink, LinkExpired, read_day_token
from subscriptions.web.decorators import token_page
from subscriptions.web.sign_in import mask_address

# A mail's styles are in its elements, and nothing of it is in another file.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
LEFT = (*Delivery.SENT, Delivery.Status.HANDING_OFF)  # a mail can be open before its row says that it was accepted
NO_LIMIT = sys.maxsize  # nothing is cut off here: what the mail left out is shown
ONE_OF_MANY, THE_PAGE = '<div role="article"', '<div role="main"'  # in a mail program, and here
CLEARED = "Why each paper was chosen is not kept any longer."


@token_page
@require_safe
def web_copy(request: HttpRequest, token: str) -> HttpResponse:
    """What was mailed, as it was mailed: hidden or withdrawn since, a paper stays, since the mail still shows it too.

    A copy that changed would not be one; the page of the edition shows what is shown today.
    """
    delivery, cards = _sent(*read_day_token(WEB_COPY, token))
    page = _html(delivery, cards).replace(ONE_OF_MANY, THE_PAGE, 1)
    return HttpResponse(page, headers={"Content-Security-Policy": POLICY})


def _sent(public_id: str, day: date) -> tuple[Delivery, dict[int, Card]]:
    """The digest that left for that reader on that day, and its cards; raises BadLink where there is none."""
    delivery = (
        Delivery.objects.filter(subscriber__public_id=public_id, issue_date=day, status__in=LEFT)
        .exclude(subscriber__status=Subscriber.Status.ERASED)
        .select_related("subscriber", "edition", "content")
        .first()
    )
    if delivery is None:
        raise BadLink("no digest left that day")
    return delivery, emails.cards_of(delivery)


def _html(delivery: Delivery, cards: dict[int, Card]) -> str:
    """The mail's HTML without what only its reader may see or do: a copy is passed on."""
    record = delivery.record
    is_whole = record is not None and record.has_counts
    _keep_what_is_left(delivery, cards)
    reader = emails.reader_of(delivery)
    links: dict[str, Any] = {part.name: "" for part in fields(Reader) if part.name.endswith("_url")}
    reader = replace(reader, address=mask_address(reader.address), **links)
    if delivery.empty_reason:
        return email_of_nothing(emails.nothing_of(delivery, cards, reader)).html
    digest = emails.digest_of(delivery, cards, reader)
    if not is_whole:  # nor does anybody know what was asked for
        digest = replace(digest, overview=CLEARED, items_heading="Papers", why_you=f"Sent to {reader.address}.")
    return fit(digest, limit=NO_LIMIT)[1].html


def _keep_what_is_left(delivery: Delivery, cards: dict[int, Card]) -> None:
    """Make the row, which is never saved, one that can be composed: reasons are cleared, papers deleted by hand.

    Raises BadLink where no paper is left of those it had, LinkExpired where it had none and its words are cleared.
    """
    paper_ids, record = delivery.paper_ids, delivery.record or DigestRecord()
    if delivery.subject and not paper_ids and delivery.record is None:
        raise LinkExpired("a mail without papers, whose words are kept 30 days")
    left = [place for place, paper_id in enumerate(paper_ids) if paper_id in cards]
    if not left and not delivery.empty_reason:
        raise BadLink("a digest whose papers are gone")
    reasons = list(record.reasons_of(len(paper_ids)))
    delivery.put_content(
        paper_ids=[paper_ids[place] for place in left],
        subject=delivery.subject,
        record=replace(record, reasons=[reasons[place] for place in left]),
    )
