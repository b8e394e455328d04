"""Give topics that nobody edited the rules of this version."""

from __future__ import annotations

from datetime import datetime

from subscriptions.default_topics import FORMER, TOPICS, phrases_in
from subscriptions.models import Topic


def update_defaults(*, now: datetime) -> int:
    """Give default topics that still have the rule of an earlier version today's rule; return how many changed.

    A topic that a curator edited keeps its rule.
    """
    changed = 0
    defaults = {topic.slug: topic for topics in TOPICS.values() for topic in topics}
    for row in Topic.objects.filter(slug__in=FORMER):
        former = [(categories.split(), list(phrases_in(keywords))) for categories, keywords in FORMER[row.slug]]
        if (row.categories, row.keywords) not in former:
            continue
        # loads what matches rules, and a start that has nothing to change stays small
        from digest.ingest.papers import retag

        seen, today = retag.mark_of(row), defaults[row.slug]
        row.categories, row.keywords = list(today.categories), list(today.keywords)
        retag.save(row, seen=seen, now=now)
        changed += 1
    return changed
