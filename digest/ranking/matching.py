"""Match rules with papers: the same rules tag papers, rank, mute and count live.

An index of the papers finds phrases and names, so the work grows with their text and the matches, not with papers times
rules. Keep the index to match the same papers again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digest.ranking.sparse import csr_array
from digest.ranking.tokens import END, TokenBuilder, Tokens
from digest.ranking.words import WORD, fold, words

Ints = NDArray[np.int64]
Kind = Literal["topic", "keyword", "category", "author"]

# Words; a longer "keyword" is a pasted abstract and matches nothing.
LONGEST_PHRASE = 30
# Capitals written together that may be the initials of given names
MOST_INITIALS = 3

_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md"})
_LONGEST_SUFFIX = 3
_NAME_PART = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """A reader's wish. ``key`` is a topic's slug, a typed phrase, a category or a name; ``label`` is for people.

    ``categories`` and ``keywords`` define a topic and are empty for the other kinds.
    """

    kind: Kind
    key: str
    label: str = ""
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """Return the phrases to match and to rank by; empty for a category or an author."""
        return (self.key,) if self.kind == "keyword" else self.keywords

    @property
    def covered(self) -> tuple[str, ...]:
        """Return the categories to match."""
        return (self.key,) if self.kind == "category" else self.categories


class Searchable(Protocol):
    """A paper: clean text, authors one by one, categories as the source writes them."""

    title: str
    abstract: str
    authors: Sequence[str]
    categories: Sequence[str]


def match(rules: Sequence[Rule], papers: Sequence[Searchable]) -> csr_array:
    """Return the matches of rules with papers: (P, R) float32, 1 or nothing.

    A **category** matches itself, and the name of an archive (``math``) all its classes (``math.CA``). A **keyword**
    matches if its words are adjacent in the title or the abstract, ignoring case, accents, hyphens and plurals; never
    inside another word. An **author** matches the same surname if the given names agree as far as both are given,
    initials included (``J. Doe``, ``Doe, Jane Q.``). A **topic** matches by any of its categories or keywords. Any text
    is accepted; a rule without a word matches nothing.
    """
    return Index(papers).match(rules)


class Index:
    """Index of P papers: the cost of a rule grows with its matches, not with the papers. Make it once, use it often.

    Without ``papers`` they can be added until :meth:`close` is called; of their texts nothing but places of words is
    kept. Papers that are among the ``tokens`` need not be split into words.
    """

    def __init__(self, papers: Iterable[Searchable] | None = None, *, tokens: Tokens | None = None) -> None:
        self.size = 0
        self._tokens = tokens or Tokens()
        self._places = _Places(self._tokens.words)
        self._by_category: defaultdict[str, set[int]] = defaultdict(set)
        self._by_author: defaultdict[str, list[int]] = defaultdict(list)
        self._authors = _Authors(self._by_author)
        if papers is not None:
            for paper in papers:
                self.add(paper)
            self.close()

    def close(self) -> None:
        """Make ready to match rules, now that all papers are added."""
        self._places.close()

    def add(self, paper: Searchable, *, token_row: int = -1) -> None:
        """Add a paper as the last row; ``token_row`` is its row in the tokens, -1 without one."""
        self._places.add(paper, self._tokens.of(token_row))
        for category in paper.categories:
            name = fold(category).strip()
            self._by_category[name].add(self.size)
            self._by_category[name.partition(".")[0]].add(self.size)
        for author in paper.authors:
            self._by_author[author].append(self.size)
        self.size += 1

    def match(self, rules: Sequence[Rule]) -> csr_array:
        """Return the matches of rules with the papers, as :func:`match` does."""
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


def phrase_pieces(text: str, phrases: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is one of the phrases as :func:`match` finds them."""
    wanted = sorted({tuple(words(phrase)) for phrase in phrases} - {()}, key=len, reverse=True)
    found = [(one.start(), one.end(), words(one.group())) for one in WORD.finditer(text)]
    spans = [(start, end, its[0]) for start, end, its in found if len(its) == 1]
    said, done, place = [word for _, _, word in spans], 0, 0
    while place < len(spans):
        size = next((len(one) for one in wanted if tuple(said[place : place + len(one)]) == one), 0)
        if size:
            start, end = spans[place][0], spans[place + size - 1][1]
            if done < start:
                yield text[done:start], False
            yield text[start:end], True
            done = end
        place += size or 1
    if done < len(text):
        yield text[done:], False


