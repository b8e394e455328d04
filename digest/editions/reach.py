"""Whom a paper reaches: how many readers asked for it, who has it already, and for whom a word still counts.

How many asked for each candidate takes a look at every wish, so it is counted when an edition opens and once an hour,
and kept with the candidate; a page says "about".
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
from digest.ingest.tag import topic_rule
from digest.models import Delivery, Edition, EditionPaper
from digest.ranking.matching import Kind, Rule, match
from subscriptions.models import Preference, Subscriber, Topic

HAS_IT = (*Delivery.SENT, *Delivery.OPEN)


def count_readers(edition: Edition) -> None:
    """Write beside each candidate how many readers on the list asked for something it has, and muted nothing of it.

    Three queries, and one for each 200 numbers that are new. Readers who asked for nothing, or are known by what they
    liked alone, are not among them.
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
    """The same for the newest edition."""
    if newest := Edition.objects.filter(opened_at__lte=now).first():
        count_readers(newest)


def still_to_reach(day: date) -> int:
    """Readers on the list without a row from that day's edition or a later one: for them a word of that day counts."""
    planned = Delivery.objects.filter(edition__date__gte=day).values("subscriber")
    return Subscriber.objects.on_the_list().exclude(pk__in=planned).count()


def who_have(paper_id: int, *, now: datetime) -> int:
    """In how many digests of the last week's editions the paper is: sent, or about to be."""
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
    """Who on the list wants what on that day, and who mutes what: two queries."""
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
    """Who is in any of these lists."""
    there = np.zeros(seats, np.bool_)
    for some in readers:
        if some:
            there[np.frombuffer(some, np.int64)] = True
    return there
