"""Search papers: an identifier leads straight to its paper; else papers with all words, then with some of them.

If no paper has all words, those that no paper has, or that look like a mistake, are corrected first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate, combinations
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from digest.identifiers.canonical import title_identifier
from digest.models import EditionPaper, Identifier, Paper, SearchText, Sighting, papers_not_shown
from digest.search import analysis, score, vocabulary
from digest.search.engine import Matches, TooSlow, time_limit
from digest.search.query import TITLE, Clause, Query, identifier_in, parse
from digest.search.score import Found
from digest.text import clean

MOST = 200  # papers in a result
IN_TITLE, ANYWHERE = 100, 200  # newest papers with all words, in the title and anywhere, that are ordered
SOME, MOST_OF_SOME = 100, 8  # newest papers with some of the words that are ordered, and the rarest words that count
RAREST = {1: 4000, 2: 20_000}  # papers that have any of the words, if any one of them is enough, or any two
FEW = 3  # papers with all words, below which papers with some of them follow
SECONDS = 2.0


class Kind(StrEnum):
    """The kinds of results."""

    NOTHING_ASKED = "nothing asked"
    IDENTIFIER = "identifier"  # the one paper that bears it, or none
    LISTED = "listed"  # no words, only filters: the newest papers
    FOUND = "found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions beside the words; an empty one filters nothing. Days are those on which papers were first seen."""

    since: date | None = None
    until: date | None = None
    topic: str = ""  # a slug
    category: str = ""
    source: int | None = None

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The papers found, best first: the first ``with_all`` have all words, the others some of them.

    ``query`` is what was searched for; ``instead`` has (typed, searched for) of each corrected word. ``is_cut`` says
    that older matches were left out, ``is_too_slow`` that the search was given up after its time.
    """

    query: Query
    kind: Kind
    papers: tuple[int, ...] = ()
    with_all: int = 0
    instead: tuple[tuple[str, str], ...] = ()
    is_cut: bool = False
    is_too_slow: bool = False

    @property
    def exactly(self) -> str:
        """Return a query for the words as they were typed: quoted, they are not corrected."""
        typed = self.query.typed
        for word, right in self.instead:
            typed = re.sub(rf"(?<!\w){re.escape(right)}(?!\w)", f'"{word}"', typed)
        return typed


@dataclass(slots=True)
class _Search:
    """One search: where it looks, and what is known of its words."""

    rows: QuerySet[SearchText]
    groups: list[list[Clause]]
    by_date: bool
    papers: int = 0
    known: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def search(
    typed: str,
    *,
    now: datetime,
    filters: Filters = Filters(),
    by_date: bool = False,
    everything: bool = False,
    seconds: float = SECONDS,
) -> SearchResult:
    """Search the papers that may be shown in public at ``now``, or ``everything`` stored. Three to ten queries."""
    query = parse(typed)
    try:
        with time_limit(seconds):
            rows, groups = among(filters, now, everything=everything), _categories(filters)
            return _search(typed, query, _Search(rows, groups, by_date), is_filtered=bool(filters))
    except TooSlow:
        return SearchResult(query=query, kind=Kind.FOUND, is_too_slow=True)


def having_all(typed: str) -> QuerySet[SearchText]:
    """Return the rows of all stored papers that have all words of a query; none are left out if it has no words."""
    query = parse(typed)
    groups = [[clause] for clause in query.required]
    return SearchText.objects.filter(Matches(groups, query.excluded)) if groups else SearchText.objects.all()


def _search(typed: str, query: Query, about: _Search, *, is_filtered: bool) -> SearchResult:
    name = identifier_in(typed)
    if name and (found := _that_bear(name, about)):
        return SearchResult(query=query, kind=Kind.IDENTIFIER, papers=tuple(found), with_all=1)
    if not query.clauses:
        return _newest_papers(query, about) if is_filtered else SearchResult(query=query, kind=Kind.NOTHING_ASKED)
    about.papers = vocabulary.paper_count()
    if name and not typed.strip().isdecimal():
        # the words of an address say nothing about a paper, but another paper may cite it
        result = _with_words(query, about, or_some=False)
        return result if result.papers else replace(result, kind=Kind.IDENTIFIER)
    result = _with_words(query, about)
    if not result.with_all:
        corrected, instead = _corrected(query, about)
        if instead and (better := _with_words(corrected, about)).with_all:
            return replace(better, instead=instead)
    return result


def _newest_papers(query: Query, about: _Search) -> SearchResult:
    """Return the newest papers that the filters let pass."""
    rows = about.rows.filter(Matches(about.groups)) if about.groups else about.rows
    newest = list(rows.order_by("-pk").values_list("pk", flat=True)[: MOST + 1])
    papers = tuple(newest[:MOST])
    return SearchResult(query=query, kind=Kind.LISTED, papers=papers, with_all=len(papers), is_cut=len(newest) > MOST)


# --- papers that have the words ---------------------------------------------------------------------------------------


def _with_words(query: Query, about: _Search, *, or_some: bool = True) -> SearchResult:
    _look_up(query, about)
    query = query.joined(about.known)
    rows, is_cut = _with_all(query, about)
    having = vocabulary.having(query.clauses, about.known)
    ordered = score.order(rows, query, having, about.papers)
    if titled := _with_title(query, about):
        ordered = list(dict.fromkeys((*titled, *ordered)))
    if about.by_date:
        ordered.sort(reverse=True)
    with_all = ordered[:MOST]
    some = _with_some(query, having, about, without=with_all) if or_some and len(with_all) < FEW else []
    return SearchResult(
        query=query,
        kind=Kind.FOUND,
        papers=(*with_all, *some[: MOST - len(with_all)]),
        with_all=len(with_all),
        is_cut=is_cut or len(ordered) > MOST,
    )


def _with_all(query: Query, about: _Search) -> tuple[list[Found], bool]:
    """Return the newest papers with all words, those with all in the title too, and whether there are older ones."""
    groups = [*([clause] for clause in query.required), *about.groups]
    anywhere = _newest(about, Matches(groups, query.excluded), ANYWHERE + 1)
    if len(anywhere) <= ANYWHERE:
        return anywhere, False
    if about.by_date:
        return anywhere[:ANYWHERE], True
    in_title = [[replace(clause, field=clause.field or TITLE)] for clause in query.required]
    titled = _newest(about, Matches([*in_title, *about.groups], query.excluded), IN_TITLE)
    return list({row.pk: row for row in (*titled, *anywhere)}.values()), True


def _with_title(query: Query, about: _Search) -> list[int]:
    """Return the paper whose whole title was typed."""
    if len(query.clauses) < 2 or query.excluded or any(clause.field for clause in query.clauses):
        return []
    name = title_identifier(clean(query.typed.strip('" ')))
    return _that_bear(name, about)


def _with_some(query: Query, having: dict[Clause, int], about: _Search, *, without: Collection[int]) -> list[int]:
    """Return papers with some of the words: with all but one, else with any two, else with any of the rarest."""
    known = sorted((clause for clause in query.required if having[clause]), key=having.__getitem__)[:MOST_OF_SOME]
    if len(query.required) < 2 or not known:
        return []
    most = min(len(known), len(query.required) - 1)
    for least in dict.fromkeys((most, min(most, 2), 1)):
        some = known if least == most > 1 else _rarest(known, having, least)
        groups = [list(group) for group in combinations(some, len(some) - least + 1)]
        rows = _newest(about, Matches([*groups, *about.groups], query.excluded), SOME)
        if rows := [row for row in rows if row.pk not in without]:
            found = score.order(rows, query, having, about.papers)
            return sorted(found, reverse=True) if about.by_date else found
    return []


def _rarest(known: Sequence[Clause], having: dict[Clause, int], least: int) -> list[Clause]:
    """Return the first ``least`` of these clauses, and the next ones until too many papers meet any of them."""
    sums = accumulate(having[clause] for clause in known)
    return [
        clause
        for at, (clause, count) in enumerate(zip(known, sums, strict=True))
        if at < least or count <= RAREST[least]
    ]


def _newest(about: _Search, condition: Matches, most: int) -> list[Found]:
    rows = about.rows.filter(condition).order_by("-pk").values_list("pk", "title", "authors", "abstract")[:most]
    return [Found(*row) for row in rows]


def among(filters: Filters, now: datetime, *, everything: bool) -> QuerySet[SearchText]:
    """Return the rows that all filters but the category let pass, in public unless ``everything`` is wanted."""
    rows = SearchText.objects.all()
    if not everything:
        # conditions on the paper itself: in the subquery they would let PostgreSQL read all candidates of all days
        rows = rows.filter(Exists(EditionPaper.objects.filter(paper=OuterRef("pk"))))
        for papers in papers_not_shown(now):
            rows = rows.exclude(pk__in=papers)
    if filters.since:
        rows = rows.filter(paper__first_seen_at__gte=_midnight(filters.since))
    if filters.until and filters.until < date.max:
        rows = rows.filter(paper__first_seen_at__lt=_midnight(filters.until + timedelta(days=1)))
    if filters.topic:
        tagged: Any = Paper.topics.through
        rows = rows.filter(Exists(tagged.objects.filter(paper=OuterRef("pk"), topic__slug=filters.topic)))
    if filters.source:
        rows = rows.filter(Exists(Sighting.objects.filter(paper=OuterRef("pk"), source=filters.source)))
    return rows


def _categories(filters: Filters) -> list[list[Clause]]:
    term = analysis.category(filters.category)
    return [[Clause(filters.category, ((term,),), "categories")]] if term else []


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _that_bear(name: str, about: _Search) -> list[int]:
    """Return the paper of an identifier, none or one. Two queries."""
    keys = set(Identifier.objects.filter(value=name).values_list("paper_id", flat=True))
    keys |= set(Paper.objects.filter(identifier=name).values_list("pk", flat=True))
    rows = about.rows.filter(Matches(about.groups)) if about.groups else about.rows
    return list(rows.filter(pk__in=keys).order_by("pk").values_list("pk", flat=True)[:1]) if keys else []


# --- words that no paper has ------------------------------------------------------------------------------------------


def _look_up(query: Query, about: _Search) -> None:
    if new := query.terms.union(query.wholes.values()) - about.seen:
        about.known |= vocabulary.papers_having(new)
        about.seen |= new


def _corrected(query: Query, about: _Search) -> tuple[Query, tuple[tuple[str, str], ...]]:
    """Return the query with the likely words in place of unknown ones, and what stands for what."""
    instead: dict[str, str] = {}
    for clause in query.clauses:
        if clause.word is None or vocabulary.having([clause], about.known)[clause] > _rare(about.papers):
            continue
        for part, term in clause.word.spoken[: len(clause.word.terms)]:
            if right := vocabulary.correction_of(part, count=about.known.get(term, 0)):
                instead[part] = right
    return (query.corrected(instead) if instead else query), tuple(instead.items())


def _rare(papers: int) -> int:
    return max(5, papers // 5000)