class _Places:
    """Positions of every word in the papers' titles and abstracts; an END separates each text from the next."""

    def __init__(self, known: Mapping[str, int]) -> None:
        self._words = TokenBuilder(known)

    def add(self, paper: Searchable, tokens: NDArray[np.int32] | None) -> None:
        if tokens is None:
            self._words.add(paper.title, paper.abstract)
        else:
            self._words.add_numbers(tokens)

    def close(self) -> None:
        numbers = self._words.close()
        # the places by word, then in order; where each word's begin; and where each text begins
        self._places = np.argsort(numbers, kind="stable").astype(np.int32)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=len(self._words)))])
        self._begins = np.concatenate([[0], self._places[: self._starts[END + 1]] + 1])[:-1]

    def of(self, phrase: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the numbers of the texts in which these words are adjacent; a text may come more than once."""
        numbers = [self._words.number(word) for word in phrase]
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
    surname: str  # last word

    def agrees_with(self, other: _Name) -> bool:
        """Return whether both can be the same person's name, that is, no part contradicts another."""
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
    """Authors of some papers, by surname and first letter of the first name; arranged at the first search.

    Only hashes of these are kept, since 30,000 parsed names take 8 MB.
    """

    def __init__(self, rows: Mapping[str, Sequence[int]]) -> None:
        self._rows = rows

    @cached_property
    def _arranged(self) -> tuple[NDArray[np.int64], list[str]]:
        """Return the hashes of the authors' places in order, and the authors in that order."""
        places = np.fromiter((hash(_place(_name(author))) for author in self._rows), np.int64, len(self._rows))
        order, authors = np.argsort(places, kind="stable"), list(self._rows)
        return places[order], [authors[one] for one in order.tolist()]

    def like(self, followed: str) -> set[int]:
        """Return the papers of all authors who may have that name."""
        if not (name := _name(followed)):
            return set()
        places, authors = self._arranged
        here = slice(*(places.searchsorted(hash(_place(name)), side) for side in ("left", "right")))
        found = [(author, _name(author)) for author in authors[here]]
        return {row for author, other in found if other and name.agrees_with(other) for row in self._rows[author]}


def _place(name: _Name | None) -> tuple[str, str]:
    if not name:
        return "", ""
    return name.surname, name.given[0][0] if name.given else ""


def _agree(one: str, other: str) -> bool:
    """Return whether both are equal, or one is the other's initial."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) == 1 and long.startswith(short))


def _name(text: str) -> _Name | None:
    """Parse a name: ``Jane Q. Doe``, ``Doe, Jane``, ``JP Serre``, ``van der Berg, A.``."""
    before, _, after = text[:200].partition(",")
    parts = _name_parts(before)
    if after:
        parts = _name_parts(after.partition(",")[0]) + parts
    while len(parts) > 1 and len(parts[-1]) == 1 and max(map(len, parts)) > 1:
        parts.insert(0, parts.pop())  # Doe J
    if not parts:
        return None
    *first, last = parts
    given: list[str] = []
    # JP is two initials, unless the whole name is in capitals
    for part in first:
        together = part.isupper() and len(part) <= MOST_INITIALS and not last.isupper()
        given.extend(fold(part) if together else [fold(part)])
    return _Name(tuple(given), fold(last))


def _name_parts(text: str) -> list[str]:
    return [part for part in _NAME_PART.findall(text) if len(part) > _LONGEST_SUFFIX or fold(part) not in _SUFFIXES]
