from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.tokens import PREFERENCES, new_login_token, token_for
from subscriptions.web.addresses import mask_address
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def visitor() -> Client:
    return Client()


def magic(ada: Subscriber) -> str:
    return "/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON)


def test_asking_for_a_link_is_answered_the_same_for_everybody(visitor: Client) -> None:
    reader("ada")
    reader("ben", status=Subscriber.Status.UNSUBSCRIBED)
    answers = []
    for name in ("ada", "ben", "nobody"):
        answer = visitor.post("/sign-in", {"email": f"{name}@example.org"}, follow=True)
        answers.append((answer.redirect_chain, answer.content, dict(answer.headers)))
    assert answers == [answers[0]] * 3
    assert {row.kind for row in LinkRequest.objects.all()} == {"sign_in"}
    assert LinkRequest.objects.count() == 3


def test_an_address_that_is_none_is_said_so(visitor: Client) -> None:
    answer = visitor.post("/sign-in", {"email": "ada@localhost"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert 'value="ada@localhost"' in answer.content.decode()
    assert not LinkRequest.objects.exists()


def test_asking_too_often_is_refused(visitor: Client) -> None:
    answers = [visitor.post("/sign-in", {"email": "ada@example.org"}).status_code for _ in range(30)]
    assert (answers[0], answers[-1]) == (303, 429)


def test_nobody_can_lock_a_reader_out_by_asking_in_their_name(visitor: Client) -> None:
    ada, eve = reader("ada"), Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(40):
        eve.post("/sign-in", {"email": ada.email})
    assert visitor.post("/sign-in", {"email": ada.email}).status_code == 303
    assert visitor.post("/p/" + token_for(PREFERENCES, ada)).status_code == 303


def test_the_link_in_a_digest_mails_a_link_and_never_shows_the_address(visitor: Client) -> None:
    ada = reader("ada")
    link = "/p/" + token_for(PREFERENCES, ada)
    page = visitor.get(link).content.decode()
    assert "example.org" not in page
    assert not LinkRequest.objects.exists()
    answer = visitor.post(link)
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/sent")
    asked = LinkRequest.objects.get()
    assert (asked.kind, asked.email, asked.subscriber) == ("sign_in", "ada@example.org", ada)


@pytest.mark.parametrize("status", ["erased", "gone"])
def test_the_link_of_someone_we_no_longer_know_answers_the_same_and_asks_for_nothing(
    visitor: Client, status: str
) -> None:
    ada = reader("ada")
    link = "/p/" + token_for(PREFERENCES, ada)
    known = visitor.post(link)
    LinkRequest.objects.all().delete()
    if status == "gone":
        ada.delete()
    else:
        Subscriber.objects.update(status="erased", email="")
    assert visitor.get(link).status_code == 200
    unknown = visitor.post(link)
    assert (unknown.status_code, unknown.content, unknown["Location"]) == (303, known.content, known["Location"])
    assert not LinkRequest.objects.exists()


def test_a_visit_begins_with_the_button_and_not_with_the_link(visitor: Client) -> None:
    link = magic(reader("ada"))
    for method in (visitor.get, visitor.head, visitor.options):
        method(link)
    assert not visitor.cookies
    assert LoginToken.objects.get().used_at is None
    answer = visitor.post(link)
    assert (answer.status_code, answer["Location"]) == (303, "/preferences")
    assert visitor.get("/preferences").status_code == 200


def test_a_link_signs_in_once_and_for_half_an_hour(visitor: Client) -> None:
    ada = reader("ada")
    used, late = magic(ada), magic(ada)
    visitor.post(used)
    again = visitor.post(used).content.decode()
    assert "This link was used" in again
    assert "Open your preferences" in again
    assert "E-mail me a new link" in Client().post(used).content.decode()
    with time_machine.travel(NOON + timedelta(minutes=30), tick=False):
        answer = Client().post(late)
    assert answer.status_code == 410
    assert "This link has expired" in answer.content.decode()


def ways(html: str) -> set[str]:
    """Return which of these ways the head and the foot of a page offer."""
    frame = html.partition("<main")[0] + html.partition("</main>")[2]
    paths = ("/subscribe", "/sign-in", "/preferences", "/saved", "/sign-out")
    return {path for path in paths if f'="{path}"' in frame}


@pytest.mark.parametrize("path", ["/", "/topics/", "/papers/", "/about", "/no-such-page"])
def test_every_page_leads_a_signed_in_reader_to_their_own_pages_and_others_to_subscribe(
    visitor: Client, path: str
) -> None:
    assert ways(visitor.get(path).content.decode()) == {"/subscribe", "/sign-in", "/preferences"}
    visitor.post(magic(reader("ada")))
    answer = visitor.get(path)
    assert ways(answer.content.decode()) == {"/preferences", "/saved", "/sign-out"}
    assert "Cookie" in answer["Vary"]
    Subscriber.objects.update(key_version=7)
    assert "/sign-in" in ways(visitor.get(path).content.decode())


def test_a_page_and_its_frame_read_the_session_once(visitor: Client, django_assert_num_queries: Any) -> None:
    visitor.post(magic(reader("ada")))
    with django_assert_num_queries(3):  # the sources, the session, its reader
        visitor.get("/about")
    with CaptureQueriesContext(connection) as queries:
        visitor.get("/")
    assert sum("key_version" in query["sql"].partition("WHERE")[2] for query in queries) == 1


@pytest.mark.parametrize("status", [Subscriber.Status.PENDING, Subscriber.Status.ERASED])
def test_nobody_is_signed_in_who_is_no_reader(visitor: Client, status: str) -> None:
    ada = reader("ada")
    link = magic(ada)
    Subscriber.objects.update(status=status)
    assert visitor.post(link).status_code == 400
    assert visitor.get("/preferences").status_code == 302


def test_signing_out_ends_the_visit_and_takes_a_form_of_this_site() -> None:
    ada, strict = reader("ada"), Client(enforce_csrf_checks=True)
    strict.post(magic(ada))
    assert strict.post("/sign-out").status_code == 403
    assert strict.get("/sign-out")["Location"] == "/"
    assert strict.get("/preferences").status_code == 200
    lenient = Client()
    lenient.post(magic(ada))
    assert lenient.post("/sign-out").status_code == 303
    assert lenient.get("/preferences").status_code == 302


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.org", "a…@example.org"),
        ("x@janedoe.example", "…@janedoe.example"),
        ("", ""),
        ("a@b@c.de", "a…@c.de"),
    ],
)
def test_an_address_is_masked(address: str, shown: str) -> None:
    assert mask_address(address) == shown
