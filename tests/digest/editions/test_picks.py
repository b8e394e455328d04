"""Picks of a topic and picks in order: who gets which, where they stand in mails, and on the public pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from digest.delivery.plan import plan
from digest.editions.curation import move
from digest.models import CuratorPick, Delivery, Paper
from digest.preview import visitor
from subscriptions.models import Subscriber
from subscriptions.preferences import Choices, Wish
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.factories import NOON, reader, topic

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


@pytest.fixture(autouse=True)
def _topics() -> None:
    topic("Robotics", categories=["cs.RO"])
    visitor.forget()
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)


def pick(entry: Any, note: str = "", **values: Any) -> CuratorPick:
    return CuratorPick.objects.create(
        paper=Paper.objects.get(title=entry.title), edition_date=TODAY, verdict="pick", note=note, **values
    )


def digest_of(row: Subscriber) -> list[tuple[str, str | None]]:
    """Return (title, note of a pick or None) of the papers that the plan chose."""
    plan(NOON, [row.pk], issue_date=TODAY)
    delivery = Delivery.objects.get(subscriber=row)
    titles = Paper.objects.in_bulk(delivery.paper_ids)
    return [
        (titles[pk].title, next((label for kind, label, _ in why if kind == "pick"), None))
        for pk, why in zip(delivery.paper_ids, delivery.record.explained_of(len(delivery.paper_ids)), strict=True)
    ]


def public(path: str) -> list[str]:
    """Return the titles that are marked as picks."""
    html = Client().get(path).content.decode()
    return [
        re.findall(r"<h3[^>]*><a[^>]*>([^<]+)</a>", one)[0]
        for one in html.split("data-paper")[1:]
        if 'class="pick-note"' in one
    ]


def test_a_pick_for_a_topic_is_in_the_digests_of_its_readers_alone() -> None:
    pick(GRAPHS, "Robots colour too.", topic=topic("Robotics"))
    assert digest_of(reader("rosa", wants={"topic": ["Robotics"]})) == [
        (GRAPHS.title, "Robots colour too."),
        (ROBOT.title, None),
    ]
    assert digest_of(reader("stan", wants={"category": ["astro-ph.SR"]})) == [(STARS.title, None)]
    # to whoever asked for its subject it is a paper like others
    assert digest_of(reader("mira", wants={"category": ["math.CO"]})) == [(GRAPHS.title, None)]


def test_whoever_is_planned_together_gets_their_own() -> None:
    pick(GRAPHS, topic=topic("Robotics"))
    pick(STARS)
    rows = [reader("rosa", wants={"topic": ["Robotics"]}), reader("lena", wants={"category": ["cs.CL"]})]
    plan(NOON, [row.pk for row in rows], issue_date=TODAY)
    titles = {paper.pk: paper.title for paper in Paper.objects.all()}
    found = {delivery.subscriber_id: {titles[pk] for pk in delivery.paper_ids} for delivery in Delivery.objects.all()}
    assert found[rows[0].pk] == {GRAPHS.title, STARS.title, ROBOT.title}
    assert found[rows[1].pk] == {STARS.title, LANGUAGE.title}


def test_a_muted_pick_of_a_topic_stays_out() -> None:
    pick(GRAPHS, topic=topic("Robotics"))
    rosa = reader("rosa", wants={"topic": ["Robotics"]})
    rosa.preferences.create(kind="category", value="math.CO", stance="mute")
    assert digest_of(rosa) == [(ROBOT.title, None)]


def test_the_preview_of_a_visitor_is_what_the_plan_gives() -> None:
    pick(GRAPHS, "Robots colour too.", topic=topic("Robotics"))
    shown = visitor.preview(Choices(wishes=(Wish("topic", "robotics"),)), now=NOON).papers
    assert [(one.card.title, one.note) for one in shown] == [(GRAPHS.title, "Robots colour too."), (ROBOT.title, "")]
    assert [one.is_pick for one in shown] == [True, False]


def test_picks_stand_in_the_order_that_was_given_by_hand_in_mails_and_in_public() -> None:
    rows = [pick(one, one.title[:9]) for one in (GRAPHS, LANGUAGE, STARS)]
    move(rows[2].pk, up=True)
    move(rows[2].pk, up=True)
    order = [STARS.title, GRAPHS.title, LANGUAGE.title]
    assert [title for title, _ in digest_of(reader("rosa", wants={"topic": ["Robotics"]}))] == [*order, ROBOT.title]
    assert public(f"/{TODAY}") == order
    pick(ROBOT, "last of all")
    assert public(f"/{TODAY}") == [*order, ROBOT.title]


def test_a_move_beyond_the_ends_or_of_another_judgement_changes_nothing() -> None:
    rows = [pick(GRAPHS), pick(STARS)]
    hidden = CuratorPick.objects.create(
        paper=Paper.objects.get(title=ROBOT.title), edition_date=TODAY, verdict="hide", note="Wrong."
    )
    assert (
        move(rows[0].pk, up=True) is move(rows[1].pk, up=False) is move(hidden.pk, up=True) is move(0, up=True) is None
    )
    assert set(CuratorPick.objects.values_list("position", flat=True)) == {None}


def test_a_move_is_no_edit_conflict_for_whoever_changes_the_note() -> None:
    rows = [pick(GRAPHS), pick(STARS)]
    before = rows[1].version
    move(rows[1].pk, up=True)
    assert CuratorPick.objects.get(pk=rows[1].pk).version == before


def test_in_public_a_pick_for_a_topic_is_one_on_its_list_alone() -> None:
    pick(GRAPHS, "Robots colour too.", topic=topic("Robotics"))
    pick(STARS, "For all.")
    assert public(f"/{TODAY}") == [STARS.title]
    assert GRAPHS.title in Client().get(f"/{TODAY}").content.decode()
    assert public(f"/{TODAY}?topic=robotics") == [GRAPHS.title]
