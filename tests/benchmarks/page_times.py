"""Time the dashboard's pages and the public ones, and count their queries, as a curator with every role opens them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from digest.dashboard.pages import PAGES
from digest.models import EditionPaper, Source
from digest.web.cards import path_of
from subscriptions.models import Topic

ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTime:
    """``median`` and ``worst`` are in milliseconds, over ROUNDS requests after a first one."""

    label: str
    status: int
    queries: int
    median: float
    worst: float


def addresses() -> Iterator[tuple[str, str]]:
    """Yield label and path of every page of the dashboard and of the public ones; of one source, topic and paper."""
    for name, label, _ in PAGES:
        yield str(label), reverse(name)
    for label, name, row in (
        ("One source", "dashboard_source", Source.objects.first()),
        ("One topic", "dashboard_topic", Topic.objects.first()),
    ):
        if row is not None:
            yield label, reverse(name, args=[row.pk])
    yield "Public: home", reverse("home")
    yield "Public: topics", reverse("topics")
    if (busiest := Topic.objects.annotate(count=Count("papers")).order_by("-count").first()) is not None:
        yield "Public: busiest topic", reverse("topic", args=[busiest.slug])
    if (seen := EditionPaper.objects.exclude(trending=None).select_related("paper").first()) is not None:
        yield "Public: one paper", path_of(seen.paper)


def measure(rounds: int = ROUNDS) -> list[PageTime]:
    """Ask each page so often; nothing that the asking wrote is left."""
    with transaction.atomic():
        user = User.objects.create_superuser("somebody who measures", "measures@dashboard.invalid")
        client = Client(SERVER_NAME="localhost")
        client.force_login(user)
        found = [_measured(client, label, path, rounds) for label, path in addresses()]
        transaction.set_rollback(True)
    return found


def _measured(client: Client, label: str, path: str, rounds: int) -> PageTime:
    with CaptureQueriesContext(connection) as context:
        answer = client.get(path)
        queries = len(context)  # the next request empties the log
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        client.get(path)
        took.append((time.perf_counter() - began) * 1000)
    return PageTime(
        label=label, status=answer.status_code, queries=queries, median=statistics.median(took), worst=max(took)
    )
