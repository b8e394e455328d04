"""A month of invented papers for a large installation, through the product's own doors: stored, tagged, opened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from digest.editions.open_edition import open_edition
from digest.ingest import sample, store
from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed
from digest.models import CuratorPick, Edition, Paper, Source
from subscriptions.seed_data import seed_topics

FEEDS = 12  # of arXiv's, beside the one whose readers vote
VOTED = 60  # papers a day with votes
SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu kra ste phi tron gen".split()


def lay_down(count: int, *, days: int, now: datetime, dice: random.Random) -> Iterator[Edition]:
    """So many papers over so many days, the last one today's: each day's edition once it is open."""
    seed_topics()
    feeds, votes = _sources(now)
    models = [
        entry for feed in sample.feeds(now.date()).values() for entry in feed.entries if len(entry.abstract) > 200
    ]
    for ago in reversed(range(days)):
        moment = now - timedelta(days=ago)
        first, last = (count * (days - back) // days for back in (ago + 1, ago))
        papers = [_invented(dice, models, moment, number) for number in range(first, last)]
        with transaction.atomic():
            edition = _read_and_opened(papers, feeds, votes, moment, dice)
        yield edition
    Source.objects.filter(failures=0, active=True).update(next_check_at=now + timedelta(hours=1))


def _sources(now: datetime) -> tuple[list[Source], Source]:
    """Hosts under .invalid, which nobody can ask."""
    kinds = [("arxiv_rss", f"arXiv part {number + 1}", f"rss/part{number + 1}") for number in range(FEEDS)]
    rows = [
        *kinds,
        ("hugging_face", "Voted papers", "daily"),
        ("journal", "Old journal", "old"),
        ("journal", "Gone", "gone"),
    ]
    made = [
        Source.objects.create(kind=kind, name=name, url=f"https://sources.invalid/{path}", last_success_at=now)
        for kind, name, path in rows
    ]
    Source.objects.filter(name="Old journal").update(active=False)
    Source.objects.filter(name="Gone").update(
        last_success_at=now - timedelta(days=40), next_check_at=now + timedelta(hours=6)
    )
    return made[:FEEDS], made[FEEDS]


def _read_and_opened(
    papers: list[Entry], feeds: list[Source], votes: Source, moment: datetime, dice: random.Random
) -> Edition:
    for place, source in enumerate(feeds):
        shown = papers[place :: len(feeds)]
        missing = dice.choice((0, 0, 0, 0, 3)) if shown else 0
        _store(source, shown, moment, stated_total=len(shown) + missing)
    voted = [replace(one, points=dice.randrange(1, 120), comments=dice.randrange(9)) for one in papers[:VOTED]]
    _store(votes, voted, moment)
    gone = Source.objects.get(name="Gone")
    store.note_failure(gone, "sources.invalid answered 404.", now=moment)
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
    """Two picks, a boost and a hide, as curators would."""
    verdicts = (("pick", "Read this one first."), ("pick", ""), ("boost", ""), ("hide", "It was withdrawn elsewhere."))
    some = Paper.objects.filter(candidacies__edition=edition).order_by("-pk")[: len(verdicts)]
    CuratorPick.objects.bulk_create(
        CuratorPick(paper=paper, edition_date=edition.date, verdict=verdict, note=note)
        for paper, (verdict, note) in zip(some, verdicts, strict=False)
    )


def _invented(dice: random.Random, models: list[Entry], moment: datetime, number: int) -> Entry:
    model = dice.choice(models)
    sentences = [sentence for one in (model, dice.choice(models)) for sentence in one.abstract.split(". ")]
    text = [f"{sentence.rstrip('.')} {_rare(dice)}." for sentence in dice.sample(sentences, min(6, len(sentences)))]
    return Entry(
        identifiers=(f"arxiv:26{moment.month:02}.{number:05}",),
        title=f"{_rare(dice).capitalize()} and {_rare(dice)}: {model.title}",
        abstract=" ".join(text),
        authors=tuple(f"{dice.choice('ABCDEFGH')}. {_rare(dice).capitalize()}" for _ in range(dice.randrange(1, 8))),
        categories=model.categories or ("cs.LG",),
        url=f"https://arxiv.org/abs/26{moment.month:02}.{number:05}",
        announced="new",
        announced_on=moment.date(),
    )


def _rare(dice: random.Random) -> str:
    """A word of three or four syllables."""
    return "".join(dice.choice(SYLLABLES) for _ in range(dice.choice((3, 3, 4))))
