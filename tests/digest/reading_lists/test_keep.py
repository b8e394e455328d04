"""What was read is shown, then kept; known works are papers, others are texts; all of it can be taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.ingest import reference_lists, store
from digest.models import ListEntry, ListSource, Paper, ReaderProfile
from digest.reading_lists import keep
from digest.reading_lists.match import Outcome, match
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader

pytestmark = pytest.mark.django_db


def publish(*numbers: int) -> None:
    shown = feed(*(entry(number) for number in numbers))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)


def drafted(ada: Subscriber, text: str, *, name: str = "mine.bib") -> ListSource:
    return keep.draft(ada, reference_lists.read(text.encode()), kind="file", name=name, now=NOON)


def outcomes(ada: Subscriber, text: str) -> dict[str, Outcome]:
    return {one.title: one.outcome for one in match(reference_lists.read(text.encode()).works, reader=ada)}


LINES = "2603.00001v2\nPaper Number 2, on careful measurement!\nLichens of Old Walls\n10.5555/unknown\n"


def test_works_are_known_by_identifier_or_by_their_exact_title() -> None:
    publish(1, 2)
    assert outcomes(reader(), LINES) == {
        "Paper number 1 on careful measurement": Outcome.KNOWN,
        "Paper Number 2, on careful measurement!": Outcome.KNOWN,
        "Lichens of Old Walls": Outcome.TEXT,
        "10.5555/unknown": Outcome.MISSING,
    }


def test_nothing_counts_before_it_is_kept_and_then_known_works_are_papers() -> None:
    publish(1, 2)
    ada = reader()
    part = drafted(ada, LINES)
    assert not ListEntry.objects.newest(ada).exists()
    keep.keep(part, now=NOON)
    entries = list(ListEntry.objects.newest(ada))
    assert [entry.paper and entry.paper.identifier for entry in entries] == [
        "arxiv:2603.00001",
        "arxiv:2603.00002",
        None,
    ]
    assert entries[0].text[:2] == (
        "Paper number 1 on careful measurement",
        "We measure thing 1. It is found to be as expected.",
    )
    assert entries[0].text[2] == ["cs.LG"]
    assert entries[2].text == ("Lichens of Old Walls", "", [])
    assert ListSource.objects.get().found == {}
    assert ReaderProfile.objects.get().likes == 3


def test_five_hundred_works_are_matched_by_a_fixed_number_of_queries(django_assert_num_queries: Any) -> None:
    works = reference_lists.read("\n".join(f"2401.{number:05}" for number in range(500)).encode()).works
    ada = reader()
    with django_assert_num_queries(4):  # two chunks of names, the reader's other names and papers
        assert len(match(works, reader=ada)) == 500


def test_a_work_is_in_a_list_once_also_under_two_names() -> None:
    publish(1)
    ada = reader()
    keep.keep(drafted(ada, "2603.00001\nLichens of Old Walls"), now=NOON)
    assert set(outcomes(ada, "Paper number 1 on careful measurement\nLichens of old walls").values()) == {
        Outcome.LISTED
    }
    keep.keep(drafted(ada, "Paper number 1 on careful measurement\nLichens of old walls\nKelp", name="b.txt"), now=NOON)
    assert ListEntry.objects.count() == 3


def test_the_newest_are_those_that_came_last_into_the_library() -> None:
    ada = reader()
    bib = "@misc{a, title={Old}, timestamp={2020-01-01}}\n@misc{b, title={New}, timestamp={2024-01-01}}\n@misc{c, title={Ahead}, timestamp={2090-01-01}}"
    keep.keep(drafted(ada, bib), now=NOON)
    assert [entry.title for entry in ListEntry.objects.newest(ada)] == ["Ahead", "New", "Old"]
    assert ListEntry.objects.get(title="Ahead").added_at == NOON
    assert [entry.title for entry in ListEntry.objects.newest(ada, most=1)] == ["Ahead"]


def test_a_file_of_the_same_name_replaces_the_earlier_one() -> None:
    ada = reader()
    keep.keep(drafted(ada, "Kelp\nLichens"), now=NOON)
    before = ListEntry.objects.get(title="Kelp").pk
    keep.keep(drafted(ada, "Kelp\nWalls"), now=NOON)
    keep.keep(drafted(ada, "Other", name="b.bib"), now=NOON)
    assert ListSource.objects.count() == 2
    assert {entry.title for entry in ListEntry.objects.all()} == {"Kelp", "Walls", "Other"}
    assert ListEntry.objects.get(title="Kelp").pk == before


def test_a_text_becomes_a_paper_when_its_file_is_read_again() -> None:
    ada = reader()
    keep.keep(drafted(ada, "Paper number 1 on careful measurement"), now=NOON)
    publish(1)
    keep.keep(drafted(ada, "Paper number 1 on careful measurement"), now=NOON)
    assert ListEntry.objects.get().paper == Paper.objects.get()


def test_a_new_draft_replaces_the_one_before_and_old_ones_go() -> None:
    ada = reader()
    drafted(ada, "Kelp")
    second = drafted(ada, "Walls")
    assert list(ListSource.objects.all()) == [second]
    keep.keep(drafted(reader("ben"), "Kelp"), now=NOON)
    keep.delete_old_drafts(NOON + timedelta(days=6))
    assert ListSource.objects.count() == 2
    keep.delete_old_drafts(NOON + timedelta(days=7))
    assert ListSource.objects.get().state == "kept"


def test_a_list_that_would_be_too_long_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "MOST_ENTRIES", 3)
    ada = reader()
    keep.keep(drafted(ada, "One\nTwo"), now=NOON)
    with pytest.raises(keep.ListFull):
        keep.keep(drafted(ada, "Three\nFour", name="b.txt"), now=NOON)
    assert {entry.title for entry in ListEntry.objects.all()} == {"One", "Two"}


def test_one_work_or_a_whole_part_can_be_taken_back() -> None:
    ada = reader()
    part = keep.keep(drafted(ada, "One\nTwo"), now=NOON)
    keep.take_back_entry(ListEntry.objects.get(title="One"))
    assert [entry.title for entry in ListEntry.objects.all()] == ["Two"]
    keep.take_back(part)
    assert not ListEntry.objects.exists()


def test_what_was_taken_back_meanwhile_is_not_kept() -> None:
    ada = reader()
    part = drafted(ada, "One\nTwo")
    keep.take_back(ListSource.objects.get())
    keep.keep(part, now=NOON)
    assert not ListSource.objects.exists()
    part = keep.keep(drafted(ada, "One"), now=NOON)
    keep.keep(part, now=NOON)
    assert ListEntry.objects.count() == 1


def test_a_library_that_cannot_be_read_is_tried_for_a_month() -> None:
    ListSource.objects.create(subscriber=reader(), kind="orcid", name="x", state="waiting", given_at=NOON)
    keep.delete_old_drafts(NOON + timedelta(days=29))
    assert ListSource.objects.exists()
    keep.delete_old_drafts(NOON + timedelta(days=30))
    assert not ListSource.objects.exists()
