"""Each work is stored once, whatever version, category or source shows it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.identifiers.canonical import title_identifier
from digest.ingest import parsers, store
from digest.ingest.entry import Entry
from digest.ingest.parsers import SourceUnreadable
from digest.models import Delivery, Identifier, Paper, Sighting, Source
from digest.record import DigestRecord
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, delivery, entry, feed, reader, source, topic
from tests.support.source_errors import unreadable

pytestmark = pytest.mark.django_db
HUGGING_FACE = {
    "kind": "hugging_face",
    "name": "Hugging Face daily papers",
    "url": "https://huggingface.co/api/daily_papers",
}


def stored(*entries: Entry, at: Any = NOON, **values: Any) -> store.Reading:
    shown = feed(*entries, **values)
    return store.store(store.source_named_in(shown, "file.xml"), shown, now=at)


def test_a_paper_seen_in_two_categories_is_stored_once_with_two_sightings() -> None:
    stored(entry(1, announced="new"))
    reading = stored(entry(1, announced="cross"), name="arXiv cs.CL", url="https://rss.arxiv.org/rss/cs.CL")
    assert (reading.stored, reading.new, reading.updated) == (1, 0, 0)
    assert Paper.objects.count() == 1
    assert set(Sighting.objects.values_list("announced", flat=True)) == {"new", "cross"}


def test_the_same_feed_again_changes_nothing_and_writes_no_sighting() -> None:
    stored(entry(1), entry(2))
    before = list(Paper.objects.values())
    reading = stored(entry(1), entry(2), at=NOON + timedelta(hours=1))
    assert (reading.stored, reading.new, reading.updated) == (2, 0, 0)
    assert list(Paper.objects.values()) == before
    assert Sighting.objects.count() == 2


def test_a_sighting_is_written_when_votes_change() -> None:
    stored(entry(1, points=3, announced=""), **HUGGING_FACE)
    stored(entry(1, points=3, announced=""), at=NOON + timedelta(hours=1), **HUGGING_FACE)
    stored(entry(1, points=9, announced=""), at=NOON + timedelta(hours=2), **HUGGING_FACE)
    assert list(Sighting.objects.order_by("seen_at").values_list("points", flat=True)) == [3, 9]


def test_of_two_readings_of_one_moment_the_larger_points_win() -> None:
    stored(entry(1, points=9, comments=2), **HUGGING_FACE)
    stored(entry(1, points=3, comments=1), **HUGGING_FACE)
    stored(entry(1, points=11, comments=4), **HUGGING_FACE)
    assert list(Sighting.objects.values_list("points", "comments")) == [(11, 4)]


def test_a_newer_version_replaces_and_an_older_one_does_not() -> None:
    stored(entry(1, title="First title", version=1))
    assert stored(entry(1, title="Second title", version=2, announced="replace")).updated == 1
    stored(entry(1, title="First title", version=1))
    paper = Paper.objects.get()
    assert (paper.title, paper.version) == ("Second title", 2)


def test_structured_authors_replace_a_list_that_was_one_string() -> None:
    stored(entry(1, authors=("A. Example",)))
    stored(
        entry(1, authors=("Ada Example", "Ben Sample"), announced=""),
        kind="arxiv_api",
        name="arXiv API",
        url="https://x.example/api",
    )
    stored(entry(1, authors=("A. Example",)))
    assert Paper.objects.get().authors == ["Ada Example", "Ben Sample"]


def test_a_withdrawn_paper_is_marked() -> None:
    stored(entry(1))
    stored(entry(1, withdrawn=True, version=2, announced="replace"), at=NOON + timedelta(days=1))
    assert Paper.objects.get().withdrawn_at == NOON + timedelta(days=1)


def test_the_withdrawal_of_a_paper_nobody_knows_is_told_and_not_stored() -> None:
    reading = stored(Entry(identifiers=("arxiv:2603.00009",), title="", withdrawn=True))
    assert (reading.stored, Paper.objects.count()) == (0, 0)
    assert [refused.why for refused in reading.refused] == ["withdrawn, and not known here"]


def test_a_paper_known_by_its_title_is_adopted_when_its_identifier_comes() -> None:
    title = "Shannon's Bakery: On Kneading Information"
    stored(Entry(identifiers=(title_identifier(title),), title=title), kind="seed_page", name="Page", url="")
    stored(entry(7, title="Shannon’s bakery: on kneading information"))
    paper = Paper.objects.get()
    assert (paper.identifier, paper.url) == ("arxiv:2603.00007", "https://arxiv.org/abs/2603.00007")
    assert Identifier.objects.filter(paper=paper).count() == 2


def test_a_bare_title_joins_the_paper_that_is_known_already() -> None:
    stored(entry(7, title="Shannon's Bakery"))
    stored(
        Entry(identifiers=(title_identifier("Shannon's Bakery"),), title="Shannon's Bakery"),
        kind="seed_page",
        name="Page",
        url="",
    )
    assert Paper.objects.count() == 1


def test_a_title_shared_by_other_authors_is_another_paper() -> None:
    stored(
        Entry(identifiers=(title_identifier("Editorial"),), title="Editorial", authors=("Cleo Third",)),
        kind="journal",
        name="J",
        url="",
    )
    stored(entry(7, title="Editorial"))
    stored(entry(8, title="Editorial"))
    assert Paper.objects.count() == 3


def test_two_rows_become_one_when_an_entry_bears_both_names() -> None:
    stored(entry(1, title="As a preprint"))
    stored(
        entry(2, identifiers=("doi:10.5555/abc",), title="As an article", announced=""),
        kind="journal",
        name="J",
        url="https://j.example",
    )
    preprint, article = Paper.objects.order_by("pk")
    ada = reader("ada")
    delivery(ada, paper_ids=[article.pk])
    stored(
        entry(
            1,
            identifiers=("arxiv:2603.00001", "doi:10.5555/abc"),
            title="As a preprint",
            version=2,
            announced="replace",
        )
    )
    assert list(Paper.objects.values_list("pk", flat=True)) == [preprint.pk]
    assert Sighting.objects.filter(paper=preprint).count() == 2
    assert Delivery.objects.get().paper_ids == [preprint.pk]  # or it could be sent to Ada again
    assert set(preprint.identifiers.values_list("value", flat=True)) >= {"arxiv:2603.00001", "doi:10.5555/abc"}


def test_tex_becomes_readable_and_topics_are_tagged() -> None:
    topic("Statistics", categories=["stat"])
    topic("Robots", keywords=["robot"])
    topic("Cooking", keywords=["soup"])
    stored(entry(1, title=r"Schr\"odinger's Robots: $\alpha$ to $\omega$", categories=("stat.ME",)))
    paper = Paper.objects.get()
    assert paper.title == "Schrödinger's Robots: α to ω"
    assert set(paper.topics.values_list("name", flat=True)) == {"Statistics", "Robots"}


def test_an_entry_without_a_readable_title_is_refused_and_the_rest_stored() -> None:
    reading = stored(entry(1, title="\x00\u200b"), entry(2))
    assert (reading.stored, [refused.why for refused in reading.refused]) == (1, ["no readable title"])
    assert reading.expected == 2


def test_one_bad_file_never_stops_the_others_and_says_why_on_its_row() -> None:
    good = feed(entry(1))
    zipped = SourceUnreadable(ErrorKind.ARCHIVE, "zip")
    readings = list(store.store_files({"bad.xml": zipped, "good.xml": good}, now=NOON))
    assert [(reading.error_kind, reading.error) for reading in readings] == [(ErrorKind.ARCHIVE, "zip"), (None, "")]
    bad = Source.objects.get(url="file:bad.xml")
    assert (bad.last_error_kind, bad.last_error, bad.failures, bad.active) == (ErrorKind.ARCHIVE, "zip", 1, False)
    assert (bad.last_reading["error_kind"], bad.last_reading["error"]) == (ErrorKind.ARCHIVE, "zip")
    assert Paper.objects.count() == 1


def test_what_was_stored_stays_when_a_source_fails_later() -> None:
    stored(entry(1))
    store.note_failure(source(), ErrorKind.TRUNCATED, now=NOON)
    assert Paper.objects.count() == 1


def test_a_missed_day_filled_in_after_a_failure_leaves_the_newer_reading() -> None:
    stored(entry(1), announced_on=NOON.date())
    good = source().last_reading
    store.note_failure(source(), ErrorKind.NOT_STORED, now=NOON)
    missed = feed(entry(2), kind="arxiv_api", announced_on=NOON.date() - timedelta(days=3))
    store.store(source(), missed, now=NOON + timedelta(hours=1))
    assert (source().last_reading, source().failures) == (good, 0)


def test_files_are_read_or_refused_with_the_reason(tmp_path: Path) -> None:
    with unreadable(ErrorKind.FILE_UNREADABLE, detail="no such file"):
        store.read_file(tmp_path / "nothing.xml")
    with unreadable(ErrorKind.FILE_UNREADABLE, detail="Is a directory"):
        store.read_file(tmp_path)
    with (tmp_path / "big.xml").open("wb") as big:
        big.truncate(50 << 20)
    with unreadable(ErrorKind.TOO_LARGE):
        store.read_file(tmp_path / "big.xml")


def test_the_recorded_day_of_two_sources_is_27_papers_with_two_sightings_each(data: Path) -> None:
    for name in ("arxiv-rss2-cs.LG-2026-01-30.xml", "hf-daily-2026-01-30-morning.json"):
        shown = parsers.read((data / "feeds" / name).read_bytes())
        store.store(store.source_named_in(shown, name), shown, now=NOON)
    assert Paper.objects.count() == 27
    assert [paper.sightings.count() for paper in Paper.objects.all()] == [2] * 27


def test_storing_a_slice_takes_a_fixed_number_of_queries(
    django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FIRST_SHARE", 1)
    topic("Statistics", categories=["stat"])
    papers = [entry(number) for number in range(1, store.PAPERS_AT_ONCE + 1)]
    # papers, names and sightings go in several statements each: SQLite takes 999 values in one
    with django_assert_max_num_queries(28):
        stored(*papers)


def test_two_arxiv_ids_are_two_works_even_with_one_placeholder_doi() -> None:
    placeholder = "doi:10.1145/1235"
    stored(
        entry(1, identifiers=("arxiv:2603.00001", placeholder)),
        entry(2, identifiers=("arxiv:2603.00002", placeholder), title="Another paper"),
    )
    assert set(Paper.objects.values_list("title", flat=True)) == {entry(1).title, "Another paper"}


def test_a_bare_title_by_someone_else_is_a_paper_of_its_own_whichever_comes_first() -> None:
    stored(entry(7, title="Editorial"))
    bare = Entry(identifiers=(title_identifier("Editorial"),), title="Editorial", authors=("Cleo Third",))
    for _ in range(2):
        stored(bare, kind="journal", name="J", url="")
    assert list(Paper.objects.order_by("pk").values_list("authors", flat=True)) == [
        ["Ada Example", "Ben Sample"],
        ["Cleo Third"],
    ]


def test_a_known_work_that_takes_a_bare_title_joins_its_row() -> None:
    stored(
        Entry(identifiers=(title_identifier("Better title"),), title="Better title"), kind="seed_page", name="P", url=""
    )
    stored(entry(7, title="First title"))
    stored(entry(7, title="Better title", version=2, announced="replace"))
    assert list(Paper.objects.values_list("identifier", "title")) == [("arxiv:2603.00007", "Better title")]


def test_joining_keeps_the_older_row_the_newer_words_and_a_withdrawal() -> None:
    stored(
        entry(2, identifiers=("doi:10.5555/abc",), title="As an article", announced=""),
        kind="journal",
        name="J",
        url="",
    )
    stored(entry(1, title="Second version", version=2, withdrawn=True))
    stored(entry(3, title="Another"))
    article, preprint, other = Paper.objects.order_by("pk")
    ben, eve = (
        delivery(
            reader(name), status="ready", paper_ids=its, record=DigestRecord.explaining([[] for _ in its], also=also)
        )
        for name, its, also in (("ben", [other.pk], [preprint.pk, article.pk]), ("eve", [article.pk], [preprint.pk]))
    )
    row = delivery(
        reader("ada"),
        status="ready",
        paper_ids=[article.pk, preprint.pk],
        record=DigestRecord.explaining([[("topic", "A", 1.0)], [("topic", "B", 1.0)]]),
    )
    stored(
        entry(1, identifiers=("arxiv:2603.00001", "doi:10.5555/abc"), title="Second version", version=2, withdrawn=True)
    )
    (paper,) = Paper.objects.exclude(pk=other.pk)
    assert (paper.pk, paper.title, paper.version) == (article.pk, "Second version", 2)
    assert paper.withdrawn_at is not None
    row = Delivery.objects.get(pk=row.pk)
    assert (row.paper_ids, row.paper_count, len(row.record.reasons)) == ([paper.pk], 1, 1)
    assert Delivery.objects.get(pk=ben.pk).record.also == [paper.pk]  # what else is trending is named once
    assert Delivery.objects.get(pk=eve.pk).record.also == []  # and not if it is in the digest


def test_a_name_without_a_letter_stops_nothing() -> None:
    stored(
        Entry(identifiers=(title_identifier("Editorial"),), title="Editorial", authors=("\u0301",)),
        kind="journal",
        name="J",
        url="",
    )
    stored(entry(7, title="Editorial"))
    assert Paper.objects.exists()


def test_two_pages_of_one_moment_count_together_and_two_readings_of_one_list_once() -> None:
    stored(entry(1), entry(2), announced_on=None, stated_total=2)
    stored(entry(3), announced_on=None, stated_total=2)
    assert (Source.objects.get().last_reading["expected"], Source.objects.get().last_reading["stored"]) == (4, 3)
    later = NOON + timedelta(days=1)
    for _ in range(2):
        stored(entry(4), entry(5), at=later, announced_on=later.date())
    assert Source.objects.get().last_reading["stored"] == 2


def test_a_date_becomes_more_exact_and_nothing_later_than_tomorrow_is_stored() -> None:
    year = NOON.replace(month=1, day=1)
    stored(entry(1, published=year, precision="year", announced_on=None), entry(2, published=NOON + timedelta(days=40)))
    first, second = Paper.objects.order_by("identifier")
    assert (first.published_at, first.published_precision, second.published_at) == (year, "year", None)
    stored(entry(1, published=NOON))
    first.refresh_from_db()
    assert (first.published_at, first.published_precision) == (NOON, "day")
    stored(entry(1, published=year, precision="year"))
    first.refresh_from_db()
    assert (first.published_at, first.published_precision) == (NOON, "day")


def test_a_notice_is_not_expected_and_a_retracted_work_is_marked() -> None:
    refused = (parsers.Refused(what="Erratum", why="a notice about another paper", is_work=False),)
    reading = stored(entry(1), entry(2, title="RETRACTED: Bees", withdrawn=True), refused=refused)
    assert (reading.expected, reading.stored) == (2, 2)
    assert [paper.title for paper in Paper.objects.filter(withdrawn_at=None)] == [entry(1).title]
