"""Charts: every number is drawn, said and in the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from digest.charts import MOST_READINGS, across, bars, over_time

HOSTILE = "<script>alert(1)</script>"


def test_bars_are_as_high_as_their_numbers_and_stand_on_each_other() -> None:
    chart = bars("Sent", ["1 Mar", "2 Mar"], {"sent": [10, 20], "bounced": [0, 10]}, unit="Digests")
    first, second, third = chart.bars
    assert second.height == 2 * first.height
    assert third.y + third.height == second.y
    assert [bar.says for bar in chart.bars] == ["1 Mar: 10 sent", "2 Mar: 20 sent", "2 Mar: 10 bounced"]
    assert chart.rows == (("1 Mar", (10, 0)), ("2 Mar", (20, 10)))
    assert chart.summary == "Digests in all: sent: 30; bounced: 10."


def test_a_chart_across_has_a_line_for_each_name_with_its_sum() -> None:
    chart = across("Verdicts", ["Robotics", "V" * 99], {"more": [3, 1], "less": [1, 0]}, unit="Verdicts")
    assert [mark.text for mark in chart.beside] == ["Robotics", "4", "V" * 29 + "…", "1"]
    assert chart.bars[0].width == 3 * chart.bars[1].width
    assert all(bar.x + bar.width <= chart.width and bar.y + bar.height <= chart.height for bar in chart.bars)


def test_a_count_over_time_is_a_step_from_each_reading_to_the_next() -> None:
    begin = datetime(2026, 3, 2, 8, tzinfo=UTC)
    readings = [(begin, 10), (begin + timedelta(hours=6), 30), (begin + timedelta(hours=8), 40)]
    chart = over_time("Votes", readings, until=begin + timedelta(hours=12), unit="Time", name="upvotes")
    first, second, third = chart.bars
    assert (first.width, second.width, third.width) == (148.0, 49.3, 98.7)
    assert first.x + first.width == second.x
    assert second.height == 3 * first.height
    assert chart.rows[1] == ("2 Mar 2026, 14:00", (30,))
    assert chart.summary == "10 at first, 40 at last."


def test_a_long_history_keeps_its_first_and_last_reading() -> None:
    begin = datetime(2026, 3, 2, 8, tzinfo=UTC)
    readings = [(begin + timedelta(minutes=10 * place), place) for place in range(1000)]
    chart = over_time("Votes", readings, until=begin, unit="Time", name="upvotes")
    assert len(chart.rows) == MOST_READINGS
    assert (chart.rows[0][1], chart.rows[-1][1]) == ((0,), (999,))
    assert all(bar.x + bar.width <= chart.width + 1 and bar.y >= 0 for bar in chart.bars)


def test_no_reading_and_one_reading_are_charts_too() -> None:
    begin = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert over_time("Votes", [], until=begin, unit="Time", name="upvotes").is_empty
    assert over_time("Votes", [(begin, 0)], until=begin, unit="Time", name="upvotes").is_empty
    assert len(over_time("Votes", [(begin, 5)], until=begin, unit="Time", name="upvotes").bars) == 1


def test_nothing_is_a_chart_too() -> None:
    assert bars("Sent", [], {}, unit="Digests").is_empty
    assert across("Verdicts", [], {"more": []}, unit="Verdicts").is_empty
    assert across("Verdicts", ["Robotics"], {"more": [0]}, unit="Verdicts").is_empty


def test_hostile_names_are_text() -> None:
    for draw in (bars, across):
        chart = draw(HOSTILE, [HOSTILE], {HOSTILE: [1]}, unit=HOSTILE)
        html = str(chart.html)
        assert HOSTILE not in html
        assert "&lt;script&gt;" in html
