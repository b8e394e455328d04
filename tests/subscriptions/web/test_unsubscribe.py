"""What is offered after leaving; leaving itself is in test_views."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from subscriptions.models import ConsentEvent, Subscriber
from subscriptions.tokens import UNSUBSCRIBE, token_for
from tests.support.database_rows import every_row
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    return reader("ada")


@pytest.fixture
def link(ada: Subscriber) -> str:
    return "/u/" + token_for(UNSUBSCRIBE, ada)


def test_something_else_is_offered_after_leaving_and_not_before(link: str) -> None:
    before = Client().get(link).content.decode()
    after = Client().post(link, ONE_CLICK).content.decode()
    for word in ("undo", "pause", "weekly"):
        assert f'value="{word}"' in after
        assert word not in before.lower()


def test_who_has_left_is_told_so_with_an_undo_for_a_day_and_nothing_changes(ada: Subscriber, link: str) -> None:
    Client().post(link, ONE_CLICK)
    before = dict(every_row())
    page = Client().get(link).content.decode()
    assert "You are unsubscribed" in page
    assert 'value="undo"' in page
    with time_machine.travel(NOON + timedelta(hours=25), tick=False):
        later = Client().get(link).content.decode()
        assert "You are unsubscribed" in later
        assert "Subscribe again" in later
        assert 'value="undo"' not in later
        again = Client().post(link, ONE_CLICK)
        assert (again.status_code, "You are unsubscribed" in again.content.decode()) == (200, True)
    assert dict(every_row()) == before


def test_who_was_erased_is_told_that_they_are_unsubscribed(ada: Subscriber, link: str) -> None:
    ada.delete()
    page = Client().get(link).content.decode()
    assert "You are unsubscribed" in page
    assert 'value="undo"' not in page


@pytest.mark.parametrize(
    ("do", "said", "status", "weekdays", "until"),
    [
        ("undo", "You are subscribed again", "active", 127, None),
        ("pause", "Your digest is paused for four weeks", "paused", 127, date(2026, 3, 30)),
        ("weekly", "You get one digest a week", "active", 1, None),
    ],
)
def test_what_is_chosen_instead_is_done(
    ada: Subscriber, link: str, do: str, said: str, status: str, weekdays: int, until: date | None
) -> None:
    Client().post(link, ONE_CLICK)
    answer = Client(enforce_csrf_checks=True).post(link, {"do": do})
    assert said in answer.content.decode()
    assert "ada@example.org" not in answer.content.decode()
    ada.refresh_from_db()
    assert (ada.status, ada.weekdays, ada.paused_until) == (status, weekdays, until)
    assert ada.next_send_at is not None
    kinds = list(ConsentEvent.objects.values_list("kind", flat=True))
    also = {"undo": [], "pause": ["paused"], "weekly": ["weekly"]}
    assert kinds == ["unsubscribed", "rejoined", *also[do]]
    assert set(ConsentEvent.objects.values_list("ip", "page")) == {("127.0.0.1", "/u/")}


def test_a_pause_outlasts_leaving_and_undo_and_the_page_says_so(ada: Subscriber, link: str) -> None:
    until = date(2026, 4, 1)
    Subscriber.objects.update(status="paused", paused_until=until)
    for do, said in [("undo", "your digest is paused, as before"), ("weekly", "After your pause")]:
        Client().post(link, ONE_CLICK)
        assert said in Client().post(link, {"do": do}).content.decode()
        ada.refresh_from_db()
        assert (ada.status, ada.paused_until) == ("paused", until)


@pytest.mark.parametrize("do", ["undo", "pause", "weekly"])
def test_another_site_cannot_press_the_pages_own_buttons(ada: Subscriber, link: str, do: str) -> None:
    for fields in ({"do": do}, {**ONE_CLICK, "do": do}):
        assert Client().post(link, fields, HTTP_SEC_FETCH_SITE="cross-site").status_code == 403
        ada.refresh_from_db()
        assert ada.status == Subscriber.Status.ACTIVE


def test_leaving_cannot_be_taken_back_a_day_later(ada: Subscriber, link: str) -> None:
    Client().post(link, ONE_CLICK)
    with time_machine.travel(NOON + timedelta(hours=25), tick=False):
        for do in ("undo", "pause", "weekly"):
            assert "can no longer be undone" in Client().post(link, {"do": do}).content.decode()
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


def test_nothing_comes_back_for_someone_we_no_longer_know(ada: Subscriber, link: str) -> None:
    ada.delete()
    for do in ("undo", "pause", "weekly"):
        answer = Client().post(link, {"do": do})
        assert (answer.status_code, "can no longer be undone" in answer.content.decode()) == (200, True)
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize("do", ["erase", "", "\x00", "x" * 10_000])
def test_the_link_gives_leave_for_nothing_else(ada: Subscriber, link: str, do: str) -> None:
    assert Client().post(link, {"do": do}).status_code == 400
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.ACTIVE
