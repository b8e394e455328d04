"""Tag papers with the topics whose rules they match."""

from __future__ import annotations

from collections.abc import Sequence

from digest.models import Paper
from digest.ranking.matching import Rule, match
from subscriptions.models import Topic

SLICE = 500  # names a query asks for at once; SQLite allows 32,766 parameters, older ones 999


def topic_rule(topic: Topic) -> Rule:
    return Rule("topic", topic.slug, topic.name, tuple(topic.categories), tuple(topic.keywords))


def tag(papers: Sequence[Paper]) -> None:
    """Set which topics each paper answers to."""
    topics = list(Topic.objects.all())
    answers = match([topic_rule(topic) for topic in topics], papers).tocoo()
    Tagged = Paper.topics.through
    Tagged.objects.filter(paper__in=papers).delete()
    Tagged.objects.bulk_create(
        [
            Tagged(paper=papers[row], topic=topics[column])
            for row, column in zip(answers.row.tolist(), answers.col.tolist(), strict=True)
        ],
        batch_size=SLICE,
    )
