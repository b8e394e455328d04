"""Which papers are like another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Paper, SearchWord, TitleVector, VectorModel
from digest.ranking.meaning import Space
from digest.search import meaning, similar, vocabulary
from digest.search.likeness import Text, likeness
from digest.search.meaning import TitleMeanings, octets_of
from tests.support.factories import NOON, entry, feed

LATER = NOON + timedelta(days=1)
PAPERS = {
    "Tides of the northern seas": "We model tides and currents of cold seas.",
    "Currents and tides near the shore": "A model of tides for harbours.",
    "Knitting robots": "Robots knit wool with soft hands.",
    "Robots that paint with soft hands": "Painting by robots.",
    "Salt": "It is white.",
}


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "_kept", None)  # the databases of two tests have the same numbers


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


def test_counts_of_terms_are_kept_until_there_are_a_fiftieth_more_papers(
    papers: dict[str, int], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert vocabulary.kept_counts(["tide", "zebra"], 100) == {"tide": 2, "zebra": 0}
    with django_assert_num_queries(1):
        assert vocabulary.kept_counts(["tide", "robot"], 102) == {"tide": 2, "robot": 2}
    SearchWord.objects.filter(term="tide").update(papers=7)
    with django_assert_num_queries(0):
        assert vocabulary.kept_counts(["tide"], 102) == {"tide": 2}
    for other in (103, 50):  # papers may also be deleted
        with django_assert_num_queries(1):
            assert vocabulary.kept_counts(["tide"], other)["tide"] >= 7


def test_a_paper_whose_terms_are_known_takes_fewer_queries(
    papers: dict[str, int], django_assert_num_queries: Any
) -> None:
    similar(papers["Tides of the northern seas"], now=LATER)
    with django_assert_num_queries(4):
        similar(papers["Tides of the northern seas"], now=LATER)


def test_a_shared_pair_of_neighbours_counts_beside_its_terms() -> None:
    text = Text.of("tide north sea")
    beside, apart = likeness(text, [Text.of("north sea salt"), Text.of("sea salt north")], {}, 100)
    assert beside > apart > 0


def test_likeness_is_a_cosine() -> None:
    text, other, none = Text.of("tide of north sea"), Text.of("tide of south sea"), Text.of("")
    same, less, nothing = likeness(text, [text, other, none], {}, 100)
    assert same == pytest.approx(1)
    assert 0 < less < 1
    assert nothing == 0
    assert likeness(none, [text], {}, 100) == [0]


# --- with vectors of titles ------------------------------------------------------------------------------------------


def serve_vectors(settings: Any, papers: dict[str, int], **vectors: list[float]) -> VectorModel:
    """Store vectors of three numbers for the titles that begin with these words, as a model that serves has them."""
    settings.EMBEDDING_URL = "http://127.0.0.1:9/v1"
    model = VectorModel.objects.create(
        name="a model",
        dimension=3,
        serving=True,
        made_at=NOON,
        space_made_at=NOON,
        space=np.concatenate([np.zeros(3), np.eye(3).ravel()]).astype("<f4").tobytes(),
    )
    add_vectors(model, papers, **vectors)
    return model


def add_vectors(model: VectorModel, papers: dict[str, int], **vectors: list[float]) -> None:
    for word, vector in vectors.items():
        (paper,) = (pk for title, pk in papers.items() if title.startswith(word))
        stored = np.array(vector, "<f2").tobytes()
        TitleVector.objects.create(paper_id=paper, model=model, vector=stored)


def test_titles_that_mean_the_same_are_similar_though_their_words_differ(papers: dict[str, int], settings: Any) -> None:
    tides, currents, knitting, painting, salt = (papers[title] for title in PAPERS)
    before = similar(tides, now=LATER), similar(knitting, now=LATER)
    model = serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[0.9, 0.1, 0], Knitting=[0, 0, 1])
    assert similar(salt, now=LATER) == (tides,)
    assert similar(tides, now=LATER) == (*before[0], salt)
    # its vector is like no other: the words decide as before
    assert similar(knitting, now=LATER) == before[1]
    # a title that gets its vector later is found then, one without stays
    add_vectors(model, papers, Robots=[1, 0, 0])
    assert similar(salt, now=LATER) == (painting, tides)
    assert similar(currents, now=LATER)[0] == tides


def test_another_model_takes_the_place_of_what_was_kept(papers: dict[str, int], settings: Any) -> None:
    tides, _, knitting, _, salt = (papers[title] for title in PAPERS)
    serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[1, 0, 0], Knitting=[0, 1, 0])
    assert similar(salt, now=LATER) == (tides,)
    VectorModel.objects.all().delete()
    assert similar(salt, now=LATER) == ()
    later = serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[0, 1, 0], Knitting=[1, 0, 0])
    VectorModel.objects.filter(pk=later.pk).update(space_made_at=LATER)
    assert similar(salt, now=LATER) == (knitting,)


def test_vectors_let_no_paper_in_that_may_not_be_shown(papers: dict[str, int], settings: Any) -> None:
    tides, *_, salt = (papers[title] for title in PAPERS)
    serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[1, 0, 0])
    CuratorPick.objects.create(paper_id=tides, edition_date=NOON.date(), verdict="hide")
    assert similar(salt, now=LATER) == ()


def test_a_vector_that_is_no_number_or_has_another_size_counts_as_none(papers: dict[str, int], settings: Any) -> None:
    tides, *_, salt = (papers[title] for title in PAPERS)
    serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[1, 0, 0], Robots=[], Currents=[1, 0])
    assert similar(salt, now=LATER) == (tides,)


def test_vectors_take_two_queries_more_once_they_are_known(
    papers: dict[str, int], settings: Any, django_assert_num_queries: Any
) -> None:
    serve_vectors(settings, papers, Salt=[1, 0, 0], Tides=[1, 0, 0])
    similar(papers["Tides of the northern seas"], now=LATER)
    with django_assert_num_queries(6):
        similar(papers["Tides of the northern seas"], now=LATER)


def test_octets_keep_the_cosine_of_vectors_of_any_usual_size() -> None:
    rows = np.random.default_rng(5).standard_normal((2000, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    space = Space(np.zeros(384, np.float32), np.eye(384, dtype=np.float32))
    kept = TitleMeanings((1, NOON), np.arange(2000), octets_of(rows, space), 0)
    alike = kept.to(7)
    assert alike is not None
    assert alike.cosines == pytest.approx(rows @ rows[7], abs=0.02)
    assert alike.first(1, least=0.9) == [7]
    assert kept.to(2000) is None
