"""Who gets which papers, in which order, and why. Small days in which a person sees the right order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from digest.ranking import personal
from digest.ranking.archive import Archive
from digest.ranking.features import PaperMatrix, ReaderBatch
from digest.ranking.matching import Rule, match
from digest.ranking.meaning import DayVectors, Space
from digest.ranking.personal import AUTHOR, BOOST, PARTS, PICK, TERMS, Ranking, rank
from digest.ranking.profiles import Profile, Profiles
from subscriptions.models import PARTS as subscribers_parts
from tests.support.texts import Text

PAPERS = {
    "halos": Text("Dark matter halos in simulations", "Halos of dark matter merge.", ("Vera Rubin",), ("astro-ph.CO",)),
    "axions": Text("A cavity search for axions", "Axions may be dark matter.", ("Ana Lopez",), ("hep-ex",)),
    "gnn": Text("Graph neural networks for molecules", "Message passing.", ("Li Wei",), ("cs.LG", "q-bio.BM")),
    "forces": Text("Learning force fields", "Neural networks learn molecules.", ("Jane Q. Doe",), ("cs.LG",)),
    "bees": Text("The dance of the bees", "Bees dance.", ("Karl Frisch",), ("q-bio.NC",)),
    "wasps": Text("Social wasps", "Wasps and bees compared.", ("Mary Evans",), ("q-bio.PE",)),
    "primes": Text("Gaps between primes", "Small gaps between primes.", ("Yitang Zhang",), ("math.NT",)),
    "soil": Text("Carbon in soil", "Soil carbon after fire.", ("Olu Ade",), ("physics.ao-ph",)),
    "rivers": Text("Floods of rivers", "Rivers flood.", ("Olu Ade",), ("physics.ao-ph",)),
    "sorting": Text("Sorting in linear time", "A sorting network.", ("Don Knuth",), ("cs.DS",)),
}
NAMES = list(PAPERS)
ARCHIVE = Archive.of(f"{paper.title}. {paper.abstract}" for paper in PAPERS.values())

DARK_MATTER = Rule("keyword", "dark matter")
LEARNING = Rule("category", "cs.LG")
INSECTS = Rule("topic", "insects", "Insects", categories=("q-bio.PE",), keywords=("bees",))
JANE = Rule("author", "Jane Doe")
RULES = [DARK_MATTER, LEARNING, INSECTS, JANE, Rule("keyword", "quasars"), Rule("category", "math")]


def day(popularity: dict[str, float] | None = None, picks: dict[str, float] | None = None) -> PaperMatrix:
    def column(values: dict[str, float] | None) -> np.ndarray:
        return np.array([(values or {}).get(name, 0.0) for name in NAMES])

    return PaperMatrix.of(
        ARCHIVE.texts,
        archive=ARCHIVE,
        rules=RULES,
        matches=match(RULES, list(PAPERS.values())),
        popularity=column(popularity),
        pick=column(picks),
    )


def readers(*wants: Sequence[Rule], hype: float = 50, **more) -> ReaderBatch:
    table = np.array([[rule in wanted for rule in RULES] for wanted in wants], float).reshape(len(wants), len(RULES))
    return ReaderBatch(wants=csr_array(table), hype=np.full(len(wants), float(hype)), **more)


def ranked(papers: PaperMatrix, batch: ReaderBatch, *, out: Sequence[str] = (), limit: int = 10) -> Ranking:
    allowed = np.tile([name not in out for name in NAMES], (len(batch), 1))
    return rank(papers, batch, allowed=allowed, limit=limit)


def titles(ranking: Ranking, reader: int = 0) -> list[str]:
    return [NAMES[row] for row in ranking.order[reader] if row >= 0]


def test_a_typed_phrase_brings_the_papers_that_have_it_the_best_first_and_no_others() -> None:
    assert titles(ranked(day(), readers([DARK_MATTER]))) == ["halos", "axions"]


def test_a_quiet_day_is_short_and_never_padded() -> None:
    ranking = ranked(day(popularity={"sorting": 5}), readers([Rule("keyword", "quasars")]))
    assert titles(ranking) == []
    assert ranking.eligible[0] == 0
    assert not ranking.scores.any()


def test_a_paper_that_answers_two_wishes_is_ahead_of_one_that_answers_one() -> None:
    order = titles(ranked(day(), readers([LEARNING, INSECTS, DARK_MATTER])))
    assert set(order) == {"halos", "axions", "gnn", "forces", "bees", "wasps"}
    assert titles(ranked(day(), readers([INSECTS])))[0] in {"bees", "wasps"}


def test_popularity_reorders_what_matches_and_brings_nothing_else() -> None:
    popular = day(popularity={"axions": 4, "sorting": 9})
    assert titles(ranked(popular, readers([DARK_MATTER], hype=100))) == ["axions", "halos"]


def test_at_hype_0_popularity_changes_nothing() -> None:
    with_votes = ranked(day(popularity={"axions": 9}), readers([DARK_MATTER], hype=0))
    without = ranked(day(), readers([DARK_MATTER], hype=0))
    assert titles(with_votes) == titles(without)
    assert np.array_equal(with_votes.scores, without.scores)
    assert not with_votes.contributions[:, :, TERMS.index("trending")].any()


def test_a_followed_author_comes_first_and_a_pick_before_that() -> None:
    ranking = ranked(day(picks={"primes": PICK}), readers([DARK_MATTER, JANE]))
    assert titles(ranking) == ["primes", "forces", "halos", "axions"]
    assert ranking.contributions[0, 0, TERMS.index("pick")] == PICK
    assert ranking.contributions[0, 1, TERMS.index("author")] == AUTHOR


def test_a_boost_lifts_what_matches_and_is_no_ticket_for_what_does_not() -> None:
    assert titles(ranked(day(picks={"axions": BOOST, "soil": BOOST}), readers([DARK_MATTER]))) == ["axions", "halos"]


def test_what_is_muted_sent_or_hidden_is_out_even_if_picked_or_by_a_followed_author() -> None:
    ranking = ranked(day(picks={"primes": PICK}), readers([DARK_MATTER, JANE]), out=["primes", "forces", "halos"])
    assert titles(ranking) == ["axions"]
    assert ranking.eligible[0] == 1


def test_who_asked_for_nothing_gets_what_is_trending() -> None:
    ranking = ranked(day(popularity={"soil": 2, "gnn": 1, "bees": -1}), readers([], [LEARNING]), limit=3)
    assert titles(ranking) == ["soil", "gnn", "halos"]
    assert ranking.eligible.tolist() == [10, 2]


def test_equal_scores_go_by_popularity_and_then_by_place() -> None:
    ranking = ranked(day(popularity={"soil": 2, "gnn": 1}), readers([], hype=0), limit=4)
    assert titles(ranking) == ["soil", "gnn", "halos", "axions"]


def test_the_reason_is_in_the_contributions() -> None:
    ranking = ranked(day(), readers([DARK_MATTER], [LEARNING], [INSECTS]))
    for reader, term in enumerate(["words", "category", "topic"]):
        shown = dict(zip(TERMS, ranking.contributions[reader, 0], strict=True))
        assert shown[term] > 0
        assert shown["author"] == shown["pick"] == shown["like_this"] == 0


def test_fewer_papers_than_the_limit_leave_empty_places() -> None:
    ranking = ranked(day(), readers([DARK_MATTER]), limit=25)
    assert ranking.order.shape == (1, 25)
    assert ranking.order[0, 2:].tolist() == [-1] * 23
    assert not ranking.contributions[0, 2:].any()


def test_likes_bring_papers_like_them_and_only_those() -> None:
    liked = ["Wasps that dance with bees. Bees and wasps", "Bees dance"]
    batch = readers([], profiles=Profiles.of([Profile.of(liked)]))
    ranking = ranked(day(popularity={"sorting": 9}), batch)
    assert set(titles(ranking)) == {"bees", "wasps"}
    assert ranking.contributions[0, 0, TERMS.index("like_this")] > 0


@pytest.mark.parametrize("liked", ["Zwölf Boxkämpfer jagen Viktor", "汉字", "of the and"])
def test_a_liked_paper_that_shares_nothing_with_the_day_brings_nothing(liked: str) -> None:
    ranking = ranked(day(popularity={"sorting": 9}), readers([], profiles=Profiles.of([Profile.of([liked])])))
    assert titles(ranking) == []
    assert not ranking.alike.any()


def test_a_liked_paper_of_the_day_itself_hides_no_similar_one() -> None:
    own = PAPERS["bees"]
    batch = readers([], profiles=Profiles.of([Profile.of([f"{own.title}. {own.abstract}"])]))
    ranking = ranked(day(), batch, out=["bees"])
    assert titles(ranking) == ["wasps"]
    assert ranking.alike[0, 0]


@pytest.mark.parametrize("shown", [["bees", "primes", "soil"], ["bees", "wasps", "primes", "soil"]])
def test_a_similar_paper_comes_on_a_day_of_few_papers(shown: list[str]) -> None:
    rows = np.array([NAMES.index(name) for name in shown])
    papers = PaperMatrix.of(
        ARCHIVE.texts[rows], archive=ARCHIVE, rules=RULES, matches=match(RULES, [PAPERS[name] for name in shown])
    )
    batch = readers([], profiles=Profiles.of([Profile.of(["Bees dance", "The dance of bees"])]))
    ranking = rank(papers, batch, allowed=np.ones((1, len(shown)), bool), limit=5)
    assert ranking.order[0].tolist() == [0, -1, -1, -1, -1]


@pytest.mark.parametrize("similar", [10, 30, 45])
def test_many_similar_papers_do_not_hide_each_other(similar: int) -> None:
    taste = np.where(np.arange(100) < similar, 2, 0).astype(np.float32)[None]
    bound = personal._alike_from(taste, np.ones((1, 100), bool))
    assert (taste >= bound).sum() == similar


def test_verdicts_reorder_the_trending_list_and_leave_nothing_out() -> None:
    popularity = {"sorting": 9, "soil": 4, "rivers": 3}
    asked = Profile.of(["Wasps that dance with bees. Bees and wasps"])
    batch = readers([], [], profiles=Profiles.of([replace(asked, is_wish=False), asked]))
    ranking = ranked(day(popularity), batch)
    assert len(titles(ranking)) == 10
    before = titles(ranked(day(popularity), readers([])))
    assert before.index("wasps") > titles(ranking).index("wasps")
    assert titles(ranking)[0] == before[0] == "sorting"
    assert "sorting" not in titles(ranking, 1)


def test_a_dislike_lowers_papers_like_it_and_hides_none() -> None:
    profile = Profile.of(["A search for axions in a cavity"], ["Halos merge in simulations"])
    wants = [DARK_MATTER, LEARNING]
    before = titles(ranked(day(), readers(wants)))
    batch = readers(wants, profiles=Profiles.of([profile]))
    after = titles(ranked(day(), batch))
    assert set(after) == set(before)
    assert after.index("axions") < after.index("halos")
    assert before.index("halos") < before.index("axions")


def test_without_the_floor_everything_allowed_is_ranked() -> None:
    assert len(titles(ranked(day(), readers([DARK_MATTER], floor=False), out=["soil"]))) == 9


def test_no_readers_no_papers_and_no_places_are_no_error() -> None:
    papers = day()
    assert rank(papers, readers(), allowed=np.ones((0, 10), bool), limit=5).order.shape == (0, 5)
    assert ranked(papers, readers([DARK_MATTER]), limit=0).order.shape == (1, 0)
    empty = Archive.of([])
    nothing = PaperMatrix.of(empty.texts, archive=empty, rules=RULES, matches=csr_array((0, len(RULES))))
    ranking = rank(nothing, readers([DARK_MATTER], []), allowed=np.ones((2, 0), bool), limit=5)
    assert ranking.order.tolist() == [[-1] * 5] * 2


def test_a_day_of_one_paper_is_a_day() -> None:
    archive = Archive.of(["Dark matter halos"])
    papers = PaperMatrix.of(
        archive.texts, archive=archive, rules=RULES, matches=match(RULES, [Text("Dark matter halos")])
    )
    ranking = rank(papers, readers([DARK_MATTER], []), allowed=np.ones((2, 1), bool), limit=3)
    assert ranking.order.tolist() == [[0, -1, -1]] * 2


@pytest.mark.parametrize(
    ("batch", "allowed", "limit", "complaint"),
    [
        (ReaderBatch(wants=csr_array((1, 2)), hype=np.zeros(1)), np.ones((1, 10), bool), 3, "2 columns for 6 rules"),
        (readers([]), np.ones((2, 10), bool), 3, "each of 1 readers and 10 papers"),
        (readers([]), np.ones((1, 10)), 3, "true or false"),
        (readers([], hype=101), np.ones((1, 10), bool), 3, "from 0 to 100"),
        (readers([], hype=float("nan")), np.ones((1, 10), bool), 3, "from 0 to 100"),
        (readers([], profiles=Profiles.of([])), np.ones((1, 10), bool), 3, "0 profiles for 1 readers"),
        (readers([], weights=np.ones((1, 2))), np.ones((1, 10), bool), 3, "8 numbers for each of 1 readers"),
        (readers([]), np.ones((1, 10), bool), -1, "negative"),
    ],
)
def test_shapes_and_ranges_that_do_not_fit_are_named(
    batch: ReaderBatch, allowed: np.ndarray, limit: int, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        rank(day(), batch, allowed=allowed, limit=limit)


def test_a_part_turned_down_counts_by_its_weight_and_nothing_else_changes() -> None:
    papers, wants = day(popularity={"gnn": 1}), [DARK_MATTER, LEARNING, INSECTS, JANE]
    before = ranked(papers, readers(wants, floor=False))
    weights = personal.weights_of([{"category": 50, "author": 0}])
    after = ranked(papers, readers(wants, floor=False, weights=weights))
    for name, weight in {"category": 0.5, "author": 0, "words": 1, "topic": 1, "trending": 1}.items():
        assert of_term(after, name) == pytest.approx({one: weight * x for one, x in of_term(before, name).items()})
    assert np.abs(after.contributions.sum(axis=2) - after.scores).max() < 1e-6
    assert titles(before)[0] == "forces"  # by Jane
    assert titles(after) != titles(before)


def of_term(ranking: Ranking, name: str) -> dict[str, float]:
    return dict(zip(titles(ranking), ranking.contributions[0, :, TERMS.index(name)].tolist(), strict=False))


def test_nobody_who_turned_nothing_down_has_weights() -> None:
    assert personal.weights_of([{}, {}]) is None
    weights = personal.weights_of([{}, {"words": 0}])
    assert weights is not None
    assert weights.tolist() == [[1] * len(PARTS), [part != "words" for part in PARTS]]


def test_the_parts_are_those_that_readers_may_turn_down() -> None:
    assert subscribers_parts == PARTS


def test_titles_that_mean_what_was_typed_are_marked_as_close_to_it() -> None:
    vectors = np.eye(len(NAMES), dtype=np.float32)
    vectors[NAMES.index("axions")] = vectors[NAMES.index("rivers")]  # whatever the words, the model says so
    space = Space(np.zeros(len(NAMES), np.float32), np.eye(len(NAMES), dtype=np.float32))
    papers = PaperMatrix.of(
        ARCHIVE.texts,
        archive=ARCHIVE,
        rules=RULES,
        matches=match(RULES, list(PAPERS.values())),
        vectors=DayVectors(vectors, space),
    )
    ranking = ranked(papers, readers([DARK_MATTER], stated=vectors[[NAMES.index("rivers")]]))
    assert dict(zip(titles(ranking), ranking.close[0].tolist(), strict=False)) == {"axions": True, "halos": False}
    assert of_term(ranking, "about")["axions"] > of_term(ranking, "about")["halos"]


@st.composite
def days(draw: st.DrawFn) -> tuple[PaperMatrix, ReaderBatch, list[Profile], np.ndarray, int]:
    """A day of invented papers, and readers with any wishes, verdicts and hype."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, count = draw(st.integers(1, 60)), draw(st.integers(1, 6))
    vocabulary = [f"word{number}" for number in range(30)]
    texts = [" ".join(rng.choice(vocabulary, 12)) for _ in range(size + 5)]
    archive = Archive.of(texts)
    rules = [Rule("keyword", word) for word in vocabulary[:5]]
    rules += [Rule("topic", "t", keywords=tuple(vocabulary[5:8])), Rule("category", "c"), Rule("author", "a")]
    papers = PaperMatrix.of(
        archive.texts[np.arange(size)],
        archive=archive,
        rules=rules,
        matches=csr_array((rng.random((size, len(rules))) < 0.2).astype(float)),
        popularity=rng.normal(size=size),
        pick=rng.choice([0, 0, 0, 0, BOOST, PICK], size),
    )
    verdicts = rng.choice([0, 0, 1, -1], (count, 5)) if draw(st.booleans()) else np.zeros((0, 5))
    profiles = [
        Profile.of(*([texts[size + i] for i in np.flatnonzero(row == value)] for value in (1, -1))) for row in verdicts
    ]
    batch = ReaderBatch(
        wants=csr_array((rng.random((count, len(rules))) < draw(st.sampled_from([0, 0.3]))).astype(float)),
        hype=rng.uniform(0, 100, count),
        profiles=Profiles.of(profiles) if profiles else None,
        weights=rng.choice([1, 0.5, 0], (count, len(PARTS))).astype(np.float32) if draw(st.booleans()) else None,
    )
    return papers, batch, profiles, rng.random((count, size)) < 0.8, draw(st.integers(1, 12))


