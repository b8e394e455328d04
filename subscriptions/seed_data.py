"""Data that a first run creates: the topics on offer, and three demonstration readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from subscriptions import consent
from subscriptions.default_topics import TOPICS
from subscriptions.models import WEEKDAYS_ALL, Preference, Subscriber, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """A demonstration reader and their preferences."""

    name: str
    zone: str
    topics: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    max_papers: int = 10
    hype: int = 50


DEMONSTRATION = [
    Taste(
        name="mira.language",
        zone="Europe/Berlin",
        topics=("Machine learning", "Language"),
        keywords=("evaluation", "small language model"),
    ),
    Taste(
        name="theo.starlight",
        zone="America/New_York",
        topics=("Galaxies and instruments", "Gravity and cosmology", "Stars and planets"),
        categories=("quant-ph",),
        max_papers=8,
        hype=20,
    ),
    Taste(
        name="aiko.living",
        zone="Asia/Tokyo",
        topics=("Neuroscience", "Statistics"),
        keywords=("robot",),
        authors=("Ingrid Solheim-Vargas",),
        max_papers=6,
    ),
]


def seed_topics() -> int:
    """Create the default topics if there are none; a curator's own topics are never changed."""
    if Topic.objects.exists():
        return 0
    offered = [(group, topic) for group, topics in TOPICS.items() for topic in topics]
    rows = [
        Topic(
            slug=topic.slug,
            name=topic.name,
            group=group,
            categories=list(topic.categories),
            keywords=list(topic.keywords),
            aliases=list(topic.aliases),
            position=position,
        )
        for position, (group, topic) in enumerate(offered)
    ]
    return len(Topic.objects.bulk_create(rows))


def seed_demo_subscribers(now: datetime) -> int:
    """Create three readers with different preferences if there is no reader."""
    if Subscriber.objects.exists():
        return 0
    topics = {topic.name: topic for topic in Topic.objects.all()}
    for taste in DEMONSTRATION:
        reader, _ = consent.create_demo_subscriber(
            f"{taste.name}@readers.invalid",
            now=now,
            zone=taste.zone,
            weekdays=WEEKDAYS_ALL,
            max_papers=taste.max_papers,
            hype=taste.hype,
        )
        values = {"keyword": taste.keywords, "category": taste.categories, "author": taste.authors}
        Preference.objects.bulk_create(
            [Preference(subscriber=reader, kind="topic", topic=topics[name]) for name in taste.topics if name in topics]
            + [Preference(subscriber=reader, kind=kind, value=value) for kind in values for value in values[kind]]
        )
    return len(DEMONSTRATION)
