"""Charts: every number is drawn, said and in the table."""

from __future__ import annotations

from django.template.loader import get_template

from digest.dashboard.charts import across, bars

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


def test_nothing_is_a_chart_too() -> None:
    assert bars("Sent", [], {}, unit="Digests").is_empty
    assert across("Verdicts", [], {"more": []}, unit="Verdicts").is_empty
    assert across("Verdicts", ["Robotics"], {"more": [0]}, unit="Verdicts").is_empty


def test_hostile_names_are_text() -> None:
    for draw in (bars, across):
        chart = draw(HOSTILE, [HOSTILE], {HOSTILE: [1]}, unit=HOSTILE)
        html = get_template("dashboard/chart.html", using="django").render({"chart": chart})
        assert HOSTILE not in html
        assert "&lt;script&gt;" in html
