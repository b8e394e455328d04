"""The address that mail providers tell at: who may, what is stored, and what is answered."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digest.delivery import webhooks
from digest.models import DeliveryEvent
from subscriptions.models import LinkRequest, RateCounter
from tests.support.factories import NOON
from tests.support.webhook_payloads import (
    BY_SECRET,
    OLD_SECRET,
    PROVIDERS,
    SECRET,
    TOLD,
    Mail,
    Post,
    post_of,
    proved,
    settings_of,
    subscription_confirmation,
    svix_headers,
)

pytestmark = pytest.mark.django_db
MAIL = Mail()
WRONG = {"secret": "broadsheet:not-the-right-one", "key": "whsec_bm90LXRoZS1yaWdodC1vbmU="}


@pytest.fixture
def client() -> Client:
    """It comes as a provider does, without a CSRF token; a mistake of ours is a 500."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def of(settings: Any) -> Any:
    """Make this the installation of a provider."""

    def become(provider: str) -> None:
        for name, value in settings_of(provider).items():
            setattr(settings, name, value)

    return become


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, of: Any) -> str:
    of(request.param)
    return str(request.param)


def stored() -> list[DeliveryEvent]:
    return list(DeliveryEvent.objects.order_by("pk"))


# --- what is stored --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "kind"), TOLD, indirect=["provider"])
def test_every_event_is_stored_as_it_came_before_anything_is_made_of_it(
    client: Client, provider: str, kind: str
) -> None:
    assert post_of(provider, kind, MAIL).to(client).status_code == 200
    (row,) = stored()
    assert row.kind == kind.removeprefix("soft_")
    assert (row.at.replace(microsecond=0), row.processed_at, row.delivery) == (NOON, None, None)
    assert row.dedupe_key.startswith(f"{provider}:")
    told = {name: row.raw[name] for name in ("provider", "reference", "recipient", "tags", "message_id")}
    assert told == {
        "provider": provider,
        "reference": MAIL.reference,
        "recipient": MAIL.recipient,
        "tags": [MAIL.tag],
        "message_id": MAIL.number_at(provider),
    }
    assert "SECRETOFALINK" not in json.dumps(row.raw)  # a mail's headers come back with the links of its reader
    assert MAIL.recipient not in row.dedupe_key


def test_one_told_twice_is_stored_once_and_another_kind_beside_it(client: Client, provider: str) -> None:
    for kind in ("delivered", "delivered", "complained", "delivered"):
        assert post_of(provider, kind, MAIL, number=kind).to(client).status_code == 200
    assert [row.kind for row in stored()] == ["delivered", "complained"]


@pytest.mark.parametrize("provider", ["mailjet", "sparkpost"], indirect=True)
def test_many_events_in_one_body_are_stored_together(
    client: Client, provider: str, django_assert_max_num_queries: Any
) -> None:
    bodies = [
        json.loads(
            post_of(provider, "delivered", Mail(recipient=f"ada{number}@example.org"), number=str(number)).content
        )[0]
        for number in range(300)
    ]
    with django_assert_max_num_queries(5):
        assert proved(provider, bodies).to(client).status_code == 200
    assert len(stored()) == 300


@pytest.mark.parametrize(
    "provider", ["amazon_ses", "mailgun", "postmark", "resend", "sparkpost", "mailjet"], indirect=True
)
def test_who_opens_a_mail_is_not_kept(client: Client, provider: str) -> None:
    assert post_of(provider, "opened", MAIL).to(client).status_code == 200
    assert stored() == []


@pytest.mark.parametrize("provider", ["sparkpost"], indirect=True)
def test_an_empty_call_that_tries_the_address_is_answered(client: Client, provider: str) -> None:
    assert proved(provider, [{"msys": {}}]).to(client).status_code == 200
    assert client.head("/webhooks/sparkpost").status_code == 200
    assert stored() == []


@pytest.mark.parametrize("provider", ["brevo"], indirect=True)
@pytest.mark.parametrize("ts_epoch", [None, int((NOON + timedelta(days=900)).timestamp() * 1000)])
def test_an_event_without_a_time_or_from_the_future_is_of_now(
    client: Client, provider: str, ts_epoch: int | None
) -> None:
    body = json.loads(post_of(provider, "delivered", MAIL).content) | {"ts_epoch": ts_epoch}
    if ts_epoch is None:
        del body["ts_epoch"]
    with time_machine.travel(NOON, tick=False):
        for _ in range(2):
            proved(provider, [body]).to(client)
    (row,) = stored()
    assert row.at == NOON


