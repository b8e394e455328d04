"""A plain search over titles and abstracts: what is found, in which order, and what is never shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from digest.editions.open_edition import open_edition
from digest.editions.search import LONGEST, MOST, MOST_WORDS, search, words_of
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Paper
from tests.support.factories import NOON, entry, feed

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def publish(*entries: Entry, at: Any = NOON) -> None:
    shown = feed(*entries)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    open_edition(at.date(), now=at)


def found(typed: str) -> list[str]:
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[pk] for pk in search(typed, now=NOON + timedelta(days=3)).papers]


def test_a_paper_is_found_that_has_every_word_in_its_title_or_abstract() -> None:
    publish(
        entry(1, title="Robots that knit", abstract="Wool is soft."),
        entry(2, title="Wool in winter", abstract="No machine is in it."),
        entry(3, title="Robots that paint", abstract="Paint is wet."),
    )
    assert found("robots wool") == ["Robots that knit"]
    assert found("WOOL ROBOTS") == ["Robots that knit"]
    assert sorted(found("wool")) == ["Robots that knit", "Wool in winter"]
    assert found("wool robots glass") == []


def test_a_part_of_a_word_finds_the_word() -> None:
    publish(entry(1, title="Transformers at sea"))
    assert found("transform") == ["Transformers at sea"]


def test_a_title_counts_more_than_an_abstract_and_a_whole_word_more_than_a_part() -> None:
    publish(
        entry(1, title="On gulls", abstract="The harbour is far, the harbour is near."),
        entry(2, title="The harbour at night", abstract="Gulls sleep there all night."),
        entry(3, title="Harbourmasters", abstract="They keep the gulls away today."),
    )
    assert found("harbour") == ["The harbour at night", "Harbourmasters", "On gulls"]


def test_words_side_by_side_as_typed_come_first() -> None:
    publish(
        entry(1, title="Colouring a graph by hand and by rule"),
        entry(2, title="A graph, and what colouring does to it"),
        entry(3, title="By rule and by hand: graph colouring"),
    )
    assert found("graph colouring")[0] == "By rule and by hand: graph colouring"


def test_of_equals_the_newer_comes_first() -> None:
    publish(entry(1, title="Tides of the north", abstract="Same."), at=NOON)
    publish(entry(2, title="Tides of the south", abstract="Same."), at=NOON + timedelta(days=1))
    assert found("tides") == ["Tides of the south", "Tides of the north"]


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ("100%", ["A gain of 100% in snake_case"]),
        ("%", ["A gain of 100% in snake_case"]),
        ("e_c", ["A gain of 100% in snake_case"]),
        ("\\alpha", ["What \\alpha says"]),
        ("_", ["A gain of 100% in snake_case"]),
        ("'; DROP TABLE digest_paper; --", []),
    ],
)
def test_signs_that_a_database_reads_in_its_own_way_stand_for_themselves(typed: str, titles: list[str]) -> None:
    publish(entry(1), entry(2, title="A gain of 100% in snake_case"))
    Paper.objects.filter(title__startswith="Paper").update(title="What \\alpha says")
    assert found(typed) == titles


def test_letters_beyond_ascii_are_found_in_either_case() -> None:
    publish(entry(1, title="Über Schrödinger bridges"), entry(2, title="把持学習の研究"))
    assert found("ÜBER") == found("über") == found("schrödinger") == ["Über Schrödinger bridges"]
    assert found("把持") == ["把持学習の研究"]


def test_what_is_typed_is_cut_to_eight_words_without_controls() -> None:
    assert words_of("  “graph”, (colouring)!  graph ") == ("graph", "colouring")
    assert words_of("a\0b\r\nc\u202ed\ud800e") == ("ab", "cde")
    assert len(words_of("one two three four five six seven eight nine ten")) == MOST_WORDS
    assert words_of("x" * 10_000) == ("x" * LONGEST,)
    assert words_of(" .,;?! ") == words_of("") == words_of("\0") == ()


def test_nothing_is_searched_for_and_nothing_found_without_a_word(django_assert_num_queries: Any) -> None:
    publish(entry(1))
    with django_assert_num_queries(0):
        assert search(" \0 ", now=NOON).papers == ()


def test_a_search_is_one_query(django_assert_num_queries: Any) -> None:
    publish(*(entry(number) for number in range(1, 9)))
    with django_assert_num_queries(1):
        assert len(search("careful measurement paper number on", now=NOON).papers) == 8


def test_hidden_embargoed_and_withdrawn_papers_are_never_found() -> None:
    publish(*(entry(number, title=f"Kelp {number}") for number in range(1, 6)))
    hidden, embargoed, withdrawn, freed = Paper.objects.order_by("pk")[:4]
    CuratorPick.objects.create(paper=hidden, edition_date=TODAY, verdict="hide")
    CuratorPick.objects.create(
        paper=embargoed, edition_date=TODAY, verdict="pick", embargo_until=NOON + timedelta(days=9)
    )
    CuratorPick.objects.create(paper=freed, edition_date=TODAY, verdict="pick", embargo_until=NOON)
    Paper.objects.filter(pk=withdrawn.pk).update(withdrawn_at=NOON)
    assert sorted(found("kelp")) == ["Kelp 4", "Kelp 5"]


def test_a_paper_that_was_hidden_stays_so_when_it_comes_back_on_another_day() -> None:
    publish(entry(1, title="Kelp"))
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=TODAY, verdict="hide")
    tomorrow, _ = open_edition(TODAY + timedelta(days=1), now=NOON + timedelta(days=1))
    tomorrow.candidates.create(paper=Paper.objects.get(), card={}, inputs={})
    assert found("kelp") == []
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=tomorrow.date, verdict="boost")
    assert found("kelp") == ["Kelp"]


def test_a_paper_that_no_edition_has_shown_yet_is_not_found() -> None:
    publish(entry(1, title="Kelp"))
    shown = feed(entry(2, title="Kelp of tomorrow"))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON + timedelta(hours=2))
    assert found("kelp") == ["Kelp"]


def test_of_very_many_matches_the_newest_are_ranked_and_it_says_so() -> None:
    publish(*(entry(number) for number in range(1, MOST + 3)))
    some = search("measurement", now=NOON)
    assert (len(some.papers), some.is_cut) == (MOST, True)
    assert search(f"number {MOST + 2}", now=NOON).is_cut is False


class TestAnything(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=300) | st.text("%_\\'\"*?[]() ab\0\u202e\ud800é", max_size=60))
    def test_anything_can_be_typed(self, typed: str) -> None:
        search(typed, now=NOON)
