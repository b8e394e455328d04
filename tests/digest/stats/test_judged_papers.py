"""Which papers readers asked for more and less of, by day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from digest.dashboard.auth.roles import Role
from digest.models import Paper, Verdict
from digest.stats.judged_papers import MOST, judged_by_day
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, reader
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db


def say(name: str, paper: Paper, value: str, at: datetime = NOON) -> None:
    Verdict.objects.create(subscriber=reader(name), paper=paper, value=value, given_at=at)


def test_papers_are_counted_by_day_the_most_judged_first(django_assert_num_queries: Any) -> None:
    publish(ROBOT, GRAPHS)
    robot, graphs = Paper.objects.get(title=ROBOT.title), Paper.objects.get(title=GRAPHS.title)
    for name, paper, value in (("a", graphs, "more"), ("b", robot, "more"), ("c", robot, "less"), ("d", robot, "more")):
        say(name, paper, value)
    say("e", graphs, "less", NOON - timedelta(days=6))
    say("f", graphs, "less", NOON - timedelta(days=7))
    with django_assert_num_queries(2):
        found = judged_by_day(NOON.date())
    assert [(day, [(one.paper.title, one.more, one.less) for one in papers]) for day, papers in found] == [
        (NOON.date(), [(ROBOT.title, 2, 1), (GRAPHS.title, 1, 0)]),
        (NOON.date() - timedelta(days=6), [(GRAPHS.title, 0, 1)]),
    ]


def test_a_day_has_at_most_ten_papers() -> None:
    Paper.objects.bulk_create(
        Paper(identifier=f"arxiv:2603.9{n:04}", title=f"T{n}", first_seen_at=NOON) for n in range(MOST + 3)
    )
    for number, paper in enumerate(Paper.objects.all()):
        say(f"r{number}", paper, "more")
    ((_day, papers),) = judged_by_day(NOON.date())
    assert len(papers) == MOST


def test_the_dashboard_shows_them_without_any_reader() -> None:
    publish(ROBOT)
    say("nina", Paper.objects.get(), "less")
    with time_machine.travel(NOON, tick=False):
        html = signed_in(one_of_the_staff(Role.CURATOR)).get("/dashboard/deliveries").content.decode()
    part = html.partition('id="judged"')[2].partition("<h2>")[0]
    assert ROBOT.title in part
    assert "nina" not in part
