"""One person's proof of consent in words, for that person or for an authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from subscriptions.consent_text import words
from subscriptions.models import ConsentEvent


@dataclass(frozen=True, slots=True)
class Step:
    """One change of permission, with its details as (name, value)."""

    at: datetime
    what: str
    details: tuple[tuple[str, str], ...]


def proof_of(public_id: str) -> list[Step]:
    """Return every change of this person's permission, oldest first; none for an empty id. One query."""
    events = ConsentEvent.objects.filter(public_id=public_id) if public_id else ()
    return [Step(event.at, str(event.get_kind_display()).lower(), _details(event)) for event in events]


def _details(event: ConsentEvent) -> tuple[tuple[str, str], ...]:
    named = (
        ("page", event.page),
        ("words", f"{event.wording}: “{words(event.wording)}”" if event.wording else ""),
        ("from", event.ip or ""),
        ("browser", event.user_agent or ""),
        ("mail" if event.kind == ConsentEvent.Kind.ASKED else "link", event.reference),
    )
    return tuple((name, value) for name, value in named if value)
