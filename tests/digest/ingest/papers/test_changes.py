"""A source speaks for its own works; merges and claims are kept, applied, dismissed and undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.identifiers.canonical import title_identifier
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.ingest.papers.changes import CannotUndo, read_anew, settle
from digest.models import Delivery, Paper, PaperChange, PaperSummary, Sighting, Source
from digest.record import DigestRecord
from tests.support.factories import NOON, delivery, entry, feed, reader, source, topic

pytestmark = pytest.mark.django_db
ARXIV = {"kind": "arxiv_rss", "name": "arXiv cs.LG", "url": "https://rss.arxiv.org/rss/cs.LG"}
BLOG = {"kind": "journal", "name": "A blog", "url": "https://blog.example.org/feed"}
JOURNAL = {"kind": "journal", "name": "A journal", "url": "https://j.example.org/feed"}
VOTES = {"kind": "hugging_face", "name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers"}


def stored(*entries: Entry, days: int = 0, **values: Any) -> store.Reading:
    shown = feed(*entries, **values)
    return store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON + timedelta(days=days))


def article(**values: Any) -> Entry:
    fields = {"identifiers": ("doi:10.5555/abc",), "url": "https://j.example.org/abc", "announced": "", **values}
    return entry(1, **{"title": "As an article", "categories": ()} | fields)


def both_names(**values: Any) -> Entry:
    return entry(1, identifiers=("arxiv:2603.00001", "doi:10.5555/abc"), version=2, announced="replace", **values)


def states() -> list[tuple[str, str]]:
    return list(PaperChange.objects.order_by("pk").values_list("kind", "state"))


# --- who speaks for a work --------------------------------------------------------------------------------------------


def test_a_doi_is_spoken_for_by_the_source_that_showed_it_first() -> None:
    stored(article(), **JOURNAL)
    for _ in range(2):
        stored(article(title="Cheap watches", version=7), days=1, **BLOG)
    assert (Paper.objects.get().title, states()) == ("As an article", [("version", "claimed")])
    stored(article(title="As an article, corrected", version=2), days=2, **JOURNAL)
    assert Paper.objects.get().title == "As an article, corrected"


def test_a_registrants_feed_takes_its_work_over_from_who_showed_it_first() -> None:
    preprint = {"identifiers": ("doi:10.1101/2026.03.01.1",), "url": "https://blog.example.org/best"}
    stored(article(title="We love this!", abstract="Read it.", **preprint), **BLOG)
    own = {"kind": "biorxiv_api", "name": "bioRxiv API", "url": "https://api.biorxiv.org/details/biorxiv"}
    stored(article(title="A robot in a cell", abstract="We show.", **preprint), days=1, **own)
    paper = Paper.objects.get()
    assert (paper.title, paper.abstract) == ("A robot in a cell", "We show.")
    stored(article(title="We love it still!", version=3, **preprint), days=2, **BLOG)
    assert Paper.objects.get().title == "A robot in a cell"


def test_arxiv_takes_its_paper_over_whatever_another_site_wrote_of_it() -> None:
    stored(entry(1, title="Buy this", abstract="Now.", version=9, withdrawn=True, announced=""), **BLOG)
    stored(entry(1), days=1)
    paper = Paper.objects.get()
    assert (paper.title, paper.version, paper.withdrawn_at) == (entry(1).title, 1, None)


def test_a_feed_that_looks_like_arxivs_does_not_speak_for_it_unless_curators_say_so() -> None:
    stored(entry(1))
    blog = source("A blog", "https://blog.example.org/feed", kind="journal")
    store.store(blog, feed(entry(1, title="Buy this", version=2)), now=NOON)
    assert (Paper.objects.get().title, states()) == (entry(1).title, [("version", "claimed")])


def test_another_sites_names_bring_no_works_together() -> None:
    stored(entry(1))
    stored(article(), **JOURNAL)
    stored(both_names(), days=1, **BLOG)
    assert (Paper.objects.count(), states()) == (2, [("merge", "claimed"), ("version", "claimed")])
    stored(entry(3, identifiers=("arxiv:2603.00001", "doi:10.5555/new"), announced=""), days=1, **BLOG)
    stored(article(identifiers=("doi:10.5555/new",), title="A third"), days=2, **JOURNAL)
    assert Paper.objects.count() == 3


def test_a_placeholder_doi_of_other_people_brings_no_works_together() -> None:
    stored(article(authors=("Cleo Third",)), **JOURNAL)
    stored(both_names())
    assert Paper.objects.count() == 2


# --- votes ------------------------------------------------------------------------------------------------------------


def test_only_kinds_that_vote_have_votes() -> None:
    stored(entry(1, points=9, announced=""), **VOTES)
    stored(entry(1, points=10**8, announced=""), **BLOG)
    blog = source("Another blog", "https://blog.example.org/api", kind="journal")
    store.store(blog, feed(entry(1, points=10**8), kind="hugging_face"), now=NOON)
    assert set(Sighting.objects.values_list("points", flat=True)) == {9, None}


# --- merges -----------------------------------------------------------------------------------------------------------


def test_a_merge_is_kept_and_can_be_undone_in_sent_digests_too() -> None:
    topic("Learning", categories=["cs.LG"])
    stored(entry(1, title="As a preprint"))
    stored(article(), **JOURNAL)
    preprint, journal = Paper.objects.order_by("pk")
    rows = {
        name: delivery(
            reader(name),
            paper_ids=its,
            record=DigestRecord.explaining([[("topic", str(pk), 1.0)] for pk in its], also=also),
        ).pk
        for name, its, also in (
            ("ada", [journal.pk], []),
            ("ben", [journal.pk, preprint.pk], []),
            ("eve", [], [journal.pk]),
        )
    }

    def held() -> dict[str, tuple[list[int], tuple[int, ...], int]]:
        found = {name: Delivery.objects.get(pk=pk) for name, pk in rows.items()}
        return {
            name: (row.paper_ids, tuple(row.record.also), row.paper_count) for name, row in found.items() if row.record
        }

    def kept() -> tuple[Any, ...]:
        names = {paper.pk: set(paper.identifiers.values_list("value", flat=True)) for paper in Paper.objects.all()}
        sightings = set(Sighting.objects.values_list("paper", "source", "seen_at"))
        return list(Paper.objects.order_by("pk").values()), names, sightings, held()

    before = kept()
    stored(both_names(title="As a preprint"))
    merge = PaperChange.objects.get()
    assert (Paper.objects.count(), merge.kind, merge.state) == (1, "merge", "applied")
    assert merge.said["identifier"] == "doi:10.5555/abc"
    assert held()["ben"][0] == [preprint.pk]
    Paper.objects.update(version=1)  # what the merging entry itself brought is no part of the merge
    settle(merge.pk, "undo", now=NOON)
    after = kept()
    assert (after[0][1], after[1:]) == (before[0][1], before[1:])
    assert Paper.objects.get(pk=preprint.pk).topics.count() == 1
    stored(both_names(title="As a preprint"), days=1)  # what was parted stays so
    assert Paper.objects.count() == 2
    with pytest.raises(CannotUndo):
        settle(merge.pk, "undo", now=NOON)


def test_a_summary_goes_with_its_paper_into_a_merge_and_out_of_it() -> None:
    stored(entry(1, title="As a preprint"))
    stored(article(), **JOURNAL)
    preprint, journal = Paper.objects.order_by("pk")
    summary = PaperSummary.objects.create(paper=journal, source="model", text="Bees count.", made_at=NOON)
    stored(both_names(title="As a preprint"))
    summary.refresh_from_db()
    assert summary.paper_id == preprint.pk
    settle(PaperChange.objects.get().pk, "undo", now=NOON)
    summary.refresh_from_db()
    assert summary.paper_id == journal.pk


def test_a_later_merge_is_undone_first() -> None:
    stored(entry(1))
    stored(article(), **JOURNAL)
    stored(both_names())
    bare = Entry(identifiers=(title_identifier("Third"),), title="Third")
    stored(bare, kind="seed_page", name="Page", url="")
    stored(entry(1, title="Third", version=3, announced="replace"), days=1)
    first, second = PaperChange.objects.filter(kind="merge").order_by("pk")
    with pytest.raises(CannotUndo):
        settle(first.pk, "undo", now=NOON)
    for merge in (second, first):
        settle(merge.pk, "undo", now=NOON)
    assert Paper.objects.count() == 3


# --- claims -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claimed", "field", "value"),
    [
        ({"title": "A new title", "version": 2}, "title", "A new title"),
        ({"withdrawn": True}, "withdrawn_at", NOON),
    ],
)
def test_a_claim_is_applied_or_dismissed_and_what_was_applied_is_undone(
    claimed: dict[str, Any], field: str, value: Any
) -> None:
    stored(article(), **JOURNAL)
    before = Paper.objects.values().get()
    stored(article(**claimed), **BLOG)
    claim = PaperChange.objects.get()
    settle(claim.pk, "apply", now=NOON)
    assert getattr(Paper.objects.get(), field) == value
    settle(claim.pk, "undo", now=NOON)
    assert Paper.objects.values().get() == before
    for act in ("apply", "dismiss", "undo"):
        with pytest.raises(CannotUndo):
            settle(claim.pk, act, now=NOON)
    stored(article(**claimed), days=1, **BLOG)
    assert states() == [(claim.kind, "undone")]


def test_a_missing_abstract_is_a_claim_too_and_a_dismissed_one_does_not_come_back() -> None:
    stored(article(abstract=""), **JOURNAL)
    for _ in range(2):
        stored(article(abstract="Watches!"), **BLOG)
    settle(PaperChange.objects.get().pk, "dismiss", now=NOON)
    stored(article(abstract="Watches!"), **BLOG)
    assert (states(), Paper.objects.get().abstract) == ([("text", "dismissed")], "")


def test_a_claimed_merge_can_be_applied() -> None:
    stored(entry(1))
    stored(article(), **JOURNAL)
    stored(entry(2, identifiers=("arxiv:2603.00001", "doi:10.5555/abc"), announced=""), **BLOG)
    settle(PaperChange.objects.get(kind="merge").pk, "apply", now=NOON)
    assert (Paper.objects.count(), states()) == (1, [("merge", "applied")])


def test_what_the_speaking_source_said_wrongly_is_undone_and_stays_undone() -> None:
    stored(article(), **JOURNAL)
    for _ in range(2):
        stored(article(title="Oops", version=4, withdrawn=True), **JOURNAL)
    change = PaperChange.objects.get()
    settle(change.pk, "undo", now=NOON)
    stored(article(title="Oops", version=4, withdrawn=True), days=1, **JOURNAL)
    paper = Paper.objects.get()
    assert (paper.title, paper.version, paper.withdrawn_at) == ("As an article", 1, None)
    stored(article(title="Better", version=5), days=2, **JOURNAL)
    assert Paper.objects.get().title == "Better"


def test_a_text_that_was_rewritten_long_ago_is_taken_anew() -> None:
    stored(entry(1))
    Paper.objects.update(title="Rewritten", version=9, withdrawn_at=NOON)
    stored(entry(1, version=2, announced="replace"))
    assert Paper.objects.get().title == "Rewritten"
    assert read_anew("https://arxiv.org/abs/2603.00001v1") is not None
    stored(entry(1, version=2, announced="replace"))
    paper = Paper.objects.get()
    assert (paper.title, paper.version, paper.withdrawn_at) == (entry(1).title, 2, None)
    assert read_anew("no such thing") is None


def test_claims_take_a_fixed_number_of_queries(
    django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FIRST_SHARE", 1)
    numbers = range(1, store.PAPERS_AT_ONCE + 1)  # of one transaction
    stored(*(entry(number) for number in numbers))
    assert Source.objects.count() == 1
    with django_assert_max_num_queries(30):
        stored(*(entry(number, title="Watches", version=5) for number in numbers), **BLOG)
    assert PaperChange.objects.count() == store.PAPERS_AT_ONCE
