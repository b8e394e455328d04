"""The public trending formula, and what it is fed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.trending import Reading, trending_scores

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def reading(
    paper: str, points: int | None, *, hours: float = 6, ago: float = 0, source: str = "votes", **more
) -> Reading:
    return Reading(
        paper=paper,
        source=source,
        seen_at=NOW - timedelta(hours=ago),
        listed_at=NOW - timedelta(hours=hours),
        points=points,
        **more,
    )


def test_the_score_is_the_formula_of_the_docs() -> None:
    scores = trending_scores(["bees"], [reading("bees", 20, hours=6, comments=3, stars=7)], now=NOW)
    assert scores.score[0] == pytest.approx(21 / 8**0.3)
    assert (scores.points[0], scores.hours[0], scores.comments[0], scores.stars[0]) == (20, 6, 3, 7)
    assert scores.source == ("votes",)


def test_of_equal_votes_the_younger_paper_is_ahead_and_yesterdays_hit_of_a_slow_newcomer() -> None:
    papers = ["young", "old", "hit"]
    seen = [reading("young", 10, hours=2), reading("old", 10, hours=26), reading("hit", 80, hours=26)]
    young, old, hit = trending_scores(papers, seen, now=NOW).score
    assert hit > young > old


def test_a_paper_nobody_votes_on_gets_no_score_and_the_average_place() -> None:
    papers = ["preprint", "liked", "ignored"]
    seen = [reading("preprint", None, source="arXiv"), reading("liked", 30), reading("ignored", 0)]
    scores = trending_scores(papers, seen, now=NOW)
    assert np.isnan([scores.score[0], scores.points[0], scores.hours[0], scores.stars[0]]).all()
    assert scores.source[0] == ""
    assert scores.z.tolist() == pytest.approx([0, 1, -1])


def test_the_latest_reading_counts_and_of_two_at_once_the_larger() -> None:
    seen = [reading("bees", 9, ago=1), reading("bees", 5, ago=3), reading("bees", 12, ago=1), reading("bees", None)]
    assert trending_scores(["bees"], seen, now=NOW).points[0] == 12


def test_without_a_listing_time_the_first_reading_is_the_listing() -> None:
    seen = [
        Reading(paper=1, source="votes", seen_at=NOW - timedelta(hours=5), points=None),
        Reading(paper=1, source="votes", seen_at=NOW - timedelta(hours=1), points=4),
    ]
    assert trending_scores([1], seen, now=NOW).hours[0] == pytest.approx(5)


def test_the_source_with_the_highest_score_speaks_for_the_paper() -> None:
    seen = [
        reading("bees", 4, source="small"),
        reading("bees", 40, source="large"),
        reading("bees", 39, source="other"),
    ]
    scores = trending_scores(["bees"], seen, now=NOW)
    assert (scores.source[0], scores.points[0]) == ("large", 40)


def test_what_was_read_after_now_or_of_other_papers_is_passed_over() -> None:
    scores = trending_scores(["bees"], [reading("bees", 90, ago=-1), reading("wasps", 90)], now=NOW)
    assert np.isnan(scores.score[0])


def test_a_listing_in_the_future_counts_as_just_now_and_negative_votes_as_none() -> None:
    scores = trending_scores(["bees"], [reading("bees", -4, hours=-3)], now=NOW)
    assert scores.score[0] == pytest.approx(1 / 2**0.3)


def test_no_papers_and_no_readings_are_no_error() -> None:
    assert len(trending_scores([], [], now=NOW).score) == 0
    assert trending_scores(["bees", "wasps"], [], now=NOW).z.tolist() == [0, 0]


def test_equal_scores_are_all_average() -> None:
    seen = [reading("bees", 3), reading("wasps", 3)]
    assert trending_scores(["bees", "wasps"], seen, now=NOW).z.tolist() == [0, 0]


votes = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.integers(0, 50), st.none() | st.integers(-5, 10**6)
)


@given(st.lists(votes, max_size=20), st.randoms())
def test_the_order_of_the_readings_does_not_matter(given_votes: list, random) -> None:
    seen = [reading(paper, points, source=source, ago=ago, hours=60) for paper, source, ago, points in given_votes]
    one = trending_scores("abc", seen, now=NOW)
    random.shuffle(seen)
    other = trending_scores("abc", seen, now=NOW)
    assert np.array_equal(one.score, other.score, equal_nan=True)
    assert one.source == other.source
    assert np.isfinite(one.z).all()
