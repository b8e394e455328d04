"""What an answer or an error says of a mail: the table of docs/sending.md, line by line."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPHeloError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from threading import Event, Thread
from typing import Any

import pytest
import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)

from subscriptions.mail.classification import classify_error, no_connection
from subscriptions.mail.outcomes import DataRefused, NothingSent, Scope, SendReason, SendStatus


def refused(code: int, text: str) -> SMTPRecipientsRefused:
    return SMTPRecipientsRefused({"ada@example.org": (code, text.encode())})


def http(status: int, **headers: str) -> AnymailRequestsAPIError:
    response = requests.Response()
    response.status_code, response.reason, response._content = status, "Because", b"{}"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return AnymailRequestsAPIError("It said", response=response)


def amazon(status: int, code: str) -> AnymailAPIError:
    return AnymailAPIError(
        "It said", response={"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}
    )


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(-2, "Name or service not known"),
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError("timed out"),
        ssl.SSLError("certificate verify failed"),
        SMTPConnectError(554, b"no"),
        SMTPHeloError(421, b"4.3.2 closing"),
        SMTPAuthenticationError(421, b"4.3.2 closing"),
    ],
)
def test_no_connection_means_another_try_and_that_nobody_is_there(error: Exception) -> None:
    found = no_connection(error)
    assert (found.status, found.scope) == (SendStatus.LATER, Scope.UNREACHABLE)
    assert found.reason == SendReason.NO_CONNECTION


@pytest.mark.parametrize(
    "error",
    [
        SMTPAuthenticationError(535, b"5.7.8 no"),
        SMTPAuthenticationError(454, b"4.7.0 not now"),
        SMTPHeloError(501, b"who"),
        SMTPResponseException(454, b"4.7.0 TLS not available"),  # smtplib's for STARTTLS
        SMTPNotSupportedError("SMTP AUTH extension not supported by server."),
        AnymailConfigurationError("no key"),
        http(401),
        http(403),
        http(420),  # of SparkPost: the day's quota is used up
        amazon(400, "AccountSuspendedException"),
        amazon(400, "SendingPausedException"),
        amazon(400, "MailFromDomainNotVerifiedException"),
    ],
)
def test_what_every_other_mail_would_meet_too_is_ours_to_mend(error: Exception) -> None:
    for found in (
        classify_error(error),
        no_connection(error) if not isinstance(error, AnymailAPIError) else classify_error(error),
    ):
        assert (found.status, found.scope) == (SendStatus.LATER, Scope.OURS)
        by_kind = {
            SMTPAuthenticationError: SendReason.LOGIN_REFUSED,
            SMTPHeloError: SendReason.SETUP_REFUSED,
            SMTPResponseException: SendReason.SETUP_REFUSED,
            SMTPNotSupportedError: SendReason.NOT_SET_UP,
            AnymailConfigurationError: SendReason.NOT_SET_UP,
        }
        assert found.reason == by_kind.get(type(error), SendReason.ACCOUNT_REFUSED)


@pytest.mark.parametrize(
    ("error", "status", "answer"),
    [
        # the server asks for patience
        (SMTPSenderRefused(451, b"4.7.1 wait", "x@y"), SendStatus.LATER, "4.7.1"),
        (SMTPSenderRefused(421, b"closing", "x@y"), SendStatus.LATER, "421"),
        (refused(450, "4.2.0 greylisted"), SendStatus.LATER, "4.2.0"),
        (refused(452, "4.5.3 too many"), SendStatus.LATER, "4.5.3"),
        (SMTPDataError(451, b"later"), SendStatus.LATER, "451"),
        (SMTPDataError(452, b"4.3.1 full"), SendStatus.LATER, "4.3.1"),
        # a full mailbox may be emptied by noon
        (refused(552, "5.2.2 full"), SendStatus.LATER, "5.2.2"),
        (SMTPDataError(452, b"4.2.2 full"), SendStatus.LATER, "4.2.2"),
        # smtplib raises for all but 250
        (SMTPDataError(252, b"as good as taken"), SendStatus.ACCEPTED, "252"),
        # smtplib's number for what is no answer at all, and one that answers something else
        (SMTPDataError(-1, b"\x16\x03\x01"), SendStatus.UNKNOWN, "no answer"),
        (SMTPDataError(354, b"go ahead"), SendStatus.UNKNOWN, "no answer"),
        # before the mail it is sure that nothing left
        (SMTPSenderRefused(-1, b"\x16\x03\x01", "x@y"), SendStatus.LATER, "-1"),
        (DataRefused(250, b"ok"), SendStatus.LATER, "250"),
        # words of pace; only a pattern slows all others (test_session_history)
        (SMTPDataError(454, b"4.7.0 slow down"), SendStatus.LATER, "4.7.0"),
        # of the address
        *(
            (refused(550, f"{status} gone"), SendStatus.NO_SUCH_ADDRESS, status)
            for status in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
        ),
        # of the mail, or of us
        (refused(550, "5.7.1 reputation"), SendStatus.FAILED, "5.7.1"),
        (refused(550, "5.7.515 no DMARC"), SendStatus.FAILED, "5.7.515"),
        (refused(550, "who?"), SendStatus.FAILED, "550"),
        (SMTPDataError(550, b"5.1.1 unknown user"), SendStatus.FAILED, "5.1.1"),
        (DataRefused(554, b"5.5.1 no valid recipients"), SendStatus.FAILED, "5.5.1"),
        (SMTPDataError(552, b"5.3.4 too big"), SendStatus.FAILED, "5.3.4"),
        (SMTPDataError(554, b"5.7.7 no"), SendStatus.FAILED, "5.7.7"),
        # the connection broke: before the mail, or anywhere
        (NothingSent("gone"), SendStatus.LATER, "no connection"),
        (SMTPServerDisconnected("gone"), SendStatus.UNKNOWN, "no answer"),
        (TimeoutError("read"), SendStatus.UNKNOWN, "no answer"),
        (RuntimeError("whatever"), SendStatus.UNKNOWN, "no answer"),
        # by HTTP
        (http(500), SendStatus.UNKNOWN, "500"),
        (http(502), SendStatus.UNKNOWN, "502"),
        (http(408), SendStatus.UNKNOWN, "408"),
        (http(409), SendStatus.UNKNOWN, "409"),
        (http(200), SendStatus.UNKNOWN, "200"),
        (http(400), SendStatus.FAILED, "400"),
        (http(422), SendStatus.FAILED, "422"),
        (AnymailRequestsAPIError("cut"), SendStatus.UNKNOWN, "no answer"),
        (amazon(400, "MessageRejected"), SendStatus.FAILED, "400"),
        (amazon(500, "InternalFailure"), SendStatus.UNKNOWN, "500"),
        (AnymailSerializationError("no"), SendStatus.FAILED, "message"),
        (AnymailUnsupportedFeature("no"), SendStatus.FAILED, "message"),
        (AnymailInvalidAddress("no"), SendStatus.FAILED, "message"),
        (AnymailRecipientsRefused("no"), SendStatus.NO_SUCH_ADDRESS, "refused"),
    ],
)
def test_every_answer_has_one_fate_and_unknown_is_the_default(
    error: Exception, status: SendStatus, answer: str
) -> None:
    found = classify_error(error)
    assert (found.status, found.answer, found.scope in (Scope.NONE, Scope.UNREACHABLE)) == (status, answer, True)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (http(429), None),
        (http(429, Retry_After="90"), 90),
        (http(429, Retry_After="Mon, 02 Mar 2026 12:01:30 GMT", Date="Mon, 02 Mar 2026 12:00:00 GMT"), 90),
        (http(429, Retry_After="Mon, 02 Mar 2026 11:00:00 GMT", Date="Mon, 02 Mar 2026 12:00:00 GMT"), 0),
        (http(429, Retry_After="-5"), None),
        (http(429, Retry_After="9" * 400), None),
        (http(429, Retry_After="99999999"), 86_400),
        (http(429, Retry_After="soon"), None),
        (amazon(400, "ThrottlingException"), None),
        (amazon(429, "TooManyRequestsException"), None),
    ],
)
def test_too_fast_means_another_try_when_the_provider_says_and_a_slower_pace(
    error: Exception, wait: int | None
) -> None:
    found = classify_error(error)
    assert (found.status, found.scope) == (SendStatus.LATER, Scope.TOO_FAST)
    assert found.retry_after == (None if wait is None else timedelta(seconds=wait))


class Backend(AnymailRequestsBackend):
    esp_name = "Any"


@pytest.fixture
def hung() -> Iterator[int]:
    """A provider that reads the request and never answers."""
    held = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            held.wait(10)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_address[1]
        held.set()
        server.shutdown()


@pytest.fixture
def garbling(certificate: tuple[Path, Path]) -> Iterator[int]:
    """A provider that reads the request, and whose answer is broken on its way."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    is_heard = Event()

    def answer() -> None:
        connection = context.wrap_socket(listening.accept()[0], server_side=True, do_handshake_on_connect=False)
        with connection, suppress(ssl.SSLError):  # who does not trust us says so
            request = b""
            while not request.endswith(b"{}"):
                request += connection.recv(4096)
            with socket.socket(fileno=connection.detach()) as bare:
                bare.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that nobody encrypted
                is_heard.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        is_heard.set()


