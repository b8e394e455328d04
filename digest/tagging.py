"""What a reader can ask for, and which papers answer: the same rules tag papers, rank, mute and count live.

Phrases and names are found through an index over words, so the work grows with the papers' text and the matches, not
with papers times rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.sparse import csr_array

from digest.ranking.words import fold, words

Kind = Literal["topic", "keyword", "category", "author"]

LONGEST_PHRASE = 30  # words; a longer "keyword" is a pasted abstract and answers to nothing
MOST_INITIALS = 3  # capitals that may stand for given names written together

_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
_NAME_PART = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to ask for. ``key`` is a topic's slug, a typed phrase, a category or a name; ``label`` is for people.

    ``categories`` and ``keywords`` are a topic's definition and empty for the other kinds.
    """

    kind: Kind
    key: str
    label: str = ""
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """The phrases that match it, and whose words rank for it; empty for a category or an author."""
        return (self.key,) if self.kind == "keyword" else self.keywords

    @property
    def covered(self) -> tuple[str, ...]:
        """The categories that match it."""
        return (self.key,) if self.kind == "category" else self.categories


class Searchable(Protocol):
    """A paper: clean text, authors one by one, categories as the source writes them."""

    title: str
    abstract: str
    authors: Sequence[str]
    categories: Sequence[str]


def match(rules: Sequence[Rule], papers: Sequence[Searchable]) -> csr_array:
    """Which papers answer which rules: (P, R) float32, 1 or nothing.

    A **category** matches itself, and the name of an archive (``math``) all its classes (``math.CA``). A **keyword**
    matches where its words stand side by side in the title or the abstract, whatever their case, accents, hyphens and
    plurals; never inside another word. An **author** matches the same surname with given names that agree as far as
    both are given, initials included (``J. Doe``, ``Doe, Jane Q.``). A **topic** matches by any of its categories or
    keywords. Any text is accepted; a rule without a word matches nothing.
    """
    phrases = _Phrases(rules)
    names = _Names(rules)
    categories: defaultdict[str, list[int]] = defaultdict(list)
    for index, rule in enumerate(rules):
        for category in rule.covered:
            categories[fold(category).strip()].append(index)
    columns: list[int] = []
    starts = [0]
    for paper in papers:
        found = phrases.rules_of(phrases.found_in(paper.title) | phrases.found_in(paper.abstract))
        for category in paper.categories:
            name = fold(category).strip()
            found.update(categories.get(name, ()))
            found.update(categories.get(name.partition(".")[0], ()))
        for author in paper.authors:
            found.update(names.like(author))
        columns.extend(sorted(found))
        starts.append(len(columns))
    return csr_array((np.ones(len(columns), np.float32), columns, starts), shape=(len(papers), len(rules)))


class _Phrases:
    """The phrases of all rules, found in one walk over a text."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for index, rule in enumerate(rules):
            for phrase in rule.phrases:
                key = tuple(words(phrase))
                if 0 < len(key) <= LONGEST_PHRASE:
                    self.rules[key].append(index)
                    lengths[key[0]].add(len(key))
        self.lengths = {first: tuple(sorted(found)) for first, found in lengths.items()}

    def found_in(self, text: str) -> set[tuple[str, ...]]:
        """The phrases that stand in the text."""
        line = words(text)
        here = (
            tuple(line[place : place + length])
            for place, word in enumerate(line)
            for length in self.lengths.get(word, ())
        )
        return {phrase for phrase in here if phrase in self.rules}

    def rules_of(self, phrases: Iterable[tuple[str, ...]]) -> set[int]:
        return {index for phrase in phrases for index in self.rules[phrase]}


@dataclass(frozen=True, slots=True)
class _Name:
    given: tuple[str, ...]  # first and middle names and particles, folded
    surname: str  # its last word

    def agrees_with(self, other: _Name) -> bool:
        """Whether both can be the same person's: neither says anything that the other contradicts."""
        if self.surname != other.surname or bool(self.given) != bool(other.given):
            return False
        if "".join(self.given) == "".join(other.given):  # Xiao-Ming, Xiaoming
            return True
        if not _agree(self.given[0], other.given[0]):
            return False
        few, many = sorted((self.given[1:], other.given[1:]), key=len)
        rest = iter(many)  # names may be left out, but keep their order
        return all(any(_agree(one, name) for name in rest) for one in few)


class _Names:
    """The authors that readers follow, by surname and first letter of the first name."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.followed: defaultdict[tuple[str, str], list[tuple[_Name, int]]] = defaultdict(list)
        self.known: dict[str, tuple[int, ...]] = {}
        for index, rule in enumerate(rules):
            if rule.kind == "author" and (name := _name(rule.key)):
                self.followed[_place(name)].append((name, index))

    def like(self, author: str) -> tuple[int, ...]:
        """The rules that this author of a paper answers."""
        if author not in self.known:
            name = _name(author) if self.followed else None
            followed = self.followed.get(_place(name), ()) if name else ()
            self.known[author] = tuple(index for other, index in followed if name and name.agrees_with(other))
        return self.known[author]


def _place(name: _Name) -> tuple[str, str]:
    return name.surname, name.given[0][0] if name.given else ""


def _agree(one: str, other: str) -> bool:
    """Equal, or one is the other's initial."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) == 1 and long.startswith(short))


def _name(text: str) -> _Name | None:
    """A name as people and sources write it: ``Jane Q. Doe``, ``Doe, Jane``, ``JP Serre``, ``van der Berg, A.``."""
    before, _, after = text[:200].partition(",")
    parts = _name_parts(after.partition(",")[0]) + _name_parts(before)
    while len(parts) > 1 and len(parts[-1]) == 1 and max(map(len, parts)) > 1:
        parts.insert(0, parts.pop())  # Doe J
    if not parts:
        return None
    *first, last = parts
    given: list[str] = []
    for part in first:  # JP is two initials, but not where the whole name is in capitals
        together = part.isupper() and len(part) <= MOST_INITIALS and not last.isupper()
        given.extend(fold(part) if together else [fold(part)])
    return _Name(tuple(given), fold(last))


def _name_parts(text: str) -> list[str]:
    return [part for part in _NAME_PART.findall(text) if fold(part) not in _SUFFIXES]
