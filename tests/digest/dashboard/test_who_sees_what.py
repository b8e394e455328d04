"""What a reader likes, and who they are, is seen by privacy and owners only: every page and look-up with every role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from digest.dashboard import urls
from digest.dashboard.auth.roles import Role
from digest.models import Delivery, Paper, Verdict
from digest.record import DigestRecord
from subscriptions.models import Subscriber
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, delivery, reader
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
TASTE, ADDRESS = "zebrafish fins", "ada@example.org"
# what is typed into forms and filters: words that only a reader's row has
TYPED = ("q", "find", "reader", "address", "word", "search", "subscriber__email", "subscriber__preferences__value",
         "content__record__contains", "delivery__subscriber__email", "subscriber__public_id")  # fmt: skip
EVERYBODY = [(), (Role.CURATOR,), (Role.SENDER,), (Role.CURATOR, Role.SENDER), (Role.PRIVACY,), (Role.OWNER,)]


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    """A reader with a wish, a verdict and two digests, one of them skipped."""
    publish(ROBOT, GRAPHS)
    ada = reader("ada", wants={"keyword": [TASTE], "category": ["cs.RO"]})
    paper = Paper.objects.order_by("pk")[0]
    Verdict.objects.create(subscriber=ada, paper=paper, value=1, given_at=NOON)
    why = DigestRecord.explaining([[("word", TASTE, 0.5)]], asked_for=[TASTE], arrived=2, matched=1)
    delivery(ada, days=-1, paper_ids=[paper.pk], subject=f"News of {TASTE}", record=why)
    delivery(ada, days=-2, status="skipped", status_reason="nothing_matched", message_id=None)
    return ada


def pages(ada: Subscriber) -> Iterator[str]:
    """Every page of the dashboard and every table and row of the admin."""
    row = Delivery.objects.filter(subscriber=ada).latest("pk").pk - 1
    for one in urls.urlpatterns:
        numbers = {name: ada.public_id if name == "public_id" else 1 for name in one.pattern.converters}
        if one.name == "dashboard_delivery":
            numbers = {"number": row}
        yield reverse(str(one.name), kwargs=numbers)
    yield f"/dashboard/deliveries/{row + 1}"
    for page in ("dashboard_preview", "dashboard_preview_mail"):
        for show in ("html", "text", "source", "why"):
            yield f"{reverse(page)}?{urlencode({'reader': ada.public_id, 'show': show})}"
    for status in Delivery.Status.values:
        yield f"/dashboard/deliveries/list?{urlencode({'date': NOON.date().replace(day=1), 'status': status})}"
    for model in admin.site._registry:
        table = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield table
        yield from (f"{table}{pk}/change/" for pk in model._default_manager.values_list("pk", flat=True)[:20])


def look_ups() -> Iterator[str]:
    """Every list, asked for what Ada typed."""
    tables = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    lists = ["/dashboard/", "/dashboard/preview", "/dashboard/deliveries/list", "/dashboard/readers/find"]
    for path in (*tables, *lists):
        yield from (f"{path}?{urlencode({name: value})}" for name in TYPED for value in (TASTE, ADDRESS))


def found(client: Client, asked: Iterable[str]) -> dict[str, set[str]]:
    """Return for taste and address the paths of pages on which it is, without what the path itself repeated."""
    paths: dict[str, set[str]] = {TASTE: set(), ADDRESS: set()}
    for path in asked:
        answer = client.get(path)
        assert answer.status_code < 500, path
        body = said(answer) if answer.status_code == 200 else ""
        for words in paths:
            if words in body and urlencode({"": words})[1:] not in path:
                paths[words].add(path)
    return paths


def said(answer: Any) -> str:
    body = answer.getvalue() if answer.streaming else answer.content
    return str(body.decode(errors="replace"))


@pytest.mark.slow
@pytest.mark.parametrize("roles", EVERYBODY, ids=lambda roles: "+".join(roles) or "no role")
def test_only_privacy_and_owners_see_what_a_reader_likes_and_who_they_are(
    ada: Subscriber, roles: tuple[Role, ...]
) -> None:
    client = signed_in(one_of_the_staff(*roles))
    may_see = bool({Role.PRIVACY, Role.OWNER} & set(roles))
    tastes, addresses = found(client, [*pages(ada), *look_ups()]).values()
    if may_see:
        assert {path.split("?")[0] for path in tastes} >= {
            reverse("dashboard_reader", args=[ada.public_id]),
            reverse("dashboard_delivery", args=[Delivery.objects.earliest("pk").pk]),
        }
        assert addresses
    else:
        assert tastes == set()
        assert addresses == set()


@pytest.mark.parametrize("roles", [(Role.CURATOR,), (Role.SENDER,)])
def test_look_ups_answer_the_same_for_readers_who_are_there_and_for_nobody(
    ada: Subscriber, roles: tuple[Role, ...]
) -> None:
    client = signed_in(one_of_the_staff(*roles))
    for number in (ada.public_id, "nobody-has-this-number"):
        assert client.get("/dashboard/preview", {"reader": number}).status_code == 403
        assert client.get("/dashboard/preview/mail", {"reader": number}).status_code == 403
        sent = client.post("/dashboard/preview/send", {"query": f"reader={number}", "address": "1"})
        assert sent.status_code == 403
    for address in (ADDRESS, "nobody@example.org"):
        assert client.post("/dashboard/preview/find", {"address": address}).status_code == 403


@pytest.mark.parametrize("roles", [(), (Role.CURATOR,), (Role.SENDER,)])
def test_all_roles_see_made_up_tastes_and_invented_readers(ada: Subscriber, roles: tuple[Role, ...]) -> None:
    mira = reader("mira", email="mira@readers.invalid", email_key="mira@readers.invalid", wants={"category": ["cs.RO"]})
    client = signed_in(one_of_the_staff(*roles))
    page = client.get("/dashboard/preview", {"taste": "1", "keywords": "robot"}).content.decode()
    assert '<h2 id="the-mail">The choices below' in page
    assert mira.public_id[:5] in page
    assert ada.public_id[:8] not in page
    assert client.get("/dashboard/preview", {"reader": mira.public_id}).status_code == 200
