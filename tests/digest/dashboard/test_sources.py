"""The page of the sources: what is shown, what is added only after it was seen, and who may do what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from digest.dashboard.auth.roles import Role
from digest.ingest import opml
from digest.ingest.opml import FeedLink
from digest.models import Paper, Source
from subscriptions import rate_limits
from tests.support.database_rows import every_row
from tests.support.factories import NOON, rss, source
from tests.support.http_server import Answer, serve
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt;“x” &amp;lt;img src=x onerror=alert(1)&amp;gt;"


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.FETCH_LOOPBACK = True


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks whose workers were told; no broker is asked."""
    told: list[str] = []
    monkeypatch.setattr("digest.dashboard.sources.enqueue_task", lambda task, **_: told.append(task))
    return told


@pytest.fixture
def cleo() -> Client:
    return signed_in(one_of_the_staff(Role.CURATOR))


def post(client: Client, view: str, /, *args: Any, **data: Any) -> Any:
    return client.post(reverse(view, args=args), data)


def said(answer: Any) -> str:
    """The message of the page that follows."""
    assert answer.status_code in (302, 303)
    return " ".join(str(message) for message in answer.wsgi_request._messages)


def marked_as_wrong(answer: Any) -> list[str]:
    """Return the ids of the fields that a page says are wrong."""
    return re.findall(r'id="(\w+)"[^>]*aria-invalid="true"', answer.content.decode())


def seal_in(answer: Any) -> str:
    return str(answer.context["seal"])


def history() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


@pytest.mark.service
def test_a_feed_is_seen_then_kept_and_its_worker_woken(cleo: Client, woken: list[str]) -> None:
    with serve({"/feed": Answer(rss("One", "Two"))}) as web:
        seen = post(cleo, "dashboard_source_look", address=web.url("/feed"))
        assert seen.status_code == 200
        assert "Annals of Care" in seen.content.decode()
        assert (Source.objects.count(), Paper.objects.count(), history()) == (0, 0, [])
        kept = post(cleo, "dashboard_source_add", seal=seal_in(seen), name="Care", kind="journal")
    made = Source.objects.get()
    assert (made.name, made.url, made.kind) == ("Care", web.url("/feed"), "journal")
    assert kept.headers["Location"] == reverse("dashboard_source", args=[made.pk])
    assert woken == ["digest.tasks.refresh"]
    assert history() == [f"Added it: {made.url}"]


@pytest.mark.service
def test_the_address_that_is_kept_is_the_one_that_was_shown(cleo: Client) -> None:
    with serve({"/feed": Answer(rss("One"))}) as web:
        seal = seal_in(post(cleo, "dashboard_source_look", address=web.url("/feed")))
    forged = post(
        cleo, "dashboard_source_add", seal=seal[:-3] + "abc", name="Care", kind="journal", url="http://10.0.0.1/"
    )
    assert (forged.status_code, Source.objects.count()) == (422, 0)
    dora = signed_in(one_of_the_staff(Role.CURATOR, name="dora"))
    assert post(dora, "dashboard_source_add", seal=seal, name="Care", kind="journal").status_code == 422
    assert post(cleo, "dashboard_source_add", seal=seal, name="Care", kind="hugging_face").status_code == 422
    assert post(cleo, "dashboard_source_add", seal=seal, name=" ", kind="journal").status_code == 422
    assert (Source.objects.count(), history()) == (0, [])
    post(cleo, "dashboard_source_add", seal=seal, name="Care", kind="journal")
    assert (
        "here already" in post(cleo, "dashboard_source_add", seal=seal, name="Care 2", kind="journal").content.decode()
    )
    assert Source.objects.count() == 1


def test_sources_that_are_all_off_are_not_called_complete(cleo: Client, settings: Any) -> None:
    Source.objects.create(name="Off", url="https://example.org/off", active=False)
    assert "All sources are off: no papers come in." in cleo.get(reverse("dashboard_sources")).content.decode()
    settings.MODE = "sample"
    assert "No source is read: the day stands still" in cleo.get(reverse("dashboard_sources")).content.decode()


@pytest.mark.service
def test_hostile_titles_and_addresses_are_text(cleo: Client) -> None:
    with serve({"/feed": Answer(rss(HOSTILE))}) as web:
        page = post(cleo, "dashboard_source_look", address=web.url("/feed")).content.decode()
    wrong = post(cleo, "dashboard_source_look", address='"><script>alert(1)</script>').content.decode()
    for text in (page, wrong):
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_a_wrong_address_is_told_beside_what_was_typed(cleo: Client) -> None:
    answer = post(cleo, "dashboard_source_look", address="ftp://example.org/feed")
    assert answer.status_code == 422
    assert "does not begin with http" in answer.content.decode()
    assert 'value="ftp://example.org/feed"' in answer.content.decode()


@pytest.mark.service
def test_feeds_that_a_page_names_are_offered(cleo: Client) -> None:
    page = b'<!doctype html><link rel="alternate" type="application/rss+xml" href="/rss" title="News &amp; more">'
    with serve({"/": Answer(page)}) as web:
        text = post(cleo, "dashboard_source_look", address=web.url("/")).content.decode()
    assert f'name="address" value="{web.url("/rss")}"' in text
    assert "News &amp; more" in text


