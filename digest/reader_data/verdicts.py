"""Store a reader's "more like this" and "less like this"."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from digest.models import Paper, Verdict
from digest.reader_data import profiles
from subscriptions.models import Subscriber


def give(reader: Subscriber, paper: Paper, value: str, *, now: datetime) -> bool:
    """Store a verdict in place of an earlier one; return False if the reader was erased meanwhile."""
    with transaction.atomic():
        present = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        if not present.select_for_update():
            return False
        Verdict.objects.update_or_create(subscriber=reader, paper=paper, defaults={"value": value, "given_at": now})
    profiles.make([reader.pk])
    return True
