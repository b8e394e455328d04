"""A work as reference managers know it, and its authors' names in parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count

from digest.text import fold, visible

_SUFFIX = re.compile(r"(?:jr|sr|i{2,3}|iv|vi{0,3})\.?", re.I)
_GROUP = re.compile(r"\b(?:collaborations?|consortium|consortia|groups?|teams?|project|initiative|institute)\b", re.I)
_PARTICLES = frozenset("de del della der den des di do dos da das du la le van von vom zu zur ten ter".split())
_WORD = re.compile(r"[a-z0-9]{3,}")
_SMALL_WORDS = frozenset("the and for from with via are its how why what can does towards toward into".split())


@dataclass(frozen=True, slots=True)
class Name:
    """One author. A group, or somebody with one name, has only ``family``; ``particle`` is the "van der"."""

    family: str
    given: str = ""
    particle: str = ""
    suffix: str = ""

    @property
    def surname(self) -> str:
        return f"{self.particle} {self.family}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One work. ``arxiv`` and ``doi`` are bare ids, empty where there is none.

    Of ``published`` only the parts up to ``precision`` (``day month year``) are known. ``is_preprint`` is False for
    what is not known to be one.
    """

    title: str
    authors: tuple[Name, ...]
    published: date | None
    precision: str = "day"
    abstract: str = ""
    url: str = ""
    arxiv: str = ""
    primary_class: str = ""
    doi: str = ""
    is_preprint: bool = True
    key_end: str = ""

    @property
    def date_parts(self) -> tuple[int, ...]:
        """Return year, month and day as far as they are known."""
        if self.published is None:
            return ()
        known = {"day": 3, "month": 2, "year": 1}[self.precision]
        return (self.published.year, self.published.month, self.published.day)[:known]

    @property
    def key(self) -> str:
        """Return a short name in ASCII letters and digits: ``okafor2026careful``, then ``key_end``."""
        first = self.authors[0].family if self.authors else "anonymous"
        words = [word for word in _WORD.findall(fold(self.title)) if word not in _SMALL_WORDS]
        parts = [*re.findall(r"[a-z0-9]+", fold(first))[-1:], *map(str, self.date_parts[:1]), *words[:1]]
        return ("".join(parts)[:60] or "work") + self.key_end


def with_distinct_keys(references: Sequence[Reference]) -> list[Reference]:
    """Return the references of one file; of those that share a key, the second and later ones end in 2, 3 and so on."""
    taken: set[str] = set()
    distinct = []
    for reference in references:
        ends = (str(number) for number in count(2))
        while reference.key in taken:
            reference = replace(reference, key_end=next(ends))
        taken.add(reference.key)
        distinct.append(reference)
    return distinct


def names_of(authors: Sequence[str]) -> tuple[Name, ...]:
    """Return the parts of names that are written "Given Family", as all sources' names are stored."""
    return tuple(parts_of(one_line(author)) for author in authors if one_line(author))


def parts_of(author: str) -> Name:
    """Split one name; a group's name, or a single word, stays whole."""
    words = author.split()
    suffix = words.pop().strip(",") if len(words) > 2 and _SUFFIX.fullmatch(words[-1].strip(",")) else ""
    if len(words) < 2 or _GROUP.search(author):
        return Name(author)
    words = [word.strip(",") or word for word in words]
    start = len(words) - 1
    while start > 1 and words[start - 1] in _PARTICLES:
        start -= 1
    return Name(words[-1], " ".join(words[:start]), " ".join(words[start:-1]), suffix)


def one_line(text: str) -> str:
    """Return visible text on one line, with single spaces."""
    return " ".join(visible(text).split())