@pytest.mark.parametrize("provider", ["brevo"], indirect=True)
@pytest.mark.parametrize("text", ["a\0b", "half a pair \ud800", "∀" * 3000])
def test_what_no_database_can_hold_is_left_out(client: Client, provider: str, text: str) -> None:
    body = json.loads(post_of(provider, "bounced", MAIL).content) | {"reason": text, "score": float("nan")}
    assert proved(provider, [body]).to(client).status_code == 200
    (row,) = stored()
    assert "\0" not in row.raw["said"]
    assert row.raw["event"]["score"] is None
    row.raw["said"].encode()


# --- who may tell ----------------------------------------------------------------------------------------------------


def refused(post: Post, client: Client, *, status: int = 400) -> None:
    answer = post.to(client)
    assert (answer.status_code, answer.content) == (status, b"")
    assert stored() == []


def test_a_wrong_secret_or_signature_stores_nothing_and_gets_no_hint(client: Client, provider: str) -> None:
    refused(post_of(provider, "complained", MAIL, **WRONG), client)


def test_no_secret_and_no_signature_store_nothing(client: Client, provider: str) -> None:
    bare = post_of(provider, "complained", MAIL)
    post = Post(
        provider, bare.content, {name: value for name, value in bare.headers.items() if name.startswith("x-amz")}
    )
    if provider == "mailgun":
        post = post.with_content(json.dumps({"event-data": json.loads(bare.content)["event-data"]}).encode())
    refused(post, client, status=401 if provider == "amazon_ses" else 400)  # Amazon's sends its secret when asked to


@pytest.mark.parametrize("provider", BY_SECRET, indirect=True)
def test_the_secret_that_is_replaced_is_good_until_it_is_taken_out(
    client: Client, provider: str, settings: Any
) -> None:
    assert post_of(provider, "delivered", MAIL, secret=OLD_SECRET).to(client).status_code == 200
    settings.ANYMAIL = {"WEBHOOK_SECRET": [SECRET]}
    DeliveryEvent.objects.all().delete()
    refused(post_of(provider, "delivered", MAIL, secret=OLD_SECRET), client)


@pytest.mark.parametrize("provider", ["resend"], indirect=True)
def test_a_body_that_was_changed_after_it_was_signed_is_refused(client: Client, provider: str) -> None:
    post = post_of(provider, "delivered", MAIL)
    refused(post.with_content(post.content.replace(b"email.delivered", b"email.complained")), client)


@pytest.mark.parametrize("provider", ["resend"], indirect=True)
def test_a_signature_is_good_for_five_minutes(client: Client, provider: str) -> None:
    post = post_of(provider, "delivered", MAIL)
    for minutes in (-6, 6):
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes)):
            refused(post, client)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=4)):
        assert post.to(client).status_code == 200


@pytest.mark.parametrize("provider", ["resend"], indirect=True)
def test_of_two_signatures_one_has_to_be_right(client: Client, provider: str) -> None:
    post = post_of(provider, "delivered", MAIL)
    old = svix_headers("1", post.content, WRONG["key"])["svix-signature"]
    assert post.to(client, **{"svix-signature": f"{old} {post.headers['svix-signature']} v2,x"}).status_code == 200


@pytest.mark.parametrize("provider", ["resend"], indirect=True)
def test_signatures_are_checked_as_svix_documents_them(client: Client, provider: str, settings: Any) -> None:
    """Their own example: docs.svix.com, "verifying webhooks manually"."""
    settings.RESEND_SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with time_machine.travel(1614265330, tick=False):
        assert webhooks.ResendView().validate_request(request_with(b'{"test": 2432232314}', headers)) is None
        with pytest.raises(webhooks.AnymailWebhookValidationFailure):
            webhooks.ResendView().validate_request(request_with(b'{"test": 2432232315}', headers))


