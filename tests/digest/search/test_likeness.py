"""Which papers are like another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Paper
from digest.search import similar
from digest.search.likeness import Text, likeness
from tests.support.factories import NOON, entry, feed

LATER = NOON + timedelta(days=1)
PAPERS = {
    "Tides of the northern seas": "We model tides and currents of cold seas.",
    "Currents and tides near the shore": "A model of tides for harbours.",
    "Knitting robots": "Robots knit wool with soft hands.",
    "Robots that paint with soft hands": "Painting by robots.",
    "Salt": "It is white.",
}


@pytest.fixture
def papers(db: None) -> dict[str, int]:
    made = [entry(number, title=title, abstract=text) for number, (title, text) in enumerate(PAPERS.items(), 1)]
    shown = feed(*made)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    return dict(Paper.objects.values_list("title", "pk"))


def test_papers_that_share_rare_terms_are_similar_and_the_paper_itself_is_not(papers: dict[str, int]) -> None:
    tides, currents, knitting, painting, salt = (papers[title] for title in PAPERS)
    assert similar(tides, now=LATER)[0] == currents
    assert similar(knitting, now=LATER)[0] == painting
    assert tides not in similar(tides, now=LATER)
    assert similar(salt, now=LATER) == ()
    assert similar(10**9, now=LATER) == ()


def test_no_more_than_the_limit_is_returned(papers: dict[str, int]) -> None:
    assert len(similar(papers["Knitting robots"], limit=1, now=LATER)) == 1


def test_a_paper_that_may_not_be_shown_is_similar_to_none(papers: dict[str, int]) -> None:
    hidden = papers["Currents and tides near the shore"]
    CuratorPick.objects.create(paper_id=hidden, edition_date=NOON.date(), verdict="hide")
    assert hidden not in similar(papers["Tides of the northern seas"], now=LATER)


def test_it_takes_a_fixed_number_of_queries(papers: dict[str, int], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(6):
        similar(papers["Tides of the northern seas"], now=LATER)


def test_likeness_is_a_cosine() -> None:
    text, other, none = Text.of("tide of north sea"), Text.of("tide of south sea"), Text.of("")
    same, less, nothing = likeness(text, [text, other, none], {}, 100)
    assert same == pytest.approx(1)
    assert 0 < less < 1
    assert nothing == 0
    assert likeness(none, [text], {}, 100) == [0]
