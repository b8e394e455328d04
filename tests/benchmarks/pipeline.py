"""The whole way of a day's digests, from readers to a mail server: the contenders of ``./run bench``.

``ours`` is what the service does: plan everybody, then deliver what is open. ``afternoon`` is afternoon.py. ``ceiling``
hands over finished octets through the same client. All talk to the mail server whose port they are told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection

from digest.delivery import plan, send, throttle
from digest.editions import selection
from digest.editions.candidate_pool import CandidatePool
from digest.models import Batch, Delivery, DeliveryContent
from subscriptions.mail.backends import smtp
from subscriptions.mail.mailer import Mailer
from subscriptions.models import Subscriber
from tests.benchmarks.afternoon import Afternoon
from tests.benchmarks.contenders import Questions, Stopwatch, forget_peak, peak_megabytes
from tests.benchmarks.day import NOW
from tests.benchmarks.phases import Phases

ONCE = "the week's papers"  # read and weighed once, however many readers there are
WATCHED = [  # function, phase
    (CandidatePool, "load", ONCE),
    (CandidatePool, "save_added", ONCE),
    (plan._Readers, "among", "plan: load"),
    (plan, "_rows_for", "plan: select"),
    (CandidatePool, "against", "plan: rules against papers"),
    (selection, "rank", "plan: rank"),
    (plan, "_written", "plan: write"),
    (send, "lease_batch", "deliver: lease"),
    (send, "_take_chunk", "deliver: take"),
    (send, "_encode", "deliver: compose"),
    (Mailer, "send_batch", "deliver: hand over"),
    (send, "_record", "deliver: record"),
    (throttle, "acquire", "deliver: throttle"),
    (throttle, "record_results", "deliver: throttle"),
]
DATABASE = ("plan: load", "plan: write", "deliver: lease", "deliver: take", "deliver: record", "deliver: throttle")


def ours() -> Callable[[Sequence[int]], dict[str, Any]]:
    phases = Phases()
    for owner, name, phase in WATCHED:
        phases.watch(owner, name, phase)

    def run(ids: Sequence[int]) -> dict[str, Any]:
        began = time.monotonic()

        def clock() -> datetime:
            return NOW + timedelta(seconds=time.monotonic() - began)

        with phases.all():
            plan.plan(NOW, ids, issue_date=NOW.date())
            planned = time.perf_counter()
            outcomes = send.deliver_all(clock=clock)
        return {
            "mails": outcomes.counts[Delivery.Status.ACCEPTED],
            "once": phases.cpu[ONCE],
            "delivering": time.perf_counter() - planned,
            "phases": phases.cpu,
            "calls": phases.calls,
            "queries": phases.queries,
            "database": sum(phases.cpu[phase] for phase in DATABASE),
            "driver": phases.database,
        }

    return run


def afternoon() -> Callable[[Sequence[int]], dict[str, Any]]:
    def run(ids: Sequence[int]) -> dict[str, Any]:
        with Stopwatch() as once:
            way = Afternoon()
        return {"mails": way.send(ids), "once": once.cpu}

    return run


class Finished(EmailMessage):
    """A mail that is written already."""

    def __init__(self, octets: bytes) -> None:
        super().__init__("", "", "digest@mail.example.org", ["reader@mail.example"])
        self._octets = octets

    def message(self) -> Any:
        return self

    def as_bytes(self, linesep: str = "") -> bytes:
        return self._octets


def ceiling(folder: str) -> Callable[[Sequence[int]], dict[str, Any]]:
    mails = [Finished(path.read_bytes()) for path in sorted(Path(folder).iterdir())]

    def run(ids: Sequence[int]) -> dict[str, Any]:
        backend = smtp.EmailBackend()
        for one in islice(cycle(mails), len(ids)):
            backend.open()
            backend.send_messages([one])
        backend.close()
        return {"mails": len(ids), "once": 0.0}

    return run


def questions(name: str, *arguments: str) -> Questions:
    contenders: dict[str, Callable[..., Callable[[Sequence[int]], dict[str, Any]]]] = {
        "ours": ours,
        "afternoon": afternoon,
        "ceiling": ceiling,
    }
    start = time.process_time()
    deliver = contenders[name](*arguments)

    def run(count: int, port: int) -> dict[str, Any]:
        """Send to ``count`` readers as if nobody had written to them today, through the mail server on that port."""
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        ids = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)[:count])
        forget_deliveries()
        forget_peak()
        with Stopwatch() as watch:
            done = deliver(ids)
        return {**done, "cpu": watch.cpu, "wall": watch.wall, "peak": peak_megabytes(), "start": start}

    return {"run": run}


def forget_deliveries() -> None:
    for rows in (DeliveryContent.objects.all(), Delivery.objects.all(), Batch.objects.all()):
        rows._raw_delete(rows.db)  # else Django reads each of them first, and their memory counts as ours
    Subscriber.objects.update(next_send_at=NOW, last_issue_date=None, last_digest_at=NOW - timedelta(days=1))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
