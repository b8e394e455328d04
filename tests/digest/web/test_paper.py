"""The page of one paper: its address, what it says, its export, and "more like this" from there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.ingest import store
from digest.ingest.papers.merge import merge_rows, undo_merge
from digest.models import CuratorPick, Paper, Source, Verdict
from digest.web.papers.links import code_link, links_of
from subscriptions.models import Subscriber
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, entry, feed, reader, topic

pytestmark = pytest.mark.django_db
VOTES = {"kind": "hugging_face", "name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers"}
EVIL = "<script>alert(1)</script>\u202e\x01 {{ 7*7 }} ]]> \" onmouseover=x '</script><!--"


def get(path: str, status: int = 200) -> str:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.content.decode()


def words(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


def json_ld(html: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)
    return json.loads(found)


def signed_in(row: Subscriber) -> Client:
    client = Client()
    session = client.session
    session["reader"], session["reader_key_version"] = row.public_id, row.key_version
    session.save()
    return client


def vote(points: int, hours: float) -> None:
    shown = feed(entry(1, points=points, comments=3, announced=""), **VOTES)
    store.store(store.source_named_in(shown, "file.json"), shown, now=NOON + timedelta(hours=hours))


# What it says


def test_a_page_has_the_whole_abstract_and_every_author_as_a_search() -> None:
    names = tuple(f"Author{chr(65 + number)} Example" for number in range(26))
    publish(entry(1, abstract="We measure the tides. " * 100, authors=names))
    html = get("/papers/2603.00001")
    assert "We measure the tides. " * 99 in html
    for name in names:
        assert f"q=author%3A%22{name.replace(' ', '%20')}%22" in html
    assert "and 2 more authors" in words(html)


def test_similar_papers_are_shown_and_hidden_ones_are_not() -> None:
    whales = [
        entry(number, title=f"Whale song {number}", abstract="Humpback whales sing in dialects.")
        for number in (1, 2, 3)
    ]
    edition = publish(*whales, entry(4, title="Colouring graphs", abstract="Four colours are enough."))
    CuratorPick.objects.create(paper=Paper.objects.get(title="Whale song 3"), edition_date=edition.date, verdict="hide")
    html = get("/papers/2603.00001")
    assert "Similar papers" in html
    assert 'href="/papers/2603.00002"' in html
    assert 'href="/papers/2603.00003"' not in html
    assert 'href="/papers/2603.00004"' not in html


def test_each_category_and_topic_leads_to_its_papers() -> None:
    topic("Tides", categories=["cs.LG"])
    publish(entry(1, categories=("cs.LG", "stat.ML")))
    html = get("/papers/2603.00001")
    for path in ("/topics/tides/", "/papers/?category=cs.LG", "/papers/?category=stat.ML"):
        assert f'href="{path}"' in html
        assert "Paper number 1" in get(path)


def test_an_author_leads_to_their_papers() -> None:
    publish(entry(1, authors=("Ada O'Kafor-Lee",)), entry(2))
    (path,) = re.findall(r'href="(/papers/\?q=author[^"]+)"', get("/papers/2603.00001"))
    found = get(unescape(path))
    assert "Paper number 1" in found
    assert "Paper number 2" not in found


def test_a_page_says_where_a_paper_was_seen_and_how_its_votes_rose() -> None:
    publish(entry(1))
    for hours, points in [(1, 3), (5, 40), (24, 73)]:
        vote(points, hours)
    html = get("/papers/2603.00001")
    assert "arXiv cs.LG 2 Mar 2026, 12:00 announced as new" in words(html)
    assert "Hugging Face daily papers 2 Mar 2026, 13:00 73 upvotes · 3 comments" in words(html)
    assert 'aria-label="Upvotes on Hugging Face. 3 at first, 73 at last."' in html
    assert html.count("<rect") == 3
    assert "Times are UTC. In the edition of 2 Mar 2026 ." in words(html)


def test_a_page_explains_the_trending_score_with_its_inputs() -> None:
    vote(73, -9)
    publish(entry(1))
    html = words(get("/papers/2603.00001"))
    assert (
        "Trending score 36.0 73 upvotes on Hugging Face in 9 hours, when the edition of 2 March 2026 opened. (73 + 1) / (9.0 + 2)^0.3"
        in html
    )
    assert pytest.approx(36.0, abs=0.05) == (73 + 1) / (9 + 2) ** 0.3


def test_a_page_links_to_the_work_elsewhere() -> None:
    publish(entry(1, identifiers=("arxiv:2603.00001", "doi:10.1000/abc"), abstract="Code: github.com/ada/tides."))
    vote(5, 1)
    html = get("/papers/2603.00001")
    for url in (
        "https://arxiv.org/abs/2603.00001", "https://arxiv.org/pdf/2603.00001", "https://arxiv.org/html/2603.00001",
        "https://doi.org/10.1000/abc", "https://github.com/ada/tides", "https://huggingface.co/papers/2603.00001",
        "https://huggingface.co/papers/2603.00001#community",
    ):  # fmt: skip
        assert f'href="{url}"' in html


def test_the_repository_that_a_source_names_goes_before_one_in_the_abstract() -> None:
    publish(entry(1, abstract="Compared with github.com/other/tides.", code="https://github.com/ada/tides"))
    html = get("/papers/2603.00001")
    assert 'href="https://github.com/ada/tides"' in html
    assert 'href="https://github.com/other/tides"' not in html


def test_a_pick_is_shown_with_its_note() -> None:
    edition = publish(entry(1))
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=edition.date, verdict="pick", note="Read this")
    assert "Picked by the editors : Read this" in words(get("/papers/2603.00001"))


def test_a_withdrawn_work_says_so() -> None:
    publish(entry(1))
    Paper.objects.update(withdrawn_at=NOON)
    assert "This work was withdrawn or retracted." in words(get("/papers/2603.00001"))


def test_json_ld_describes_the_article() -> None:
    topic("Tides", categories=["cs.LG"])
    publish(entry(1, published=datetime(2026, 3, 1, tzinfo=UTC)))
    value = json_ld(get("/papers/2603.00001"))
    assert value["@type"] == "ScholarlyArticle"
    assert [one["name"] for one in value["author"]] == ["Ada Example", "Ben Sample"]
    assert value["datePublished"] == "2026-03-01"
    assert value["url"].endswith("/papers/2603.00001")
    assert value["keywords"] == ["Tides"]


def test_hostile_text_stays_text() -> None:
    publish(entry(1))
    Paper.objects.update(
        title=EVIL, abstract=EVIL, authors=[EVIL], categories=[EVIL, "x" * 10_000], url="javascript:alert(1)"
    )
    html = get("/papers/2603.00001")
    assert "<script>alert" not in html
    assert "javascript:" not in html
    assert not re.search("[\x01\u202e]", html)
    assert json_ld(html)["name"].startswith("<script>alert(1)</script>")


# Its address


@pytest.mark.parametrize(
    ("identifiers", "path"),
    [
        (("arxiv:2601.22153",), "/papers/2601.22153"),
        (("arxiv:hep-th/9901001",), "/papers/hep-th/9901001"),
        (("doi:10.1101/2026.01.02.123456",), "/papers/10.1101/2026.01.02.123456"),
        (("pmid:12345",), "/papers/pmid:12345"),
    ],
)
def test_a_work_is_at_its_own_name(identifiers: tuple[str, ...], path: str) -> None:
    publish(entry(1, identifiers=identifiers))
    assert "Paper number 1" in get(path)


def test_a_work_without_a_name_is_at_its_number() -> None:
    publish(entry(1, identifiers=("title:abc",)))
    assert "Paper number 1" in get(f"/papers/{Paper.objects.get().pk}")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/papers/2603.00001v3", 301),
        ("/papers/arXiv:2603.00001", 301),
        ("/papers/10.48550/arXiv.2603.00001", 301),
        ("/papers/10.1000/abc", 302),
        ("/papers/10.1000/ABC", 302),
        ("/papers/2603.00001/", 302),
        ("/papers/10.1000/abc/", 302),
    ],
)
def test_other_names_lead_to_the_address(path: str, status: int) -> None:
    publish(entry(1, identifiers=("arxiv:2603.00001", "doi:10.1000/abc")))
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (status, "/papers/2603.00001")


def test_a_merged_work_leads_to_the_one_that_stands_until_the_merge_is_undone() -> None:
    publish(entry(1), entry(2, identifiers=("title:abc",)))
    paper, other = Paper.objects.get(identifier="arxiv:2603.00001"), Paper.objects.get(identifier="title:abc")
    number = other.pk
    change = merge_rows(paper, other, names=["title:abc"], source=Source.objects.get(), now=NOON)
    paper.save()
    answer = Client().get(f"/papers/{number}")
    assert (answer.status_code, answer["Location"]) == (302, "/papers/2603.00001")
    undo_merge(change)
    assert "Paper number 2" in get(f"/papers/{number}")


def test_what_is_not_in_public_has_no_page() -> None:
    edition = publish(*(entry(number) for number in range(1, 4)))
    hidden, embargoed, _ = Paper.objects.order_by("pk")
    CuratorPick.objects.create(paper=hidden, edition_date=edition.date, verdict="hide")
    later = datetime.now(UTC) + timedelta(days=1)
    CuratorPick.objects.create(paper=embargoed, edition_date=edition.date, verdict="pick", embargo_until=later)
    stored = feed(entry(9))
    store.store(Source.objects.get(), stored, now=NOON + timedelta(days=1))
    for number in (1, 2, 9):
        for end in ("", "/bibtex", "/ris", "/csl"):
            get(f"/papers/2603.0000{number}{end}", 404)
    get("/papers/2603.00003")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(min_size=1, max_size=60) | st.from_regex(r"[0-9.v/]{1,30}|10\.[0-9]{4}/.{0,30}|pmid:.{0,9}"),
    end=st.sampled_from(["", "/bibtex", "/act"]),
)
def test_any_address_gets_the_page_or_a_client_error(name: str, end: str) -> None:
    address = f"/papers/{name}{end}"
    answer = Client().get(address)
    # "?" or "#" begins the query of the search page
    assert answer.status_code in (301, 302, 400, 404, 405) or (name[0] in "?#" and answer.status_code == 200)


# Its export


@pytest.mark.parametrize(
    ("format", "media_type", "begins"),
    [
        ("bibtex", "application/x-bibtex", "@misc{example2026paper,"),
        ("ris", "application/x-research-info-systems", "TY  - UNPB\r\n"),
        ("csl", "application/vnd.citationstyles.csl+json", '[\n  {\n    "id": "example2026paper"'),
    ],
)
def test_a_reference_is_a_file(format: str, media_type: str, begins: str) -> None:
    publish(entry(1))
    answer = Client().get(f"/papers/2603.00001/{format}")
    assert answer["Content-Type"].startswith(media_type)
    assert answer["Content-Disposition"].startswith('attachment; filename="example2026paper.')
    assert answer.content.decode().startswith(begins)


def test_a_doi_that_ends_like_an_export_still_has_a_page() -> None:
    publish(entry(1, identifiers=("doi:10.1000/ris",)))
    number = Paper.objects.get().pk
    assert "Paper number 1" in get(f"/papers/{number}")
    assert get(f"/papers/{number}/ris").startswith("TY  - GEN")


# More like this


def test_a_signed_in_reader_asks_for_more_and_takes_it_back() -> None:
    publish(entry(1))
    ada = reader("ada")
    client = signed_in(ada)
    assert "own-buttons" in client.get("/papers/2603.00001").content.decode()
    answer = client.post("/papers/2603.00001/act", {"do": "more", "back": "/papers/2603.00001"})
    assert (answer.status_code, answer["Location"].partition("#")[0]) == (303, "/papers/2603.00001")
    assert Verdict.objects.get().value == "more"
    page = client.get("/papers/2603.00001")
    assert "You asked for more like this." in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    client.post("/papers/2603.00001/act", {"do": "undo"})
    assert not Verdict.objects.exists()


def test_more_needs_a_sign_in_a_post_and_the_form_of_this_site() -> None:
    publish(entry(1))
    assert "own-buttons" not in get("/papers/2603.00001")
    assert Client().get("/papers/2603.00001/act")["Location"] == "/papers/2603.00001"
    assert Client().post("/papers/2603.00001/act")["Location"] == reverse("sign_in")
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/papers/2603.00001/act").status_code == 403
    assert not Verdict.objects.exists()


def test_a_day_that_ran_at_its_noon_says_in_the_morning_too_where_a_paper_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(entry(1))
    monkeypatch.setattr("digest.web.paper.timezone.now", lambda: NOON - timedelta(hours=9))
    assert "2 Mar 2026, 12:00" in words(get("/papers/2603.00001"))


def test_looking_changes_nothing_and_takes_a_fixed_number_of_queries(django_assert_num_queries: Any) -> None:
    publish(*(entry(number, authors=tuple(f"A{n} B" for n in range(300))) for number in range(1, 60)))
    for hours in range(1, 30):
        vote(hours, hours)
    before = list(every_row())
    with django_assert_num_queries(12):
        get("/papers/2603.00001")
    assert list(every_row()) == before


# Links


@pytest.mark.parametrize(
    ("abstract", "url"),
    [
        ("Code at https://github.com/ada/tides.", "https://github.com/ada/tides"),
        ("(github.com/ada/tides_2)", "https://github.com/ada/tides_2"),
        ("see https://gitlab.com/a/b/-/tree, or not", "https://gitlab.com/a/b"),
        ("write to ada@github.com/x/y", ""),
        ("notgithub.com/a/b", ""),
        ("ada.github.io/tides", ""),
        ("", ""),
    ],
)
def test_a_repository_is_found_in_an_abstract(abstract: str, url: str) -> None:
    assert code_link(abstract) == url


def test_a_preprint_has_its_full_text_and_an_old_paper_no_html() -> None:
    page = "https://www.biorxiv.org/content/10.1101/2026.01.02.123456v2"
    found = links_of(
        url=f"{page}?rss=1", names=["doi:10.1101/2026.01.02.123456"], abstract="", is_on_hugging_face=False
    )
    assert [link.url for link in found][1:] == [
        f"{page}.full.pdf", f"{page}.full", "https://doi.org/10.1101/2026.01.02.123456",
    ]  # fmt: skip
    old = links_of(
        url="https://arxiv.org/abs/hep-th/9901001",
        names=["arxiv:hep-th/9901001"],
        abstract="",
        is_on_hugging_face=False,
    )
    assert [link.kind for link in old] == ["abstract", "pdf"]
