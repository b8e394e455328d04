"""A month of invented papers for benchmarks: their sentences are the bundled day's, strewn with rare invented words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from digest.editions.open_edition import open_edition
from digest.ingest import sample, store
from digest.ingest.entry import Entry
from digest.models import Paper, Source
from subscriptions.seed_data import seed_topics
from tests.support.factories import feed

DAYS, A_DAY, VOTED = 25, 800, 60  # 20,000 papers; as many as Hugging Face shows of a day have votes
SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu kra ste phi tron gen".split()


def fill(*, now: datetime | None = None, days: int = DAYS, a_day: int = A_DAY) -> int:
    """Store and open that many days' editions, the last one today's; how many papers there are then."""
    now = now or datetime.now(UTC)
    seed_topics()
    dice = random.Random(4)
    for ago in reversed(range(days)):
        moment = now - timedelta(days=ago)
        papers = list(invented(dice, moment, number=(days - ago) * a_day, count=a_day))
        shown = feed(*papers, name="arXiv", url="https://rss.arxiv.org/rss/all", announced_on=moment.date())
        store.store(store.source_named_in(shown, "all.xml"), shown, now=moment)
        voted = [replace(one, points=dice.randrange(1, 120), comments=dice.randrange(9)) for one in papers[:VOTED]]
        votes = feed(*voted, kind="hugging_face", name="Hugging Face daily papers", url="https://huggingface.co/papers")
        store.store(store.source_named_in(votes, "papers.json"), votes, now=moment)
        open_edition(moment.date(), now=moment)
    Source.objects.update(active=False)  # nothing may leave this machine
    return Paper.objects.count()


def invented(dice: random.Random, moment: datetime, *, number: int, count: int) -> Iterator[Entry]:
    """So many papers announced on that day, numbered from ``number``."""
    real = [entry for found in sample.feeds(moment.date()).values() for entry in found.entries if entry.abstract]
    sentences = [sentence for entry in real for sentence in entry.abstract.split(". ") if len(sentence) > 30]
    for one in range(number, number + count):
        model = dice.choice(real)
        words = [part for sentence in dice.sample(sentences, 6) for part in (sentence + ".", rare(dice))]
        yield Entry(
            identifiers=(f"arxiv:26{moment.month:02}.{one:05}",),
            title=f"{rare(dice).capitalize()} and {rare(dice)}: {model.title}",
            abstract=" ".join(words),
            authors=tuple(f"{dice.choice('ABCDEFGH')}. {rare(dice).capitalize()}" for _ in range(dice.randrange(1, 8))),
            categories=model.categories or ("cs.LG",),
            url=f"https://arxiv.org/abs/26{moment.month:02}.{one:05}",
            announced="new",
            announced_on=moment.date(),
        )


def rare(dice: random.Random) -> str:
    """A word of three or four syllables: some are common, most are seen a few times in the month."""
    return "".join(dice.choice(SYLLABLES) for _ in range(dice.choice((3, 3, 4))))
