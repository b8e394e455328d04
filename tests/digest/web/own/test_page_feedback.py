"""More, less and mute on every list that a signed-in reader sees: one click each, undone by one, and nothing without a session."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.ingest import store
from digest.models import Paper, Verdict
from digest.web.own.feedback import MUTE
from subscriptions.models import LoginToken, Preference, Subscriber
from subscriptions.tokens import FEEDBACK, WEB_COPY, new_login_token, token_for
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, delivery, entry, feed, reader, topic, want

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
        "topic:tides", "author:Ada Example", "author:Bea Sample", "author:Cy Test", "category:cs.LG",
    ]  # fmt: skip
    assert f"/f/{token_for(FEEDBACK, ada, day=NOON.date())}/1/{MUTE}" in form


def test_one_click_mutes_what_is_neither_wanted_nor_muted_before(ada: Subscriber) -> None:
    want(ada, "topic", "Tides")
    want(ada, "author", "Ada Example", stance="mute")
    form = home(signed_in(ada)).partition(f'action="{FIRST}"')[2].partition("</form>")[0]
    assert re.findall(r'name="mute" value="([^"]+)"', form) == [
        "author:Bea Sample", "author:Cy Test", "category:cs.LG", "topic:tides",
    ]  # fmt: skip
    assert "Mute <bdi>Bea Sample</bdi>" in form.partition("<details")[0]


LISTS = ["/", "/2026-03-02", "/2026-W10", "/2026-03", "/topics/tides/", "/papers/?q=paper", "/papers/2603.00002"]


@pytest.mark.parametrize("path", LISTS)
def test_every_list_has_the_buttons_for_readers_and_each_leads_back_to_it(ada: Subscriber, path: str) -> None:
    assert "own-buttons" not in home(Client(), path)
    visit = signed_in(ada)
    second = Paper.objects.get(identifier="arxiv:2603.00002")
    act, place = "/papers/2603.00002/act", f"#paper-{second.pk}"
    page = home(visit, path)
    assert visit.get(path)["Cache-Control"] == "no-store"
    (back,) = {unescape(found) for found in re.findall(r'name="back" value="([^"]+)"', page)}
    assert back == path
    for do, said in (("save", "Remove from saved papers"), ("less", "You asked for less like this.")):
        assert said not in home(visit, path)
        assert visit.post(act, {"do": do, "back": back})["Location"] == path + place
        assert said in home(visit, path)
    muted = visit.post(act, {"mute": "topic:tides", "back": back})["Location"]
    assert muted.startswith(f"{path}{'&' if '?' in path else '?'}muted=")
    assert muted.endswith(place)
    page = home(visit, muted)
    assert page.count("Muted: <bdi>Tides</bdi>.") == 1
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page)
    assert visit.post("/own/unmute", {"undo": undo, "back": back})["Location"] == path + place
    assert not ada.preferences.filter(stance="mute").exists()


@pytest.mark.parametrize(("path", "more"), [("/2026-03-02", 6), ("/topics/tides/", 6), ("/papers/?q=paper", 6)])
def test_the_buttons_of_a_list_cost_a_fixed_number_of_queries(
    ada: Subscriber, path: str, more: int, django_assert_num_queries: Any
) -> None:
    Client().get(path)  # the first search of a process reads more
    with CaptureQueriesContext(connection) as captured:
        Client().get(path)
        of_a_visitor = len(captured)
    visit = signed_in(ada)
    # session, reader, verdicts, saves, preferences, topics
    with django_assert_num_queries(of_a_visitor + more):
        visit.get(path)


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "x", "", "//["])
def test_a_button_leads_to_no_other_site(ada: Subscriber, back: str) -> None:
    answer = signed_in(ada).post(FIRST, {"do": "more", "back": back})
    assert answer["Location"] == "/#own-1"


def test_nobody_acts_on_a_paper_that_is_not_public(ada: Subscriber) -> None:
    later = feed(entry(9))
    store.store(store.source_named_in(later, "file.xml"), later, now=NOON)
    assert signed_in(ada).post("/papers/2603.00009/act", {"do": "save"}).status_code == 404


def test_nothing_happens_without_a_session_or_from_a_copy_that_was_forwarded(ada: Subscriber) -> None:
    before = list(every_row())
    stranger = Client()
    copy = stranger.get(f"/d/{token_for(WEB_COPY, ada, day=NOON.date())}").content.decode()
    assert "<form" not in copy
    for path, fields in ((FIRST, {"do": "more"}), (FIRST, {"mute": "topic:tides"}), ("/own/unmute", {"undo": "x"})):
        assert stranger.post(path, fields)["Location"] == "/sign-in"
        assert stranger.get(path)["Location"] == "/"
    assert "own-buttons" not in home(stranger)
    assert list(every_row()) == before


def test_the_address_of_a_button_leads_home_and_does_nothing(ada: Subscriber) -> None:
    client = signed_in(ada)
    before = list(every_row())
    for path, fields in ((FIRST, {"do": "more"}), ("/own/unmute", {"undo": "x"})):
        for method in (client.get, client.head):
            assert method(path, fields)["Location"] == "/"
        assert client.put(path).status_code == 405
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
    back=st.text(max_size=40) | st.sampled_from(["/papers/?q=a&muted=b", "/\r\nX: y"]),
    day=st.sampled_from(["2026-03-02", "2026-02-31", "0000-00-00"]),
    number=st.integers(0, 999),
    do=ANYTHING,
    mute=ANYTHING,
)
def test_the_buttons_take_anything(ada: Subscriber, back: str, day: str, number: int, do: str, mute: str) -> None:
    visit = signed_in(ada)
    answer = visit.post(f"/own/{day}/{number}", {"do": do, "mute": mute, "back": back})
    is_own = day == "2026-03-02" and 1 <= number <= 3
    assert answer.status_code in ((303,) if is_own else (404,)) or answer.status_code == 429
    assert visit.post("/papers/2603.00001/act", {"do": do, "mute": mute, "back": back}).status_code in (303, 429)
    assert visit.post("/own/unmute", {"undo": do, "back": back}).status_code in (303, 429)
    assert visit.get("/", {"muted": mute, "problem": do}).status_code == 200
