"""What a reader's likes say, and how a day's papers compare with it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from digest.ranking import profiles
from digest.ranking.archive import Archive
from digest.ranking.features import Day
from digest.ranking.profiles import DayGrams, Profile, Profiles, liking

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
ARCHIVE = Archive.of(TEXTS)
DAY = Day.of(ARCHIVE.texts, archive=ARCHIVE)


def scores(*made: Profile) -> np.ndarray:
    return liking(Profiles.of(made), DAY.taste.grams)


def test_each_paper_is_most_like_itself() -> None:
    found = scores(*(Profile.of([text]) for text in TEXTS))
    assert found.argmax(axis=1).tolist() == list(range(10))


def test_a_profile_does_not_depend_on_the_archive_and_follows_its_rarities() -> None:
    liked = Profile.of(["Dark bees"])
    assert scores(liked)[0, 4] > scores(liked)[0, 0]
    other = Archive.of([*TEXTS, *["The bees of spring, and bees"] * 5])
    day = Day.of(other.read(TEXTS), archive=other)
    row = liking(Profiles.of([liked]), day.taste.grams)[0]
    assert row[0] > row[4]


def test_a_dislike_counts_a_quarter_and_against() -> None:
    alone, against = scores(Profile.of([], [TEXTS[4]]), Profile.of([TEXTS[0]], [TEXTS[4]]))
    assert alone[4] == alone.min()
    assert against[4] < scores(Profile.of([TEXTS[0]]))[0, 4]
    assert (Profile.of([], ["a b"]).weight, Profile.of(["soil"], ["ice"]).weight) == (0, 0.75)


def test_the_strongest_grams_are_kept_in_the_order_of_their_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MOST_GRAMS", 3)
    whole = Profile.of(["bees dance bees dance bees", "wasps"])
    assert len(whole.grams) == 3
    assert (np.diff(whole.grams.astype(np.int64)) > 0).all()
    assert whole.weights.max() == pytest.approx(0.5, abs=0.01)  # the wasps, the only word of a text


def test_grams_that_the_day_has_not_and_texts_without_words_are_nothing() -> None:
    for made in (Profile(), Profile.of([]), Profile.of(["of the and", ""]), Profile.of(["zzyzx 汉字 ٱلْعَرَبِيَّة"])):
        row = scores(made)[0]
        assert np.isfinite(row).all()
        assert (row + made.weight * DAY.taste.grams.offset == pytest.approx(0, abs=1e-6)) or made.weight == 0


@pytest.mark.parametrize("texts", [[], ["one paper alone"], ["same words"] * 4])
def test_days_that_tell_nothing_have_no_preference(texts: list[str]) -> None:
    archive = Archive.of(texts)
    day = Day.of(archive.texts, archive=archive)
    row = liking(Profiles.of([Profile.of(["same words of one paper"])]), day.taste.grams)[0]
    assert row.shape == (len(texts),)
    assert np.isfinite(row).all()
    assert np.ptp(row) == 0 if len(row) else True


def test_profiles_compared_some_at_once_and_all_at_once_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [Profile.of([text]) for text in TEXTS]
    found = []
    for at_once in (1, 2, 1000):
        monkeypatch.setattr(profiles, "AT_ONCE", at_once)
        found.append(scores(*some))
    assert np.allclose(found[0], found[2], atol=1e-5)
    assert np.allclose(found[1], found[2], atol=1e-5)


@pytest.mark.parametrize("table", [21, 4, 1])
def test_grams_of_one_paper_or_of_many_and_codes_with_like_beginnings_all_count(
    table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_TABLE", table)
    monkeypatch.setattr(profiles, "_REST", 32 - table)
    # two codes for each first bit, in one, two and three papers, and in none
    codes = np.array([1, 2, (1 << 31) + 1, (1 << 31) + 2], np.uint32)
    papers = np.array([[0, 0, 5, 0], [1, 0, 0, 2], [1, 2, 3, 0], [0, 0, 0, 0]], np.float32)
    day = DayGrams(codes, csr_array(papers), np.array([0, 0, 0, 1], np.float32))
    grams = [[0, 1, 1 << 31, (1 << 31) + 1], [2, 3, (1 << 31) + 2], [], codes.tolist()]
    made = [
        Profile(1, np.array(its, np.uint32), np.arange(1, len(its) + 1, dtype=np.float32), weight=0.5) for its in grams
    ]
    asked = np.array([[2, 0, 4, 0], [0, 1, 0, 3], [0, 0, 0, 0], [1, 2, 3, 4]])
    assert liking(Profiles.of(made), day).tolist() == (asked @ papers - [0, 0, 0, 0.5]).tolist()


def test_some_profiles_of_a_batch_score_as_they_do_alone() -> None:
    batch = Profiles.of([Profile.of([text]) for text in TEXTS])
    rows = np.array([2, 0])
    whole = liking(batch, DAY.taste.grams)
    assert np.allclose(liking(batch[rows], DAY.taste.grams), whole[rows], atol=1e-5)
    assert batch[rows].likes.tolist() == [1, 1]


def test_a_profile_is_empty_if_nothing_in_it_says_anything() -> None:
    some = [Profile(), Profile.of(TEXTS[:1]), Profile.of([], TEXTS[:1]), Profile(categories={"cs.LG": 1.0})]
    by_vector = Profile(vector=np.ones(3, np.float32), vector_weight=-0.25)
    assert Profiles.of([*some, by_vector]).is_empty.tolist() == [True, False, False, False, False]
