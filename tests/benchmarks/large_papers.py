"""Seed the papers of an invented large installation as the product does: stored, tagged, their editions opened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed
from digest.models import CuratorPick, Edition, Paper, Source
from digest.source_errors import ErrorKind
from subscriptions.seed_data import seed_topics
from tests.benchmarks import archive

FEEDS = 12  # of arXiv's, beside the one whose readers vote
VOTED = 60  # papers a day with votes
HOST = "https://sources.invalid/"  # which nobody can ask


def seed(count: int, *, days: int, now: datetime, dice: random.Random) -> Iterator[Edition]:
    """Store so many papers over so many days, the last one today; yield each day's edition once it is open."""
    seed_topics()
    feeds, votes = _sources(now)
    for ago in reversed(range(days)):
        moment = now - timedelta(days=ago)
        first, last = (count * (days - back) // days for back in (ago + 1, ago))
        papers = list(archive.invented(dice, moment, number=first, count=last - first))
        with transaction.atomic():
            edition = _store_and_open(papers, feeds, votes, moment, dice)
        yield edition
    Source.objects.filter(failures=0, active=True).update(next_check_at=now + timedelta(hours=1))


def _sources(now: datetime) -> tuple[list[Source], Source]:
    kinds = [("arxiv_rss", f"arXiv part {number + 1}", f"rss/part{number + 1}") for number in range(FEEDS)]
    rows = [
        *kinds,
        ("hugging_face", "Voted papers", "daily"),
        ("journal", "Old journal", "old"),
        ("journal", "Gone", "gone"),
    ]
    made = [
        Source.objects.create(kind=kind, name=name, url=f"{HOST}{path}", last_success_at=now)
        for kind, name, path in rows
    ]
    Source.objects.filter(name="Old journal").update(active=False)
    Source.objects.filter(name="Gone").update(
        last_success_at=now - timedelta(days=40), next_check_at=now + timedelta(hours=6)
    )
    return made[:FEEDS], made[FEEDS]


def _store_and_open(
    papers: list[Entry], feeds: list[Source], votes: Source, moment: datetime, dice: random.Random
) -> Edition:
    for place, source in enumerate(feeds):
        shown = papers[place :: len(feeds)]
        missing = dice.choice((0, 0, 0, 0, 3)) if shown else 0
        _store(source, shown, moment, stated_total=len(shown) + missing)
    voted = [replace(one, points=dice.randrange(1, 120), comments=dice.randrange(9)) for one in papers[:VOTED]]
    _store(votes, voted, moment)
    gone = Source.objects.get(name="Gone")
    store.note_failure(gone, ErrorKind.NOT_FOUND, detail="sources.invalid answered 404", now=moment)
    edition, _ = open_edition(moment.date(), now=moment)
    _judge(edition, moment)
    return edition


def _store(source: Source, entries: list[Entry], moment: datetime, *, stated_total: int | None = None) -> None:
    feed = Feed(
        kind=source.kind,
        name=source.name,
        url=source.url,
        entries=tuple(entries),
        announced_on=moment.date(),
        stated_total=stated_total,
    )
    source.refresh_from_db()
    store.store(source, feed, now=moment)


def _judge(edition: Edition, moment: datetime) -> None:
    """Write two picks, a boost and a hide, as curators would."""
    verdicts = (("pick", "Read this one first."), ("pick", ""), ("boost", ""), ("hide", "It was withdrawn elsewhere."))
    some = Paper.objects.filter(candidacies__edition=edition).order_by("-pk")[: len(verdicts)]
    CuratorPick.objects.bulk_create(
        CuratorPick(paper=paper, edition_date=edition.date, verdict=verdict, note=note)
        for paper, (verdict, note) in zip(some, verdicts, strict=False)
    )
