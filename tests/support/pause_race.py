"""Somebody pauses, resumes and tries again while digests are handed over: ``main`` prints what was seen, as JSON.

In each round two deliverers and one who pauses begin at one barrier; an SMTP server in a thread takes the mails. Some
mails it refuses once: those are tried again, by two who press at the same moment.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from aiosmtpd.controller import Controller
from django.conf import settings

from digest.delivery import throttle
from digest.delivery.plan import plan
from digest.delivery.retry import try_again
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.models import Batch, Delivery
from subscriptions.models import Subscriber
from tests.support.factories import reader
from tests.support.threads import at_once

READERS, DELIVERERS, REFUSED = 24, 2, 4


class Sink:
    """Takes mails, and notes for each when: (address, seconds of time.monotonic); refuses some addresses once."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, float]] = []
        self.refuses: set[str] = set()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses:
            self.refuses.remove(address)
            return "550 5.7.1 not today"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken += [(address, time.monotonic()) for address in envelope.rcpt_tos]
        time.sleep(0.002)  # a mail takes its time, so that a pause falls into the middle
        return "250 taken"


def now() -> datetime:
    return datetime.now(UTC)


def deliver() -> None:
    deliver_all(clock=now)


def one_round(number: int, sink: Sink) -> dict[str, Any]:
    """What one crowd got: how many mails after the pause, while it stood, and in all; and how the rows ended."""
    crowd = [reader(f"r{number}-{one}", wants={"category": ["cs.LG"]}, next_send_at=now()) for one in range(READERS)]
    planned = plan(now(), [one.pk for one in crowd], issue_date=now().date())
    assert planned.ready == READERS
    _in_two_batches(crowd)
    sink.taken.clear()
    sink.refuses = {one.email for one in crowd[:REFUSED]}
    paused_at: list[float] = []

    def pause() -> None:
        time.sleep(secrets.randbelow(60) / 1000)
        throttle.pause("a mistake in the mail", now=now())
        paused_at.append(time.monotonic())

    at_once([deliver] * DELIVERERS + [pause])
    after = sum(at > paused_at[0] for _, at in sink.taken)
    until_then = len(sink.taken)
    Batch.objects.update(not_before=None)
    at_once([deliver] * DELIVERERS)  # whoever is woken while it stands
    while_paused = len(sink.taken) - until_then

    at_once([lambda: throttle.resume(now=now())] * 2)
    Batch.objects.update(not_before=None)
    at_once([deliver] * DELIVERERS)
    deliver()  # what a busy moment left behind
    failed = Delivery.objects.filter(subscriber__in=crowd, status=Delivery.Status.FAILED).count()

    tried: list[int] = []
    at_once([lambda: tried.append(try_again(now()))] * 2 + [_sweep_and_deliver] * DELIVERERS)
    _sweep_and_deliver()
    mails = Counter(address for address, _ in sink.taken)
    return {
        "after": after,
        "while paused": while_paused,
        "before the pause": until_then - after,
        "failed": failed,
        "tried again": sum(tried),
        "twice": [address for address, count in mails.items() if count > 1],
        "without": [one.email for one in crowd if one.email not in mails],
        "states": sorted(set(Delivery.objects.filter(subscriber__in=crowd).values_list("status", flat=True))),
    }


def _in_two_batches(crowd: list[Subscriber]) -> None:
    """So that each deliverer has one."""
    rows = Delivery.objects.filter(subscriber__in=crowd[::2])
    rows.update(batch=Batch.objects.create(size=rows.count()))


def _sweep_and_deliver() -> None:
    reap(now() + timedelta(seconds=1))
    deliver()


def main(rounds: int) -> None:
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=settings.EMAIL_PORT)
    server.start()
    try:
        print(json.dumps([one_round(number, sink) for number in range(rounds)]))
    finally:
        server.stop()
