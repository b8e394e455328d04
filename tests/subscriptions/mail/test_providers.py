"""The request that Anymail's real backends send, on a loopback address: what a reader's mail program needs is in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from uuid import RFC_4122, UUID

import pytest

from subscriptions.mail.mailer import Mailer, Purpose, SendResult, SendStatus
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import Scope
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.models import Subscriber
from subscriptions.tokens import digest_links, message_id, unsubscribe_url
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 2)
EMAIL = RenderedEmail("2 Mar: Ünïcode ∀ε", "Plain text, ünïcode.\n", "<html><body><p>Ünïcode ∀ε</p></body></html>\n")
ANSWERS = {  # of a provider that takes the mail
    "amazon_ses": {"MessageId": "theirs"},
    "brevo": {"messageId": "theirs"},
    "mailgun": {"id": "theirs", "message": "Queued. Thank you."},
    "mailjet": {"Messages": [{"Status": "success", "To": [{"Email": "ada@example.org", "MessageID": "theirs"}]}]},
    "postmark": {"ErrorCode": 0, "Message": "OK", "MessageID": "theirs", "To": "ada@example.org"},
    "resend": {"id": "theirs"},
    "sparkpost": {"results": {"total_accepted_recipients": 1, "total_rejected_recipients": 0, "id": "theirs"}},
}


@dataclass
class StandIn:
    """What a provider was sent: path, HTTP headers and body; and what it answers."""

    port: int = 0
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, Any, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """What every provider is told, each in its own words; ``options`` is what it is to do or leave."""

    headers: dict[str, str]
    sender: str
    to: str
    subject: str
    text: str
    html: str
    metadata: dict[str, str]
    tag: str
    options: dict[str, Any]


@pytest.fixture(params=ANSWERS)
def provider(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn(answer=ANSWERS[request.param])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stand_in.requests.append((self.path, self.headers, body))
            answer = json.dumps(stand_in.answer).encode()
            self.send_response(stand_in.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        stand_in.port = server.server_address[1]
        url = f"http://127.0.0.1:{stand_in.port}/"
        settings.SITE_URL = "https://papers.example.org"
        settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
        settings.TRANSACTIONAL_FROM_EMAIL = "Broadsheet <account@notice.example.org>"
        settings.MAIL_PROVIDER = request.param
        ours = "subscriptions.mail.backends" if request.param in ("postmark", "resend") else "anymail.backends"
        settings.EMAIL_BACKEND = f"{ours}.{request.param}.EmailBackend"
        settings.ANYMAIL = {f"{request.param.upper()}_API_URL": url} | {
            name: "secret" for name in settings.PROVIDERS[request.param] if not name.startswith("AWS_")
        }
        if request.param == "amazon_ses":
            settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = settings.SES | {
                "endpoint_url": url,
                "region_name": "eu-central-1",
                "aws_access_key_id": "a",
                "aws_secret_access_key": "b",
            }
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield stand_in
        server.shutdown()


def send(person: Subscriber, purpose: Purpose = Purpose.DIGEST) -> SendResult:
    key = "digest" if purpose == Purpose.DIGEST else "link"
    with Mailer() as mailer:
        return mailer.send(
            person, EMAIL, purpose=purpose, message_id=message_id(key, "1"), dated_at=NOON, issue_date=DAY
        )


def mail_in(name: str, request: tuple[str, Any, bytes]) -> Told:
    """Read out of a request to this provider."""
    _, http, body = request
    if name == "amazon_ses":
        raw = base64.b64decode(json.loads(body)["Content"]["Raw"]["Data"])
        assert raw.isascii()
        assert b"\n" not in raw.replace(b"\r\n", b"")
        mail = message_from_bytes(raw, policy=policy.default)
        text, html = (part.get_content() for part in mail.iter_parts())
        headers = {header: value.strip() for header, value in mail.items()}
        told = json.loads(headers.pop("X-Metadata")), headers.pop("X-Tag")
        return Told(
            headers=headers,
            sender=headers["From"],
            to=headers["To"],
            subject=headers["Subject"],
            text=text,
            html=html,
            metadata=told[0],
            tag=told[1],
            options={},
        )
    if name == "mailgun":
        said = {key: values[0] for key, values in form(http, body).items()}
        return Told(
            headers={key[2:]: value for key, value in said.items() if key.startswith("h:")},
            sender=said["from"],
            to=said["to"],
            subject=said["subject"],
            text=said["text"],
            html=said["html"],
            metadata={key[2:]: value for key, value in said.items() if key.startswith("v:")},
            tag=said["o:tag"],
            options={key: value for key, value in said.items() if key.startswith("o:track")},
        )
    said = json.loads(body)
    match name:
        case "brevo":
            metadata = json.loads(said["headers"].pop("X-Mailin-custom"))
            return Told(
                headers=said["headers"],
                sender="{name} <{email}>".format_map(said["sender"]),
                to=said["to"][0]["email"],
                subject=said["subject"],
                text=said["textContent"],
                html=said["htmlContent"],
                metadata=metadata,
                tag=said["tags"][0],
                options={},
            )
        case "mailjet":
            mail = said["Globals"]
            return Told(
                headers=mail["Headers"],
                sender="{Name} <{Email}>".format_map(mail["From"]),
                to=said["Messages"][0]["To"][0]["Email"],
                subject=mail["Subject"],
                text=mail["TextPart"],
                html=mail["HTMLPart"],
                metadata=json.loads(mail["EventPayload"]),
                tag=mail["CustomCampaign"],
                options={key: mail[key] for key in ("TrackOpens", "TrackClicks")},
            )
        case "postmark":
            return Told(
                headers={one["Name"]: one["Value"] for one in said["Headers"]},
                sender=said["From"],
                to=said["To"],
                subject=said["Subject"],
                text=said["TextBody"],
                html=said["HtmlBody"],
                metadata=said["Metadata"],
                tag=said["Tag"],
                options={key: said.get(key) for key in ("TrackOpens", "TrackLinks", "MessageStream")},
            )
        case "resend":
            told = [json.loads(said["headers"].pop(header)) for header in ("X-Metadata", "X-Tags")]
            return Told(
                headers=said["headers"],
                sender=said["from"],
                to=said["to"][0],
                subject=said["subject"],
                text=said["text"],
                html=said["html"],
                metadata=told[0],
                tag=told[1][0],
                options={},
            )
    mail, to = said["content"], said["recipients"][0]["address"]
    return Told(
        headers=mail["headers"],
        sender=mail["from"],
        to=to["email"],
        subject=mail["subject"],
        text=mail["text"],
        html=mail["html"],
        metadata=said["metadata"],
        tag=said["campaign_id"],
        options=said["options"],
    )


def form(http: Any, body: bytes) -> dict[str, list[str]]:
    """The fields of a form, URL-encoded or multipart."""
    if http.get_content_type() != "multipart/form-data":
        return parse_qs(body.decode())
    head = f"Content-Type: {http['Content-Type']}\r\n\r\n".encode()
    parts = BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts()
    return {part.get_param("name", header="content-disposition"): [part.get_content()] for part in parts}


def test_a_digest_keeps_its_headers_both_parts_and_the_name_of_its_delivery(provider: StandIn, settings: Any) -> None:
    ada = reader("ada")
    result = send(ada)
    assert (result.status, result.provider_message_id) == (SendStatus.ACCEPTED, "theirs"), result.detail
    (request,) = provider.requests
    mail = mail_in(settings.MAIL_PROVIDER, request)
    headers = {name.lower(): value for name, value in mail.headers.items()}
    assert headers["list-unsubscribe"] == f"<{unsubscribe_url(ada)}>"
    assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert headers["list-archive"] == f"<{digest_links(ada, DAY).web_copy}>"
    assert headers["feedback-id"].startswith("20260302:digest:bulk:")
    assert headers["auto-submitted"] == "auto-generated"
    assert headers["precedence"] == "bulk"
    assert (mail.sender, mail.to) == ("Broadsheet <digest@mail.example.org>", "ada@example.org")
    assert (mail.subject, mail.text.replace("\r\n", "\n"), mail.html.replace("\r\n", "\n")) == (
        EMAIL.subject,
        EMAIL.text,
        EMAIL.html,
    )
    name = message_id("digest", "1")
    assert mail.metadata == {"reference": name[1:].partition("@")[0]}
    assert mail.tag == "digest"
    if settings.MAIL_PROVIDER == "mailjet":  # which refuses a mail with any of these (send-0011)
        assert not {"message-id", "list-id", "date"} & set(headers)
    else:
        assert headers["list-id"] == "Broadsheet <digest.mail.example.org>"
        assert headers["message-id"] == name


def test_no_provider_counts_who_opens_and_clicks_or_puts_its_own_way_to_leave(provider: StandIn, settings: Any) -> None:
    settings.POSTMARK_DIGEST_STREAM = "broadcast"
    send(reader("ada"))
    mail = mail_in(settings.MAIL_PROVIDER, provider.requests[0])
    assert mail.options == {
        "mailgun": {"o:tracking-opens": "no", "o:tracking-clicks": "no"},
        "mailjet": {"TrackOpens": "disabled", "TrackClicks": "disabled"},
        "postmark": {"TrackOpens": False, "TrackLinks": "None", "MessageStream": "broadcast"},
        "sparkpost": {"open_tracking": False, "click_tracking": False, "transactional": True},
    }.get(settings.MAIL_PROVIDER, {})
    assert mail.headers.get("X-PM-KeepID") == ("true" if settings.MAIL_PROVIDER == "postmark" else None)


def test_a_mail_with_a_link_is_of_another_stream(provider: StandIn, settings: Any) -> None:
    settings.POSTMARK_DIGEST_STREAM = "broadcast"
    assert send(reader("ada"), Purpose.SIGN_IN).status == SendStatus.ACCEPTED
    mail = mail_in(settings.MAIL_PROVIDER, provider.requests[0])
    assert not [name for name in mail.headers if name.lower().startswith(("list-", "feedback-", "precedence"))]
    assert mail.sender == "Broadsheet <account@notice.example.org>"
    assert mail.headers.get("Message-ID", "@notice.example.org>").endswith("@notice.example.org>")
    assert mail.tag == "link"
    assert mail.options.get("MessageStream") is None


def test_a_second_try_sends_the_same_request(provider: StandIn) -> None:
    ada = reader("ada")
    send(ada)
    send(ada)
    first, second = (body for _, _, body in provider.requests)
    assert first == second


@pytest.mark.parametrize("provider", ["resend", "brevo"], indirect=True)
def test_a_mail_bears_a_key_by_which_the_provider_knows_it(provider: StandIn, settings: Any) -> None:
    ada, ben = reader("ada"), reader("ben")
    with Mailer() as mailer:
        for person, name in ((ada, "1"), (ada, "1"), (ben, "2")):
            mailer.send(person, EMAIL, purpose=Purpose.DIGEST, message_id=message_id("digest", name), dated_at=NOON)
    if settings.MAIL_PROVIDER == "resend":
        keys = [http["Idempotency-Key"] for _, http, _ in provider.requests]
    else:
        keys = [json.loads(body)["headers"]["idempotencyKey"] for _, _, body in provider.requests]
        assert [str(UUID(key)) for key in keys] == keys
        assert {(UUID(key).variant, UUID(key).version) for key in keys} == {(RFC_4122, 5)}
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) <= 256 for key in keys)


def test_several_mails_are_under_way_at_a_time_and_each_comes_back_in_its_place(provider: StandIn) -> None:
    people = [reader(f"reader{number}") for number in range(12)]
    with Mailer(at_once=4) as mailer:
        messages = [
            mailer.encode(person, EMAIL, purpose=Purpose.DIGEST, message_id=f"<{person.pk}@x>", dated_at=NOON)
            for person in people
        ]
        encoded = [message for message in messages if isinstance(message, EncodedMessage)]
        results = mailer.send_batch(encoded, together=False)
    assert {result.status for result in results} == {SendStatus.ACCEPTED}
    assert len(results) == len(provider.requests) == 12
    bodies = [body for _, _, body in provider.requests]
    assert len(set(bodies)) == 12


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, SendStatus.FAILED), (403, SendStatus.LATER), (429, SendStatus.LATER), (500, SendStatus.UNKNOWN)],
)
def test_a_mail_that_the_provider_did_not_take_is_not_counted_as_sent_nor_tried_again_by_the_way(
    provider: StandIn, settings: Any, status: int, expected: SendStatus
) -> None:
    provider.status, provider.answer = status, {"message": "No.", "ErrorCode": "x", "Message": "No."}
    assert send(reader("ada")).status == expected
    assert len(provider.requests) == 1


@pytest.mark.parametrize("provider", ["mailjet"], indirect=True)
def test_mailjets_refusal_of_a_single_mail_is_heard(provider: StandIn) -> None:
    refusal = {"ErrorCode": "send-0011", "StatusCode": 400, "ErrorMessage": "Header cannot be customized"}
    provider.status, provider.answer = 400, {"Messages": [{"Status": "error", "Errors": [refusal]}]}
    assert send(reader("ada")).status == SendStatus.FAILED


def test_an_address_that_no_mail_can_hold_never_reaches_a_provider(provider: StandIn) -> None:
    for number, address in enumerate(("ada@example.org, eve@example.org", "Ada <ada@example.org>", "ä@example.org")):
        result = send(reader(f"ada{number}", email=address))
        assert result.status == SendStatus.FAILED
        assert "ada" not in result.detail.lower()
    assert provider.requests == []


@pytest.fixture
def without_keys(provider: StandIn, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing by which boto3 could log in, wherever it looks."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    given = settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"]
    left = {name: value for name, value in given.items() if not name.startswith("aws_")}
    settings.ANYMAIL = {"AMAZON_SES_CLIENT_PARAMS": left}


@pytest.mark.parametrize("provider", ["amazon_ses"], indirect=True)
@pytest.mark.parametrize("given", [{}, {"AWS_ACCESS_KEY_ID": "half"}, {"AWS_PROFILE": "nobodys"}])
def test_amazons_missing_keys_are_ours_to_mend_and_cost_no_digest(
    provider: StandIn, without_keys: None, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = send(reader("ada"))
    assert (found.status, found.scope) == (SendStatus.LATER, Scope.OURS)
    assert provider.requests == []


@pytest.mark.parametrize("provider", ["amazon_ses"], indirect=True)
def test_amazon_that_cannot_be_reached_has_not_taken_the_mail(provider: StandIn, settings: Any) -> None:
    ada = reader("ada")
    for url in (f"https://127.0.0.1:{provider.port}/", "http://nowhere.invalid/"):  # it speaks no TLS
        settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"]["endpoint_url"] = url
        found = send(ada)
        assert (url, found.status, found.scope) == (url, SendStatus.LATER, Scope.UNREACHABLE)


@pytest.mark.parametrize("provider", ["postmark", "resend", "sparkpost"], indirect=True)
def test_a_key_that_no_header_can_hold_is_ours_to_mend(provider: StandIn, settings: Any) -> None:
    url = {name: value for name, value in settings.ANYMAIL.items() if name.endswith("_URL")}
    settings.ANYMAIL = url | dict.fromkeys(settings.PROVIDERS[settings.MAIL_PROVIDER], "secret\n")
    found = send(reader("ada"))
    assert (found.status, found.scope, "secret" in found.detail) == (SendStatus.LATER, Scope.OURS, False)
    assert provider.requests == []
