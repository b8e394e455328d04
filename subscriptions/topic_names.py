"""Find the topic that somebody names: by its address, its name or one of its other names."""

from __future__ import annotations

import re
from functools import lru_cache

from subscriptions.models import Topic
from subscriptions.unicode_text import normalise

LONGEST = 100  # characters of a name
_PLURAL = re.compile(r"ies$|(?<=ss|sh|ch)es$|(?<=x)es$|(?<![sui])s$")


def topic_named(text: str) -> Topic | None:
    """Return the offered topic with that slug, name or alias; None for anything else. One query, two for a topic.

    Case, accents, hyphens and spaces make no difference: "Computer-Vision" is "computer vision". A slug goes before a
    name, and a name before an alias; last, a plural is the same as its singular.
    """
    if not _plain(text) or len(text) > LONGEST:
        return None
    rows = list(Topic.objects.filter(offered=True).values_list("pk", "slug", "name", "aliases"))
    for fold in (_plain, _singular):
        for names_of in (lambda row: [row[1]], lambda row: [row[2]], lambda row: row[3]):
            for row in rows:
                if any(fold(str(name)) == fold(text) for name in names_of(row)):
                    return Topic.objects.filter(pk=row[0]).first()
    return None


@lru_cache(maxsize=2048)
def _plain(text: str) -> str:
    folded = normalise("NFKD", text, limit=LONGEST).casefold()
    return "".join(letter for letter in folded if letter.isalnum() or letter in "+#")


def _singular(text: str) -> str:
    """Remove the s of a plural at the end: a rule of thumb, applied to both sides of a comparison."""
    plain = _plain(text)
    return _PLURAL.sub(lambda ending: "y" if ending[0] == "ies" else "", plain) if len(plain) > 3 else plain