def test_looking_is_counted_for_each_person(cleo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rate_limits.PERSON, "look", rate_limits.Limit(2, rate_limits.HOUR))
    codes = [post(cleo, "dashboard_source_look", address="").status_code for _ in range(3)]
    assert codes == [422, 422, 429]
    dora = signed_in(one_of_the_staff(Role.CURATOR, name="dora"))
    assert post(dora, "dashboard_source_look", address="").status_code == 422


@pytest.mark.service
def test_a_source_is_read_at_once_and_what_came_is_told(cleo: Client) -> None:
    with serve({"/feed": Answer(rss("One", "Two"))}) as web:
        one = source("Care", web.url("/feed"), kind="journal")
        assert said(post(cleo, "dashboard_source_refresh", one.pk)) == "Read 2 papers: 2 new, 0 changed."
    assert Paper.objects.count() == 2
    assert history() == ["Read it now. Read 2 papers: 2 new, 0 changed."]
    page = cleo.get(reverse("dashboard_source", args=[one.pk])).content.decode()
    assert "https://example.org/papers/1" in page
    assert "Read it now" in page


def test_a_reading_that_fails_is_told_with_what_to_do(cleo: Client) -> None:
    with serve({}) as web:
        one = source("Care", web.url("/feed"), kind="journal")
        told = said(post(cleo, "dashboard_source_refresh", one.pk))
    assert "answered 404" in told
    assert "switch this one off" in told
    page = cleo.get(reverse("dashboard_sources")).content.decode()
    assert "failing" in page


def test_a_given_file_and_a_source_that_is_off_are_not_asked(cleo: Client) -> None:
    given, off = source("File", "file:day.xml", active=False), source("Off", "https://example.org/off", active=False)
    assert "given by hand" in said(post(cleo, "dashboard_source_refresh", given.pk))
    assert "given by hand" in said(post(cleo, "dashboard_source_switch", given.pk, to="on"))
    assert "switch it on first" in said(post(cleo, "dashboard_source_refresh", off.pk))
    assert history() == []


def test_switching_off_and_on_is_written_down_once(cleo: Client) -> None:
    one = source("Care", "https://example.org/feed")
    told = said(post(cleo, "dashboard_source_switch", one.pk, to="off"))
    assert "what it brought stays" in told
    assert "no edition will open" in told
    assert "already" in said(post(cleo, "dashboard_source_switch", one.pk, to="off"))
    post(cleo, "dashboard_source_switch", one.pk, to="sideways")
    assert history() == ["Switched it off."]
    post(cleo, "dashboard_source_switch", one.pk, to="on")
    one.refresh_from_db()
    assert (one.active, history()[-1]) == (True, "Switched it on.")


def test_a_source_is_renamed_but_not_to_anothers_name(cleo: Client) -> None:
    one = source("Care", "https://example.org/feed")
    source("Other", "https://example.org/other")
    assert "called “other” already" in said(post(cleo, "dashboard_source_rename", one.pk, name="other"))
    post(cleo, "dashboard_source_rename", one.pk, name="<b>Annals</b>")
    one.refresh_from_db()
    assert (one.name, history()) == ("<b>Annals</b>", ["Renamed it, from “Care”."])
    assert "<b>Annals" not in cleo.get(reverse("dashboard_sources")).content.decode()


def test_only_a_source_without_papers_can_be_removed(cleo: Client) -> None:
    one = source("Care", "https://example.org/feed")
    paper = Paper.objects.create(identifier="arxiv:2603.00001", title="One", first_seen_at=NOON)
    sighting = one.sightings.create(paper=paper, seen_at=NOON)
    assert "switch it off" in cleo.get(reverse("dashboard_source", args=[one.pk])).content.decode().lower()
    assert "switch it off instead" in said(post(cleo, "dashboard_source_remove", one.pk))
    assert history() == []
    sighting.delete()
    assert "is removed" in said(post(cleo, "dashboard_source_remove", one.pk))
    assert (Source.objects.count(), len(history())) == (0, 1)


@pytest.mark.parametrize("act", ["look", "file", "add", "list", "list_add"])
def test_the_address_of_a_form_leads_back_to_the_sources(act: str) -> None:
    cleo = signed_in(one_of_the_staff(Role.CURATOR))
    assert cleo.get(reverse(f"dashboard_source_{act}"))["Location"] == reverse("dashboard_sources")


@pytest.mark.parametrize("act", ["refresh", "switch", "rename", "remove"])
def test_acting_takes_the_role_of_a_curator(act: str) -> None:
    one = source("Care", "https://example.org/feed")
    sam = signed_in(one_of_the_staff(Role.SENDER, name="sam"))
    assert post(sam, f"dashboard_source_{act}", one.pk, to="off", name="x").status_code == 403
    assert sam.get(reverse(f"dashboard_source_{act}", args=[one.pk])).status_code == 405
    for name in ("look", "add"):
        assert post(sam, f"dashboard_source_{name}").status_code == 403
    assert "Read now" not in sam.get(reverse("dashboard_sources")).content.decode()
    assert (Source.objects.get().name, Source.objects.get().active, history()) == ("Care", True, [])