def posted(url: str, *, trusting: Path | None = None) -> Exception:
    """What Anymail raises for this address."""

    class Payload:
        def get_request_params(self, api_url: str) -> dict[str, Any]:
            verify = str(trusting) if trusting else True
            return {"url": api_url, "method": "POST", "data": "{}", "timeout": (2, 0.2), "verify": verify}

    backend = Backend(url)
    backend.open()
    backend.session.trust_env = False
    with pytest.raises(AnymailRequestsAPIError) as caught:
        backend.post_to_esp(Payload(), None)
    return caught.value


def test_a_provider_that_cannot_be_reached_has_not_taken_the_mail(hung: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://nowhere.invalid/", f"https://127.0.0.1:{hung}/"):
        found = classify_error(posted(url))
        assert (url, found.status, found.scope) == (url, SendStatus.LATER, Scope.UNREACHABLE)


def test_a_provider_that_reads_the_mail_and_never_answers_may_have_taken_it(hung: int) -> None:
    assert classify_error(posted(f"http://127.0.0.1:{hung}/")).status == SendStatus.UNKNOWN


def test_a_connection_whose_encryption_breaks_after_the_mail_may_have_taken_it(
    garbling: int, certificate: tuple[Path, Path]
) -> None:
    assert (
        classify_error(posted(f"https://127.0.0.1:{garbling}/", trusting=certificate[0])).status == SendStatus.UNKNOWN
    )


def test_a_certificate_that_is_not_trusted_means_that_nobody_is_there(garbling: int) -> None:
    found = classify_error(posted(f"https://127.0.0.1:{garbling}/"))
    assert (found.status, found.scope) == (SendStatus.LATER, Scope.UNREACHABLE)


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (refused(450, "4.2.0 greylisted"), SendReason.DEFERRED, "450 4.2.0 greylisted"),
        (refused(552, "5.2.2 full"), SendReason.MAILBOX_FULL, "552 5.2.2 full"),
        (SMTPDataError(252, b"as good as taken"), SendReason.NONE, "252 as good as taken"),
        (SMTPDataError(354, b"go ahead"), SendReason.NO_ANSWER, "354 go ahead"),
        (refused(550, "5.1.1 gone"), SendReason.NO_SUCH_ADDRESS, "550 5.1.1 gone"),
        (refused(550, "5.7.1 reputation"), SendReason.REFUSED_BY_SERVER, "550 5.7.1 reputation"),
        (refused(450, "4.7.1 too much mail"), SendReason.TOO_FAST, "450 4.7.1 too much mail"),
        (refused(554, "5.7.1 Relay access denied"), SendReason.SETUP_REFUSED, "554 5.7.1 Relay access denied"),
        (NothingSent("gone"), SendReason.NO_CONNECTION, "gone"),
        (SMTPServerDisconnected("gone"), SendReason.NO_ANSWER, "gone"),
        (RuntimeError(), SendReason.NO_ANSWER, "RuntimeError"),
        (http(401), SendReason.ACCOUNT_REFUSED, "answer 401"),
        (http(429), SendReason.TOO_FAST, "answer 429"),
        (amazon(400, "ThrottlingException"), SendReason.TOO_FAST, "answer 400"),
        (http(500), SendReason.PROVIDER_ERROR, "answer 500"),
        (amazon(400, "MessageRejected"), SendReason.REFUSED_BY_PROVIDER, "answer 400: It said"),
    ],
    ids=repr,
)
def test_each_answer_has_a_reason_and_the_detail_is_what_was_said(
    error: Exception, reason: SendReason, detail: str
) -> None:
    found = classify_error(error)
    assert (found.reason, found.detail) == (reason, detail)