@given(days())
@settings(max_examples=60, deadline=None)
def test_contributions_add_up_scores_fall_and_nothing_disallowed_or_twice_is_listed(invented: tuple) -> None:
    papers, batch, _, allowed, limit = invented
    ranking = rank(papers, batch, allowed=allowed, limit=limit)
    assert np.abs(ranking.contributions.sum(axis=2) - ranking.scores).max() < 1e-6
    answers = (batch.wants @ papers.matches).toarray() > 0
    assert ranking.matched.tolist() == (answers & allowed).sum(axis=1).tolist()
    for reader, row in enumerate(ranking.order):
        listed = row[row >= 0]
        assert len(set(listed)) == len(listed) == min(limit, ranking.eligible[reader])
        assert (row[len(listed) :] == -1).all()
        assert allowed[reader, listed].all()
        assert (np.diff(ranking.scores[reader, : len(listed)]) <= 0).all()
        tiers = papers.pick[listed] >= PICK
        assert (np.diff(tiers.astype(int)) <= 0).all()


@given(days())
@settings(max_examples=40, deadline=None)
def test_a_reader_gets_the_same_alone_as_in_a_batch_and_again_the_same(invented: tuple) -> None:
    papers, batch, profiles, allowed, limit = invented
    together = rank(papers, batch, allowed=allowed, limit=limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(personal, "CELLS", 2 * len(papers))
        again = rank(papers, batch, allowed=allowed, limit=limit)
    assert np.array_equal(together.order, again.order)
    assert np.array_equal(together.matched, again.matched)
    for reader in range(len(batch)):
        only = slice(reader, reader + 1)
        alone = ReaderBatch(
            wants=batch.wants[only],
            hype=batch.hype[only],
            profiles=Profiles.of(profiles[only]) if profiles else None,
            weights=None if batch.weights is None else batch.weights[only],
        )
        single = rank(papers, alone, allowed=allowed[only], limit=limit)
        assert np.array_equal(single.order[0], together.order[reader])
        assert np.allclose(single.contributions[0], together.contributions[reader], atol=1e-4)


def test_the_best_are_found_among_many_as_a_full_sort_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "CELLS", 300 * 400 // 2 - 1)  # not all readers at once
    rng = np.random.default_rng(11)
    archive = Archive.of([f"w{number % 7} filler" for number in range(400)])
    papers = PaperMatrix.of(
        archive.texts,
        archive=archive,
        rules=[],
        matches=csr_array((400, 0)),
        popularity=rng.integers(-3, 4, 400).astype(float),  # many ties
    )
    batch = ReaderBatch(wants=csr_array((300, 0)), hype=np.full(300, 50.0))
    allowed = rng.random((300, 400)) < rng.uniform(0, 1, (300, 1))
    ranking = rank(papers, batch, allowed=allowed, limit=12)
    order = np.lexsort((np.arange(400), -papers.popularity))
    for reader in range(300):
        expected = [row for row in order if allowed[reader, row]][:12]
        assert [row for row in ranking.order[reader] if row >= 0] == expected
