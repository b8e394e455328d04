"""From a feed on the network to the mail in the outbox: by one command, and by the service left alone."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.support.http_server import Answer, serve
from tests.support.paths import ROOT
from tests.support.running_service import served, wait_for
from tests.support.services import Installation

ITEM = "<item><title>Robot number {0}</title><link>https://journal.example/{0}</link><description>It is a robot.</description></item>"
BODY = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title>{ITEM.format(1)}{ITEM.format(2)}</channel></rss>'

# A source on this machine, and a reader whose hour is now; it is about noon where he lives, so midnight is far.
LAY_DOWN = """
import sys, django; django.setup()
from datetime import UTC, datetime
from digest.models import Source
from tests.support.factories import reader
Source.objects.create(name="Journal", kind="journal", url=sys.argv[1])
now = datetime.now(UTC)
ahead = 12 - now.hour
reader("ada", wants={"keyword": ["robot"]}, zone=f"Etc/GMT{-ahead:+}" if ahead else "UTC", next_send_at=now)
"""
SECOND = """
import sys, django; django.setup()
from digest.models import Source
Source.objects.create(name="Other journal", kind="journal", url=sys.argv[1])
"""


def test_the_service_left_alone_fetches_opens_ranks_and_sends(installation: Installation) -> None:
    installation.environment["FETCH_LOOPBACK"] = "true"
    installation.prepare()
    with serve({"/feed": Answer(BODY.encode())}) as web:
        installation.run("-c", LAY_DOWN, web.url("/feed"))
        with served(installation) as service:
            wait_for(installation.mails, service)
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(30) == 0, service.log.read_text()
        assert [request.path for request in web.log] == ["/feed"]
    (mail,) = installation.mails()
    assert "Robot number 2" in mail.read_text()


def test_one_command_does_the_same_and_a_second_one_nothing(installation: Installation) -> None:
    installation.environment["FETCH_LOOPBACK"] = "true"
    installation.prepare()
    with serve({"/feed": Answer(BODY.encode())}) as web:
        installation.run("-c", LAY_DOWN, web.url("/feed"))
        said = installation.run("manage.py", "digest")
        assert "2 candidates" in said
        assert "1 Accepted" in said
        again = installation.run("manage.py", "digest")
    assert "Nothing was sent by this run: each reader already has a digest of this date" in again
    assert len(installation.mails()) == 1


def test_when_no_source_can_be_read_no_edition_opens_and_nobody_is_written_to(installation: Installation) -> None:
    installation.environment["FETCH_LOOPBACK"] = "true"
    installation.prepare()
    with serve({"/one": Answer(status=503), "/two": Answer(status=503)}) as web:
        installation.run("-c", LAY_DOWN, web.url("/one"))
        installation.run("-c", SECOND, web.url("/two"))
        done = subprocess.run(
            [sys.executable, "manage.py", "digest"],
            cwd=ROOT,
            env=installation.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "127.0.0.1 (2 sources): refused." in done.stdout
    assert "No source could be read, so no edition was opened and nobody was written to." in done.stdout
    assert installation.mails() == []
    assert (
        installation.run(
            "-c", "import django; django.setup()\nfrom digest.models import *\nprint(Edition.objects.count())"
        )
        == "0\n"
    )
