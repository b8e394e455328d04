"""Papers saved to read later: one click on, one click off, their page, their export, and a feed that can be revoked."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
import rispy
import time_machine
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pybtex.database import parse_string

from digest.ingest.papers.merge import merge_rows
from digest.models import Paper, SavedFeed, SavedPaper
from digest.reader_data import saved
from digest.reader_data.erase import erase
from digest.web.papers.cards import path_of
from subscriptions.models import LoginToken, Subscriber
from subscriptions.tokens import FEEDBACK, WEB_COPY, new_login_token, token_for
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, delivery, entry, reader, source

pytestmark = pytest.mark.django_db
FIRST = f"/own/{NOON:%Y-%m-%d}/1"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    """A reader whose digest had three papers; the title of the first is hostile to feeds."""
    edition = publish(entry(1, title="A < B & <b>C</b>"), entry(2), entry(3))
    row = reader("ada", email="ada.okafor@example.org")
    delivery(row, edition=edition, paper_ids=[one.pk for one in papers()])
    return row


def papers() -> list[Paper]:
    return list(Paper.objects.order_by("pk"))


def signed_in(row: Subscriber, **options: Any) -> Client:
    client = Client(**options)
    client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, row, now=NOON))
    return client


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def test_one_click_saves_at_home_and_another_removes(ada: Subscriber) -> None:
    visit = signed_in(ada)
    assert visit.post(FIRST, {"do": "save"})["Location"] == "/#own-1"
    assert SavedPaper.objects.get().paper == papers()[0]
    assert visit.post(FIRST, {"do": "save"}).status_code == 303
    assert "Remove from saved papers" in words(visit.get("/"))
    visit.post(FIRST, {"do": "unsave"})
    assert not SavedPaper.objects.exists()


def test_one_click_saves_on_a_papers_page_and_another_removes(ada: Subscriber) -> None:
    visit, path = signed_in(ada), path_of(papers()[1])
    assert "Remove from saved papers" not in words(visit.get(path))
    assert visit.post(f"{path}/act", {"do": "save", "back": path})["Location"].startswith(f"{path}#")
    assert "Remove from saved papers" in words(visit.get(path))
    visit.post(f"{path}/act", {"do": "unsave"})
    assert not SavedPaper.objects.exists()


def test_nothing_is_saved_without_a_session_or_by_looking_or_by_another_site(ada: Subscriber) -> None:
    path = path_of(papers()[0])
    assert Client().post(f"{path}/act", {"do": "save"})["Location"] == "/sign-in"
    assert Client().post(FIRST, {"do": "save"})["Location"] == "/sign-in"
    for purpose, page in ((FEEDBACK, "f"), (WEB_COPY, "d")):  # a mail and its web copy get forwarded
        assert (
            "save" not in Client().get(f"/{page}/{token_for(purpose, ada, day=NOON.date())}").content.decode().lower()
        )
    assert signed_in(ada).get(f"{path}/act", {"do": "save"})["Location"] == path
    assert signed_in(ada, enforce_csrf_checks=True).post(f"{path}/act", {"do": "save"}).status_code == 403
    assert not SavedPaper.objects.exists()


def filled(ada: Subscriber) -> Client:
    for paper in papers():
        saved.save(ada, paper, now=NOON)
    return signed_in(ada)


def test_the_page_lists_them_newest_first_and_removes_one(ada: Subscriber) -> None:
    visit = signed_in(ada)
    assert "You have saved no paper." in words(visit.get("/saved"))
    visit = filled(ada)
    page = words(visit.get("/saved"))
    assert "You saved 3 papers to read later." in page
    assert page.index("Paper number 3") < page.index("Paper number 2") < page.index("A < B")
    visit.post("/saved", {"paper": str(papers()[1].pk)})
    assert "Paper number 2" not in words(visit.get("/saved"))
    assert "Saved on 2 Mar 2026" in page


def test_the_exports_are_read_by_reference_managers_and_each_key_is_once(ada: Subscriber) -> None:
    visit = filled(ada)
    for paper in papers()[1:]:
        Paper.objects.filter(pk=paper.pk).update(title="One and the same key")
    answer = visit.get("/saved/bibtex")
    assert answer["Content-Disposition"] == 'attachment; filename="saved.bib"'
    entries = parse_string(answer.content.decode(), "bibtex").entries
    assert len(entries) == 3
    assert {key for key in entries if key.startswith("example2026one")} == {"example2026one", "example2026one2"}
    assert len(rispy.loads(visit.get("/saved/ris").content.decode())) == 3
    assert len(json.loads(visit.get("/saved/csl").content)) == 3


def test_the_export_of_many_costs_as_many_queries_as_of_one(
    ada: Subscriber, django_assert_max_num_queries: Any
) -> None:
    visit = filled(ada)
    with django_assert_max_num_queries(5):
        visit.get("/saved/ris")
    with django_assert_max_num_queries(6):
        visit.get("/saved")


# The feed ------------------------------------------------------------------------------------------------------------


def address(visit: Client) -> str:
    (found,) = re.findall(r'href="https?://[^/"]+(/r/[\w-]+)"', visit.get("/saved").content.decode())
    return str(found)


def test_the_feed_is_valid_and_titles_are_as_they_are(ada: Subscriber) -> None:
    visit = filled(ada)
    visit.post("/saved", {"do": "open"})
    path = address(visit)
    answer = Client().get(path)
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert (answer["Cache-Control"], answer["X-Robots-Tag"], answer["Referrer-Policy"]) == (
        "no-store",
        "noindex",
        "no-referrer",
    )
    root = ElementTree.fromstring(answer.content)
    entries = root.findall(f"{ATOM}entry")
    assert len(entries) == 3
    assert all(one.findtext(f"{ATOM}{name}") for one in [*entries, root] for name in ("id", "title", "updated"))
    assert len({one.findtext(f"{ATOM}id") for one in entries}) == 3
    (own,) = [one.get("href") for one in root.findall(f"{ATOM}link") if one.get("rel") == "self"]
    assert str(own).endswith(path)
    parsed = feedparser.parse(answer.content)
    assert parsed.bozo == 0
    stored = papers()[0]
    assert entries[2].findtext(f"{ATOM}title") == stored.title
    assert entries[0].findtext(f"{ATOM}summary") == "We measure thing 3. It is found to be as expected."
    assert entries[0].findtext(f"{ATOM}author/{ATOM}name") == "Ada Example, Ben Sample"


def test_the_feed_shows_no_address_and_nothing_of_its_reader(ada: Subscriber) -> None:
    visit = filled(ada)
    visit.post("/saved", {"do": "open"})
    text = Client().get(address(visit)).content.decode()
    assert not re.search("ada.okafor|example.org/|@", text)
    assert ada.public_id not in text


def test_an_address_that_is_revoked_is_closed_at_once_and_the_next_is_another(ada: Subscriber) -> None:
    visit = filled(ada)
    visit.post("/saved", {"do": "open"})
    old = address(visit)
    visit.post("/saved", {"do": "open"})
    assert address(visit) == old
    assert "no longer works" in words(visit.post("/saved", {"do": "revoke"}, follow=True))
    assert Client().get(old).status_code == 404
    visit.post("/saved", {"do": "open"})
    assert address(visit) != old
    assert Client().get(old).status_code == 404


def test_a_copy_of_the_database_opens_no_feed_and_a_new_key_keeps_the_old_addresses(
    ada: Subscriber, settings: Any
) -> None:
    saved.open_feed(ada, now=NOON)
    feed = SavedFeed.objects.get()
    token = saved.token_of(feed)
    assert token not in json.dumps(list(every_row()), default=str)
    assert saved.feed_of(feed.name + "A" * 16) is None
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert saved.feed_of(token) == feed
    settings.SECRET_KEY_FALLBACKS = []
    assert saved.feed_of(token) is None


@given(st.text(max_size=60).filter(lambda text: text not in (".", "..")))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_address_opens_a_feed(ada: Subscriber, token: str) -> None:
    saved.open_feed(ada, now=NOON)
    answer = Client().get(f"/r/{token}")
    assert answer.status_code in (301, 404)


# What holds for the list ---------------------------------------------------------------------------------------------


def test_a_list_that_is_full_says_so(ada: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST", 1)
    visit = signed_in(ada)
    visit.post(FIRST, {"do": "save"})
    full = "Nothing was saved: you have saved 1 papers, which is the most."
    assert full in words(visit.post(f"{FIRST[:-1]}2", {"do": "save"}, follow=True))
    path = path_of(papers()[1])
    assert full in words(visit.post(f"{path}/act", {"do": "save", "back": path}, follow=True))
    assert SavedPaper.objects.count() == 1


def test_export_and_erasure_of_personal_data_include_it(ada: Subscriber) -> None:
    visit = filled(ada)
    visit.post("/saved", {"do": "open"})
    path = address(visit)
    data = json.loads(visit.get("/preferences/export").content)
    assert [one["paper"]["title"] for one in data["saved"]] == [paper.title for paper in papers()]
    erase(ada, now=NOON)
    assert Client().get(path).status_code == 404
    assert not SavedPaper.objects.exists()
    assert not saved.save(ada, papers()[0], now=NOON)


def test_two_papers_that_become_one_are_saved_once(ada: Subscriber) -> None:
    filled(ada)
    one, other, third = papers()
    merge_rows(one, other, names=["x"], source=source(), now=NOON)
    SavedPaper.objects.filter(paper=one).delete()
    merge_rows(one, third, names=["x"], source=source(), now=NOON)
    assert SavedPaper.objects.get().paper == one


ANYTHING = st.text(max_size=40) | st.sampled_from(["open", "revoke", "save", "9" * 15, "\0"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(do=ANYTHING, paper=ANYTHING, page=ANYTHING)
def test_the_buttons_take_anything(ada: Subscriber, do: str, paper: str, page: str) -> None:
    visit = signed_in(ada)
    assert visit.post("/saved", {"do": do, "paper": paper}).status_code in (303, 429)
    assert visit.get("/saved", {"page": page, "done": do}).status_code == 200
    assert visit.post(f"{path_of(papers()[0])}/act", {"do": do}).status_code in (302, 303, 429)