def test_a_source_that_is_not_there_is_not_found(cleo: Client) -> None:
    assert cleo.get(reverse("dashboard_source", args=[10**30])).status_code == 404


def test_the_pages_take_as_many_queries_for_many_sources(cleo: Client, django_assert_num_queries: Any) -> None:
    for number in range(30):
        source(f"Journal {number}", f"https://example.org/{number}")
    with django_assert_num_queries(6):  # session, user, roles, sources, receipts, claims
        cleo.get(reverse("dashboard_sources"))
    path = reverse("dashboard_source", args=[Source.objects.earliest("pk").pk])
    cleo.get(path)  # Django learns its content types
    with django_assert_num_queries(7):
        cleo.get(path)


# --- lists of feeds --------------------------------------------------------------------------------------------------


def opml_file(*urls: str) -> SimpleUploadedFile:
    feeds = (FeedLink(url=url, name=f"Feed {number}") for number, url in enumerate(urls))
    return SimpleUploadedFile("feeds.opml", opml.write(feeds).encode())


@pytest.mark.service
def test_of_a_list_what_is_chosen_is_added(cleo: Client, woken: list[str]) -> None:
    offered = post(cleo, "dashboard_source_list", list=opml_file("https://a.example/feed", "https://b.example/feed"))
    assert [offer.url for offer in offered.context["offers"]] == ["https://a.example/feed", "https://b.example/feed"]
    assert Source.objects.count() == 0
    answer = post(cleo, "dashboard_source_list_add", seal=seal_in(offered), take=["1", "7", "x"])
    assert "1 source added" in said(answer)
    assert [(one.url, one.name) for one in Source.objects.all()] == [("https://b.example/feed", "Feed 1")]
    assert woken == ["digest.tasks.refresh"]
    assert history() == ["Added it from a list: https://b.example/feed"]


@pytest.mark.service
def test_a_list_is_refused_that_is_none_too_large_or_anothers(cleo: Client) -> None:
    assert post(cleo, "dashboard_source_list").status_code == 422
    page = post(cleo, "dashboard_source_list", list=SimpleUploadedFile("feeds.opml", b"<rss/>"))
    assert page.status_code == 422
    large = SimpleUploadedFile("feeds.opml", b" " * (5 << 20))
    assert post(cleo, "dashboard_source_list", list=large).status_code == 413
    seal = seal_in(post(cleo, "dashboard_source_list", list=opml_file("https://a.example/feed")))
    other = signed_in(one_of_the_staff(Role.CURATOR, name="other"))
    assert post(other, "dashboard_source_list_add", seal=seal, take=["0"]).status_code == 422
    assert post(cleo, "dashboard_source_list_add", seal=seal + "x", take=["0"]).status_code == 422
    assert "Choose at least one" in said(post(cleo, "dashboard_source_list_add", seal=seal))
    assert Source.objects.count() == 0


def test_the_sources_can_be_downloaded_as_a_list(cleo: Client) -> None:
    made = source()
    answer = cleo.get(reverse("dashboard_source_export"))
    assert [feed.url for feed in opml.read(answer.content).feeds] == [made.url]
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.service
def test_a_feed_is_tried_from_a_file_and_nothing_is_stored_or_asked(cleo: Client) -> None:
    before = list(every_row())
    body = rss("Tides & moons", "<script>alert(1)</script> A second work")
    page = post(cleo, "dashboard_source_file", file=SimpleUploadedFile("saved <b>.xml", body))
    html = page.content.decode()
    assert page.status_code == 200
    assert "Tides &amp; moons" in html
    assert "Annals of Care" in html
    assert "A file is only tried." in html
    assert "<script>alert" not in html
    assert "Add this source" not in html
    assert list(every_row()) == before


@pytest.mark.service
@pytest.mark.parametrize("body", [b"", b"<html><p>no feed", b"\x00\xff" * 50, b"%PDF-1.7"])
def test_a_file_that_is_no_feed_is_told_in_a_sentence(cleo: Client, body: bytes) -> None:
    page = post(cleo, "dashboard_source_file", file=SimpleUploadedFile("x.xml", body))
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()
    assert post(cleo, "dashboard_source_file").status_code == 422
    assert marked_as_wrong(page) == ["file"]
    assert re.search(r'aria-current="page"[^>]*>Sources<', page.content.decode())
    assert marked_as_wrong(post(cleo, "dashboard_source_list")) == ["list"]
    assert marked_as_wrong(post(cleo, "dashboard_source_look", address="no address")) == ["address"]


@pytest.mark.service
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), name=st.text(max_size=40))
def test_trying_a_file_takes_anything(cleo: Client, body: bytes, name: str) -> None:
    file = SimpleUploadedFile("x", body)
    file.name = name or "x"
    assert post(cleo, "dashboard_source_file", file=file).status_code in (200, 422)
