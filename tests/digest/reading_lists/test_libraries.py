"""Public libraries of Zotero and ORCID, on a server of our own that answers as their documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from digest.ingest import http
from digest.ingest.http import Limits
from digest.models import ListEntry, ListSource
from digest.reading_lists import keep, libraries
from digest.reading_lists.libraries import NotALibrary, TooManyLibraries, library_in
from digest.reading_lists.texts import library_problem
from subscriptions.models import Subscriber
from tests.support.factories import NOON, reader
from tests.support.http_server import Answer, Handler, Server, drip, serve

ORCID = "0000-0002-1825-0097"  # of ORCID's documentation
db = pytest.mark.django_db(transaction=True)
service = pytest.mark.service


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (ORCID, "orcid", ORCID),
        (f" https://orcid.org/{ORCID}/ ", "orcid", ORCID),
        ("orcid: 0000-0001-5109-3700", "orcid", "0000-0001-5109-3700"),
        ("ORCID iD 0000-0001-5109-3700", "orcid", "0000-0001-5109-3700"),
        (f"https://orcid.org/{ORCID}?lang=en", "orcid", ORCID),
        ("0000-0002-1694-233x", "orcid", "0000-0002-1694-233X"),
        ("https://www.zotero.org/groups/12345/kelp_robots/library", "zotero_group", "12345"),
        ("https://api.zotero.org/users/475425/items", "zotero_user", "475425"),
        ("users/475425", "zotero_user", "475425"),
        ("Zotero group 12345", "zotero_group", "12345"),
    ],
)
def test_a_library_is_known_by_its_address_or_number(text: str, kind: str, name: str) -> None:
    assert library_in(text) == (kind, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Kelp robots",
        "2401.01234",
        "users/x",
        f"{ORCID}\n{ORCID}",
        "group of 12345",
        "https://zotero.org/support/kb",
    ],
)
def test_other_texts_are_no_library(text: str) -> None:
    assert library_in(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0000-0002-1825-0098", "orcid"),
        ("0000-0002-1825-OO97", "orcid"),
        (f"https://orcid.org/{ORCID}7", "orcid"),
        ("ORCID 0000-0002-1825-009", "orcid"),
        ("https://www.zotero.org/ada_okafor", "name"),
        ("zotero.org/groups/abc", "name"),
        ("https://zotero.org/groups/", "name"),
    ],
)
def test_a_wrong_name_is_refused_with_a_reason(text: str, code: str) -> None:
    with pytest.raises(NotALibrary) as raised:
        library_in(text)
    assert raised.value.code == code


# Reading -------------------------------------------------------------------------------------------------------------


def item(number: int, **values: Any) -> dict[str, Any]:
    data = {"itemType": "preprint", "title": f"Kelp {number}", "abstractNote": "Robots.", "DOI": f"10.5555/{number}"}
    return {"key": f"K{number}", "data": {**data, "dateAdded": f"2025-01-{1 + number % 28:02}T07:00:00Z", **values}}


def zotero(items: list[dict[str, Any]]) -> Any:
    """Answer as Zotero's web API does: a page of at most 100, from ``start``."""

    def script(handler: Handler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        assert (query["v"], query["format"], query["sort"], query["direction"]) == (
            ["3"],
            ["json"],
            ["dateAdded"],
            ["desc"],
        )
        start, limit = int(query["start"][0]), int(query["limit"][0])
        Answer(json.dumps(items[start : start + min(limit, 100)]).encode())(handler)

    return script


@pytest.fixture
def web(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(http, "REST", timedelta())
    with serve({}) as server:
        settings.FETCH_LOOPBACK = {server.at}
        settings.ZOTERO_URL, settings.ORCID_URL = server.url(""), server.url("/v3.0")
        yield server


def answer(web: Server, path: str, *scripts: Any) -> None:
    web.scripts[path] = list(scripts)


def read(part: ListSource, *, days: int = 0) -> ListSource:
    at = NOON + timedelta(days=days)
    libraries.read_due(at, clock=lambda: at)
    part.refresh_from_db()
    return part


def titles(ada: Subscriber) -> list[str]:
    return [entry.title for entry in ListEntry.objects.newest(ada)]


@db
@service
def test_a_library_is_read_page_by_page_shown_and_kept_and_read_again_each_week(web: Server) -> None:
    items = [item(number) for number in range(230)] + [item(900, itemType="note")]
    answer(web, "/groups/12345/items/top", zotero(items))
    ada = reader()
    part = read(libraries.add_library(ada, "zotero_group", "12345", now=NOON))
    assert (part.state, part.problem, part.next_read_at) == ("read", "", NOON + timedelta(days=7))
    assert keep.found_in(part).total == 230
    assert len(web.log) == 3
    assert web.log[0].headers["Accept"] == "application/json"
    assert titles(ada) == []
    read(part, days=8)
    assert len(web.log) == 3  # nothing is read again before it is kept

    keep.keep(part, now=NOON)
    assert len(titles(ada)) == 230
    keep.take_back_entry(ListEntry.objects.get(title="Kelp 3"))
    items[:] = [item(number) for number in (1, 2, 3, 500)]
    read(part, days=6)
    assert len(titles(ada)) == 229
    read(part, days=7)
    assert sorted(titles(ada)) == ["Kelp 1", "Kelp 2", "Kelp 500"]  # what was taken back stays away
    assert ListEntry.objects.get(taken_back=True).title == ""


@db
@service
def test_of_a_large_library_five_pages_are_asked_for(web: Server) -> None:
    answer(web, "/users/7/items/top", zotero([item(number) for number in range(1200)]))
    part = read(libraries.add_library(reader(), "zotero_user", "7", now=NOON))
    assert (len(web.log), len(keep.found_in(part).works)) == (5, 500)


@db
@service
def test_the_works_of_an_orcid_record_are_read(web: Server) -> None:
    work = {
        "external-ids": {"external-id": [{"external-id-type": "doi", "external-id-value": "10.5555/a", "external-id-relationship": "self"}]},
        "work-summary": [{"title": {"title": {"value": "Kelp Robots"}}, "created-date": {"value": 1709251200000}}],
    }  # fmt: skip
    answer(web, f"/v3.0/{ORCID}/works", Answer(json.dumps({"group": [work]}).encode()))
    part = read(libraries.add_library(reader(), "orcid", ORCID, now=NOON))
    assert [work.name for work in keep.found_in(part).works] == ["doi:10.5555/a"]


@db
@service
@pytest.mark.parametrize(
    ("script", "kind", "words", "wait"),
    [
        (Answer(b"Forbidden", 403), "forbidden", "private", timedelta(days=7)),
        (Answer(b"Not Found", 404), "not_found", "no public library", timedelta(days=7)),
        (Answer(b"", 500), "server_error", "has an error", timedelta(minutes=5)),
        (Answer(b"<html><body>Sign in</body></html>"), "web_page", "could not be read", timedelta(minutes=5)),
        (drip(b" ", every=0.05, head=b"HTTP/1.1 200 OK\r\n\r\n"), "timeout", "too slow", timedelta(minutes=5)),
    ],
    ids=["private", "gone", "error", "page", "slow"],
)
def test_a_library_that_cannot_be_read_has_a_reason_and_the_next_one_is_read(
    web: Server, monkeypatch: pytest.MonkeyPatch, script: Any, kind: str, words: str, wait: timedelta
) -> None:
    monkeypatch.setattr(libraries, "LIMITS", Limits(total=1, read=1))
    answer(web, "/users/7/items/top", script)
    answer(web, "/users/8/items/top", zotero([item(1)]))
    ada = reader()
    bad = libraries.add_library(ada, "zotero_user", "7", now=NOON)
    good = libraries.add_library(ada, "zotero_user", "8", now=NOON)
    bad, good = read(bad), read(good)
    assert (bad.state, bad.problem, good.state) == ("waiting", kind, "read")
    assert words in library_problem(bad.problem)
    assert bad.next_read_at is not None
    assert wait <= bad.next_read_at - NOON <= wait * 1.1


@db
@service
@pytest.mark.parametrize(
    ("told", "asked", "problem"),
    [("120", 1, "host_busy"), ("1e9", 2, ""), ("-5", 2, ""), ("", 2, ""), ("9" * 30, 1, "host_busy")],
)
def test_after_an_answer_with_backoff_its_service_is_left_alone(
    web: Server, told: str, asked: int, problem: str
) -> None:
    body = json.dumps([item(1)]).encode()
    for number in ("7", "8"):
        answer(web, f"/users/{number}/items/top", Answer(body, headers={"Backoff": told}))
    ada = reader()
    parts = [libraries.add_library(ada, "zotero_user", number, now=NOON) for number in ("7", "8")]
    first, second = (read(part) for part in parts)
    assert (first.state, first.problem, second.problem, len(web.log)) == ("read", "", problem, asked)
    if told == "120":
        assert second.failures == 0
        assert timedelta(seconds=110) < second.next_read_at - NOON <= timedelta(seconds=120)


@db
@service
def test_a_pause_that_a_service_asks_for_holds_for_all_its_libraries(web: Server) -> None:
    answer(web, "/users/7/items/top", Answer(b"", 429, {"Retry-After": "120"}))
    answer(web, "/users/8/items/top", zotero([item(1)]))
    ada = reader()
    parts = [libraries.add_library(ada, "zotero_user", number, now=NOON) for number in ("7", "8")]
    first, second = (read(part) for part in parts)
    assert (first.problem, second.problem, len(web.log)) == ("rate_limited", "host_busy", 1)
    assert first.next_read_at == NOON + timedelta(minutes=2)
    assert (first.failures, second.failures) == (0, 0)


@db
@service
def test_a_kept_library_that_is_gone_keeps_its_works(web: Server) -> None:
    answer(web, "/users/7/items/top", zotero([item(1)]), Answer(b"", 404))
    ada = reader()
    part = keep.keep(read(libraries.add_library(ada, "zotero_user", "7", now=NOON)), now=NOON)
    assert read(part, days=7).problem == "not_found"
    assert titles(ada) == ["Kelp 1"]


@db
@service
def test_a_private_network_is_never_asked(settings: Any, web: Server) -> None:
    settings.FETCH_LOOPBACK = False
    part = read(libraries.add_library(reader(), "zotero_user", "7", now=NOON))
    assert (part.problem, web.log) == ("private_address", [])


@db
def test_a_library_is_in_a_list_once_and_there_are_few() -> None:
    ada = reader()
    first = libraries.add_library(ada, "zotero_user", "1", now=NOON)
    assert libraries.add_library(ada, "zotero_user", "1", now=NOON).pk == first.pk
    for number in range(2, 6):
        libraries.add_library(ada, "zotero_user", str(number), now=NOON)
    with pytest.raises(TooManyLibraries):
        libraries.add_library(ada, "zotero_user", "6", now=NOON)


@db
@service
def test_the_library_of_somebody_who_left_is_not_read(web: Server) -> None:
    answer(web, "/users/7/items/top", zotero([item(1)]))
    ada = reader(status="unsubscribed")
    assert read(libraries.add_library(ada, "zotero_user", "7", now=NOON)).state == "waiting"
    assert web.log == []
