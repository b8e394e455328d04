"""Readers leave while their digests are being handed over: ``main`` prints what was seen, as JSON.

Two deliverers and four leavers begin each round at one barrier; an SMTP server in a thread takes the mails. A reader's
T is the commit of their leaving, and the state of their digest is read inside that transaction.
"""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiosmtpd.controller import Controller
from django.conf import settings
from django.db import transaction

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.models import Delivery
from subscriptions import consent
from subscriptions.models import Subscriber
from tests.support.factories import reader
from tests.support.threads import at_once

READERS, DELIVERERS, LEAVERS = 60, 2, 4


class Sink:
    """Takes every mail and notes when: address -> seconds of time.monotonic."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken |= dict.fromkeys(envelope.rcpt_tos, time.monotonic())
        return "250 taken"


def one_round(number: int, sink: Sink) -> dict[str, Any]:
    """What became of one crowd: how many left in which state, who was written to all the same, and how late."""
    now = datetime.now(UTC)
    crowd = [reader(f"r{number}-{one}", wants={"category": ["cs.LG"]}, next_send_at=now) for one in range(READERS)]
    planned = plan(now, [one.pk for one in crowd], issue_date=now.date())
    assert planned.ready == READERS
    leaving = crowd[::3] + crowd[1::3]
    left: dict[str, tuple[str, float]] = {}  # address -> state of the digest at T, T

    def deliver() -> None:
        deliver_all(clock=lambda: datetime.now(UTC))

    def leave(some: list[Subscriber]) -> None:
        for one in some:
            time.sleep(secrets.randbelow(20) / 1000)  # spread over the hand-over
            with transaction.atomic():
                consent.unsubscribe(one.public_id, now=datetime.now(UTC))
                state = Delivery.objects.values_list("status", flat=True).get(subscriber=one)
            left[one.email] = state, time.monotonic()

    at_once([deliver] * DELIVERERS + [partial(leave, leaving[start::LEAVERS]) for start in range(LEAVERS)])
    deliver_all(clock=lambda: datetime.now(UTC))  # what a busy moment left behind

    after = {address: sink.taken[address] - at for address, (_, at) in left.items() if sink.taken.get(address, 0) > at}
    return {
        "left": {state: sum(seen == state for seen, _ in left.values()) for state in Delivery.Status.values},
        "wrongly": [address for address, (state, _) in left.items() if state == "ready" and address in sink.taken],
        "stayed without": [one.email for one in crowd if one.email not in left and one.email not in sink.taken],
        "after T": len(after),
        "longest": max(after.values(), default=0.0),
        "states": sorted(set(Delivery.objects.filter(subscriber__in=crowd).values_list("status", flat=True))),
    }


def main(rounds: int) -> None:
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=settings.EMAIL_PORT)
    server.start()
    try:
        print(json.dumps([one_round(number, sink) for number in range(rounds)]))
    finally:
        server.stop()
