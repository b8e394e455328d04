"""Count the papers of editions, all and by topic: stored once an hour, less those that no list shows at the moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from digest.models import Edition, EditionPaper

RECENT = timedelta(days=31)  # editions that are counted again, since papers get other topics or are joined
SLICE = 30  # editions counted at once
ALL = 0  # stands for all topics: no topic has this number
Counts = dict[int, Counter[int]]  # edition -> topic, or ALL -> papers


def store_counts(now: datetime) -> None:
    """Count recent editions again, and older ones of which some count is missing. Four queries for each SLICE."""
    missing = Q(topic_counts=None) | Q(seen_before=None)
    editions = list(Edition.objects.filter(missing | Q(date__gt=now.date() - RECENT)).only("date"))
    for start in range(0, len(editions), SLICE):
        some = editions[start : start + SLICE]
        counts, before = _counted(_rows(some)), _seen_before(some)
        for edition in some:
            edition.topic_counts = {str(topic): count for topic, count in counts[edition.pk].items()}
            edition.seen_before = before[edition.pk]
        Edition.objects.bulk_update(some, ["topic_counts", "seen_before"])


def papers_by_topic(editions: Sequence[Edition]) -> Counts:
    """Return how many papers of each edition have each topic. Two queries, or none where all are stored."""
    new = [edition for edition in editions if edition.topic_counts is None]
    counts = _counted(_rows(new)) if new else defaultdict(Counter)
    for edition in editions:
        counts[edition.pk].update({int(topic): count for topic, count in (edition.topic_counts or {}).items()})
    return counts


def papers_seen_before(editions: Sequence[Edition]) -> set[int]:
    """Return the papers of these editions that were in an earlier edition too. At most one query."""
    new = [edition for edition in editions if edition.seen_before is None]
    found = {edition.pk: edition.seen_before or [] for edition in editions} | (_seen_before(new) if new else {})
    return {paper for papers in found.values() for paper in papers}


def _rows(editions: Collection[Edition]) -> Any:
    return EditionPaper.objects.filter(edition__in=editions).order_by()


def _counted(rows: Any) -> Counts:
    """Return the number of these rows by edition and topic. Two queries."""
    counts: Counts = defaultdict(Counter)
    for edition_id, count in rows.values_list("edition").annotate(count=Count("pk")):
        counts[edition_id][ALL] = count
    tagged = rows.filter(paper__topics__isnull=False).values_list("edition", "paper__topics")
    for edition_id, topic_id, count in tagged.annotate(count=Count("pk")):
        counts[edition_id][topic_id] = count
    return counts


def _seen_before(editions: Collection[Edition]) -> dict[int, list[int]]:
    earlier = EditionPaper.objects.filter(paper=OuterRef("paper"), edition__date__lt=OuterRef("edition__date"))
    found: dict[int, list[int]] = defaultdict(list)
    for edition_id, paper_id in _rows(editions).filter(Exists(earlier)).values_list("edition", "paper"):
        found[edition_id].append(paper_id)
    return found
