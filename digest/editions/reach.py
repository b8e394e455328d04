"""Count the readers of a paper: those who asked for it, who have it already, and whom a judgement still affects.

Counting the readers who asked for each candidate reads every wish, so it is done when an edition opens and once an hour
and stored with the candidate; pages say "about".
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from datetime import date, datetime
from typing import cast

import numpy as np
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from numpy.typing import NDArray

from digest.editions.open_edition import WINDOW
from digest.ingest.papers.tag import topic_rule
from digest.models import Delivery, Edition, EditionPaper
from digest.ranking.matching import Kind, Rule, match
from subscriptions.models import Preference, Subscriber, Topic

HAS_IT = (*Delivery.SENT, *Delivery.OPEN)


def count_readers(edition: Edition) -> None:
    """Store with each candidate how many listed readers asked for something it has and muted nothing of it.

    Three queries, and one for each 200 changed numbers. Readers without wishes, or with likes alone, do not count.
    """
    rows = list(edition.candidates.select_related("paper").defer("card", "inputs").order_by("pk"))
    wanting, muting = _wishes(edition.date)
    rules = list({**wanting, **muting})
    answers = match(rules, [row.paper for row in rows])
    seats = 1 + max((max(ids) for wishes in (wanting, muting) for ids in wishes.values()), default=0)
    changed = []
    for place, row in enumerate(rows):
        columns = answers.indices[answers.indptr[place] : answers.indptr[place + 1]]
        asked = _among([wanting.get(rules[column]) for column in columns], seats)
        asked &= ~_among([muting.get(rules[column]) for column in columns], seats)
        count = int(asked.sum())
        if row.readers != count:
            row.readers = count
            changed.append(row)
    EditionPaper.objects.bulk_update(changed, ["readers"], batch_size=200)


def count_readers_of_newest(now: datetime) -> None:
    """Count the readers of the newest edition's candidates."""
    if newest := Edition.objects.filter(opened_at__lte=now).first():
        count_readers(newest)


def still_to_reach(day: date, topic: Topic | None = None) -> int:
    """Count listed readers without a delivery of that day's edition or a later one: a judgement affects them.

    With a ``topic`` only those who want it.
    """
    planned = Delivery.objects.filter(edition__date__gte=day).values("subscriber")
    readers = Subscriber.objects.on_the_list().exclude(pk__in=planned)
    if topic:
        wanting = Preference.objects.filter(topic=topic, stance=Preference.Stance.WANT)
        readers = readers.filter(pk__in=wanting.values("subscriber"))
    return readers.count()


def who_have(paper_id: int, *, now: datetime) -> int:
    """Count the digests of the last week's editions that have the paper, sent or about to be."""
    week = Edition.objects.filter(date__gt=now.date() - WINDOW, candidates__paper=paper_id)
    since = week.order_by("date").values_list("date", flat=True).first()
    if since is None:
        return 0
    # a list is written as "[1, 22, 333]" by both databases
    listed = Q()
    for before, after in (("[", ","), ("[", "]"), (" ", ","), (" ", "]")):
        listed |= Q(papers__contains=f"{before}{paper_id}{after}")
    rows = Delivery.objects.filter(edition__date__gte=since, status__in=HAS_IT)
    return rows.annotate(papers=Cast("content__paper_ids", TextField())).filter(listed).count()


def _wishes(day: date) -> tuple[dict[Rule, array[int]], dict[Rule, array[int]]]:
    """Return the wishes and the mutes of listed readers on that day, as rule -> reader ids. Two queries."""
    topics = {topic.pk: topic_rule(topic) for topic in Topic.objects.all()}
    wishes: dict[str, dict[Rule, array[int]]] = {
        Preference.Stance.WANT: defaultdict(lambda: array("q")),
        Preference.Stance.MUTE: defaultdict(lambda: array("q")),
    }
    rows = Preference.objects.filter(
        Q(until=None) | Q(until__gte=day), subscriber__in=Subscriber.objects.on_the_list()
    ).values_list("subscriber_id", "stance", "topic_id", "kind", "value")
    for reader, stance, topic_id, kind, value in rows.iterator(chunk_size=5000):
        rule = topics[topic_id] if topic_id else Rule(cast(Kind, kind), value)
        wishes[stance][rule].append(reader)
    return wishes[Preference.Stance.WANT], wishes[Preference.Stance.MUTE]


def _among(readers: list[array[int] | None], seats: int) -> NDArray[np.bool_]:
    """Return a mask of the readers in any of these lists."""
    there = np.zeros(seats, np.bool_)
    for some in readers:
        if some:
            there[np.frombuffer(some, np.int64)] = True
    return there
