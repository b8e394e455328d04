"""In a session older than an hour, acts that a stranger at the device must not do need a new link, which leads back."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.models import SavedFeed
from digest.reader_data import saved
from subscriptions import link_requests
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.tokens import new_login_token
from subscriptions.web.fresh_link import ACTS
from subscriptions.web.sessions import FRESH
from tests.support.database_rows import every_row
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
LATER = NOON + FRESH
AGAIN = "/sign-in/again"


@pytest.fixture
def ada() -> Subscriber:
    return reader("ada")


@pytest.fixture
def visit(ada: Subscriber) -> Client:
    """Ada's browser, signed in at noon."""
    client = Client()
    with time_machine.travel(NOON, tick=False):
        client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON))
    return client


@pytest.fixture
def _an_hour_later(visit: Client) -> Any:
    with time_machine.travel(LATER, tick=False):
        yield


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


SENSITIVE = [
    ("post", "/preferences/address", {"email": "new@example.org"}, "To change your address, you need"),
    ("get", "/preferences/export", {}, "To export your data, you need"),
    ("get", "/preferences/erase", {}, "To erase everything, you need"),
    ("post", "/preferences/erase", {"sure": "yes"}, "To erase everything, you need"),
    ("post", "/saved", {"do": "open"}, "To see the secret address of your feed, you need"),
]


@pytest.mark.usefixtures("_an_hour_later")
@pytest.mark.parametrize(("method", "path", "data", "said"), SENSITIVE)
def test_it_asks_for_a_new_link_and_changes_nothing(
    visit: Client, method: str, path: str, data: dict[str, str], said: str
) -> None:
    def kept() -> list[Any]:
        return [rows for rows in every_row() if rows[0] not in ("sessions.Session", "subscriptions.RateCounter")]

    before = kept()
    answer = getattr(visit, method)(path, data)
    assert answer.status_code == 403
    assert said in words(answer)
    assert "a…@example.org" in words(answer)
    assert "ada@example.org" not in answer.content.decode()
    assert kept() == before


@pytest.mark.parametrize(("method", "path", "data", "said"), SENSITIVE)
def test_within_the_hour_nothing_is_asked(
    visit: Client, method: str, path: str, data: dict[str, str], said: str
) -> None:
    with time_machine.travel(LATER - timedelta(seconds=1), tick=False):
        assert getattr(visit, method)(path, data).status_code in (200, 303)


@pytest.mark.usefixtures("_an_hour_later")
@pytest.mark.parametrize(
    ("act", "leads_to"),
    [
        ("address", "/preferences#address"),
        ("export", "/preferences#data"),
        ("erase", "/preferences/erase"),
        ("feed", "/saved#feed"),
    ],
)
def test_the_mailed_link_leads_back_to_the_act(visit: Client, act: str, leads_to: str) -> None:
    assert set(ACTS) == {"address", "export", "erase", "feed"}
    assert visit.post(AGAIN, {"act": act})["Location"] == "/sign-in/sent"
    link_requests.process_pending(LATER)
    (message,) = mail.outbox
    assert message.to == ["ada@example.org"]
    (link,) = set(re.findall(r"/s/[\w-]+", str(message.body)))
    assert f"Click the button to {ACTS[act][2]}." in words(visit.get(link))
    assert visit.post(link)["Location"] == leads_to
    assert visit.get("/preferences/export").status_code == 200


@pytest.mark.usefixtures("_an_hour_later")
def test_everything_else_needs_no_new_link_and_an_address_can_be_revoked_at_once(
    visit: Client, ada: Subscriber
) -> None:
    saved.open_feed(ada, now=NOON)
    page = visit.get("/saved").content.decode()
    assert "/r/" not in page
    assert "The address is shown for an hour after a sign-in link." in unescape(page)
    assert 'action="/preferences/address"' not in visit.get("/preferences").content.decode()
    assert visit.post("/preferences/pause", {"weeks": "1"}).status_code == 303
    assert visit.post("/saved", {"do": "revoke"}).status_code == 303
    assert not SavedFeed.objects.exists()


def test_a_session_from_before_has_no_hour(visit: Client) -> None:
    with time_machine.travel(NOON, tick=False):
        session = visit.session
        del session["reader_since"]
        session.save()
        assert visit.get("/preferences/erase").status_code == 403


@pytest.mark.usefixtures("_an_hour_later")
def test_only_a_signed_in_reader_asks_and_too_often_is_refused(visit: Client) -> None:
    assert Client().post(AGAIN, {"act": "erase"})["Location"] == "/sign-in"
    assert visit.get(AGAIN, {"act": "erase"})["Location"] == "/preferences"
    assert Client(enforce_csrf_checks=True).post(AGAIN, {"act": "erase"}).status_code == 403
    assert not LinkRequest.objects.exists()
    answers = [visit.post(AGAIN, {"act": "erase"}).status_code for _ in range(30)]
    assert (answers[0], answers[-1]) == (303, 429)


@pytest.mark.usefixtures("_an_hour_later")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(act=st.text(max_size=40) | st.sampled_from(["https://evil.example", "//evil.example", "\0"]))
def test_an_unknown_act_leads_to_the_preferences(visit: Client, act: str) -> None:
    if act not in ACTS:
        assert visit.post(AGAIN, {"act": act})["Location"] == "/preferences"
    assert not LinkRequest.objects.exists()
