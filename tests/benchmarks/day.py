"""An invented day for benchmarks: one edition, and readers who ask for things as readers do; the same each time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from digest.delivery.plan import plan
from digest.editions import open_edition
from digest.ingest import store
from digest.ingest.sources.defaults import ARXIV
from digest.models import Delivery, Edition, Paper, Source, Verdict
from subscriptions.models import WEEKDAYS_ALL, Preference, Subscriber, Topic, email_key
from subscriptions.seed_data import seed_topics
from tests.benchmarks import archive
from tests.support.factories import feed

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
PAPERS, OLDER, VOTED = 1000, 1000, 60
MOST = 12  # papers in a digest
LIKED = 5  # papers that each tenth reader said "more like this" of
HYPES = (50, 50, 20, 0)
ZONES = ("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo")


def create_edition(*, papers: int = PAPERS, older: int = OLDER) -> Edition:
    """Store and open a day of that many papers; as many ``older`` ones as given tell how rare words are."""
    seed_topics()
    dice = random.Random(7)
    store_day(dice, NOW - timedelta(days=20), number=1, count=older)
    store_day(dice, NOW, number=20_001, count=papers)
    Source.objects.update(active=False)  # nothing may leave this machine
    edition, _ = open_edition.open_edition(NOW.date(), now=NOW)
    return edition


def store_day(dice: random.Random, moment: datetime, *, number: int, count: int) -> None:
    """Store so many papers of that day, numbered from ``number``, of which the first are on Hugging Face too."""
    papers = list(archive.invented(dice, moment, number=number, count=count))
    for place, part in enumerate(ARXIV):
        some = papers[place :: len(ARXIV)]
        shown = feed(
            *some,
            name=f"arXiv {part}",
            url=f"https://rss.arxiv.org/rss/{part}",
            announced_on=moment.date(),
            stated_total=len(some),
        )
        store.store(store.source_named_in(shown, f"{part}.xml"), shown, now=moment)
    voted = [replace(one, points=dice.randrange(1, 120), comments=dice.randrange(9)) for one in papers[:VOTED]]
    votes = feed(*voted, kind="hugging_face", name="Hugging Face daily papers", url="https://huggingface.co/papers")
    store.store(store.source_named_in(votes, "papers.json"), votes, now=moment)


def sign_up(count: int) -> list[int]:
    """So many confirmed readers, who had digests before; their ids.

    Of a thousand: 600 want topics and words, 200 topics alone, 100 a category, words and an author, 100 have said of
    five papers that they want more like them. Some 300 different words are wanted, each by a few.
    """
    first = Subscriber.objects.count()
    dice = random.Random(first)
    words = sorted({archive.rare(dice) for _ in range(200)} | set(" ".join(_common_words()).split()))
    topics, authors = list(Topic.objects.order_by("pk")), _authors()
    older = list(Paper.objects.filter(first_seen_at__lt=NOW - timedelta(days=8)).values_list("pk", flat=True)[:300])
    readers = Subscriber.objects.bulk_create(
        [_reader(number) for number in range(first, first + count)], batch_size=500
    )
    wishes, verdicts = [], []
    for place, reader in enumerate(readers):
        kind = place % 10
        if kind < 8:
            wishes += [("topic", reader, {"topic": one}) for one in dice.sample(topics, dice.choice((1, 2, 2, 3, 5)))]
        if kind < 6 or kind == 8:
            wishes += [("keyword", reader, {"value": one}) for one in dice.sample(words, dice.choice((1, 2, 4)))]
        if kind == 8:
            wishes += [("category", reader, {"value": "cs.LG"}), ("author", reader, {"value": dice.choice(authors)})]
        if kind == 9:
            wishes += [("topic", reader, {"topic": dice.choice(topics)})]
            verdicts += [(reader, paper) for paper in dice.sample(older, min(LIKED, len(older)))]
    Preference.objects.bulk_create(
        [Preference(subscriber=reader, kind=kind, **value) for kind, reader, value in wishes], batch_size=500
    )
    Verdict.objects.bulk_create(
        [Verdict(subscriber=one, paper_id=paper, value=Verdict.Value.MORE, given_at=NOW) for one, paper in verdicts],
        batch_size=500,
    )
    return [reader.pk for reader in readers]


def _reader(number: int) -> Subscriber:
    address = f"reader.{number}@mail{number % 7}.example"
    return Subscriber(
        public_id=f"{number:022}",
        email=address,
        email_key=email_key(address),
        status=Subscriber.Status.ACTIVE,
        zone=ZONES[number % len(ZONES)],
        weekdays=WEEKDAYS_ALL,
        max_papers=MOST,
        hype=HYPES[number % len(HYPES)],
        signed_up_at=NOW - timedelta(days=90),
        confirmed_at=NOW - timedelta(days=90 - number % 60),
        next_send_at=NOW,
        last_digest_at=NOW - timedelta(days=1),
    )


def _common_words() -> list[str]:
    return [word for topic in Topic.objects.order_by("pk") for word in topic.keywords if " " not in word]


def _authors() -> list[str]:
    some = Paper.objects.filter(first_seen_at=NOW).order_by("pk")[:50]
    return [paper.authors[-1] for paper in some if paper.authors]


def full_digests(count: int) -> list[int]:
    """The ids of so many deliveries that hold as many papers as a digest may; readers are planned until there are."""
    found: list[int] = []
    while len(found) < count:
        plan(NOW, sign_up(max(200, (count - len(found)) * 9 // 8)), issue_date=NOW.date())
        rows = Delivery.objects.order_by("pk").values_list("pk", "paper_count")
        found = [pk for pk, papers in rows if papers == MOST]
    return found[:count]
