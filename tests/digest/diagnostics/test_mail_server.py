"""The mail server and the one-click address, as others meet them, both on this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from digest.diagnostics import mail_server
from digest.diagnostics.check_result import CheckResult, Severity
from digest.diagnostics.report import Environment, examine
from subscriptions.models import ConsentEvent, Subscriber
from tests.support.factories import NOON, reader
from tests.support.name_server import name_server
from tests.support.services import free_port
from tests.support.smtp_sink import Sink as SmtpSink
from tests.support.smtp_sink import cut, refuse, sink

pytestmark = pytest.mark.service
SENDER = "digest@mail.example.org"
ANYWHERE = "0.0.0.0"  # noqa: S104 (dialled, it is this machine, but not by its name for itself)


@pytest.fixture
def smtp_server(settings: Any) -> Iterator[Callable[..., None]]:
    """Starts a server, with TLS for whom a context is given, and sets it as ours."""
    started = []

    def start(context: ssl.SSLContext | None = None, *, host: str = ANYWHERE) -> None:
        port = free_port()
        started.append(Controller(Sink(), hostname="127.0.0.1", port=port, tls_context=context))
        started[-1].start()
        settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = host, port

    yield start
    for one in started:
        one.stop()


def context_of(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def said() -> list[tuple[str, Severity, str]]:
    return [(one.what, one.severity, one.do) for one in examined() if not one.what.startswith("mail, ")]


def examined() -> list[CheckResult]:
    return list(mail_server.examine_mail_server([SENDER]))


def test_a_server_elsewhere_without_starttls_wants_a_look(smtp_server: Callable[..., None]) -> None:
    smtp_server()
    *_, well, tls = examined()
    assert (well.severity, tls.severity) == (Severity.WELL, Severity.ATTENTION)
    assert "offers no STARTTLS" in tls.seen


def test_starttls_that_is_offered_and_not_used_wants_a_look(
    smtp_server: Callable[..., None], certificate: tuple[Path, Path]
) -> None:
    smtp_server(context_of(certificate))
    assert said()[1] == ("TLS", Severity.ATTENTION, "Write smtp+tls:// in SMTP_URL.")


def test_a_server_on_this_machine_needs_no_tls(smtp_server: Callable[..., None]) -> None:
    smtp_server(host="127.0.0.1")
    assert [(what, severity) for what, severity, _ in said()] == [("mail", Severity.WELL)]


def test_a_certificate_is_trusted_or_the_server_is_not(
    smtp_server: Callable[..., None],
    certificate: tuple[Path, Path],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smtp_server(context_of(certificate), host="127.0.0.1")
    settings.EMAIL_USE_TLS = True
    assert said()[0][1] == Severity.BROKEN
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    *steps, well = examined()
    assert (well.severity, well.seen) == (Severity.WELL, "the server 127.0.0.1 lets us send, over TLS")
    assert [step.what.split()[1] for step in steps] == ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "RSET"]


# --- each answer -----------------------------------------------------------------------------------------------------


@pytest.fixture
def server(settings: Any) -> Iterator[SmtpSink]:
    with sink("--offer", "AUTH PLAIN") as running:
        settings.MAIL_PROVIDER, settings.EMAIL_BACKEND = "smtp", "subscriptions.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "digest", "secret"
        settings.EHLO_NAME = "box.example.org"
        yield running


def test_every_answer_is_reported_and_no_mail_is_sent(server: SmtpSink) -> None:
    assert [(one.severity, one.what, one.seen) for one in examined()] == [
        (Severity.WELL, "mail, EHLO box.example.org", "250 sink.example"),
        (Severity.WELL, "mail, AUTH", "235 2.7.0 Ok"),
        (Severity.WELL, f"mail, MAIL FROM <{SENDER}>", "250 2.1.0 Ok"),
        (Severity.WELL, f"mail, RCPT TO <{SENDER}>", "250 2.1.5 Ok"),
        (Severity.WELL, "mail, RSET", "250 2.0.0 Ok"),
        (Severity.WELL, "mail", "the server 127.0.0.1 lets us send"),
    ]
    assert server.counts()["mails"] == 0


@pytest.mark.parametrize(
    ("rule", "severity", "do"),
    [
        (refuse("ehlo", 504, "5.5.2 need fully-qualified hostname"), Severity.BROKEN, "Set EHLO_NAME"),
        (refuse("auth", 535, "5.7.8 authentication failed"), Severity.BROKEN, "Fix the user and password"),
        (refuse("mail", 530, "5.7.0 Must issue a STARTTLS command first"), Severity.BROKEN, "smtps://"),
        (refuse("mail", 530, "5.7.0 Authentication required"), Severity.BROKEN, "Write the user and password"),
        (refuse("mail", 553, "5.7.1 Sender address rejected: not owned"), Severity.BROKEN, "DEFAULT_FROM_EMAIL"),
        (refuse("rcpt", 504, "5.5.2 <box>: Helo command rejected"), Severity.BROKEN, "Set EHLO_NAME"),
        (refuse("rcpt", 554, f"5.7.1 <{'auth@tls.example'}>: Relay access denied"), Severity.BROKEN, "mynetworks"),
        (refuse("rcpt", 550, "Invalid recipient: <x@example.org>"), Severity.BROKEN, "mynetworks"),
        (refuse("rcpt", 454, "4.7.1 Relay access denied"), Severity.BROKEN, "mynetworks"),
        (refuse("rcpt", 550, "5.1.1 unknown user"), Severity.ATTENTION, "Give the sender’s address a mailbox"),
        (refuse("rcpt", 550, "5.7.1 blocked using bl.example"), Severity.ATTENTION, "Read the server’s log"),
        (refuse("rcpt", 450, "4.2.0 Greylisted"), Severity.ATTENTION, "Run this again later"),
        (refuse("greeting", 554, "5.7.1 not you"), Severity.BROKEN, "Fix SMTP_URL, or the server"),
        (cut("mail"), Severity.BROKEN, "Fix SMTP_URL, or the server"),
    ],
)
def test_a_refusal_says_what_to_do(server: SmtpSink, rule: dict[str, Any], severity: Severity, do: str) -> None:
    server.tell(rule)
    found = max(examined(), key=lambda one: (one.severity, one.what != "mail"))
    assert (found.severity, do in found.do) == (severity, True)
    if "text" in rule and rule["at"] != "greeting":
        assert found.seen == f"{rule['code']} {rule['text']}"


def test_starttls_that_is_not_offered_is_told(server: SmtpSink, settings: Any) -> None:
    settings.EMAIL_USE_TLS = True
    (*_, starttls, last) = examined()
    assert (starttls.seen, last.seen) == ("not offered by the server", "the server 127.0.0.1 would refuse every mail")


# --- one click -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_click_for_nobody_is_taken_and_changes_nothing(live_server: Any, settings: Any) -> None:
    settings.SITE_URL = live_server.url
    ada = reader("ada")
    found = mail_server.examine_one_click()
    assert (found.severity, found.seen) == (Severity.WELL, f"a POST to {live_server.url}/u/ is accepted")
    assert Subscriber.objects.get() == ada
    assert Subscriber.objects.get().status == Subscriber.Status.ACTIVE
    assert not ConsentEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_service_with_another_key_is_told(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SITE_URL = live_server.url
    monkeypatch.setattr(mail_server, "unsubscribe_url", lambda _: f"{live_server.url}/u/{'A' * 38}")
    found = mail_server.examine_one_click()
    assert (found.severity, found.seen) == (Severity.ATTENTION, f"{live_server.url}/u/ answers 400 instead of 200")
    assert "SECRET_KEY" in found.do


@pytest.mark.parametrize(
    ("code", "severity", "do"),
    [
        (200, Severity.WELL, ""),
        (302, Severity.ATTENTION, "to pass POST /u/"),
        (308, Severity.ATTENTION, "Set SITE_URL to the target"),
        (403, Severity.ATTENTION, "to pass POST /u/"),
        (502, Severity.ATTENTION, "does not reach the web process"),
        (500, Severity.ATTENTION, "Read the logs of the web process"),
    ],
)
def test_what_stands_in_front_is_told_by_its_answer(settings: Any, code: int, severity: Severity, do: str) -> None:
    posted = []

    class Front(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Front) as server:
        settings.SITE_URL = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        found = mail_server.examine_one_click()
        thread.join()
    assert posted == [b"List-Unsubscribe=One-Click"]
    assert found.severity == severity
    assert do in found.do


def test_an_address_that_nobody_answers_is_told_without_the_token(settings: Any) -> None:
    settings.SITE_URL = f"http://127.0.0.1:{free_port()}"
    found: CheckResult = mail_server.examine_one_click()
    assert found.severity == Severity.ATTENTION
    assert "got no answer" in found.seen
    assert "/u/ " in found.seen  # and no token after it
    assert found.do


@pytest.mark.parametrize(
    ("mode", "site", "is_asked"),
    [
        ("live", f"http://{ANYWHERE}:1", True),
        ("live", "http://localhost:8000", False),
        ("live", "http://127.0.0.1:8000", False),
        ("live", "http://[::1]:8000", False),
        ("rehearsal", f"http://{ANYWHERE}:1", False),
        ("sample", f"http://{ANYWHERE}:1", False),
    ],
)
@pytest.mark.django_db
def test_one_click_is_tried_on_real_days_at_an_address_for_others(
    settings: Any, mode: str, site: str, is_asked: bool
) -> None:
    settings.MODE, settings.SITE_URL, settings.REDIS_URL = mode, site, ""
    with name_server("") as names:
        found = examine(NOON, environment=Environment(clock=lambda: NOON, names=names))
    assert ("one-click" in {one.what for one in found}) == is_asked
