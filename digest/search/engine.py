"""Ask the database for the papers that have the terms of a query: FTS5 on SQLite, a tsquery on PostgreSQL.

Terms hold letters and digits only, so whatever was typed makes a valid expression.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, Expression

from digest.search.analysis import Terms
from digest.search.query import Clause

LETTERS = {"title": "A", "authors": "B", "abstract": "C", "categories": "D"}  # a column's weight in the tsvector
STEPS = 20_000  # of SQLite's virtual machine between two looks at the clock


class TooSlow(Exception):
    """Raised when a query took longer than its limit."""


class Matches(Expression):
    """The condition on ``SearchText`` that a paper has what the groups of clauses ask for.

    Each group is one condition, met by any of its clauses; ``without`` are clauses that none may meet.
    """

    conditional = True

    def __init__(self, groups: Sequence[Sequence[Clause]], without: Sequence[Clause] = ()) -> None:
        super().__init__(output_field=BooleanField())
        self.groups, self.without = groups, without

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if connection.vendor == "postgresql":
            return '"digest_searchtext"."vector" @@ %s::tsquery', (self._expression(_tsquery, " & ", " & !"),)
        return '"digest_searchtext" MATCH %s', (self._expression(_fts5, " AND ", " NOT "),)

    def _expression(self, of_clause: Any, and_: str, but_not: str) -> str:
        or_ = " | " if and_ == " & " else " OR "
        groups = and_.join(f"({or_.join(map(of_clause, group))})" for group in self.groups)
        return f"({groups}){''.join(but_not + f'({of_clause(clause)})' for clause in self.without)}"


def _fts5(clause: Clause) -> str:
    alternatives = " OR ".join(f'"{" ".join(terms)}"' for terms in clause.alternatives)
    return f"{clause.field} : ({alternatives})" if clause.field else f"({alternatives})"


def _tsquery(clause: Clause) -> str:
    weight = f":{LETTERS[clause.field]}" if clause.field else ""

    def phrase(terms: Terms) -> str:
        return "(" + " <-> ".join(f"'{term}'{weight}" for term in terms) + ")"

    return " | ".join(map(phrase, clause.alternatives))


def vector(columns: dict[str, str]) -> str:
    """Return the tsvector of a paper's columns: each term with its place and the letter of its column."""
    places: dict[str, list[str]] = {}
    place = 0
    for name, letter in LETTERS.items():
        for term in columns[name].split():
            place += 1
            places.setdefault(term, []).append(f"{min(place, 16_383)}{letter}")
        place += 1
    return " ".join(f"'{term}':{','.join(found[:255])}" for term, found in places.items())


def rows_with(terms: Sequence[str]) -> list[tuple[int, int]]:
    """Return (paper id, place of the term) for each paper that has one of the terms. One query."""
    if not terms:
        return []
    condition = "vector @@ %s::tsquery" if connection.vendor == "postgresql" else "digest_searchtext MATCH %s"
    quote = "'{}'" if connection.vendor == "postgresql" else '"{}"'
    selects = (f"SELECT rowid, {place} FROM digest_searchtext WHERE {condition}" for place in range(len(terms)))  # noqa: S608 (values are bound)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), [quote.format(term) for term in terms])
        return [(pk, place) for pk, place in cursor.fetchall()]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow for queries that are not done in that time."""
    if connection.vendor == "postgresql":
        with _postgres_limit(seconds):
            yield
        return
    connection.ensure_connection()
    until = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" in str(error):
            raise TooSlow from error
        raise
    finally:
        connection.connection.set_progress_handler(None, 0)


@contextmanager
def _postgres_limit(seconds: float) -> Iterator[None]:
    # to start workers takes longer than these queries
    begin = "SELECT set_config('statement_timeout', %s, true), set_config('max_parallel_workers_per_gather', '0', true)"
    end = "SET LOCAL statement_timeout = DEFAULT; SET LOCAL max_parallel_workers_per_gather = DEFAULT"
    is_within_another = connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(begin, [str(round(seconds * 1000))])
            yield
            if is_within_another:
                cursor.execute(end)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "57014":  # query_canceled
            raise TooSlow from error
        raise
