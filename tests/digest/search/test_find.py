"""What a search finds, in which order, and what is never shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Identifier, Paper
from digest.search import Filters, Kind, SearchResult, find, search
from digest.search.engine import TooSlow, time_limit
from tests.support.factories import NOON, entry, feed, topic

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
LATER = NOON + timedelta(days=3)


def publish(*entries: Entry, at: Any = NOON, **values: Any) -> None:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    open_edition(at.date(), now=at)


def result(typed: str, **values: Any) -> SearchResult:
    return search(typed, now=LATER, **values)


def found(typed: str, **values: Any) -> list[str]:
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[pk] for pk in result(typed, **values).papers]


def test_a_paper_is_found_that_has_every_word_in_title_abstract_or_authors() -> None:
    publish(
        entry(1, title="Robots that knit", abstract="Wool is soft.", authors=("Mary Shelley",)),
        entry(2, title="Wool in winter", abstract="No machine is in it."),
        entry(3, title="Robots that paint", abstract="Paint is wet."),
    )
    assert found("robots wool")[0] == "Robots that knit"
    assert result("WOOL knitting ROBOT").with_all == 1
    assert found("shelley robots")[0] == "Robots that knit"
    assert sorted(found("wool")) == ["Robots that knit", "Wool in winter"]


def test_papers_with_some_of_the_words_follow_and_are_told_apart() -> None:
    publish(
        entry(1, title="Robots that knit wool"),
        entry(2, title="Wool in winter"),
        entry(3, title="Robots in winter"),
        entry(4, title="Tides"),
    )
    both = result("robots wool")
    assert (both.with_all, len(both.papers)) == (1, 3)
    none = result("robots winter glass")
    assert none.with_all == 0
    assert found("robots winter glass")[0] == "Robots in winter"
    assert found("zebra") == []


def test_a_title_counts_more_than_an_abstract() -> None:
    publish(
        entry(1, title="On gulls", abstract="The harbour is far, the harbour is near."),
        entry(2, title="The harbour at night", abstract="Gulls sleep there all night."),
    )
    assert found("harbour") == ["The harbour at night", "On gulls"]


def test_words_side_by_side_as_typed_come_first_and_the_whole_title_before_all() -> None:
    publish(
        entry(1, title="Colouring a graph by hand and by rule"),
        entry(2, title="A graph, and what colouring does to it"),
        entry(3, title="By rule and by hand: graph colouring"),
        entry(4, title="Graph colouring, graph colouring and more of graph colouring", abstract="Graph colouring."),
    )
    assert found("graph colouring")[0].startswith("Graph colouring, graph colouring")
    assert found("by rule and by hand: graph colouring")[0] == "By rule and by hand: graph colouring"


def test_of_equals_the_newer_comes_first_and_all_can_be_sorted_by_date() -> None:
    publish(entry(1, title="Tides of the north", abstract="Same."), at=NOON)
    publish(entry(2, title="Tides of the south", abstract="Same."), at=NOON + timedelta(days=1))
    publish(entry(3, title="Of the west and its many, many tides", abstract="Same."), at=NOON + timedelta(days=2))
    assert found("tides")[:2] == ["Tides of the south", "Tides of the north"]
    assert found("tides", by_date=True)[0].startswith("Of the west")


def test_two_words_of_a_short_query_are_found_as_one_too() -> None:
    publish(
        entry(1, title="ZebraStripe: counting what is striped", abstract="We count."),
        entry(2, title="A stripe is no zebra", abstract="We look."),
    )
    assert set(found("zebra stripe")) == {"ZebraStripe: counting what is striped", "A stripe is no zebra"}
    assert result("zebra stripe").with_all == 2
    assert result("stripe zebra").with_all == 1
    assert found('"zebra stripe"') == []
    assert result("zebra stripe counting").with_all == 1


@pytest.mark.parametrize(
    "typed",
    [
        "colour", "color", "selfsupervised", "self supervised", "self-supervised", "gpt4", "GPT 4", "gpt-4", "lukasz",
        "Łukasz", "generalise", "network", "Müller", "muller", "c++", "O’Brien", "obrien", "co2", "B0",
    ],
)  # fmt: skip
def test_spellings_of_a_word_find_each_other(typed: str) -> None:
    title = "Color in self-supervised GPT-4 networks that generalize, by C++, in CO₂ and B⁰"
    publish(entry(1, title=title, authors=("Łukasz Müller", "Pat O'Brien")), entry(2, title="Other things"))
    assert found(typed) == [title]
    assert not result(typed).instead


def test_a_quoted_phrase_stands_together() -> None:
    publish(entry(1, title="Graph neural networks"), entry(2, title="Neural nets on a graph"))
    assert found('"graph neural"') == ["Graph neural networks"]
    assert sorted(found("graph neural")) == ["Graph neural networks", "Neural nets on a graph"]


def test_fields_and_words_to_leave_out() -> None:
    publish(
        entry(1, title="Robots of Hinton", authors=("Ada Okafor",)),
        entry(2, title="Robots at rest", abstract="Vision.", authors=("Geoffrey E. Hinton",)),
        entry(3, title="Nets at rest", abstract="Robots.", authors=("G. Hinton", "Jane Robots")),
    )
    assert sorted(found("author:hinton")) == ["Nets at rest", "Robots at rest"]
    assert sorted(found('author:"Geoffrey Hinton"')) == ["Nets at rest", "Robots at rest"]
    assert sorted(found('author:"Hinton, G."')) == ["Nets at rest", "Robots at rest"]
    assert found('author:"Gina Hinton"') == ["Nets at rest"]
    assert sorted(found("title:robots")) == ["Robots at rest", "Robots of Hinton"]
    assert found("robots -vision -author:okafor") == ["Nets at rest"]
    assert result("-vision").kind == Kind.NOTHING_ASKED


@pytest.mark.parametrize("typed", ["Curie M", "M. Curie", "curie m."])
def test_a_name_with_its_initial_comes_before_parts_of_two_names(typed: str) -> None:
    publish(
        entry(1, authors=("Marie Curie", "Ada Okafor", "Ben Novak", "Cora Lind")),
        entry(2, authors=("Eve Curie", "Mary Shelley")),
        entry(3, authors=("Irene Curie", "Max Planck")),
    )
    assert found(typed)[0].startswith("Paper number 1")


@pytest.mark.parametrize(
    ("typed", "right"),
    [("harbor tdies", "tides"), ("tidse", "tides"), ("harbuor", "harbour"), ("measurtmnet", "measurement")],
)
def test_a_word_that_no_paper_has_is_corrected_and_it_says_so(typed: str, right: str) -> None:
    publish(*(entry(number, title=f"Tides and measurement in a harbour {number}") for number in range(1, 4)))
    one = result(typed)
    assert (one.with_all, one.instead[0][1]) == (3, right)
    assert len(result(one.exactly).instead) == 0


def test_a_letter_written_once_for_twice_is_the_likeliest_mistake() -> None:
    publish(
        *(entry(number, title=f"Growing wheat {number}") for number in range(1, 6)),
        *(entry(number, title=f"Grokking {number}") for number in range(6, 9)),
    )
    assert result("groking").instead == (("groking", "grokking"),)


def test_two_words_written_as_one_are_parted() -> None:
    publish(*(entry(number, title=f"Knitting robots {number}") for number in range(1, 4)))
    assert result("knittingrobots").instead == (("knittingrobots", "knitting robots"),)


@pytest.mark.parametrize(
    "typed",
    [
        "2603.00001", "arXiv:2603.00001v2", "https://arxiv.org/pdf/2603.00001v1.pdf", "alphaxiv.org/abs/2603.00001",
        "doi:10.5555/tides", "https://dx.doi.org/10.5555/TIDES", "PMID 424242", "424242",
    ],
)  # fmt: skip
def test_an_identifier_leads_straight_to_its_paper(typed: str) -> None:
    publish(entry(1, title="Tides"), entry(2, title="About 2603.00001 and 424242"))
    paper = Paper.objects.get(title="Tides")
    Identifier.objects.bulk_create(Identifier(value=name, paper=paper) for name in ("doi:10.5555/tides", "pmid:424242"))
    one = result(typed)
    assert (one.kind, one.papers) == (Kind.IDENTIFIER, (paper.pk,))


def test_an_identifier_of_no_paper_is_searched_for_as_words() -> None:
    publish(entry(1, title="We extend 2401.01234 to the sea"))
    assert (result("2401.01234").kind, found("2401.01234")) == (Kind.FOUND, ["We extend 2401.01234 to the sea"])


def test_the_words_of_an_address_that_no_paper_has_find_nothing() -> None:
    publish(entry(1, title="Papers, abs and arXiv"), entry(2, title="Org charts"))
    for typed in ("https://arxiv.org/abs/2401.99999", "doi:10.5555/none", "https://org.example/papers/abs"):
        assert (result(typed).kind, result(typed).papers) == (Kind.IDENTIFIER, ())


def test_filters_narrow_a_search_and_list_the_newest_papers_without_words() -> None:
    topic("Seas", keywords=["tides"])
    publish(entry(1, title="Tides", categories=("physics.ao-ph", "cs.LG")), entry(2, title="Waves"))
    publish(
        entry(3, title="Tides again", categories=("cs.LG",)),
        at=NOON + timedelta(days=1),
        name="B",
        url="https://b.example/rss",
    )
    assert found("tides", filters=Filters(category="physics.ao-ph")) == ["Tides"]
    assert found("tides", filters=Filters(since=TODAY + timedelta(days=1))) == ["Tides again"]
    assert found("tides", filters=Filters(until=TODAY)) == ["Tides"]
    assert found("", filters=Filters(topic="seas")) == ["Tides again", "Tides"]
    source = Paper.objects.get(title="Tides again").sightings.get().source_id
    assert found("", filters=Filters(source=source)) == ["Tides again"]
    assert found("waves", filters=Filters(topic="seas")) == []
    assert found("", filters=Filters(category="cs.LG", until=date.max, since=date.min)) == [
        "Tides again",
        "Waves",
        "Tides",
    ]
    assert result("", filters=Filters(topic="seas")).kind == Kind.LISTED
    assert result("2603.00002", filters=Filters(topic="seas")).papers == ()


def test_hidden_embargoed_and_withdrawn_papers_are_found_by_curators_only() -> None:
    publish(*(entry(number, title=f"Kelp {number}") for number in range(1, 6)))
    hidden, embargoed, withdrawn, freed = Paper.objects.order_by("pk")[:4]
    CuratorPick.objects.create(paper=hidden, edition_date=TODAY, verdict="hide")
    CuratorPick.objects.create(
        paper=embargoed, edition_date=TODAY, verdict="pick", embargo_until=NOON + timedelta(days=9)
    )
    CuratorPick.objects.create(paper=freed, edition_date=TODAY, verdict="pick", embargo_until=NOON)
    Paper.objects.filter(pk=withdrawn.pk).update(withdrawn_at=NOON)
    assert sorted(found("kelp")) == ["Kelp 4", "Kelp 5"]
    assert result("2603.00001").papers == result("Kelp 1 2").papers[:0]
    assert len(found("kelp", everything=True)) == 5


def test_a_paper_that_no_edition_has_shown_yet_is_not_found() -> None:
    publish(entry(1, title="Kelp"))
    shown = feed(entry(2, title="Kelp of tomorrow"))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON + timedelta(hours=2))
    assert found("kelp") == ["Kelp"]


def test_of_very_many_matches_the_best_of_the_newest_are_shown_and_it_says_so() -> None:
    publish(*(entry(number) for number in range(1, find.ANYWHERE + 3)))
    some = result("measurement")
    assert (len(some.papers), some.is_cut) == (find.MOST, True)
    assert result(f"number {find.ANYWHERE + 2}").is_cut is False


def test_nothing_is_asked_of_the_database_for_a_query_without_words(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert result(" \0 -- ,.").kind == Kind.NOTHING_ASKED


@pytest.mark.parametrize(("typed", "queries"), [("careful measurement", 5), ("2603.00003", 3)])
def test_a_search_takes_a_fixed_number_of_queries(typed: str, queries: int, django_assert_num_queries: Any) -> None:
    publish(*(entry(number) for number in range(1, 61)))
    with django_assert_num_queries(queries):
        assert result(typed).papers


def test_a_search_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.search.engine.STEPS", 10)
    publish(*(entry(number) for number in range(1, 200)))
    assert result("careful measurement", seconds=-1).is_too_slow
    assert not result("careful measurement").is_too_slow


def test_the_time_limit_ends_with_the_search() -> None:
    with pytest.raises(TooSlow), time_limit(0.05), connection.cursor() as cursor:
        cursor.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
    assert Paper.objects.count() == 0


TYPED = st.text(max_size=300) | st.lists(
    st.sampled_from(
        'a "b c" " - -x -" title: author: author:" NEAR( ) * ^ AND OR NOT : & | ! <-> \' \\ % _ '
        "c++ 2401.01234 10.1/x https://x.example/a?b=c \0 \u202e \ud800 é 日本 𝔘 {title} +".split(" ")
    ),
    max_size=12,
).map(" ".join)


class TestAnything(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        publish(*(entry(number, title=f"A b c {number} AND OR NOT near title author") for number in range(1, 5)))

    @settings(deadline=None)
    @given(TYPED, st.booleans())
    def test_anything_can_be_typed(self, typed: str, by_date: bool) -> None:
        one = search(typed, now=LATER, by_date=by_date)
        assert len(set(one.papers)) == len(one.papers) >= one.with_all
