"""Read what somebody typed into the search box: words, quoted phrases, ``author:``, ``title:`` and ``-word``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from digest.identifiers.canonical import canonical_identifier
from digest.ranking.words import STOP_WORDS
from digest.search import analysis
from digest.search.analysis import Terms, Word
from subscriptions.mail.rendering import one_line

LONGEST, MOST_WORDS = 300, 32  # characters and words of a query; the rest is left out, which the page says
MOST_JOINED = 4  # words of a query in which two may be one

TITLE, AUTHORS = "title", "authors"
FIELDS = {"title:": TITLE, "ti:": TITLE, "author:": AUTHORS, "authors:": AUTHORS, "au:": AUTHORS}

_QUOTES = str.maketrans(dict.fromkeys("“”„«»‟＂", '"'))
_TOKEN = re.compile(rf'(?:(?<!\S)(-))?((?:(?:{"|".join(FIELDS)})\s*)?)(?:"([^"]*)(?:"|$)|([^\s"]+))', re.I)
# "Power et al. (2022)": a name and perhaps a year, as papers are cited
_CITED = re.compile(
    r'"[^"]*(?:"|$)|(?<!\S)(?:(?:authors?|au):\s*)?([^\W\d_][\w\'’-]*),?\s+et\s+al\b\.?'
    r"(?:,?\s*[(\[]?(?:19|20)\d\d[a-z]?[)\]]?(?!\S))?",
    re.I,
)
_EDGES = " \t.,;:!?\"'“”‘’«»()[]{}<>…"
_ARXIV_NOTE = re.compile(r"\s*\[[a-z-]+(?:\.[a-z-]+)?\]$", re.I)  # arXiv:2401.01234v2 [cs.LG]
_LABELLED = re.compile(r"^(arxiv|doi|pmid|pubmed)\s*(?:id\b)?\s*:?\s+(?=\S+$)", re.I)


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition: a paper has one of the ``alternatives``, each a phrase of terms.

    They must be in the column ``field``, or anywhere if it is empty. ``typed`` is what stands for it in the query.
    A ``word`` may be corrected; a quoted phrase has none.
    """

    typed: str
    alternatives: tuple[Terms, ...]
    field: str = ""
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A typed query: papers with all ``clauses`` and none of ``excluded``; ``is_cut`` if it was over the limit."""

    typed: str
    clauses: tuple[Clause, ...] = ()
    excluded: tuple[Clause, ...] = ()
    is_cut: bool = False

    @property
    def required(self) -> tuple[Clause, ...]:
        """Return the clauses that a paper must have: without common words, unless there are no others."""
        return tuple(clause for clause in self.clauses if not is_common(clause)) or self.clauses

    @property
    def terms(self) -> frozenset[str]:
        """Return all terms that are searched for."""
        return frozenset(term for clause in self.clauses for form in clause.alternatives for term in form)

    @property
    def wholes(self) -> dict[int, str]:
        """Return the term that two neighbouring words of a short query make as one, by the place of the first."""
        pairs = enumerate(pairwise(self.clauses)) if len(self.clauses) <= MOST_JOINED else ()
        return {
            at: analysis.stem(one.typed + other.typed)
            for at, (one, other) in pairs
            if _is_plain(one) and _is_plain(other)
        }

    def joined(self, known: Mapping[str, int]) -> Query:
        """Let two neighbours be one word too if some paper has it, as in *ZebraLogic*, *dataset* and *pretraining*."""
        clauses = list(self.clauses)
        for at, whole in self.wholes.items():
            for place in (at, at + 1) if known.get(whole) else ():
                clauses[place] = replace(clauses[place], alternatives=(*clauses[place].alternatives, (whole,)))
        return replace(self, clauses=tuple(clauses))

    def corrected(self, instead: dict[str, str]) -> Query:
        """Return the query with other words in place of some."""
        typed = self.typed
        for wrong, right in instead.items():
            typed = re.sub(rf"(?<!\w){re.escape(wrong)}(?!\w)", right, typed, flags=re.I)
        return parse(typed)


def parse(typed: str) -> Query:
    """Read a query; anything can be typed."""
    text = one_line(typed)
    kept = text[:LONGEST].translate(_QUOTES)
    clauses: list[Clause] = []
    excluded: list[Clause] = []
    for minus, field, phrase, word in _TOKEN.findall(_CITED.sub(_as_author, kept)):
        name = field.lower().strip()
        made = _phrase(phrase, FIELDS.get(name, "")) if phrase else _words(word, FIELDS.get(name, ""))
        (excluded if minus else clauses).extend(made)
    clauses = list({(clause.alternatives, clause.field): clause for clause in clauses}.values())
    return Query(
        typed=" ".join(kept.split()),
        clauses=tuple(clauses[:MOST_WORDS]),
        excluded=tuple(excluded[:MOST_WORDS]),
        is_cut=len(text) > LONGEST or max(len(clauses), len(excluded)) > MOST_WORDS,
    )


def _as_author(cited: re.Match[str]) -> str:
    return f"author:{cited[1]}" if cited[1] else cited[0]


def is_common(clause: Clause) -> bool:
    """Return whether a clause is one word such as *the*, which says little about a paper."""
    return clause.word is not None and not clause.field and clause.typed in STOP_WORDS


def identifier_in(typed: str) -> str:
    """Return the canonical name of the work that a query consists of, empty if it is something else.

    Links need no ``https://``; a bare number of five to eight digits may be a PMID.
    """
    text = _ARXIV_NOTE.sub("", one_line(typed[: LONGEST * 4]).strip()).strip(_EDGES)
    text = _LABELLED.sub(r"\1:", text)
    if not text or any(char.isspace() for char in text):
        return ""
    if re.fullmatch(r"[1-9]\d{4,7}", text):
        return f"pmid:{text}"
    name = canonical_identifier(re.sub(r"(?<=\d)\.pdf$", "", text, flags=re.I))
    if not name and re.match(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/\S", text, re.I):
        name = canonical_identifier(f"https://{text}")
    return name


def _words(typed: str, field: str) -> Iterator[Clause]:
    found = list(analysis.words(typed))
    for word in found:
        parts = "-".join(part for part, _ in word.spoken[: len(word.terms)])
        spoken = typed.strip(_EDGES) if len(found) == 1 and len(word.terms) > 1 else parts
        yield Clause(spoken, _initials(word.alternatives), field, word)


def _is_plain(clause: Clause) -> bool:
    return clause.word is not None and not clause.field and clause.typed.isalpha() and not is_common(clause)


def _phrase(typed: str, field: str) -> Iterator[Clause]:
    terms = tuple(term for word in analysis.words(typed) for term in word.terms)
    if not terms:
        return
    forms: Iterable[Terms] = [terms]
    if field == AUTHORS:
        forms = _name_forms(typed, terms)
    yield Clause(f'"{" ".join(typed.split())}"', tuple(dict.fromkeys(forms)), field)


def _name_forms(typed: str, terms: Terms) -> Iterator[Terms]:
    """Return the ways in which a list of authors may show a name: in either order, given names whole or initials."""
    family, comma, _given = typed.partition(",")
    if comma and len(terms) > 1:
        count = sum(len(word.terms) for word in analysis.words(family))
        terms = (*terms[count:], *terms[:count])
    yield terms
    if len(terms) < 2:
        return
    yield (*terms[1:], terms[0])
    yield (terms[-1], *terms[:-1])
    first, last = terms[0], terms[-1]
    yield (first, last)
    yield (first[0], last)
    if len(first) == 1:
        yield (analysis.initial_of(first), last)


def _initials(forms: tuple[Terms, ...]) -> tuple[Terms, ...]:
    """Let a single letter be the initial of a name too."""
    if len(forms[0]) == 1 and len(forms[0][0]) == 1 and forms[0][0].isalpha():
        return (*forms, (analysis.initial_of(forms[0][0]),))
    return forms
