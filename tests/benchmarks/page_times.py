"""Time pages and count their queries: the dashboard's for a curator with every role, the public ones for a visitor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle
from statistics import median
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from digest.dashboard.pages import PAGES
from digest.models import Edition, EditionPaper, Paper, Source
from digest.search import similar
from digest.web.papers.cards import path_of
from digest.web.periods import Period
from subscriptions.models import Topic
from tests.benchmarks.cpu import cpu_clock, p95


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTime:
    """Milliseconds over some requests after a first one: of processor time, the database's with it, and on the clock."""

    label: str
    status: int
    queries: int
    cpu_median: float
    cpu_p95: float
    median: float
    p95: float


def dashboard_addresses() -> Iterator[tuple[str, str]]:
    """Yield label and path of every page of the dashboard, and of one source and topic."""
    for name, label, _ in PAGES:
        yield str(label), reverse(name)
    for label, name, row in (
        ("One source", "dashboard_source", Source.objects.first()),
        ("One topic", "dashboard_topic", Topic.objects.first()),
    ):
        if row is not None:
            yield label, reverse(name, args=[row.pk])


def public_addresses() -> Iterator[tuple[str, str]]:
    """Yield label and path of the public pages: of the newest days, of the busiest topic, of one paper, of searches."""
    yield "Public: home", reverse("home")
    yield "Public: topics", reverse("topics")
    busiest = Topic.objects.annotate(count=Count("papers")).order_by("-count").first()
    if (newest := Edition.objects.first()) is not None:
        for kind in ("week", "month"):
            path = Period.around(newest.date, kind).path
            yield f"Public: {kind}", path
            if busiest is not None:
                yield f"Public: {kind} of a topic", f"{path}?topic={busiest.slug}"
    if busiest is not None:
        yield "Public: busiest topic", reverse("topic", args=[busiest.slug])
    if (seen := EditionPaper.objects.exclude(trending=None).select_related("paper").first()) is not None:
        yield "Public: one paper", path_of(seen.paper)
        yield from _searches(seen.paper, busiest)
    yield "Public: sitemap of papers", reverse("sitemap_part", args=["papers", 1])


def _searches(paper: Paper, topic: Topic | None) -> Iterator[tuple[str, str]]:
    words = [word for word in paper.title.split() if word.isalpha()]
    rare = max(words, key=len)
    asked = {
        "two words": {"q": " ".join(words[:2])},
        "a common word": {"q": "the model"},
        "a mistake": {"q": f"{rare[:2]}{rare[3:]} {words[0]}"},
        "an author": {"q": f"author:{paper.authors[0].split()[-1]}"},
        "newest of a topic": {"topic": topic.slug if topic else "", "sort": "date"},
    }
    for label, given in asked.items():
        yield f"Search: {label}", f"{reverse('search')}?{urlencode(given)}"


def measure(rounds: int) -> list[PageTime]:
    """Ask each page so often; nothing that the asking wrote is left."""
    with transaction.atomic():
        user = User.objects.create_superuser("somebody who measures", "measures@dashboard.invalid")
        curator, visitor = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
        curator.force_login(user)
        found = [
            _measured(label, lambda path=path, client=client: client.get(path).status_code, rounds)
            for client, addresses in ((curator, dashboard_addresses()), (visitor, public_addresses()))
            for label, path in addresses
        ]
        found += _similar(rounds)
        transaction.set_rollback(True)
    return found


def _similar(rounds: int) -> Iterator[PageTime]:
    """Time ``similar`` alone, for so many papers from among all."""
    numbers = list(Paper.objects.order_by("pk").values_list("pk", flat=True))
    some = cycle(numbers[:: max(1, len(numbers) // (rounds + 1))])

    def ask() -> int:
        similar(next(some), now=timezone.now())
        return HTTPStatus.OK

    if numbers:
        yield _measured("Papers like one", ask, rounds)


def _measured(label: str, ask: Callable[[], int], rounds: int) -> PageTime:
    with CaptureQueriesContext(connection) as context:
        status = ask()
        queries = len(context)  # the next request empties the log
    used, clock = cpu_clock(), time.perf_counter
    took: list[tuple[float, float]] = []
    for _ in range(rounds):
        began = used(), clock()
        ask()
        took.append(((used() - began[0]) * 1000, (clock() - began[1]) * 1000))
    cpu, wall = (sorted(some) for some in zip(*took, strict=True))
    return PageTime(
        label=label,
        status=status,
        queries=queries,
        cpu_median=median(cpu),
        cpu_p95=p95(cpu),
        median=median(wall),
        p95=p95(wall),
    )
