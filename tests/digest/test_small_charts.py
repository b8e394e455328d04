"""A small chart is one path a series, stacked, and says its sums to who cannot see it."""

from __future__ import annotations

from digest.charts import small


def test_series_are_stacked_and_summed() -> None:
    chart = small("A source", ["1 Mar", "2 Mar"], {"stored": [8, 4], "missing": [0, 4]}, unit="Papers")
    assert chart.summary == "Papers in all: stored: 12; missing: 4."
    (first, stored), (second, missing) = chart.paths
    assert (first, second) == (1, 2)
    assert stored.count("z") == 2
    assert missing == "M98.0 3.0h76.4v16.0h-76.4z"


def test_nothing_is_drawn_of_nothing() -> None:
    assert small("A source", [], {"stored": [], "missing": []}, unit="Papers").paths == ()
    assert small("A source", ["1 Mar"], {"stored": [0], "missing": [0]}, unit="Papers").paths == ()
