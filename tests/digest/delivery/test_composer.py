"""The next mails are composed while a provider's answer is awaited, and used only if nothing has changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anymail.backends.base_requests import RequestsPayload
from django.db import InterfaceError, OperationalError

from digest.compose.emails import AT_HAND
from digest.delivery import composer, send, throttle
from digest.delivery.composer import Composer
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, DeliveryContent, Paper
from subscriptions import consent
from subscriptions.mail.backends import elements
from subscriptions.models import Subscriber, Suppression
from tests.support.factories import NOON, entry, feed, reader
from tests.support.provider_api import Api, provider_api

pytestmark = pytest.mark.django_db
NAMES = ("ada", "ben", "cleo", "dora", "eve")


@pytest.fixture(params=["postmark", "resend"])
def api(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(send, "CHUNK", 2)
    with provider_api(request.param, settings, monkeypatch) as api:
        yield api


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of readers, each time that a mail to them is composed."""
    names: list[str] = []
    encode = composer._encode

    def noted(mailer: Any, delivery: Delivery, *rest: Any) -> Any:
        names.append(delivery.subscriber.email.partition("@")[0])
        return encode(mailer, delivery, *rest)

    monkeypatch.setattr(composer, "_encode", noted)
    return names


def planned() -> None:
    shown = feed(*(entry(number) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [reader(name).pk for name in NAMES], issue_date=NOON.date())


def deliver() -> None:
    send.deliver_all(clock=lambda: NOON)


def after_composing_ahead(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Change something once, when the second chunk's mails are composed and not taken yet."""
    compose, left = Composer.compose_ahead, [change]

    def composing(self: Composer, limit: int) -> None:
        compose(self, limit)
        if left:
            left.pop()()

    monkeypatch.setattr(Composer, "compose_ahead", composing)


def bodies(api: Api) -> dict[str, Any]:
    """Each mail as the provider got it, by its recipient."""
    mails = [mail for _, _, said in api.requests for mail in (said if isinstance(said, list) else [said])]
    return dict(zip(api.taken, mails, strict=True))


def test_each_mail_is_composed_once_and_is_the_same_as_without(
    api: Api, composed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned()
    deliver()
    assert composed == list(NAMES)
    ahead = bodies(api)
    Delivery.objects.update(status="ready", handed_over_at=None, attempts=0, provider_message_id="")
    Batch.objects.update(status="open")
    api.requests.clear(), api.taken.clear(), api.keys.clear()
    monkeypatch.setattr(Composer, "compose_ahead", lambda self, limit: None)
    deliver()
    assert len(ahead) == 5
    assert bodies(api) == ahead


def test_who_leaves_while_a_request_is_under_way_gets_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    planned()

    def leave() -> None:
        Subscriber.objects.filter(email__startswith="cleo").update(status=Subscriber.Status.UNSUBSCRIBED)
        consent.suppress("dora@example.org", reason=Suppression.Reason.COMPLAINED, now=NOON, why="")

    after_composing_ahead(monkeypatch, leave)
    deliver()
    assert sorted(api.taken) == ["ada@example.org", "ben@example.org", "eve@example.org"]
    assert Delivery.objects.filter(status="skipped").count() == 2


def test_a_mail_is_composed_again_where_its_reader_or_content_has_changed(
    api: Api, composed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned()

    def change() -> None:
        Subscriber.objects.filter(email__startswith="cleo").update(email="cleo@example.net")
        dora = DeliveryContent.objects.filter(delivery__subscriber__email__startswith="dora")
        assert dora.update(subject="Another subject") == 1

    after_composing_ahead(monkeypatch, change)
    deliver()
    assert "cleo@example.net" in api.taken
    assert "cleo@example.org" not in api.taken
    dora = bodies(api)["dora@example.org"]
    assert dora.get("Subject", dora.get("subject")) == "Another subject"
    assert composed == ["ada", "ben", "cleo", "dora", "cleo", "dora", "eve"]


@pytest.mark.parametrize("is_forgotten", [False, True], ids=["cached", "forgotten"])
def test_a_paper_that_was_deleted_meanwhile_is_in_no_later_mail(
    api: Api, is_forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a pace lets mails wait that are composed already, and another edition has emptied the cache."""
    monkeypatch.setattr(send, "CHUNK", 20)
    monkeypatch.setattr(throttle, "acquire", lambda limit, *, now: throttle.Permit(2))
    planned()
    paper = Paper.objects.earliest("pk")

    def delete() -> None:
        paper.delete()
        if is_forgotten:
            AT_HAND.forget()

    after_composing_ahead(monkeypatch, delete)
    deliver()
    having = [address for address, mail in bodies(api).items() if paper.title in (mail.get("TextBody") or mail["text"])]
    assert having == ["ada@example.org", "ben@example.org"]
    assert len(api.taken) == 5


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, KeyError, MemoryError])
def test_the_answers_are_kept_when_composing_ahead_fails(
    api: Api, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned()

    def fail(*args: Any, **options: Any) -> Any:
        raise error("the server is starting")

    monkeypatch.setattr(composer, "ready_rows", fail)
    deliver()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"accepted"}
    assert len(api.taken) == 5


def test_one_mail_that_anymail_cannot_encode_fails_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    build = RequestsPayload.__init__

    def building(self: Any, message: Any, *args: Any, **options: Any) -> None:
        if message.to == ["dora@example.org"]:
            raise TypeError("a header of no known type")
        build(self, message, *args, **options)

    monkeypatch.setattr(RequestsPayload, "__init__", building)
    # else she is filled into the template of the others
    values_of = elements._values_of
    monkeypatch.setattr(elements, "_values_of", lambda one: {} if one.to == ["dora@example.org"] else values_of(one))
    planned()
    deliver()
    found = dict(Delivery.objects.values_list("subscriber__email", "status"))
    assert found.pop("dora@example.org") == "failed"
    assert set(found.values()) == {"accepted"}


def test_one_digest_that_cannot_be_composed_ahead_fails_in_its_turn(api: Api) -> None:
    planned()
    broken = Delivery.objects.get(subscriber__email__startswith="dora")
    DeliveryContent.objects.filter(pk=broken.pk).update(paper_ids=[999_999])
    deliver()
    broken.refresh_from_db()
    assert (broken.status, broken.status_reason) == ("failed", "compose_error")
    assert len(api.taken) == 4


def test_mails_that_wait_for_their_turn_are_not_composed_again(
    api: Api, composed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "acquire", lambda limit, *, now: throttle.Permit(1))
    planned()
    deliver()
    assert len(api.requests) == 5
    assert composed == list(NAMES)
