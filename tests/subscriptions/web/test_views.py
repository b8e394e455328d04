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


PAIR = "List-Unsubscribe=One-Click"
PART = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("site", ["cross-site", "none"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, PAIR),
        (FORM, PAIR + "\r\n"),
        (FORM, ""),
        (FORM, "List-Unsubscribe%3DOne-Click"),
        (FORM, "hello=world"),
        (FORM, "&".join(f"a{number}=b" for number in range(2000))),  # more than Django reads
        (f"{FORM}; charset=iso-8859-1", PAIR),
        ("multipart/form-data; boundary=b", PART),
        ("multipart/form-data; boundary=b", PART.replace("\r\n", "\n")),
        ("multipart/form-data; boundary=b", ""),
        ("multipart/form-data", PART),  # no boundary is named
        ("multipart/form-data; boundary=\xe9", PART),
        ("text/plain", PAIR),
        ("text/plain", "do=undo"),
        ("application/json", '{"List-Unsubscribe": "One-Click"}'),
        ("application/json", "{"),
        ("", PAIR),
        ("\x00", PAIR),
    ],
)
def test_one_click_leaves_at_once_whatever_the_body(strict: Client, content_type: str, body: str, site: str) -> None:
    ada = reader("ada")
    headers = {"HTTP_SEC_FETCH_SITE": site, "HTTP_ORIGIN": "https://mail.example"}
    answers = [strict.post(link(ada), data=body, content_type=content_type, **headers) for _ in range(2)]
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


@pytest.mark.parametrize("glued", [")", ".", ">", "%3E", ").", "%22", ",", "%0D%0A", "%E2%80%9D"])
def test_punctuation_that_a_mail_program_added_to_the_link_does_no_harm(strict: Client, glued: str) -> None:
    ada = reader("ada")
    assert strict.get(link(ada) + glued).status_code == 200
    assert strict.post(link(ada) + glued).status_code == 200
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


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
