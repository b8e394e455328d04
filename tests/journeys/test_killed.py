"""A worker that is killed with a mail on the wire leaves that one unknown, and the others leave with the next worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.processes import SET_UP
from tests.support.services import AN_EDITION, Installation
from tests.support.smtp_sink import Sink, read_log, sink, stall

READERS = 50  # more than two chunks
SOME_READERS = f"""{SET_UP}
from datetime import UTC, datetime
from tests.support.factories import reader
now = datetime.now(UTC)
ahead = 12 - now.hour
for number in range({READERS}):
    reader(f"reader{{number}}", zone=f"Etc/GMT{{-ahead:+}}" if ahead else "UTC", next_send_at=now)
"""
STATUSES = f"""{SET_UP}
import json
from digest.models import Delivery
print(json.dumps(list(Delivery.objects.values_list("subscriber__email", "status"))))
"""


@pytest.mark.parametrize("freezes", [False, True], ids=["killed", "frozen, then killed"])
def test_after_kill_9_one_digest_is_unknown_and_all_others_arrive_once(
    installation: Installation, tmp_path: Path, freezes: bool
) -> None:
    log = tmp_path / "mails.log"
    with sink(log=log) as server:
        installation.environment.update(
            MAIL_PROVIDER="smtp",
            SMTP_URL=f"smtp://127.0.0.1:{server.port}",
            SITE_URL="https://papers.example.org",
            DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
            POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
        )
        installation.prepare()
        installation.run("-c", AN_EDITION)
        installation.run("-c", SOME_READERS)
        server.tell(stall("end", next=1, to="reader25"))

        worker = _worker(installation)
        _wait_for_a_mail_without_its_answer(server)
        if freezes:
            os.kill(worker.pid, signal.SIGSTOP)
            _worker(installation).wait(60)
            assert Counter(_statuses(installation).values())["unknown"] == 0  # it may go on at any moment
        worker.kill()
        worker.wait()
        server.tell(clear=True, release=True)
        assert _worker(installation).wait(60) == 0

    became = _statuses(installation)
    assert [address for address, status in became.items() if status != "accepted"] == ["reader25@example.org"]
    assert became["reader25@example.org"] == "unknown"
    arrived = Counter(address for mail in read_log(log) for address in mail.recipients)
    assert set(arrived.values()) == {1}
    assert len(arrived) == READERS
    assert list((installation.var / "journals").iterdir()) == []


def _worker(installation: Installation) -> subprocess.Popen[bytes]:
    """One that does what is due, once."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "send_due"],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def _wait_for_a_mail_without_its_answer(server: Sink) -> None:
    deadline = time.monotonic() + 60
    while not any(one["at"] == "end" for one in server.counts()["waiting"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _statuses(installation: Installation) -> dict[str, str]:
    return dict(json.loads(installation.run("-c", STATUSES)))
