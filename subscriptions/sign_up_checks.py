"""Ask those who know of papers what is wrong with a sign-up: subscriptions knows nothing of papers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.dispatch import Signal

from subscriptions.models import Preference, Subscriber
from subscriptions.preferences import Wish

# Sent with ``papers``, as typed. A receiver returns why nothing of them can be read; empty if something can.
list_checked = Signal()
# Sent with ``categories`` and ``now``. A receiver returns those that no paper has, as a list.
categories_checked = Signal()


def list_problem(papers: str) -> str:
    """Return why nothing at all can be read of these papers; empty if something can, or if the check failed."""
    for _, problem in list_checked.send_robust(sender=Subscriber, papers=papers) if papers else ():
        if isinstance(problem, str):
            return problem
    return ""


def unknown_categories(wishes: Iterable[Wish], *, now: datetime) -> list[str]:
    """Return the categories among these wishes that no paper has; none if the check failed."""
    categories = [wish.value for wish in wishes if wish.kind == Preference.Kind.CATEGORY]
    for _, unknown in categories_checked.send_robust(sender=Subscriber, categories=categories, now=now):
        if isinstance(unknown, list):
            return unknown
    return []
