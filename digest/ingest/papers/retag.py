"""Change a topic, and show which of the last two weeks' papers it gains and loses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from django.db import transaction
from django.db.models import Count, Max

from digest.ingest.papers.tag import SLICE, topic_rule
from digest.models import Edition, Paper, Sighting, Source
from digest.ranking.matching import Index
from subscriptions.models import Topic

WINDOW = timedelta(days=14)
FIELDS = ("name", "group", "description", "categories", "keywords", "aliases", "offered", "position")


class ChangedMeanwhile(Exception):
    """Somebody else saved the topic since it was shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """The papers of the last two weeks that a topic gains and loses: ids, the newest first."""

    entering: list[int]
    leaving: list[int]
    staying: int

    @property
    def total(self) -> int:
        return len(self.entering) + self.staying


def change_of(topic: Topic, *, now: datetime) -> Change:
    """Return what would change if the topic were saved like this; writes nothing.

    The first call after new papers reads the texts of two weeks: about three seconds for twenty thousand. Later calls
    use the texts in memory and take hundredths of a second.
    """
    ids, index = _recent(now)
    found = {ids[row] for row in index.match([topic_rule(topic)]).nonzero()[0].tolist()}
    tagged = _tagged(topic, now) if topic.pk else set[int]()
    return Change(
        entering=sorted(found - tagged, reverse=True),
        leaving=sorted(tagged - found, reverse=True),
        staying=len(found & tagged),
    )


def save(topic: Topic, *, seen: str, now: datetime) -> Change:
    """Save the topic and tag the last two weeks' papers again, all or nothing; ``seen`` is its mark when it was shown.

    Digests planned from now on use it; older papers keep their topics. Raises ChangedMeanwhile.
    """
    # reads the texts before the lock, so that nobody waits for it
    _recent(now)
    with transaction.atomic():
        Source.objects.order_by("pk").select_for_update().first()  # as store.store: no paper is tagged meanwhile
        if topic.pk and mark_of(Topic.objects.select_for_update().get(pk=topic.pk)) != seen:
            raise ChangedMeanwhile
        topic.save(update_fields=FIELDS if topic.pk else None)  # its readers are counted elsewhere
        change = change_of(topic, now=now)
        Tagged = Paper.topics.through
        for start in range(0, len(change.leaving), SLICE):
            Tagged.objects.filter(topic=topic, paper__in=change.leaving[start : start + SLICE]).delete()
        rows = [Tagged(paper_id=paper, topic=topic) for paper in change.entering]
        Tagged.objects.bulk_create(rows, batch_size=SLICE, ignore_conflicts=True)
        # until they are counted again, lists count them for each page
        Edition.objects.filter(date__gte=_since(now).date()).update(topic_counts=None)
    return change


def mark_of(topic: Topic) -> str:
    """Return a hash of the topic's fields, by which a later change is noticed."""
    values = json.dumps([getattr(topic, name) for name in FIELDS])
    return hashlib.sha256(values.encode()).hexdigest()[:16]


def _since(now: datetime) -> datetime:
    return datetime.combine((now - WINDOW).date(), time(), UTC)


def _tagged(topic: Topic, now: datetime) -> set[int]:
    rows = Paper.topics.through.objects.filter(topic=topic, paper__first_seen_at__gte=_since(now))
    return set(rows.values_list("paper_id", flat=True))


def _recent(now: datetime) -> tuple[Sequence[int], Index]:
    """Return the papers of two weeks, cached until a paper is added or changed, which always adds a sighting."""
    since = _since(now)
    papers = Paper.objects.filter(first_seen_at__gte=since).aggregate(count=Count("pk"), newest=Max("pk"))
    sighted = Sighting.objects.aggregate(newest=Max("pk"))["newest"]
    return _read(since, papers["count"], papers["newest"], sighted)


@dataclass(slots=True)
class _Text:
    title: str
    abstract: str
    categories: Sequence[str]
    authors: Sequence[str] = ()  # topics ask for none


@lru_cache(maxsize=1)
def _read(since: datetime, *state: object) -> tuple[Sequence[int], Index]:
    rows = Paper.objects.filter(first_seen_at__gte=since).order_by("pk")
    found = list(rows.values_list("pk", "title", "abstract", "categories"))
    return [pk for pk, *_ in found], Index([_Text(*text) for _, *text in found])


def forget() -> None:
    """Clear the cache of texts."""
    _read.cache_clear()