def request_with(body: bytes, headers: dict[str, str]) -> Any:
    from django.test import RequestFactory

    return RequestFactory().post("/webhooks/resend", body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("other", PROVIDERS)
def test_only_the_provider_that_mail_leaves_by_has_an_address(client: Client, provider: str, other: str) -> None:
    answer = post_of(other, "delivered", MAIL).to(client)
    assert answer.status_code == (200 if other == provider else 404)
    assert len(stored()) == (other == provider)


@pytest.mark.parametrize("name", [*PROVIDERS, "smtp", "outbox", "sendgrid", "amazon_ses/", "../health"])
def test_without_a_secret_nobody_has_one(client: Client, settings: Any, name: str) -> None:
    settings.MAIL_PROVIDER = name
    for method in ("get", "post", "head", "options", "put"):
        assert getattr(client, method)(f"/webhooks/{name}").status_code in (404, 503)
    assert stored() == []


def test_looking_stores_nothing(client: Client, provider: str) -> None:
    assert client.get(f"/webhooks/{provider}").status_code == 405
    assert stored() == []


# --- what does not come from a provider ------------------------------------------------------------------------------


def test_two_megabytes_are_not_read(client: Client, provider: str) -> None:
    post = post_of(provider, "delivered", Mail(recipient="a" * (2 << 20) + "@example.org"))
    assert len(post.content) > 2 << 20
    refused(post, client, status=413)


def test_less_than_one_is(client: Client, provider: str) -> None:
    assert post_of(provider, "delivered", Mail(recipient="a" * 150_000 + "@example.org")).to(client).status_code == 200
    assert len(stored()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"null", b"7", b'"x"', b"\xff\xfe", b"[" * 100_000, b"a=b&c=d"]
)
def test_what_cannot_be_read_is_no_mistake_of_ours(client: Client, provider: str, content: bytes) -> None:
    bare = post_of(provider, "delivered", MAIL)
    headers = dict(bare.headers)
    if provider == "resend":
        headers = svix_headers("1", content, settings_of("resend")["RESEND_SIGNING_SECRET"])
    answer = Post(provider, content, headers).to(client)
    if content in (b"{}", b"[]"):  # to some of them nothing, or a kind of event that is yet unknown
        assert answer.status_code in (200, 400)
        assert {row.kind for row in stored()} <= {"unknown"}
    else:
        refused(Post(provider, content, headers), client)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize("name", PROVIDERS)
def test_whatever_a_provider_puts_into_an_event_we_make_no_mistake(of: Any, client: Client, name: str) -> None:
    of(name)

    @given(st.data())
    @hypothesis_settings(max_examples=40, deadline=None)
    def every(data: Any) -> None:
        kind = data.draw(st.sampled_from(["delivered", "bounced", "complained"]))
        body = json.loads(post_of(name, kind, MAIL).content)
        events = [json.loads(body["Message"])] if name == "amazon_ses" else body if isinstance(body, list) else [body]
        events = [body["event-data"]] if name == "mailgun" else events
        place = events[0]["msys"]["message_event"] if name == "sparkpost" else events[0]
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_JSON)
        assert proved(name, events).to(client).status_code in (200, 400)

    every()


# --- Amazon's confirmation -------------------------------------------------------------------------------------------


@pytest.fixture
def amazon(settings: Any, of: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Amazon's SNS on this machine; what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(
                b"<ConfirmSubscriptionResponse><ConfirmSubscriptionResult><SubscriptionArn>x</SubscriptionArn>"
                b"</ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
            )

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args: Any) -> None:
            pass

    of("amazon_ses")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        settings.ANYMAIL = settings.ANYMAIL | {
            "AMAZON_SES_CLIENT_PARAMS": settings.SES
            | {
                "endpoint_url": url,
                "region_name": "eu-central-1",
                "aws_access_key_id": "a",
                "aws_secret_access_key": "b",
            }
        }
        yield asked
        server.shutdown()


def test_a_topic_of_ours_is_confirmed_by_its_token_and_not_by_the_address_in_the_message(
    client: Client, amazon: list[str]
) -> None:
    assert subscription_confirmation().to(client).status_code == 200
    (asked,) = amazon
    assert "Action=ConfirmSubscription" in asked
    assert "Token=2336412f37" in asked
    assert stored() == []


@pytest.mark.parametrize(("secret", "status"), [("", 401), ("broadsheet:not-the-right-one", 400)])
def test_a_stranger_makes_us_ask_nobody(client: Client, amazon: list[str], secret: str, status: int) -> None:
    refused(subscription_confirmation(secret=secret), client, status=status)
    assert amazon == []


