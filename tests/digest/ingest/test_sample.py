"""The bundled sample day: invented, whole, and read by the ordinary readers without a word of complaint."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from digest.identifiers.canonical import normalise_title
from digest.ingest import sample
from digest.ingest.entry import CROSS, NEW, REPLACE, REPLACE_CROSS, UNANNOUNCED, Entry
from digest.ingest.parsers import Feed

FILES = [path for path in Path(sample.__file__).parent.iterdir() if path.suffix in (".json", ".rdf", ".txt", ".xml")]
HOME_HOSTS = re.compile(r"(?:.+\.)?(?:arxiv\.org|huggingface\.co|biorxiv\.org|example)$")
# What the formats themselves are made of: a namespace or a link to a format's description is no address of a paper.
FORMAT_HOSTS = {
    "a9.com",
    "prismstandard.org",
    "purl.org",
    "webns.net",
    "www.openarchives.org",
    "www.rssboard.org",
    "www.w3.org",
}


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return sample.feeds(sample.DAY)


@pytest.fixture(scope="module")
def works(feeds: dict[str, Feed]) -> dict[str, list[Entry]]:
    """Every work by its title, with each reading of it: the sample has no two works of one title."""
    by_title: defaultdict[str, list[Entry]] = defaultdict(list)
    for feed in feeds.values():
        for entry in feed.entries:
            by_title[normalise_title(entry.title)].append(entry)
    return dict(by_title)


def test_every_kind_of_source_has_its_file_and_is_recognised(feeds: dict[str, Feed]) -> None:
    assert {name: len(feed.entries) for name, feed in feeds.items()} == {
        "arxiv-api.xml": 10,
        "arxiv-atom-astro-ph.xml": 7,
        "arxiv-cs.CL.xml": 14,
        "arxiv-cs.CV.xml": 11,
        "arxiv-cs.LG.xml": 23,
        "arxiv-cs.RO.xml": 9,
        "arxiv-math.xml": 13,
        "arxiv-oai.xml": 15,
        "arxiv-rdf-q-bio.rdf": 7,
        "arxiv-stat.ME.xml": 7,
        "biorxiv-neuroscience.rdf": 5,
        "hugging-face.json": 25,
        "journal.xml": 4,
        "seed-page.txt": 5,
    }


def test_the_readers_refuse_nothing_and_note_nothing(feeds: dict[str, Feed]) -> None:
    assert {name: (feed.refused, feed.notes) for name, feed in feeds.items() if feed.refused or feed.notes} == {}


def test_a_total_that_a_source_states_is_what_it_sends(feeds: dict[str, Feed]) -> None:
    assert feeds["arxiv-api.xml"].stated_total == 10
    assert feeds["arxiv-oai.xml"].stated_total == 15


def test_the_day_holds_more_than_ninety_works_and_eighty_candidates(works: dict[str, list[Entry]]) -> None:
    candidates = [
        title
        for title, readings in works.items()
        if not any(reading.announced in (REPLACE, REPLACE_CROSS) or reading.withdrawn for reading in readings)
    ]
    assert len(works) == 113
    assert len(candidates) == 107
    assert len({name for readings in works.values() for reading in readings for name in reading.identifiers}) >= 80


def test_readings_of_one_work_share_an_identifier_and_works_share_none(works: dict[str, list[Entry]]) -> None:
    owner: dict[str, str] = {}
    for title, readings in works.items():
        assert set.intersection(*(set(reading.identifiers) for reading in readings)), title
        for reading in readings:
            for identifier in reading.identifiers:
                assert owner.setdefault(identifier, title) == title


def test_every_arxiv_id_is_in_month_00() -> None:
    seen = set()
    for path in FILES:
        seen |= set(re.findall(r"(?<![\d.])\d{4}\.\d{4,5}(?!\d)", path.read_text("utf-8")))
    assert len(seen) >= 80
    assert {found for found in seen if not found.startswith("2600.")} == set()


def test_no_address_leads_to_a_real_place_other_than_the_sources_themselves() -> None:
    for path in FILES:
        for address in re.findall(r"https?://[^\s\"'<>&)]+", path.read_text("utf-8")):
            parts = urlsplit(address)
            host = parts.hostname or ""
            assert (
                HOME_HOSTS.fullmatch(host)
                or host in FORMAT_HOSTS
                or (host == "github.com" and parts.path.startswith("/example/"))
            ), f"{path.name}: {address}"


def test_every_reading_has_a_whole_abstract_and_a_title(feeds: dict[str, Feed]) -> None:
    for name, feed in feeds.items():
        for entry in feed.entries:
            assert 300 <= len(entry.abstract) <= 2000, f"{name}: {entry.title}"
            assert 20 <= len(entry.title) <= 150, f"{name}: {entry.title}"


def test_everything_is_announced_on_the_sample_day(feeds: dict[str, Feed]) -> None:
    for name, feed in feeds.items():
        days = {entry.announced_on for entry in feed.entries} | {feed.announced_on}
        assert days <= {sample.DAY, None}, name
        if any(entry.announced for entry in feed.entries):
            assert feed.announced_on == sample.DAY, name


def test_every_date_moves_with_the_day_asked_for_and_nothing_else_does(feeds: dict[str, Feed]) -> None:
    for name, moved in sample.feeds(sample.DAY + timedelta(days=40)).items():
        for before, after in zip(feeds[name].entries, moved.entries, strict=True):
            dates = (after.announced_on, after.published)
            expected = [at and at + timedelta(days=40) for at in (before.announced_on, before.published)]
            assert dates == tuple(expected)
            assert replace(after, announced_on=before.announced_on, published=before.published) == before


def test_all_ways_of_announcing_occur(feeds: dict[str, Feed]) -> None:
    counts = Counter(entry.announced for feed in feeds.values() for entry in feed.entries)
    assert all(counts[kind] > 0 for kind in (NEW, CROSS, REPLACE, REPLACE_CROSS, UNANNOUNCED)), counts


def test_some_papers_are_new_in_one_file_and_cross_listed_in_another(works: dict[str, list[Entry]]) -> None:
    both = [title for title, readings in works.items() if {NEW, CROSS} <= {r.announced for r in readings}]
    assert len(both) >= 5


def test_hugging_face_shows_arxiv_papers_again_and_has_some_of_its_own(
    feeds: dict[str, Feed], works: dict[str, list[Entry]]
) -> None:
    featured = feeds["hugging-face.json"].entries
    shared = [entry for entry in featured if len(works[normalise_title(entry.title)]) > 1]
    points = [entry.points for entry in featured if entry.points is not None]
    assert len(shared) >= 15
    assert len(featured) - len(shared) >= 5
    assert (min(points), max(points)) == (0, 178)


def test_one_paper_is_withdrawn(works: dict[str, list[Entry]]) -> None:
    withdrawn = [title for title, readings in works.items() if any(reading.withdrawn for reading in readings)]
    assert withdrawn == ["a universal bound on the lifetime of metastable strings"]


@pytest.mark.parametrize(
    ("author", "papers"),
    [
        ("Ingrid Solheim-Vargas", 4),
        ("Tomasz Wrzesień", 3),
        ("Adaeze Nwokolo-Brandt", 3),
        ("Mireille Kaboré-Lindqvist", 2),
        ("M. Kaboré-Lindqvist", 2),
        ("Hamid Rostamzand", 3),
        ("Teodora Vâlceanu", 2),
        ("Sölvi Þórhallason", 2),
        ("Keahi Moniz-Okafor", 2),
    ],
)
def test_an_author_worth_following_has_several_papers(works: dict[str, list[Entry]], author: str, papers: int) -> None:
    assert sum(any(author in reading.authors for reading in readings) for readings in works.values()) == papers