@pytest.mark.parametrize(
    "error",
    [
        SMTPSenderRefused(530, b"5.7.0 Must issue a STARTTLS command first", "x@y"),
        SMTPSenderRefused(503, b"5.5.1 Error: send AUTH first", "x@y"),
        SMTPSenderRefused(550, b"5.1.8 bad sender", "x@y"),
        SMTPSenderRefused(554, b"5.7.1 your host is listed at bl.example", "x@y"),
        refused(504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname"),
        refused(554, "5.7.1 <ada@example.org>: Relay access denied"),
        refused(454, "4.7.1 <ada@example.org>: Relay access denied"),
        refused(554, "5.7.1 <unknown[192.0.2.9]>: Client host rejected: Access denied"),
        SMTPDataError(550, b"5.7.60 Client does not have permissions to send as this sender"),
    ],
    ids=repr,
)
def test_a_refusal_of_our_set_up_is_ours_at_every_stage(error: Exception) -> None:
    found = classify_error(error)
    assert (found.status, found.scope, found.reason) == (SendStatus.LATER, Scope.OURS, SendReason.SETUP_REFUSED)


@pytest.mark.parametrize(
    "words",
    [
        "5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example",
        "5.1.1 your host is on a block list",
        "5.4.14 Hop count exceeded - possible mail loop",
        "5.7.1 message content rejected by policy",
        "5.1.1 rejected due to local policy",
        "the mailbox does not accept mail from a bad reputation",
        "spam",
    ],
)
def test_policy_block_lists_and_loops_suppress_no_reader_at_any_stage(words: str) -> None:
    for error in (refused(550, words), DataRefused(554, words.encode()), SMTPDataError(554, words.encode())):
        found = classify_error(error)
        assert (found.status, found.scope) == (SendStatus.FAILED, Scope.NONE)


def test_what_was_said_can_be_written_down_on_either_database() -> None:
    assert "\0" not in classify_error(SMTPDataError(554, b"5.7.1 no\0where")).detail


def test_no_address_stays_in_what_was_said() -> None:
    for error in (refused(550, "5.1.1 <ada@example.org>: gone"), SMTPDataError(554, b"to ada@example.org: no")):
        assert "@" not in classify_error(error).detail
