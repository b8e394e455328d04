"""What a reader can ask for, and which papers answer: the same rules tag papers, rank, mute and count live.

Phrases and names are found through an index of the papers, so the work grows with their text and the matches, not with
papers times rules; who asks the same papers again keeps the index.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
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
    return Index(papers).match(rules)


class Index:
    """P papers laid out so that a rule costs what it finds and not what the papers say: made once, asked often."""

    def __init__(self, papers: Sequence[Searchable]) -> None:
        self.size = len(papers)
        self._places = _Places(text for paper in papers for text in (paper.title, paper.abstract))
        self._by_category: defaultdict[str, set[int]] = defaultdict(set)
        by_author: defaultdict[str, list[int]] = defaultdict(list)
        for row, paper in enumerate(papers):
            for category in paper.categories:
                name = fold(category).strip()
                self._by_category[name].add(row)
                self._by_category[name.partition(".")[0]].add(row)
            for author in paper.authors:
                by_author[author].append(row)
        self._authors = _Authors(by_author)

    def match(self, rules: Sequence[Rule]) -> csr_array:
        """Which of the papers answer which rules, as :func:`match` says."""
        found = [sorted(self._rows(rule)) for rule in rules]
        columns = np.fromiter(chain.from_iterable(found), np.int64)
        starts = np.cumsum([0, *map(len, found)])
        by_rule = csr_array((np.ones(len(columns), np.float32), columns, starts), shape=(len(rules), self.size))
        return by_rule.T.tocsr()

    def _rows(self, rule: Rule) -> set[int]:
        rows: set[int] = set()
        for phrase in rule.phrases:
            rows.update(self._places.of(tuple(words(phrase))) // 2)
        for category in rule.covered:
            if name := fold(category).strip():
                rows |= self._by_category.get(name, set())
        return rows | self._authors.like(rule.key) if rule.kind == "author" else rows


class _Places:
    """Every word of some texts, with every place it stands at; a place of its own parts each text from the next."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers: defaultdict[str, int] = defaultdict()
        self._numbers.default_factory = self._numbers.__len__
        end = self._numbers[""]
        said, begins = array("i"), array("q")
        for text in texts:
            begins.append(len(said))
            said.extend([self._numbers[word] for word in words(text)])
            said.append(end)
        numbers = np.array(said, np.int32)
        self._begins = np.array(begins, np.int64)
        self._places = np.argsort(numbers, kind="stable").astype(np.int32)  # by word, then in order
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=len(self._numbers)))])

    def of(self, phrase: tuple[str, ...]) -> NDArray[np.int64]:
        """The numbers of the texts in which these words stand side by side; a text may come more than once."""
        numbers = [self._numbers.get(word, -1) for word in phrase]
        if not 0 < len(numbers) <= LONGEST_PHRASE or -1 in numbers:
            return np.zeros(0, np.int64)
        lists = [self._places[self._starts[number] : self._starts[number + 1]] for number in numbers]
        (first, rarest), *others = sorted(enumerate(lists), key=lambda word: len(word[1]))
        begins = rarest - np.int32(first)
        for offset, places in others:
            here = begins + np.int32(offset)
            found = np.minimum(np.searchsorted(places, here), len(places) - 1)
            begins = begins[places[found] == here]
        return np.asarray(np.searchsorted(self._begins, begins, side="right") - 1, np.int64)


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


class _Authors:
    """The authors of some papers, by surname and first letter of the first name; read when one is first looked for."""

    def __init__(self, rows: Mapping[str, Sequence[int]]) -> None:
        self._rows = rows

    @cached_property
    def _known(self) -> dict[tuple[str, str], list[tuple[_Name, Sequence[int]]]]:
        known: defaultdict[tuple[str, str], list[tuple[_Name, Sequence[int]]]] = defaultdict(list)
        for author, rows in self._rows.items():
            if name := _name(author):
                known[_place(name)].append((name, rows))
        return dict(known)

    def like(self, followed: str) -> set[int]:
        """The papers of everybody who may bear that name."""
        name = _name(followed)
        alike = self._known.get(_place(name), []) if name else []
        return {row for other, rows in alike if name and name.agrees_with(other) for row in rows}


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
