"""Keep the index in step with papers: write their terms when they are stored, joined or changed.

A deleted paper takes its row with it.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connection

from digest.search import analysis
from digest.search.engine import LETTERS, vector

SLICE = 500  # papers that are written at once
MANY = 5000  # papers from which progress is told
LONGEST_ABSTRACT, MOST_AUTHORS = 20_000, 1000  # characters and names that are indexed

COLUMNS = tuple(LETTERS)


class Indexed(Protocol):
    """The text of a paper that is indexed."""

    pk: Any
    title: Any
    authors: Any
    abstract: Any
    categories: Any


@dataclass(frozen=True, slots=True)
class _Row:
    pk: int
    columns: dict[str, str]
    spoken: frozenset[tuple[str, str]]


def index(papers: Sequence[Indexed]) -> None:
    """Write the terms of these papers, new or changed. Call it in the transaction that stores them."""
    with connection.cursor() as cursor:
        for start in range(0, len(papers), SLICE):
            write(cursor, papers[start : start + SLICE])


def write(cursor: Any, papers: Sequence[Indexed]) -> None:
    """Write the rows of some papers, four statements, and count their words where they had none before."""
    rows = [_analyse(paper) for paper in papers]
    before = _delete(cursor, [row.pk for row in rows])
    is_postgres = cursor.db.vendor == "postgresql"
    names = ("rowid", *COLUMNS, *(["vector"] if is_postgres else []))
    places = ", ".join(["%s"] * (len(COLUMNS) + 1) + (["%s::tsvector"] if is_postgres else []))
    values = [
        (row.pk, *row.columns.values(), *([vector(row.columns)] if is_postgres else []))
        for row in sorted(rows, key=lambda row: row.pk)
    ]
    cursor.executemany(f"INSERT INTO digest_searchtext ({', '.join(names)}) VALUES ({places})", values)  # noqa: S608 (values are bound)
    _count(cursor, Counter(spoken for row in rows for spoken in row.spoken if spoken[1] not in before.get(row.pk, ())))


def _count(cursor: Any, counts: Counter[tuple[str, str]]) -> None:
    """Add to the counts of words. One statement on PostgreSQL, to which a row each would take four times the time."""
    if not counts:
        return
    # in one order, or two processes would wait for each other
    rows = sorted((word, term, count) for (word, term), count in counts.items())
    adding = " ON CONFLICT (word) DO UPDATE SET papers = digest_searchword.papers + excluded.papers"
    into = "INSERT INTO digest_searchword (word, term, papers)"
    if cursor.db.vendor == "postgresql":
        arrays = "SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[])"
        cursor.execute(f"{into} {arrays}{adding}", list(map(list, zip(*rows, strict=True))))
    else:
        cursor.executemany(f"{into} VALUES (%s, %s, %s){adding}", rows)


def fill(connection: Any, papers: Iterable[Indexed], *, total: int) -> None:
    """Write the rows of many papers with lines of progress on standard error."""
    some: list[Indexed] = []
    done = 0
    with connection.cursor() as cursor:
        for paper in papers:
            some.append(paper)
            if len(some) == SLICE:
                write(cursor, some)
                done += len(some)
                some.clear()
                if total >= MANY and done % (10 * SLICE) == 0:
                    line = f"  papers indexed: {done:,} of {total:,} ({done * 100 // total} %)"
                    print(line, file=sys.stderr, flush=True)  # noqa: T201 (a migration tells its progress)
        if some:
            write(cursor, some)


def _analyse(paper: Indexed) -> _Row:
    title = analysis.field(paper.title)
    names = analysis.names(paper.authors[:MOST_AUTHORS])
    abstract = analysis.field(paper.abstract[:LONGEST_ABSTRACT])
    columns = {
        "title": title.terms,
        "authors": names.terms,
        "abstract": abstract.terms,
        "categories": analysis.categories(paper.categories),
    }
    return _Row(paper.pk, columns, title.spoken | names.spoken | abstract.spoken)


def _delete(cursor: Any, keys: Sequence[int]) -> dict[int, set[str]]:
    """Delete the rows of these papers and return the terms that each had."""
    if not keys:
        return {}
    places = ", ".join(["%s"] * len(keys))
    cursor.execute(f"SELECT rowid, title, authors, abstract FROM digest_searchtext WHERE rowid IN ({places})", keys)  # noqa: S608 (values are bound)
    before = {pk: set(" ".join(columns).split()) for pk, *columns in cursor.fetchall()}
    if before:
        cursor.execute(f"DELETE FROM digest_searchtext WHERE rowid IN ({places})", keys)  # noqa: S608 (values are bound)
    return before
