"""An announcement whose worker is killed with SIGKILL in the middle: nobody gets it twice, and nobody is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.services import ROOT, Installation
from tests.support.smtp_sink import read_log, sink, stall

READERS = 60
AT_ONCE = 4  # mails that a worker hands over together, and may leave unknown
SENT_BEFORE = 20  # mails that are answered before the server falls silent

# Readers who agreed to announcements, and one that two members have approved.
APPROVED = f"""
import django; django.setup()
from datetime import UTC, datetime, timedelta
from digest.delivery.announce import HOLD, approve, save_draft
from subscriptions import consent
from subscriptions.consent_text import VERSION
from subscriptions.models import ConsentEvent
from tests.support.factories import reader
from tests.support.staff import one_of_the_staff
now = datetime.now(UTC)
before = now - HOLD
for number in range({READERS}):
    row = reader(f"r{{number}}", next_send_at=now + timedelta(days=1), confirmed_at=before, signed_up_at=before)
    consent.record(row.public_id, ConsentEvent.Kind.SIGNED_UP, now=before, wording=VERSION)
draft = save_draft(0, subject="A workshop", text="Come on Friday.", topic=None, by=one_of_the_staff(name="cleo"), seen="")
approve(draft.pk, by=one_of_the_staff(name="dan"), seen=draft.version, now=before)
"""
# One run of the timetable and of a worker, so many seconds from now.
WORK = """
import django; django.setup()
import json, sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from digest.delivery.announce import plan_announcements
from digest.delivery.results import LEASE
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.models import Delivery
ahead = (LEASE + timedelta(seconds=1)) * (sys.argv[1] == "later")
clock = lambda: datetime.now(UTC) + ahead
reap(clock())
plan_announcements(clock())
deliver_all(clock=clock)
print(json.dumps([[row.message_id, row.subscriber.email, row.status] for row in Delivery.objects.select_related("subscriber")]))
"""


def kill_in_the_middle(installation: Installation, mailbox: Any) -> None:
    """Start a worker, and kill it once the server has taken some mails and answers no more."""
    command = [sys.executable, "-c", WORK, "now"]
    worker = subprocess.Popen(command, cwd=ROOT, env=installation.environment, stdout=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 60
        while mailbox.counts()["mails"] < SENT_BEFORE:
            assert worker.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        mailbox.tell(stall("end"))
        time.sleep(0.5)
        assert worker.poll() is None, "the worker has to be in the middle"
    finally:
        worker.kill()
        worker.wait()
    mailbox.tell(clear=True, release=True)


def test_a_worker_killed_in_the_middle_sends_nobody_a_second_one_and_loses_nobody(
    installation: Installation, tmp_path: Path
) -> None:
    log = tmp_path / "mails.log"
    # slow enough that the worker is met at its work
    with sink(log=log) as mailbox:
        installation.environment.update(
            MAIL_PROVIDER="smtp",
            SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}",
            MAILS_AT_ONCE=str(AT_ONCE),
            SITE_URL="https://papers.example.org",
            DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
            POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
        )
        installation.prepare()
        installation.run("-c", APPROVED)
        mailbox.tell(stall("data", 0.05))
        kill_in_the_middle(installation, mailbox)
        rows = json.loads(installation.run("-c", WORK, "later"))

    got = Counter(address for mail in read_log(log) for address in mail.recipients)
    by_status = {status: {address for _, address, its in rows if its == status} for status in ("accepted", "unknown")}
    assert len(rows) == READERS
    assert len({name for name, _, _ in rows}) == READERS
    assert max(got.values()) == 1, "nobody twice"
    assert by_status["accepted"] | by_status["unknown"] == {address for _, address, _ in rows}
    assert by_status["accepted"] <= got.keys(), "nothing lost"
    assert 0 < len(by_status["unknown"]) <= AT_ONCE
