"""The whole way of a day's digests, from readers to a mail server: the contenders of ``./run bench``.

``ours`` is what the service does: plan everybody, then deliver what is open; ``phases`` is the same, with a look at where
its time goes. ``full`` is full_render.py, ``ordinary`` and ``post_office`` are ordinary.py. ``ceiling`` hands over finished
octets through the same client. All talk to the mail server whose port they are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from digest.compose.emails import Mails
from digest.delivery import composer, plan, send, throttle
from digest.editions import selection
from digest.editions.candidate_pool import CandidatePool
from subscriptions.mail.backends import smtp
from subscriptions.mail.mailer import Mailer
from subscriptions.models import Subscriber
from tests.benchmarks import names_today
from tests.benchmarks.driver import Questions, Stopwatch, forget_deliveries, forget_peak, peak_megabytes, sending
from tests.benchmarks.phases import Phases

ONCE = "the week's papers"  # read and weighed once, however many readers there are
WATCHED = [  # function, phase
    *((owner, name, ONCE) for owner, name in names_today.ONCE),
    (plan, "_listed", "plan: load"),
    (plan, "passed_days", "plan: load"),
    (plan._Readers, "among", "plan: load"),
    (plan, "_rows_for", "plan: select"),
    (CandidatePool, "against", "plan: rules against papers"),
    (selection, "rank", "plan: rank"),
    (plan, "write", "plan: write"),
    (send, "lease_batch", "deliver: lease"),
    (send, "_take_chunk", "deliver: take"),
    (Mails, "read_cards", "deliver: compose"),
    (composer, "_encode", "deliver: compose"),
    (Mailer, "send_batch", "deliver: hand over"),
    (send, "record", "deliver: record"),
    (throttle, "acquire", "deliver: throttle"),
    (throttle, "record_results", "deliver: throttle"),
]
DATABASE = ("plan: load", "plan: write", "deliver: lease", "deliver: take", "deliver: record", "deliver: throttle")


class Watched:
    """Today's names, with the phases of each run."""

    NOW, ONCE, TABLES = names_today.NOW, names_today.ONCE, names_today.TABLES

    def __init__(self) -> None:
        self.phases = Phases()
        for owner, name, phase in WATCHED:
            self.phases.watch(owner, name, phase)

    def plan(self, ids: Sequence[int]) -> None:
        self.phases.forget()
        with self.phases.all():
            names_today.plan(ids)

    def deliver(self, clock: Callable[[], datetime]) -> int:
        with self.phases.all():
            return names_today.deliver(clock)

    def told(self) -> dict[str, Any]:
        """Return CPU seconds, calls and queries by phase, and the CPU seconds within the database's driver."""
        return {
            "phases": self.phases.cpu,
            "calls": self.phases.calls,
            "queries": self.phases.queries,
            "database": sum(self.phases.cpu[phase] for phase in DATABASE),
            "driver": self.phases.database,
        }


def phases() -> Questions:
    watched = Watched()
    run = sending(watched)["run"]
    return {"run": lambda **given: run(**given) | watched.told()}


class Finished(EmailMessage):
    """A mail that is written already, by the product: its lines begin with no dot."""

    has_dots = False

    def __init__(self, octets: bytes) -> None:
        super().__init__("", "", "digest@mail.example.org", ["reader@mail.example"])
        self._octets = octets

    def message(self) -> Any:
        return self

    def as_bytes(self, linesep: str = "") -> bytes:
        return self._octets


def ceiling(folder: str) -> Callable[[Sequence[int]], int]:
    mails = [Finished(path.read_bytes()) for path in sorted(Path(folder).iterdir())]

    def run(ids: Sequence[int]) -> int:
        backend = smtp.EmailBackend()
        for one in islice(cycle(mails), len(ids)):
            backend.open()
            backend.send_messages([one])
        backend.close()
        return len(ids)

    return run


def full() -> Callable[[Sequence[int]], int]:
    from tests.benchmarks.full_render import FullRender

    return FullRender().send


def others(name: str, *arguments: str) -> Questions:
    """Answer for a contender that sends to one reader after another; what it does once is done before it is asked."""
    from tests.benchmarks import ordinary

    start = Stopwatch()
    with start:
        ways = {"full": full, "ordinary": ordinary.ordinary, "post_office": ordinary.post_office, "ceiling": ceiling}
        send = ways[name](*arguments)

    def run(count: int, port: int) -> dict[str, Any]:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        ids = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)[:count])
        forget_deliveries(names_today)
        forget_peak()
        with Stopwatch() as watch:
            mails = send(ids)
        peak = peak_megabytes()
        return {"mails": mails, "once": 0.0, "cpu": watch.cpu, "wall": watch.wall, "peak": peak, "start": start.cpu}

    return {"run": run}


def questions(name: str, *arguments: str) -> Questions:
    if name == "ours":
        return sending(names_today)
    return phases() if name == "phases" else others(name, *arguments)
