"""Export all data about one reader as plain values for a JSON file; docs/your-data.md describes its keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from digest.compose.build import EMPTY_TEXTS
from digest.models import Delivery, Paper
from digest.record import DigestRecord
from subscriptions.consent_text import words
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber, Suppression
from subscriptions.schedule import WEEKDAYS

PROFILE = (
    *("public_id", "email", "pending_email", "status", "zone", "send_hour", "max_papers", "hype", "quiet_days"),
    *("layout", "also_trending", "turned_down"),
    *("paused_until", "signed_up_at", "confirmation_sent_at", "confirmed_at", "link_sent_at"),
    *("pending_since", "left_at", "left_as"),
    *("last_issue_date", "last_digest_at", "next_send_at"),
)


def _announcements(reader: Subscriber) -> list[dict[str, Any]]:
    """Return each announcement that was planned for a reader, with what became of it. One query."""
    return [
        {"subject": row.announcement.subject}
        | _values(row, "status", "message_id", "dated_at", "handed_over_at", "accepted_at")
        for row in reader.deliveries.select_related("announcement").order_by("announcement")
        if row.announcement
    ]


def everything_of(reader: Subscriber, *, now: datetime) -> dict[str, Any]:
    """Return strings, numbers, lists and dicts without secrets (hashes of links, keys); times are ISO 8601 in UTC."""
    deliveries = list(
        reader.deliveries.digests()
        .select_related("edition", "content")
        .prefetch_related("events")
        .order_by("issue_date")
    )
    named = {paper_id for row in deliveries for paper_id in [*row.paper_ids, *(row.record.also if row.record else ())]}
    papers = Paper.objects.only("title", "url", "identifier").in_bulk(list(named))
    return {
        "made_at": _plain(now),
        "profile": _profile(reader),
        "choices": [
            {
                "kind": row.kind,
                "value": row.topic.name if row.topic else row.value,
                "stance": row.stance,
                "until": _plain(row.until),
            }
            for row in reader.preferences.select_related("topic").order_by("pk")
        ],
        "consent": [
            {
                **_values(row, "kind", "at", "ip", "user_agent", "page", "wording", "reference"),
                "words": words(row.wording),
            }
            for row in ConsentEvent.objects.filter(public_id=reader.public_id).order_by("at", "pk")
        ],
        "deliveries": [_delivery(row, papers) for row in deliveries],
        "announcements": _announcements(reader),
        "verdicts": [
            {"paper": _paper(row.paper), "value": row.value, "given_at": _plain(row.given_at)}
            for row in reader.verdicts.select_related("paper").order_by("given_at", "pk")
        ],
        "own_list": _own_list(reader),
        "saved": [
            {"paper": _paper(row.paper), "saved_at": _plain(row.saved_at)}
            for row in reader.saves.select_related("paper").order_by("saved_at", "pk")
        ],
        "mails_asked_for": [
            _values(row, "kind", "email", "asked_at", "page", "wording", "ip", "user_agent", "choices")
            for row in LinkRequest.objects.filter(Q(subscriber=reader) | Q(email__iexact=reader.email)).order_by(
                "asked_at", "pk"
            )
        ],
        "links_mailed": [
            _values(row, "purpose", "expires_at", "used_at", "choices")
            for row in LoginToken.objects.filter(subscriber=reader).order_by("expires_at", "pk")
        ],
        "address_is_suppressed": reader.pk in Suppression.objects.blocked([reader]),
    }


def _own_list(reader: Subscriber) -> list[dict[str, Any]]:
    """Return each part of a reader's own list with its entries. Two queries, and one for their papers."""
    parts = reader.list_sources.prefetch_related("entries__paper").order_by("given_at", "pk")
    return [
        {
            **_values(part, "kind", "name", "state", "given_at", "read_at", "next_read_at", "found"),
            "entries": [
                {
                    **_values(entry, "name", "title", "abstract", "added_at", "taken_back"),
                    "paper": entry.paper and _paper(entry.paper),
                }
                for entry in part.entries.all()
            ],
        }
        for part in parts
    ]


def _profile(reader: Subscriber) -> dict[str, Any]:
    days = [day for number, day in enumerate(WEEKDAYS) if reader.weekdays >> number & 1]
    return {**_values(reader, *PROFILE), "weekdays": days}


def _delivery(row: Delivery, papers: Mapping[int, Paper]) -> dict[str, Any]:
    record = row.record
    return {
        **_values(
            row,
            "issue_date",
            "status",
            "status_reason",
            "detail",
            "subject",
            "message_id",
            "provider_message_id",
            "attempts",
        ),
        **_values(row, "dated_at", "handed_over_at", "accepted_at", "provider", "answer"),
        "edition": _plain(row.edition.date) if row.edition else None,
        "new_papers": record.arrived if record and record.has_counts else None,
        "matching_papers": record.matched if record and record.has_counts else None,
        "asked_for": list(record.asked_for) if record else [],
        "papers": [
            {
                **(_paper(papers[paper_id]) if paper_id in papers else {}),
                "reasons": [
                    {"kind": kind, "label": label, "contribution": contribution}
                    for kind, label, contribution in reasons
                ],
            }
            for paper_id, reasons in zip(
                row.paper_ids, (record or DigestRecord()).explained_of(len(row.paper_ids)), strict=True
            )
        ],
        "also_trending": [
            _paper(papers[paper_id]) for paper_id in (record.also if record else ()) if paper_id in papers
        ],
        "why_nothing": EMPTY_TEXTS.get(row.empty_reason, ""),
        "occasion": record.occasion if record else "",
        "votes_read_at": record.votes_read_at if record else "",
        "events": [_values(event, "kind", "at", "raw") for event in row.events.all()],
    }


def _paper(paper: Paper) -> dict[str, Any]:
    return _values(paper, "identifier", "title", "url")


def _values(row: object, *names: str) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
