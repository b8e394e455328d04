"""Find the topic that somebody names: by its address, its name or one of its other names."""

from __future__ import annotations

from functools import lru_cache

from subscriptions.models import Topic
from subscriptions.unicode_text import normalise

LONGEST = 100  # characters of a name


def topic_named(text: str) -> Topic | None:
    """Return the offered topic with that slug, name or alias; None for anything else. One query, two for a topic.

    Case, accents, hyphens and spaces make no difference: "Computer-Vision" is "computer vision". A slug goes before a
    name, and a name before an alias.
    """
    wanted = _plain(text) if len(text) <= LONGEST else ""
    if not wanted:
        return None
    rows = list(Topic.objects.filter(offered=True).values_list("pk", "slug", "name", "aliases"))
    for names_of in (lambda row: [row[1]], lambda row: [row[2]], lambda row: row[3]):
        for row in rows:
            if any(_plain(str(name)) == wanted for name in names_of(row)):
                return Topic.objects.filter(pk=row[0]).first()
    return None


@lru_cache(maxsize=2048)
def _plain(text: str) -> str:
    folded = normalise("NFKD", text, limit=LONGEST).casefold()
    return "".join(letter for letter in folded if letter.isalnum() or letter in "+#")
