"""More, less and mute on a signed-in reader's home page: one click each, undone by one, and nothing without a session."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.models import Paper, Verdict
from digest.web.feedback import MUTE
from subscriptions.models import LoginToken, Preference, Subscriber
from subscriptions.tokens import FEEDBACK, WEB_COPY, new_login_token, token_for
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, delivery, entry, reader, topic, want

pytestmark = pytest.mark.django_db
FIRST = f"/own/{NOON:%Y-%m-%d}/1"


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    """A reader whose digest had three papers, the first of the topic Tides."""
    topic("Tides", categories=["cs.LG"])
    edition = publish(
        *(entry(number, authors=("Ada Example", "Bea Sample", "Cy Test", "Di Late")) for number in (1, 2, 3))
    )
    row = reader("ada", wants={"keyword": ["grasping"]})
    delivery(row, edition=edition, paper_ids=list(Paper.objects.order_by("pk").values_list("pk", flat=True)))
    return row


def signed_in(row: Subscriber, **options: Any) -> Client:
    client = Client(**options)
    client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, row, now=NOON))
    return client


def home(client: Client, path: str = "/") -> str:
    return unescape(" ".join(client.get(path).content.decode().split()))


def test_one_click_stores_more_and_another_undoes_it(ada: Subscriber) -> None:
    visit = signed_in(ada)
    answer = visit.post(FIRST, {"do": "more"})
    assert (answer.status_code, answer["Location"]) == (303, "/#own-1")
    assert Verdict.objects.get().value == "more"
    assert "You asked for more like this." in home(visit)
    visit.post(FIRST, {"do": "less"})
    assert Verdict.objects.get().value == "less"
    visit.post(FIRST, {"do": "undo"})
    assert not Verdict.objects.exists()


def test_one_click_mutes_a_topic_and_the_page_offers_to_undo_it(ada: Subscriber) -> None:
    visit = signed_in(ada)
    told = visit.post(FIRST, {"mute": "topic:tides"})["Location"]
    assert ada.preferences.get(stance="mute").topic.slug == "tides"
    page = home(visit, told)
    assert "Muted: <bdi>Tides</bdi>." in page
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page)
    assert visit.post("/own/unmute", {"undo": undo}).status_code == 303
    assert not ada.preferences.filter(stance="mute").exists()


def test_undo_makes_what_was_wanted_before_wanted_again(ada: Subscriber) -> None:
    want(ada, "author", "Ada Example")
    visit = signed_in(ada)
    page = home(visit, visit.post(FIRST, {"mute": "author:Ada Example"})["Location"])
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page)
    visit.post("/own/unmute", {"undo": undo})
    assert ada.preferences.get(kind="author").stance == "want"


def test_the_buttons_name_topics_categories_and_three_authors_and_lead_to_the_rest(ada: Subscriber) -> None:
    page = home(signed_in(ada))
    form = page.partition(f'action="{FIRST}"')[2].partition("</form>")[0]
    assert re.findall(r'name="mute" value="([^"]+)"', form) == [
        "topic:tides", "category:cs.LG", "author:Ada Example", "author:Bea Sample", "author:Cy Test",
    ]  # fmt: skip
    assert f"/f/{token_for(FEEDBACK, ada, day=NOON.date())}/1/{MUTE}" in form


def test_nothing_happens_without_a_session_or_from_a_copy_that_was_forwarded(ada: Subscriber) -> None:
    before = list(every_row())
    stranger = Client()
    copy = stranger.get(f"/d/{token_for(WEB_COPY, ada, day=NOON.date())}").content.decode()
    assert "<form" not in copy
    for path, fields in ((FIRST, {"do": "more"}), (FIRST, {"mute": "topic:tides"}), ("/own/unmute", {"undo": "x"})):
        assert stranger.post(path, fields)["Location"] == "/sign-in"
        assert stranger.get(path).status_code == 405
    assert "own-buttons" not in home(stranger)
    assert list(every_row()) == before


def test_another_sites_form_is_refused(ada: Subscriber) -> None:
    strict = signed_in(ada, enforce_csrf_checks=True)
    assert strict.post(FIRST, {"do": "more"}).status_code == 403
    assert not Verdict.objects.exists()


def test_a_reader_acts_on_their_own_digests_only(ada: Subscriber) -> None:
    eve = signed_in(reader("eve"))
    assert eve.post(FIRST, {"do": "more"}).status_code == 404
    page = home(signed_in(ada), signed_in(ada).post(FIRST, {"mute": "topic:tides"})["Location"])
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page)
    eve.post("/own/unmute", {"undo": undo})
    assert ada.preferences.filter(stance="mute").exists()
    assert "Muted" not in home(eve, f"/?muted={undo}")


def test_a_mute_too_many_is_refused_in_words(ada: Subscriber) -> None:
    Preference.objects.bulk_create(
        Preference(subscriber=ada, kind="category", value=f"x{number}", stance="mute") for number in range(100)
    )
    visit = signed_in(ada)
    assert "you already mute 100 of these" in home(visit, visit.post(FIRST, {"mute": "category:cs.LG"})["Location"])


def test_looking_changes_nothing(ada: Subscriber) -> None:
    visit = signed_in(ada)
    before = list(every_row())
    home(visit, "/?problem=full&muted=x")
    assert list(every_row()) == before


ANYTHING = st.text(max_size=60) | st.sampled_from(["more", "less", "undo", "topic:tides", "author:Ada Example", "\0"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day=st.sampled_from(["2026-03-02", "2026-02-31", "0000-00-00"]),
    number=st.integers(0, 999),
    do=ANYTHING,
    mute=ANYTHING,
)
def test_the_buttons_take_anything(ada: Subscriber, day: str, number: int, do: str, mute: str) -> None:
    visit = signed_in(ada)
    answer = visit.post(f"/own/{day}/{number}", {"do": do, "mute": mute})
    is_own = day == "2026-03-02" and 1 <= number <= 3
    assert answer.status_code in ((303,) if is_own else (404,)) or answer.status_code == 429
    assert visit.post("/own/unmute", {"undo": do}).status_code in (303, 429)
    assert visit.get("/", {"muted": mute, "problem": do}).status_code == 200
