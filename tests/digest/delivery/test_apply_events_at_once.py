"""Events that several processes settle or deliver at one moment count once, on each database."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from tests.support.processes import go, start
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database

pytestmark = pytest.mark.django_db


SEVERAL = """
import random
from tests.support.factories import NOON, delivery, reader
from tests.support.webhook_payloads import told
rows = [delivery(reader(f"ada{number}"), status="unknown", accepted_at=None) for number in range(60)]
events = [(kind, row) for row in rows for kind in ("sent", "delivered", "soft_bounced", "complained")]
random.Random(7).shuffle(events)
for kind, row in events:
    told(kind, row)
"""
SETTLE = """
import sys
from digest.delivery import apply_events
from tests.support.factories import NOON
apply_events.SLICE = 7
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    apply_events.apply_events(NOON)
"""
ENDS = """
from collections import Counter
from digest.delivery import apply_events
from digest.models import Delivery, DeliveryEvent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.support.factories import NOON
apply_events.apply_events(NOON)
print(dict(Counter(Delivery.objects.values_list("status", flat=True))), dict(Counter(Subscriber.objects.values_list("status", flat=True))),
      Suppression.objects.count(), ConsentEvent.objects.filter(kind="unsubscribed").count(), DeliveryEvent.objects.filter(processed_at=None).count())
"""
SET_UP = "import django; django.setup()\n"


def test_workers_that_settle_in_one_moment_do_it_once(installation: Installation) -> None:
    installation.prepare()
    installation.run("-c", SET_UP + SEVERAL)
    go([start(SETTLE, environment=installation.environment) for _ in range(3)])
    assert installation.run("-c", SET_UP + ENDS).strip() == "{'complained': 60} {'unsubscribed': 60} 60 60 0"


ONE = """
from tests.support.factories import delivery, reader
from tests.support.webhook_payloads import told
told("delivered", delivery(reader("ada")))
"""
COUNTED = """
from digest.delivery import apply_events
from tests.support.factories import NOON
print(dict(apply_events.apply_events(NOON)))
"""


def test_a_row_that_a_deliverer_holds_is_not_waited_for(tmp_path: Path, postgres_url: str) -> None:
    with empty_database(postgres_url) as database_url:
        installation = Installation.at(tmp_path, DATABASE_URL=database_url)
        installation.prepare()
        installation.run("-c", SET_UP + ONE)
        with psycopg.connect(database_url) as deliverer:
            deliverer.execute("SELECT 1 FROM digest_delivery FOR NO KEY UPDATE")
            assert installation.run("-c", SET_UP + COUNTED).strip() == "{}"
        assert installation.run("-c", SET_UP + COUNTED).strip() == "{'delivered': 1}"


PLAN = """
from digest.delivery import plan
plan.plan(now, [1])
"""
DELIVER = """
import sys
from datetime import UTC, datetime
from digest.delivery import send
print("ready", flush=True)
sys.stdin.readline()
send.deliver_all(clock=lambda: datetime.now(UTC))
"""
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_a_digest_that_proves_to_have_left_while_it_is_taken_is_not_sent_again(
    tmp_path: Path, postgres_url: str
) -> None:
    with empty_database(postgres_url) as database_url:
        installation = Installation.at(tmp_path, DATABASE_URL=database_url)
        installation.prepare()
        installation.run("-c", AN_EDITION + A_READER + PLAN)
        deliverer = start(DELIVER, environment=installation.environment)
        with psycopg.connect(database_url) as settler, psycopg.connect(database_url, autocommit=True) as watcher:
            taken = settler.execute("UPDATE digest_delivery SET status = 'accepted' WHERE status = 'ready'")
            assert taken.rowcount == 1
            done = Thread(target=go, args=[[deliverer]])
            done.start()
            while watcher.execute(WAITS).fetchone() == (0,):
                assert done.is_alive()
                time.sleep(0.05)
        done.join()
        assert deliverer.returncode == 0
        assert installation.mails() == []
