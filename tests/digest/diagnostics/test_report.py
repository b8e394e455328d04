"""The doctor says what is missing and what to do; the health page knows the last good tick."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now as clock

from digest.diagnostics.check_result import Severity
from digest.diagnostics.report import Environment, examine
from digest.models import Lease, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, reader
from tests.support.name_server import name_server
from tests.support.services import free_port, redis_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.REDIS_URL = ""


def found(what: str) -> list[tuple[Severity, str]]:
    return [(one.severity, one.seen) for one in examine(NOON) if one.what.startswith(what)]


def test_a_bare_installation_is_told_what_is_missing_and_each_time_what_to_do() -> None:
    findings = examine(NOON)
    assert {one.what: one.severity for one in findings} == {
        "database": Severity.WELL,
        "databases": Severity.WELL,
        "suppression key": Severity.WELL,
        "broker": Severity.WELL,
        "timetable": Severity.ATTENTION,
        "sources": Severity.ATTENTION,
        "mail": Severity.ATTENTION,
        "sending": Severity.WELL,
        "queue": Severity.WELL,
        "summaries": Severity.WELL,
        "vectors": Severity.WELL,
        "readers": Severity.WELL,
    }
    assert all(one.do for one in findings if one.severity != Severity.WELL)


def test_a_full_installation_is_well(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.DEFAULT_FROM_EMAIL = "postmark", "Digest <digest@mail.example.org>"
    settings.SITE_URL = "https://digest.example.org"
    Lease.objects.create(name="tick", until=NOON, last_ok_at=NOON - timedelta(minutes=1))
    Source.objects.create(name="Journal", url="https://journal.example", last_success_at=NOON)
    reader("ada")
    assert {one.severity for one in examine(NOON)} == {Severity.WELL}
    assert found("readers") == [(Severity.WELL, "1 active, 0 paused, 0 pending")]


def test_an_ill_source_is_named_with_its_reason() -> None:
    Source.objects.create(name="Journal", url="https://journal.example", failures=3, last_error_kind=ErrorKind.WEB_PAGE)
    Source.objects.create(name="Quiet", url="https://quiet.example", last_success_at=NOON - timedelta(days=3))
    said = {one.what: one.seen for one in examine(NOON)}
    assert "It is a web page, not a feed." in said["source Journal"]
    assert "failures in a row: 3" in said["source Journal"]
    assert "no answer for two days" in said["source Quiet"]


def test_sources_with_one_kind_of_error_share_a_result() -> None:
    for number in range(26):
        host = ("rss.arxiv.org", "api.biorxiv.org")[number == 25]
        url, kind = f"https://{host}/{number}", ErrorKind.HOST_NOT_FOUND
        Source.objects.create(
            name=f"Journal {number:02}", url=url, failures=number + 1, last_error_kind=kind, last_error=host
        )
    Source.objects.create(name="Page", url="https://page.example", failures=1, last_error_kind=ErrorKind.WEB_PAGE)
    results = [one for one in examine(NOON) if "source" in one.what]
    assert [one.what for one in results] == [
        "26 sources (Journal 00, Journal 01, Journal 02 and 23 more)",
        "source Page",
    ]
    assert results[0].seen == (
        "No IP address is known for the host: rss.arxiv.org and api.biorxiv.org. "
        "(last good reading: never; failures in a row: 26)"
    )
    assert "network and DNS" in results[0].do


def test_a_broker_or_mail_server_that_is_gone_is_broken(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.MAIL_PROVIDER, settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp", "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert found("broker")[0][0] == Severity.BROKEN
    assert found("mail")[0][0] == Severity.BROKEN


@pytest.mark.service
def test_a_broker_that_may_delete_messages_needs_attention(settings: Any) -> None:
    with redis_server(free_port()) as url, redis.Redis.from_url(url) as broker:
        settings.REDIS_URL = url
        assert found("broker") == [(Severity.WELL, "Redis answers")]
        broker.config_set("maxmemory-policy", "allkeys-lru")
        ((severity, seen),) = found("broker")
    assert severity == Severity.ATTENTION
    assert "allkeys-lru" in seen


def test_a_misspelt_name_in_the_file_of_settings_is_said_with_the_one_that_is_near(settings: Any) -> None:
    settings.MISSPELT_SETTINGS = [("MAIL_RAT", "MAIL_RATE")]
    said = next(result for result in examine(NOON) if result.what == "settings")
    assert (said.severity, said.seen) == (
        Severity.ATTENTION,
        "the file .env sets MAIL_RAT, which is no setting, so it does nothing",
    )
    assert said.do == "If MAIL_RATE is meant, correct the name."


def test_both_sending_domains_are_looked_up_and_for_smtp_the_servers_name(settings: Any) -> None:
    settings.MAIL_PROVIDER, settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp", "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "Digest <digest@mail.example.org>"
    settings.TRANSACTIONAL_FROM_EMAIL = "account@notice.example.org"
    settings.DKIM_SELECTORS = ["s1"]
    with name_server("mail.example.org. A 5.6.7.8\nnotice.example.org. A 5.6.7.8") as names:
        said = {one.what: one.seen for one in examine(NOON, environment=Environment(clock=lambda: NOON, names=names))}
    for domain in ("mail.example.org", "notice.example.org"):
        assert {f"{record} of {domain}" for record in ("SPF", "DKIM", "DMARC", "MX")} < set(said)
        assert f"s1._domainkey.{domain}" in said[f"DKIM of {domain}"]
    assert "name of 127.0.0.1" in said


def test_no_domain_is_looked_up_while_mail_is_laid_down_in_files() -> None:
    with name_server("") as names:
        said = {one.what for one in examine(NOON, environment=Environment(clock=lambda: NOON, names=names))}
    assert said - {one.what for one in examine(NOON)} <= {"clock", "time zones"}


def test_the_exit_code_is_the_worst_that_was_found(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert "Set MAIL_PROVIDER to send mail" in capsys.readouterr().out
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 3


def test_the_health_page_tells_a_watchdog_when_ticks_stay_away(client: Client) -> None:
    assert client.get("/health").status_code == 503
    lease = Lease.objects.create(name="tick", until=clock(), last_ok_at=clock() - timedelta(minutes=1))
    answer = client.get("/health")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert lease.last_ok_at.isoformat().encode() in answer.content
    Lease.objects.update(last_ok_at=clock() - timedelta(minutes=4))
    assert client.get("/health").status_code == 503


def test_the_health_page_tells_of_a_full_disk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    Lease.objects.create(name="tick", until=clock(), last_ok_at=clock())
    assert client.get("/health").status_code == 200
    monkeypatch.setattr("digest.web.health.LEAST_FREE", 1 << 60)
    answer = client.get("/health")
    assert (answer.status_code, answer.content.splitlines()[0]) == (503, b"late")
    assert b"the disk is full" in answer.content
