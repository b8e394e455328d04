"""A digest on the web as it was mailed, for everybody who has its link: the same words, without personal data."""

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
from digest.compose.letter import Letter
from digest.compose.size_limit import email_of_nothing, fit
from digest.models import Delivery
from subscriptions.models import Subscriber
from subscriptions.tokens import WEB_COPY, BadLink, LinkExpired, read_day_token
from subscriptions.web.addresses import mask_address
from subscriptions.web.decorators import token_page

# A mail has its styles in its elements and loads no other file.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
LEFT = (*Delivery.SENT, Delivery.Status.HANDING_OFF)  # a mail can be read before its row is accepted
NO_LIMIT = sys.maxsize  # the copy also shows the papers that the mail left out
ONE_OF_MANY, THE_PAGE = '<div role="article"', '<div role="main"'  # in a mail program, and here
CLEARED = "The reasons for each paper are no longer stored."


@token_page
@require_safe
def web_copy(request: HttpRequest, token: str) -> HttpResponse:
    """Show the mail as it was sent. Papers that were hidden or withdrawn since stay: the mail has them too."""
    delivery, cards, letter = _sent(*read_day_token(WEB_COPY, token))
    page = _html(delivery, cards, letter).replace(ONE_OF_MANY, THE_PAGE, 1)
    return HttpResponse(page, headers={"Content-Security-Policy": POLICY})


def _sent(public_id: str, day: date) -> tuple[Delivery, dict[int, Card], Letter | None]:
    """Return the digest sent to that reader on that day, its cards and its letter; raise BadLink if there is none."""
    delivery = (
        Delivery.objects.filter(subscriber__public_id=public_id, issue_date=day, status__in=LEFT)
        .exclude(subscriber__status=Subscriber.Status.ERASED)
        .select_related("subscriber", "edition", "content")
        .first()
    )
    if delivery is None:
        raise BadLink("no digest left that day")
    return delivery, *emails.frozen_parts(delivery)


def _html(delivery: Delivery, cards: dict[int, Card], letter: Letter | None) -> str:
    """Return the mail's HTML without the reader's address and links, since copies are passed on."""
    record = delivery.record
    is_whole = record is not None and record.has_counts
    delivery = _what_is_left(delivery, cards)
    reader = emails.reader_of(delivery)
    links: dict[str, Any] = {part.name: "" for part in fields(Reader) if part.name.endswith("_url")}
    reader = replace(reader, address=mask_address(reader.address), **links)
    if delivery.empty_reason:
        return email_of_nothing(emails.nothing_of(delivery, cards, reader, letter=letter)).html
    digest = emails.digest_of(delivery, cards, reader, letter=letter)
    if not is_whole:  # what the reader asked for is unknown too
        digest = replace(
            digest, overview=CLEARED, items_heading="Papers", sent_to=f"Sent to {reader.address}.", wishes=""
        )
    return fit(digest, limit=NO_LIMIT)[1].html


def _what_is_left(delivery: Delivery, cards: dict[int, Card]) -> Delivery:
    """Return the delivery so that it can be composed after its reasons or papers were deleted; it is never saved.

    Raise BadLink if none of its papers is left, LinkExpired if it had none and its text was deleted.
    """
    if delivery.subject and not delivery.paper_ids and delivery.record is None:
        raise LinkExpired("a mail without papers, of which the text is kept 30 days")
    if not delivery.empty_reason and not any(paper_id in cards for paper_id in delivery.paper_ids):
        raise BadLink("all papers of the digest are gone")
    return emails.without_deleted(delivery, cards)
