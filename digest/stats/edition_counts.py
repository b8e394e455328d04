"""Count the deliveries of each edition by status."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import Count

from digest.editions.open_edition import WINDOW
from digest.models import Delivery, Edition


def tally(now: datetime) -> None:
    """Count the deliveries of the last week's editions: two queries, and one for each edition that has changed."""
    editions = {edition.pk: edition for edition in Edition.objects.filter(date__gt=now.date() - WINDOW)}
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    rows = Delivery.objects.filter(edition__in=editions).values_list("edition", "status").order_by()
    for edition_id, status, count in rows.annotate(count=Count("pk")):
        counts[edition_id][status] = count
    for edition_id, edition in editions.items():
        if edition.tally != counts[edition_id]:
            edition.tally = counts[edition_id]
            edition.save(update_fields=["tally"])
