"""Fill a database with an invented large installation: which rows, in which order, and never where others are."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from django.db import DatabaseError, connection
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from digest import jobs
from digest.models import DeliveryEvent, Source, Verdict
from subscriptions.models import ConsentEvent, Preference, Subscriber, Suppression
from tests.benchmarks import large_papers, large_readers, page_times
from tests.benchmarks.command_line import Refused, Result, progress
from tests.benchmarks.report import table

Step = tuple[str, int]  # what was written, and how many rows


def refuse_with_tables() -> None:
    """Raise Refused unless the database is empty, so that nothing in use is ever written to."""
    if connection.introspection.table_names():
        raise Refused("the database has tables: name an empty one")


def refuse_unless_invented() -> None:
    """Raise Refused unless everything in the database comes from here, so that nothing in use is ever measured."""
    try:
        sources, readers = Source.objects.all(), Subscriber.objects.all()
        is_invented = sources.exists() and not (
            sources.exclude(url__startswith=large_papers.HOST).exists()
            or readers.exclude(email__endswith=large_readers.DOMAIN).exists()
        )
    except DatabaseError:
        is_invented = False
    if not is_invented:
        raise Refused("the database was not filled by ./run bench large: only such a one is measured")


def fill(out: Console, *, readers: int, papers: int, days: int, seed: int, now: datetime) -> Result:
    """Seed the database, with a bar on a terminal, and print how many rows it has."""
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    counts: Counter[str] = Counter()
    begun = time.perf_counter()
    with progress(*columns) as bar:
        task = bar.add_task("papers", total=papers + readers * (days + 6))
        for what, count in seed_rows(readers=readers, papers=papers, days=days, now=now, seed=seed):
            counts[what] += count
            bar.update(task, description=what, advance=count)
    took = time.perf_counter() - begun
    out.print(", ".join(f"{count:,} {what}" for what, count in counts.items()), soft_wrap=True)
    size = {"readers": readers, "papers": papers, "days": days, "seed": seed}
    return Result({"size": size, "rows": dict(counts), "seconds": took})


def measure(out: Console, *, requests: int) -> Result:
    """Print how long each page takes."""
    pages = page_times.measure(requests)
    table(
        out,
        f"Pages, {requests} requests each, in milliseconds",
        ("page", "status", "queries", "CPU", "CPU p95", "clock", "clock p95"),
        [
            (
                one.label,
                *map(str, (one.status, one.queries)),
                *(f"{ms:.0f}" for ms in (one.cpu_median, one.cpu_p95, one.median, one.p95)),
            )
            for one in pages
        ],
    )
    return Result({"rounds": requests, "pages": [asdict(one) for one in pages]})


def seed_rows(*, readers: int, papers: int, days: int, now: datetime, seed: int = 4) -> Iterator[Step]:
    """Write all rows, step by step: the same for the same numbers, moment and seed but for the readers' public ids."""
    if connection.vendor == "sqlite":
        # Its indexes grow in no order: in two megabytes of memory, each row waits for the disk.
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -400000")
    dice = random.Random(seed)
    editions = []
    for edition in large_papers.seed(papers, days=days, now=now, dice=dice):
        editions.append(edition)
        yield "papers", papers * len(editions) // days - papers * (len(editions) - 1) // days
    yield from _rows("readers", Subscriber, large_readers.readers(readers, now=now, dice=dice))
    yield from _rows("preferences", Preference, large_readers.preferences(dice))
    yield from _rows("consent", ConsentEvent, large_readers.consent(now))
    yield from _rows("suppressions", Suppression, large_readers.suppressions(now))
    large_readers.provider()
    crowd = large_readers.crowd()
    for edition in editions:
        rows = large_readers.deliveries(edition, crowd, is_today=edition is editions[-1], dice=dice)
        yield from (("deliveries", count) for count in rows)
        yield from _rows("events", DeliveryEvent, large_readers.events(edition))
        yield from _rows("verdicts", Verdict, _once(large_readers.verdicts(edition, crowd, dice)))
    jobs.count(now)


def _rows(what: str, model: type[large_readers.M], rows: Iterator[large_readers.M]) -> Iterator[Step]:
    return ((what, count) for count in large_readers.in_chunks(model, rows))


def _once(verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
    """Drop a second verdict of a reader on the same paper."""
    return iter({(one.subscriber_id, one.paper_id): one for one in verdicts}.values())
