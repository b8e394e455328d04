"""Texts to matrices."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from digest.ranking import features
from digest.ranking.archive import MAX_SHARE, MIN_PAPERS, Archive
from digest.ranking.features import Likeness, PaperMatrix, through
from digest.ranking.matching import Rule
from digest.ranking.words import telling_words

TEXTS = [
    "Dark matter halos. Simulations of dark matter halos in the early universe",
    "Axions as dark matter. A search with microwave cavities",
    "Graph neural networks. Message passing for molecules",
    "Molecules in motion. Neural networks learn force fields of molecules",
    "Bees. How bees dance",
    "Wasps. How wasps do not dance",
    "Glaciers. Ice flow and calving of glaciers",
    "Primes. Gaps between primes",
    "Soil. Carbon in soil",
    "Rivers. Floods of rivers",
]


def test_bm25_is_the_textbook_formula() -> None:
    archive = Archive.of(TEXTS)
    lines = [telling_words(text) for text in TEXTS]
    average = sum(map(len, lines)) / len(lines)
    for row, word in [(0, "dark"), (1, "dark"), (3, "molecule"), (8, "soil")]:
        having, count = sum(word in line for line in lines), lines[row].count(word)
        idf = np.log(1 + (len(lines) - having + 0.5) / (having + 0.5))
        expected = idf * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * len(lines[row]) / average))
        assert archive.texts.bm25[row, archive.vocabulary[word]] == pytest.approx(expected, rel=1e-5)


def test_tfidf_keeps_words_and_pairs_of_two_papers_and_not_of_a_fifth_of_all() -> None:
    archive = Archive.of(TEXTS)
    names = {number: word for word, number in archive.vocabulary.items()}
    size = len(names)
    kept = {names[code] if code < size else f"{names[code // size - 1]} {names[code % size]}" for code in archive.grams}
    assert kept == {"dark", "matter", "dark matter", "neural", "network", "neural network", "molecule", "dance"}


def test_rows_have_unit_length_or_none_and_the_mean_is_theirs() -> None:
    archive = Archive.of(TEXTS)
    rows = archive.texts.tfidf.toarray()
    assert np.allclose(np.linalg.norm(rows[:6], axis=1), 1)
    assert not rows[6:].any()
    assert np.allclose(archive.mean, rows.mean(axis=0))


def test_reading_the_archive_again_gives_the_archive() -> None:
    archive = Archive.of(TEXTS)
    again = archive.read(TEXTS)
    assert np.allclose(again.tfidf.toarray(), archive.texts.tfidf.toarray())
    assert np.allclose(again.bm25.toarray(), archive.texts.bm25.toarray())


@pytest.mark.parametrize(
    "texts",
    [[], TEXTS, TEXTS[::-1], ["Bees swim", *TEXTS[3:5], "Dark matter", "", TEXTS[0], "Ice"], ["Bees swim", "Ice"]],
    ids=["none", "all of its own", "another order", "some of its own", "none of its own"],
)
def test_texts_of_the_archive_are_not_read_again_and_give_the_same_to_the_last_bit(texts: list[str]) -> None:
    archive = Archive.of(TEXTS)
    found, read = archive.read(texts), replace(archive, hashes=archive.hashes[:0]).read(texts)
    assert len(found) == len(texts)
    for one, other in ((found.bm25, read.bm25), (found.tfidf, read.tfidf)):
        other.sort_indices()
        one.sort_indices()
        assert one.shape == other.shape
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_unknown_words_are_dropped_and_part_no_pair() -> None:
    archive = Archive.of(TEXTS)
    known, unknown, parted = archive.read(["dark matter", "zebra quagga", "dark zebra matter"]).tfidf.toarray()
    assert np.count_nonzero(known) == 3
    assert not unknown.any()
    assert np.count_nonzero(parted) == 2


@pytest.mark.parametrize("texts", [[], [""], ["Bees dance"], ["", "the of and"]])
def test_a_tiny_or_wordless_archive_gives_zeros_and_no_error(texts: list[str]) -> None:
    archive = Archive.of(texts)
    assert archive.texts.tfidf.shape == (len(texts), 0)
    assert len(archive.read(["Bees dance"])) == 1
    rules = [Rule("keyword", "bees"), Rule("category", "cs")]
    matches = csr_array((len(texts), 2))
    papers = PaperMatrix.of(archive.texts, archive=archive, rules=rules, matches=matches)
    assert papers.echo.shape == (2, len(texts))
    assert not papers.echo.any()


def test_an_archive_can_be_pickled() -> None:
    archive = pickle.loads(pickle.dumps(Archive.of(TEXTS)))
    assert len(archive.texts) == len(TEXTS)


def test_an_echo_reaches_papers_that_share_no_word_with_the_rule() -> None:
    archive = Archive.of(TEXTS)
    rules = [Rule("keyword", "axions"), Rule("keyword", "quasars"), Rule("category", "astro-ph")]
    papers = PaperMatrix.of(archive.texts, archive=archive, rules=rules, matches=csr_array((10, 3)))
    assert papers.words[[0]].toarray().nonzero()[1].tolist() == [1]
    assert set(papers.echo[0].argsort()[-2:]) == {0, 1}  # dark matter keeps company with axions
    assert not papers.echo[1:].any()


def test_a_topics_words_count_half() -> None:
    archive = Archive.of(TEXTS)
    rules = [Rule("keyword", "glaciers"), Rule("topic", "ice", keywords=("glaciers", "glacier"))]
    papers = PaperMatrix.of(archive.texts, archive=archive, rules=rules, matches=csr_array((10, 2)))
    typed, topic = papers.words.toarray()
    assert typed.any()
    assert np.allclose(topic, typed / 2)


def test_going_through_rows_in_blocks_is_the_plain_product() -> None:
    rng = np.random.default_rng(3)

    def sparse(rows: int, columns: int) -> csr_array:
        return csr_array((rng.random((rows, columns)) * (rng.random((rows, columns)) < 0.1)).astype(np.float32))

    weights, left, right, offset = sparse(75, 250), sparse(250, 40), sparse(7, 40), rng.random(7).astype(np.float32)
    weights = csr_array(weights * (np.arange(75) % 3 > 0)[:, None])  # some rows say nothing
    expected = weights.toarray() @ (left.toarray() @ right.toarray().T - offset)
    assert np.allclose(through(weights, left, right, offset), expected, atol=1e-4)


@pytest.mark.parametrize(("readers", "papers", "is_whole"), [(65, 10, True), (64, 10, False), (65, 9, False)])
def test_papers_are_compared_alike_whether_with_all_others_at_once_or_not(
    readers: int, papers: int, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, rng, asked = Archive.of(TEXTS), np.random.default_rng(5), []
    monkeypatch.setattr(features, "MANY", papers)
    monkeypatch.setattr(features, "through", lambda *matrices: asked.append(readers) or through(*matrices))
    tfidf, weights = archive.texts.tfidf, rng.random((3, 10)).astype(np.float32)
    likeness = Likeness(tfidf, tfidf @ archive.mean)
    likeness.lay_out(readers=readers)
    expected = weights @ (tfidf.toarray() @ tfidf.toarray().T - likeness.offset)
    assert np.allclose(likeness.to(csr_array(weights)), expected, atol=1e-5)
    assert bool(asked) != is_whole


@pytest.mark.parametrize("name", ["popularity", "pick"])
@pytest.mark.parametrize("values", [np.zeros(3), np.full(10, np.nan)])
def test_numbers_by_paper_must_fit_and_be_finite(name: str, values: np.ndarray) -> None:
    archive = Archive.of(TEXTS)
    with pytest.raises(ValueError, match=f"{name} must hold one finite number for each of the 10 papers"):
        PaperMatrix.of(archive.texts, archive=archive, rules=[], matches=csr_array((10, 0)), **{name: values})


def test_matches_must_fit_the_papers_and_rules() -> None:
    archive = Archive.of(TEXTS)
    with pytest.raises(ValueError, match="10 papers by 0 rules"):
        PaperMatrix.of(archive.texts, archive=archive, rules=[], matches=csr_array((9, 0)))


def test_tfidf_equals_scikit_learns() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="scikit-learn is not a dependency")

    def grams(line: str) -> list[str]:
        found = telling_words(line)
        return found + [" ".join(pair) for pair in pairwise(found)]

    theirs = text.TfidfVectorizer(analyzer=grams, sublinear_tf=True, min_df=MIN_PAPERS, max_df=MAX_SHARE)
    expected = theirs.fit_transform(TEXTS).toarray()
    archive = Archive.of(TEXTS)
    ours = archive.texts.tfidf.toarray()
    names = {number: word for word, number in archive.vocabulary.items()}
    size = len(names)
    columns = [
        theirs.vocabulary_[names[c] if c < size else f"{names[c // size - 1]} {names[c % size]}"] for c in archive.grams
    ]
    assert sorted(columns) == list(range(expected.shape[1]))
    assert np.allclose(ours, expected[:, columns], atol=1e-6)
    assert np.allclose(
        archive.read(TEXTS[::2]).tfidf.toarray(), theirs.transform(TEXTS[::2]).toarray()[:, columns], atol=1e-6
    )