def test_nor_does_a_topic_lead_elsewhere(client: Client, amazon: list[str], settings: Any) -> None:
    """Without our stand-in's address, boto3 makes the host's name of the region: it must be one."""
    params = {**settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"]}
    del params["endpoint_url"]
    settings.ANYMAIL = settings.ANYMAIL | {"AMAZON_SES_CLIENT_PARAMS": params}
    for region in ("evil.example/", "127.0.0.1:1#", "x@evil.example", ""):
        refused(subscription_confirmation(arn=f"arn:aws:sns:{region}:1:topic"), client)
    assert amazon == []


# --- what is not understood ------------------------------------------------------------------------------------------


def event_in(post: Post, name: str) -> tuple[Any, dict[str, Any]]:
    """The event of a post, as :func:`proved` takes it, and the object with the event's fields inside."""
    body = json.loads(post.content)
    if name == "amazon_ses":
        event = json.loads(body["Message"])
    else:
        event = body[0] if isinstance(body, list) else body.get("event-data", body)
    return event, event["msys"]["message_event"] if name == "sparkpost" else event


NAME_FIELD = {"amazon_ses": "notificationType", "postmark": "RecordType", "resend": "type", "sparkpost": "type"}


def test_a_kind_that_is_new_is_stored_under_its_own_name(client: Client, provider: str) -> None:
    event, fields = event_in(post_of(provider, "delivered", MAIL), provider)
    fields[NAME_FIELD.get(provider, "event")] = "something.new"
    for _ in range(2):
        assert proved(provider, [event]).to(client).status_code == 200
    (row,) = stored()
    assert (row.kind, row.raw["name"], row.raw["provider"]) == ("unknown", "something.new", provider)


@pytest.mark.parametrize("kind", ["delivered", "bounced", "complained"])
def test_a_field_that_is_missing_or_of_another_type_loses_no_event(client: Client, provider: str, kind: str) -> None:
    """Each field in turn; what is left is understood, or is counted as unknown."""
    _, whole = event_in(post_of(provider, kind, MAIL), provider)
    for number, field in enumerate(sorted(whole)):
        for other in (None, 7, "x", [], {}, [7], True, KeyError):
            event, fields = event_in(post_of(provider, kind, MAIL), provider)
            if other is KeyError:
                del fields[field]
            else:
                fields[field] = other
            DeliveryEvent.objects.all().delete()
            answer = proved(provider, [event], number=f"{number}{other}").to(client)
            assert (answer.status_code, len(stored())) == (200, 1), (field, other)


@pytest.mark.parametrize("provider", ["mailjet", "sparkpost"], indirect=True)
def test_one_event_that_cannot_be_read_costs_none_of_the_others(client: Client, provider: str) -> None:
    good, _ = event_in(post_of(provider, "delivered", MAIL), provider)
    bad = [{"x": 1}, {"x": 2}, {"msys": 7}, {"event": {}, "time": {}}]
    for _ in range(2):
        assert proved(provider, [*bad, good]).to(client).status_code == 200
    assert [row.kind for row in stored()] == [*["unknown"] * len(bad), "delivered"]


@pytest.mark.parametrize("provider", ["postmark"], indirect=True)
def test_requests_that_prove_nothing_cost_a_count_and_a_line_a_minute(
    client: Client, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for minute in range(2):
            clock.move_to(NOON + timedelta(minutes=minute))
            for _ in range(20):
                refused(post_of(provider, "complained", MAIL, **WRONG), client)
    lines = [record.getMessage() for record in caplog.records if "do not prove" in record.getMessage()]
    assert [re.findall(r"\d+", line) for line in lines] == [["0"], ["20"]]
    assert list(RateCounter.objects.order_by("until").values_list("count", flat=True)) == [20, 20]


# --- waking, and what is said of it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["postmark"], indirect=True)
def test_who_settles_is_woken_once_for_a_body_that_was_stored(
    client: Client,
    provider: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(webhooks, "enqueue_task", lambda task, **_: woken.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        post_of(provider, "delivered", MAIL).to(client)
        post_of(provider, "opened", MAIL).to(client)
        post_of(provider, "complained", MAIL, **WRONG).to(client)
    from digest.tasks import apply_events

    assert woken == [apply_events.name]


@pytest.mark.parametrize("provider", ["postmark"], indirect=True)
def test_a_broker_that_is_away_costs_a_minute_and_no_event(
    client: Client, provider: str, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    with django_capture_on_commit_callbacks(execute=True):
        assert post_of(provider, "delivered", MAIL).to(client).status_code == 200
    assert len(stored()) == 1


def test_no_line_of_the_log_holds_an_address_or_a_secret(
    client: Client, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for kind in ("delivered", "bounced", "complained"):
            post = post_of(provider, kind, MAIL)
            post.to(client)
            post.with_content(post.content[:-9] + b"ada@example.org").to(client)
            post_of(provider, kind, MAIL, **WRONG).to(client)
    said = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "Requests were refused that do not prove that they come from" in said
    assert not re.search(r"ada|@example|k7Qm2x|not-the-right|whsec", said), said
    assert not LinkRequest.objects.exists()
