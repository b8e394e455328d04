"""A large installation, invented: how much of what is laid down, in which order, and where it never may be."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection

from digest import jobs
from digest.management import large_papers, large_readers
from digest.models import Delivery, DeliveryEvent, Edition, Paper, Source, Verdict
from subscriptions.models import ConsentEvent, Preference, Subscriber, Suppression

Step = tuple[str, int]  # what was written, and how many rows


class NotHere(Exception):
    """With a sentence for the operator."""


def refuse_in_use() -> None:
    """Raises NotHere for a house that sends mail to real people, or that has anything in it."""
    if settings.MAIL_PROVIDER != "outbox":
        raise NotHere("This house sends mail to real people: invented readers have no place in it.")
    for model in (Subscriber, Paper, Delivery, Edition, Source):
        if model._default_manager.exists():
            name = model._meta.verbose_name_plural
            raise NotHere(f"There are {name} in this database: give an empty one (another BROADSHEET_VAR, say).")


def lay_down(*, readers: int, papers: int, days: int, now: datetime, seed: int = 4) -> Iterator[Step]:
    """Everything, step by step; the same for the same numbers, moment and seed but for the readers' public ids."""
    if (
        connection.vendor == "sqlite"
    ):  # its indexes grow in no order: in two megabytes of memory, each row waits for disk
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -400000")
    dice = random.Random(seed)  # noqa: S311 (no secret hangs on it)
    editions = []
    for edition in large_papers.lay_down(papers, days=days, now=now, dice=dice):
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
    """A reader judges a paper once."""
    return iter({(one.subscriber_id, one.paper_id): one for one in verdicts}.values())
