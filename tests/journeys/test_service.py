"""The service by itself: started as an operator starts it, then left alone until the mail is there, on each back end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path

import psycopg
import pytest

from digest.management.process_tree import MOST_SHORT_LIVES
from tests.support.paths import ROOT
from tests.support.running_service import Served, children_of, served, session_of, wait_for
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database, free_port, redis_server

STATE = """
import django; django.setup()
from digest.models import Delivery, Lease
print(*(row.status for row in Delivery.objects.all()))
print(*sorted(lease.name for lease in Lease.objects.exclude(last_ok_at=None)))
"""


@pytest.fixture(scope="module")
def sample_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that has the sample day already: to be copied from, as to rank and send it takes seconds."""
    installation = Installation.at(tmp_path_factory.mktemp("sample"), BROADSHEET_MODE="sample")
    installation.prepare()
    installation.run("manage.py", "digest")
    return installation.var


def on_sample_day(var: Path, sample_day: Path) -> Installation:
    shutil.copytree(sample_day, var, dirs_exist_ok=True)
    return Installation.at(var, BROADSHEET_MODE="sample")


def test_a_reader_whose_hour_is_now_gets_the_mail_without_a_hand(installation: Installation) -> None:
    installation.prepare()
    installation.run("-c", AN_EDITION + A_READER)
    with served(installation) as service:
        wait_for(installation.mails, service)
        (mail,) = installation.mails()
        message = message_from_bytes(mail.read_bytes(), policy=policy.default)
        assert message["To"] == "ada@example.org"
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/", timeout=10) as page:
            assert page.status == 200
        wait_for(lambda: "accepted" in installation.run("-c", STATE), service)
        before = service.tree()
        assert len(before) >= 4  # this process, the web server, Celery and beat

        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0, service.log.read_text()
        assert [pid for pid in before if session_of(pid)] == []

    said = service.log.read_text()
    assert "web    ready" in said
    assert "worker ready" in said
    assert said.endswith("Stopped: all processes have ended.\n")
    assert "example.org" not in said  # no address of a reader, no link of hers
    states, leases = installation.run("-c", STATE).splitlines()
    assert states == "accepted"
    assert "tick" in leases.split()
    assert len(installation.mails()) == 1


def test_a_process_that_dies_is_started_again(installation: Installation) -> None:
    with served(installation) as service:
        wait_for(lambda: "worker ready" in service.log.read_text(), service)
        worker = next(pid for pid in children_of(service.process.pid) if "celery" in _words(pid))
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: "ended unexpectedly (exit code -9) and is started again" in service.log.read_text(), service)
        wait_for(lambda: service.log.read_text().rstrip().rpartition("again.")[2].count("worker ready"), service)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) == 0


def test_a_process_that_does_not_stay_up_ends_all_with_its_exit_code(tmp_path: Path, sample_day: Path) -> None:
    with served(on_sample_day(tmp_path, sample_day)) as service:
        for life in range(MOST_SHORT_LIVES):
            wait_for(partial(_has_started, service, life + 1), service)
            worker = next(pid for pid in children_of(service.process.pid) if "celery" in _words(pid))
            os.kill(worker, signal.SIGKILL)
        before = service.tree()
        assert service.process.wait(30) == 1
        assert [pid for pid in before if session_of(pid)] == []
    assert "worker does not stay up (exit code -9)" in service.log.read_text()


def test_a_killed_service_leaves_no_process_behind(installation: Installation) -> None:
    with served(installation) as service:
        wait_for(lambda: "worker ready" in service.log.read_text(), service)
        wait_for(lambda: "web    ready" in service.log.read_text(), service)
        before = service.tree()
        service.process.kill()
        deadline = time.monotonic() + 30
        while [pid for pid in before if session_of(pid)]:
            assert time.monotonic() < deadline, [_words(pid) for pid in before if session_of(pid)]
            time.sleep(0.1)


def test_a_second_service_and_a_taken_port_are_refused_in_one_sentence(tmp_path: Path, sample_day: Path) -> None:
    installation = on_sample_day(tmp_path / "one", sample_day)
    with served(installation) as service:
        wait_for(lambda: "web    ready" in service.log.read_text(), service)
        other = Installation.at(tmp_path / "other", BROADSHEET_MODE="sample")
        other.prepare()
        for where, port, said in (
            (installation, free_port(), f"runs on this database already (process {service.process.pid})"),
            (other, service.port, f"Port {service.port} is in use by another program. Choose another one: ./run serve"),
            (other, 0, "'0' is not a port: give a number from 1 to 65535"),
        ):
            code, lines = _serve(where, str(port))
            assert code == 2
            assert said in lines[-1]
            assert "Traceback" not in "".join(lines)


def test_links_lead_to_the_port_that_is_served(tmp_path: Path) -> None:
    with served(Installation.at(tmp_path, BROADSHEET_MODE="sample")) as service:
        wait_for(lambda: "web    ready" in service.log.read_text(), service)
        mails = [path.read_text() for path in (tmp_path / "outbox").glob("*.eml")]
        assert len(mails) == 3  # a first start loads the sample day
        assert all(f"http://localhost:{service.port}/" in mail for mail in mails)
        said = service.log.read_text()
    assert f"http://localhost:{service.port}/dashboard/" in said
    assert "Sign in as curator@broadsheet.invalid with the password" in said
    assert "Not real: the papers are invented" in said


def _has_started(service: Served, times: int) -> bool:
    return service.log.read_text().count("worker ready: the timetable") == times


def _serve(installation: Installation, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines of a service that ends by itself."""
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", *arguments],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def _words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def test_it_outlives_a_broker_and_a_database_that_go_and_come_back(tmp_path: Path, postgres_url: str) -> None:
    port = free_port()
    with ExitStack() as redis, empty_database(postgres_url) as database_url:
        installation = Installation.at(
            tmp_path, DATABASE_URL=database_url, REDIS_URL=redis.enter_context(redis_server(port))
        )
        installation.prepare()
        installation.run("-c", AN_EDITION)
        with served(installation) as service, psycopg.connect(postgres_url, autocommit=True) as connection:
            name = database_url.rpartition("/")[2]
            wait_for(lambda: "tick" in installation.run("-c", STATE), service)

            redis.close()
            wait_for(lambda: "tick" in told(service, "Is Redis running?"), service)
            redis.enter_context(redis_server(port))

            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            wait_for(lambda: "digest.tasks.tick" in told(service, "Nothing is lost; it runs again"), service)
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

            installation.run("-c", A_READER)
            wait_for(lambda: "accepted" in installation.run("-c", STATE), service)
            assert "Traceback" not in service.log.read_text()
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(30) == 0
    assert len(installation.mails()) == 1


def told(service: Served, words: str) -> str:
    return "".join(line for line in service.log.read_text().splitlines(True) if words in line)


def test_a_given_day_is_shown_and_does_not_move(tmp_path: Path, sample_day: Path) -> None:
    with served(on_sample_day(tmp_path, sample_day)) as service:
        wait_for(lambda: "web    ready" in service.log.read_text(), service)
        wait_for(lambda: "worker ready" in service.log.read_text(), service)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0
    assert "the day stands still" in service.log.read_text()
