"""Tell of mails as the providers do, by their webhooks."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.test import Client

from subscriptions.models import Suppression
from tests.support.webhook_payloads import Mail, post_of, settings_of

_numbers = count(1)


def become(settings: Any, provider: str) -> None:
    """Set up what this provider needs."""
    for name, value in settings_of(provider).items():
        setattr(settings, name, value)


def tell(provider: str, kind: str, mail: Mail, **values: Any) -> None:
    """Post an event of that kind about a mail."""
    post = post_of(provider, kind, mail, **{"number": str(next(_numbers)), **values})
    assert post.to(Client()).status_code == 200


def suppressions() -> list[tuple[str, str]]:
    """Return the reason and the source of each suppression that holds."""
    return list(Suppression.objects.filter(lifted_at=None).values_list("reason", "why"))
