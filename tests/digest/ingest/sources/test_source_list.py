"""The feeds of a list become sources as their own readings would name them; each is there once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from digest.ingest import opml
from digest.ingest.opml import FeedLink
from digest.ingest.sources import source_list
from digest.models import Source
from tests.support.factories import source

pytestmark = pytest.mark.django_db


def offered(*urls: str) -> list[tuple[str, str, bool]]:
    offers = source_list.offers(FeedLink(url=url, name="") for url in urls)
    return [(offer.kind, offer.url, not offer.problem) for offer in offers]


@pytest.mark.parametrize(
    ("url", "kind", "kept"),
    [
        ("http://export.arxiv.org/rss/cs.LG", "arxiv_rss", "https://rss.arxiv.org/rss/cs.LG"),
        ("https://rss.arxiv.org/atom/math+stat", "arxiv_rss", "https://rss.arxiv.org/rss/math+stat"),
        ("https://export.arxiv.org/api/query?search_query=all:bees", "arxiv_api", "https://export.arxiv.org/api/query?search_query=all:bees"),
        ("https://api.biorxiv.org/details/biorxiv/2026-08-01/2026-08-02/0/json", "biorxiv_api", "https://api.biorxiv.org/details/biorxiv"),
        ("https://huggingface.co/api/daily_papers?limit=10", "hugging_face", "https://huggingface.co/api/daily_papers"),
        ("https://notarxiv.org/rss/cs.LG", "journal", "https://notarxiv.org/rss/cs.LG"),
        ("https://bees.example/feed", "journal", "https://bees.example/feed"),
    ],
)  # fmt: skip
def test_an_address_tells_the_kind_of_its_source(url: str, kind: str, kept: str) -> None:
    assert offered(url) == [(kind, kept, True)]


def test_what_is_here_or_twice_in_the_list_cannot_be_added() -> None:
    source()
    urls = (
        "http://arxiv.org/rss/cs.LG",
        "https://bees.example/feed",
        "http://bees.example/feed/",
        "https://user:x@bees.example/",
    )
    assert [can for _, _, can in offered(*urls)] == [False, True, False, False]


def test_feeds_of_one_name_are_added_with_names_of_their_own() -> None:
    feeds = [FeedLink(url=f"https://site.example/{name}", name="Latest articles") for name in "ab"]
    added, problems = source_list.take(source_list.offers(feeds))
    assert [one.name for one in added] == ["Latest articles", "Latest articles (https://site.example/b)"]
    assert problems == []
    assert all(one.active and one.kind == "journal" for one in added)


def test_the_export_can_be_imported_elsewhere() -> None:
    source()
    Source.objects.create(name="Bees & birds", kind="journal", url="https://bees.example/feed")
    Source.objects.create(name="day.xml", kind="journal", url="file:day.xml", active=False)
    written = source_list.export()
    Source.objects.all().delete()
    source_list.take(source_list.offers(opml.read(written.encode()).feeds))
    assert set(Source.objects.values_list("name", "kind", "url")) == {
        ("Bees & birds", "journal", "https://bees.example/feed"),
        ("arXiv cs.LG", "arxiv_rss", "https://rss.arxiv.org/rss/cs.LG"),
    }


def opml_command(*words: str) -> str:
    out = io.StringIO()
    call_command("opml", *words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.service
def test_the_command_shows_then_adds_then_writes(tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(opml.write([FeedLink(url="https://bees.example/feed", name="Bees")]))
    assert "New: 1 of 1." in opml_command(str(file))
    assert Source.objects.count() == 0
    assert "Added 1 of 1" in opml_command(str(file), "--add")
    assert "New: 0 of 1." in opml_command(str(file))
    assert 'xmlUrl="https://bees.example/feed"' in opml_command()


@pytest.mark.service
def test_the_command_refuses_what_is_no_list(tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    with pytest.raises(CommandError, match="there is no such file"):
        opml_command(str(file))
    file.write_text("<rss/>")
    with pytest.raises(CommandError, match="Its format is not known"):
        opml_command(str(file), "--add")
