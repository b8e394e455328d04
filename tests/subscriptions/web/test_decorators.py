from __future__ import annotations

import pytest
from django.test import Client

from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber
from subscriptions.tokens import PREFERENCES, UNSUBSCRIBE, new_login_token, token_for
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def links(ada: Subscriber) -> list[str]:
    """One of every kind that subscriptions makes."""
    purposes = LoginToken.Purpose
    return [
        "/u/" + token_for(UNSUBSCRIBE, ada),
        "/p/" + token_for(PREFERENCES, ada),
        "/c/" + new_login_token(purposes.CONFIRM, ada, now=NOON),
        "/s/" + new_login_token(purposes.SIGN_IN, ada, now=NOON),
        "/a/" + new_login_token(purposes.CHANGE_ADDRESS, ada, now=NOON),
        "/c/nonsense",
    ]


def test_a_page_behind_a_token_gives_nothing_away() -> None:
    for path in links(reader("ada", pending_email="ada@new.example.org")):
        for answer in (Client().get(path), Client().options(path), Client().put(path), Client().post(path)):
            assert answer["Referrer-Policy"] == "no-referrer"
            assert answer["Cache-Control"] == "no-store"
            assert answer["X-Robots-Tag"] == "noindex"
            assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
            assert "script-src" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "\x00", "anything"])
def test_another_sites_form_is_refused(site: str) -> None:
    ada = reader("ada", pending_email="ada@new.example.org")
    before = list(Subscriber.objects.values())
    for path in links(ada):
        answer = Client().post(path, {"do": "pause"}, HTTP_SEC_FETCH_SITE=site)
        assert answer.status_code == 403
    assert list(Subscriber.objects.values()) == before
    assert not LoginToken.objects.exclude(used_at=None).exists()
    assert not ConsentEvent.objects.exists()
    assert not LinkRequest.objects.exists()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver.evil.example", "https://testserver", ""])
def test_another_sites_form_is_refused_by_its_origin_where_browsers_say_nothing_else(origin: str) -> None:
    ada = reader("ada", pending_email="ada@new.example.org")
    for path in links(ada):
        assert Client().post(path, {"do": "pause"}, HTTP_ORIGIN=origin).status_code == 403
    assert not LoginToken.objects.exclude(used_at=None).exists()


@pytest.mark.parametrize("origin", ["http://testserver", "http://localhost:8000", "null"])
def test_our_own_origin_is_taken(origin: str) -> None:
    path = "/p/" + token_for(PREFERENCES, reader("ada"))
    assert Client().post(path, HTTP_ORIGIN=origin).status_code == 303


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_the_pages_own_form_needs_no_cookie(site: str | None) -> None:
    ada = reader("ada")
    headers = {} if site is None else {"HTTP_SEC_FETCH_SITE": site}
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/p/" + token_for(PREFERENCES, ada), HTTP_ORIGIN="null", **headers).status_code == 303
    assert strict.post("/u/" + token_for(UNSUBSCRIBE, ada), ONE_CLICK, HTTP_ORIGIN="null", **headers).status_code == 200


def test_a_mail_program_in_a_browser_may_leave_by_one_click() -> None:
    ada = reader("ada")
    answer = Client().post("/u/" + token_for(UNSUBSCRIBE, ada), ONE_CLICK, HTTP_SEC_FETCH_SITE="cross-site")
    assert answer.status_code == 200
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_not_taken(method: str) -> None:
    for path in links(reader("ada")):
        assert getattr(Client(), method)(path).status_code == 405
