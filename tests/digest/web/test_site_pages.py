"""The pages about the site, and what search engines and other programs are told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from digest.models import CuratorPick, Paper, Source
from digest.web import sitemap
from tests.support.editions import publish
from tests.support.factories import NOON, entry, topic

pytestmark = pytest.mark.django_db
SITE = "http://localhost:8000"


def get(path: str, status: int = 200) -> str:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.content.decode()


def addresses(path: str) -> list[str]:
    root = ElementTree.fromstring(get(path))
    return [one.text or "" for one in root.iter(f"{{{sitemap.SCHEMA}}}loc")]


def every_address() -> list[str]:
    return [one for file in addresses("/sitemap.xml") for one in addresses(file.removeprefix(SITE))]


def test_the_sitemap_leads_to_every_public_page_and_each_answers() -> None:
    publish(entry(1), entry(2))
    publish(entry(3), at=NOON + timedelta(days=40))
    topic("Robotics")
    found = every_address()
    assert len(set(found)) == len(found)
    paths = {one.removeprefix(SITE) for one in found}
    assert paths >= {"/", "/about", "/privacy", "/topics/", "/topics/robotics/", "/papers/2603.00001"}
    assert paths >= {"/2026-03-02", "/2026-W10", "/2026-03", "/2026-04-11", "/2026-W15", "/2026-04"}
    for path in paths:
        assert f'<link rel="canonical" href="{SITE}{path}">' in get(path)


def test_what_may_not_be_shown_is_not_in_the_sitemap() -> None:
    publish(*(entry(number) for number in range(1, 5)))
    hidden, withdrawn, *_others = Paper.objects.order_by("pk")
    CuratorPick.objects.create(paper=hidden, edition_date=NOON.date(), verdict="hide")
    Paper.objects.filter(pk=withdrawn.pk).update(withdrawn_at=NOON)
    assert [one for one in every_address() if "/papers/" in one] == [
        f"{SITE}/papers/2603.0000{number}" for number in (3, 4)
    ]


def test_papers_fill_as_many_files_as_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "PART", 10)
    publish(*(entry(number) for number in range(1, 31)))
    assert len([one for one in every_address() if "/papers/" in one]) == 30


@pytest.mark.parametrize("name", ["papers-0", "papers-99", "nothing-1", "days-2", "papers-999999"])
def test_a_part_that_is_not_there(name: str) -> None:
    get(f"/sitemap-{name}.xml", 404)


def test_a_file_of_the_sitemap_takes_one_query_or_two(django_assert_max_num_queries: Any) -> None:
    publish(*(entry(number) for number in range(1, 61)))
    for path in ("/sitemap.xml", "/sitemap-papers-1.xml", "/sitemap-days-1.xml", "/sitemap-topics-1.xml"):
        with django_assert_max_num_queries(2):
            get(path)


def test_robots_are_led_to_the_sitemap_and_away_from_what_is_a_readers_own() -> None:
    text = get("/robots.txt")
    assert f"Sitemap: {SITE}/sitemap.xml" in text
    for path in ("/preferences", "/u/", "/d/", "/papers/?", "/dashboard/"):
        assert f"\nDisallow: {path}\n" in text


def test_the_old_name_of_the_icon_leads_to_it() -> None:
    assert re.fullmatch(r"/static/icon[\w.]*\.svg", Client().get("/favicon.ico")["Location"])


def test_about_names_the_sources_that_are_read_and_who_runs_the_site(settings: Any) -> None:
    settings.POSTAL_ADDRESS, settings.CONTACT = "1 Invented Street", "mail@example.org"
    Source.objects.create(name="Journal of <Invented> Results", url="https://example.org/feed", active=True)
    Source.objects.create(name="Switched Off", url="https://example.org/off", active=False)
    html = get("/about")
    assert "Journal of &lt;Invented&gt; Results" in html
    assert "Switched Off" not in html
    assert "1 Invented Street" in html
    assert "mail@example.org" in html


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("live", "No source is read at present."),
        ("rehearsal", "From files that the operator gave"),
        ("sample", "its papers are invented, and no source is read."),
    ],
)
def test_about_says_where_papers_come_from_while_no_source_is_read(settings: Any, mode: str, words: str) -> None:
    settings.MODE = mode
    assert words in get("/about")


def test_the_privacy_page_gives_the_periods_that_hold() -> None:
    words = " ".join(re.sub("<[^>]+>", " ", get("/privacy")).split())
    assert "are deleted after 7 days" in words
    assert "for 30 days" in words
    assert "lasts 30 days on that device" in words
