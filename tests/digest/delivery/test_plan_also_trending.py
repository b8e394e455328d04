"""A digest also names papers that stand out, although its reader did not ask for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digest.editions.open_edition import open_edition
from digest.models import CuratorPick, Delivery, Edition, Paper
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, reader, want
from tests.support.planned import also_of, papers_of, planned_for, title, voted

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def test_also_are_the_papers_that_stand_out_and_the_reader_did_not_ask_for() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT, GRAPHS)
    voted(0, 0, 1, 80, 70, 90, 20, *[0] * 12)  # ROBOT and GRAPHS are papers 1 and 2
    Edition.objects.all().delete()
    open_edition(TODAY, now=NOON)
    planned_for(ada)
    assert papers_of(ada) == [ROBOT.title]
    assert also_of(ada) == [title(6), title(4), title(5)]


def test_what_the_reader_muted_had_or_may_not_see_yet_and_what_has_no_votes_is_not_among_also() -> None:
    ada = reader("ada", wants={"keyword": ["number 1"]}, max_papers=3)
    want(ada, "keyword", "number 2", stance="mute")
    voted(90, 80, 70, 60, 50, *[0] * 20)
    for number, values in ((3, {"verdict": "hide"}), (4, {"verdict": "boost", "embargo_until": NOON + DAY})):
        CuratorPick.objects.create(paper=Paper.objects.get(title=title(number)), edition_date=TODAY, **values)
    planned_for(ada)
    assert papers_of(ada) == [title(1)]
    assert also_of(ada) == [title(5)]


def test_who_is_on_the_trending_list_gets_no_also() -> None:
    ada, ben = reader("ada", max_papers=3), reader("ben", max_papers=3, wants={"keyword": ["number 1"]})
    voted(9, 8, 9, 8, *[0] * 12)
    planned_for(ada, ben)
    assert (len(papers_of(ada)), also_of(ada)) == (3, [])
    assert also_of(ben) == [title(3), title(2), title(4)]


def test_what_was_asked_for_and_did_not_fit_may_be_among_also() -> None:
    ada = reader("ada", max_papers=3, hype=0, wants={"category": ["cs.LG"]})
    voted(*[9] * 6, *[0] * 30)
    planned_for(ada)
    assert len(also_of(ada)) == 3
    assert not set(also_of(ada)) & set(papers_of(ada))


def test_who_switched_it_off_gets_no_also() -> None:
    ada = reader("ada", wants={"keyword": ["number 1"]}, also_trending=False)
    voted(9, 8, *[0] * 12)
    planned_for(ada)
    assert also_of(ada) == []


def test_the_row_keeps_whether_the_reader_wants_the_abstracts() -> None:
    ada, ben = reader("ada", layout="full"), reader("ben")
    publish(ROBOT, GRAPHS)
    planned_for(ada, ben)
    assert [Delivery.objects.get(subscriber=one).record.full for one in (ada, ben)] == [True, False]
