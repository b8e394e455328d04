from __future__ import annotations

import pytest
from django.test import Client

from subscriptions.models import ConsentEvent, Subscriber
from subscriptions.tokens import UNSUBSCRIBE, token_for
from tests.support.factories import reader

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def link(subscriber: Subscriber) -> str:
    return "/u/" + token_for(UNSUBSCRIBE, subscriber)


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_at_the_link_changes_nothing(strict: Client, method: str) -> None:
    ada = reader("ada")
    before = list(Subscriber.objects.values())
    assert getattr(strict, method)(link(ada)).status_code in (200, 405)
    assert list(Subscriber.objects.values()) == before
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_one_click_leaves_at_once_without_cookie_or_redirect(strict: Client, content_type: str) -> None:
    ada = reader("ada")
    body = "List-Unsubscribe=One-Click"
    if "multipart" in content_type:
        body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    answers = [strict.post(link(ada), data=body, content_type=content_type) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, answers[0].content)] * 2
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


def test_the_page_has_one_button_that_posts_what_mail_programs_post(strict: Client) -> None:
    page = strict.get(link(reader("ada"))).content.decode()
    assert page.count("<button") == 1
    assert '<button name="List-Unsubscribe" value="One-Click">' in page
    assert "ada@example.org" not in page


def test_someone_we_no_longer_know_gets_the_same_answer(strict: Client) -> None:
    ada = reader("ada")
    known = strict.post(link(ada), ONE_CLICK)
    ada.delete()
    unknown = strict.post(link(ada), ONE_CLICK)
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_another_body_changes_nothing(strict: Client) -> None:
    ada = reader("ada")
    assert strict.post(link(ada), {"hello": "world"}).status_code == 400
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.ACTIVE


def test_a_bad_link_is_told_so_and_nothing_more(strict: Client) -> None:
    assert strict.get("/u/" + "x" * 38).status_code == 404
    answer = strict.post("/u/" + "x" * 38, ONE_CLICK)
    assert answer.status_code == 400
    assert b"This link does not work" in answer.content


def test_a_token_page_is_not_kept_indexed_or_passed_on(strict: Client) -> None:
    for path in (link(reader("ada")), "/u/nonsense"):
        headers = strict.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_leaving_works_behind_a_web_server_that_passes_on_no_address(strict: Client) -> None:
    ada = reader("ada")
    assert strict.post(link(ada), ONE_CLICK, REMOTE_ADDR="unix:").status_code == 200
    assert ConsentEvent.objects.get(public_id=ada.public_id).ip is None
