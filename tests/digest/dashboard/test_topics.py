"""The pages of the topics: a change is seen before it is saved, and two curators do not undo each other unaware."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from digest.dashboard.auth.roles import Role
from digest.ingest import store
from digest.models import Paper
from subscriptions import topic_counts
from subscriptions.models import Topic
from tests.support.factories import entry, feed, reader, source, topic
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
HOSTILE = "Whales <script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def cleo() -> Client:
    return signed_in(one_of_the_staff(Role.CURATOR))


@pytest.fixture(autouse=True)
def robots() -> Topic:
    """One topic by its category, with one paper in it; another paper is about whales."""
    row = topic("Robots", categories=["cs.RO"])
    shown = feed(
        entry(1, title="The grasp of two hands", categories=("cs.RO",)),
        entry(2, title="A grammar of whales", categories=("cs.CL",)),
    )
    store.store(source(), shown, now=timezone.now())
    return row


def typed(row: Topic | None = None, **values: Any) -> dict[str, Any]:
    """What the form of a topic sends."""
    row = row or Topic(position=1)
    fields = {
        "name": row.name,
        "group": row.group or "Group",
        "description": "",
        "position": row.position,
    }
    return fields | {"categories": ", ".join(row.categories), "keywords": "\n".join(row.keywords)} | values


def address(row: Topic) -> str:
    return reverse("dashboard_topic", args=[row.pk])


def seen(client: Client, row: Topic) -> str:
    return str(client.get(address(row)).context["seen"])


def history() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def inside(name: str) -> list[str]:
    return list(Paper.objects.filter(topics__name=name).order_by("title").values_list("title", flat=True))


def test_what_would_change_is_shown_and_nothing_is_written(cleo: Client, robots: Topic) -> None:
    reader("ada", wants={"topic": ["Robots"]})
    topic_counts.count_readers()
    answer = cleo.post(address(robots), typed(robots, categories="cs.XY", keywords="whale", look="1"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<strong>1 added</strong>, <strong>1 removed</strong>, 0 unchanged" in page
    assert "A grammar of whales" in page
    assert "The grasp of two hands" in page
    assert "1 reader wants it" in page
    assert "arXiv has no cs.XY" in page
    robots.refresh_from_db()
    assert (robots.categories, inside("Robots"), history()) == (["cs.RO"], ["The grasp of two hands"], [])


def test_a_saved_change_is_tagged_and_written_down(cleo: Client, robots: Topic) -> None:
    Topic.objects.update(wanted=7)
    mark = seen(cleo, robots)
    answer = cleo.post(address(robots), typed(robots, categories="", keywords="whale, <b>bold</b>", seen=mark))
    assert answer.headers["Location"] == address(robots)
    robots.refresh_from_db()
    assert (robots.categories, robots.keywords, robots.wanted) == ([], ["whale", "<b>bold</b>"], 7)
    assert inside("Robots") == ["A grammar of whales"]
    (line,) = history()
    assert "categories removed: cs.RO" in line
    assert "1 paper added, 1 removed" in line
    assert "<b>bold" not in cleo.get(address(robots)).content.decode()


def test_saving_what_was_not_changed_does_nothing(cleo: Client, robots: Topic) -> None:
    cleo.post(address(robots), typed(robots, seen=seen(cleo, robots)))
    assert history() == []


def test_the_second_of_two_curators_is_told_and_may_go_on(cleo: Client, robots: Topic) -> None:
    dora = signed_in(one_of_the_staff(Role.CURATOR, name="dora"))
    cleos, doras = seen(cleo, robots), seen(dora, robots)
    dora.post(address(robots), typed(robots, keywords="ice", seen=doras))
    answer = cleo.post(address(robots), typed(robots, keywords="whale", seen=cleos))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "dora changed this topic while you were writing" in page
    assert ">ice<" in page
    assert "whale</textarea>" in page
    robots.refresh_from_db()
    assert robots.keywords == ["ice"]
    cleo.post(address(robots), typed(robots, keywords="whale", seen=answer.context["seen"]))
    robots.refresh_from_db()
    assert (robots.keywords, len(history())) == (["whale"], 2)


def test_looking_does_not_forget_what_was_seen(cleo: Client, robots: Topic) -> None:
    dora = signed_in(one_of_the_staff(Role.CURATOR, name="dora"))
    cleos = seen(cleo, robots)
    dora.post(address(robots), typed(robots, keywords="ice", seen=seen(dora, robots)))
    looked = cleo.post(address(robots), typed(robots, keywords="whale", seen=cleos, look="1"))
    assert cleo.post(address(robots), typed(robots, keywords="whale", seen=looked.context["seen"])).status_code == 409


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " "}, "Write a name"),
        ({"name": "ROBOTS"}, "A topic called"),
        ({"name": "日本"}, "at least one letter from a to z"),
        ({"name": "robots!"}, "too similar to another"),
        ({"name": "x" * 81}, "at most 80"),
        ({"categories": "", "keywords": ""}, "Add a category or a keyword"),
        ({"categories": "not a category!"}, "is not an arXiv category"),
        ({"keywords": "???"}, "no letter or digit"),
        ({"position": "-1"}, "whole number from 0"),
        ({"position": "9" * 40}, "whole number from 0"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_added(cleo: Client, values: dict[str, str], sentence: str) -> None:
    answer = cleo.post(reverse("dashboard_new_topic"), typed(name="Whales", keywords="whale") | values)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert (Topic.objects.count(), history()) == (1, [])


def test_a_topic_is_added_with_its_papers(cleo: Client) -> None:
    looked = cleo.post(reverse("dashboard_new_topic"), typed(name="Whales", keywords="whale", look="1"))
    assert "<strong>1 added</strong>" in looked.content.decode()
    cleo.post(reverse("dashboard_new_topic"), typed(name="Whales", keywords="whale"))
    made = Topic.objects.get(name="Whales")
    assert (made.slug, inside("Whales"), history()) == (
        "whales",
        ["A grammar of whales"],
        ["Created it. 1 paper added, 0 removed."],
    )


def test_a_topic_that_is_offered_no_more_is_kept_by_its_readers(cleo: Client, robots: Topic) -> None:
    reader("ada", wants={"topic": ["Robots"]})
    answer = cleo.post(reverse("dashboard_topic_offer", args=[robots.pk]), {"to": "no"}, follow=True)
    assert "1 reader keeps it" in answer.content.decode()
    robots.refresh_from_db()
    assert (robots.offered, robots.preferences.count(), history()) == (False, 1, ["Stopped offering it."])
    assert "not offered" in cleo.get(reverse("dashboard_topics")).content.decode()
    cleo.post(reverse("dashboard_topic_offer", args=[robots.pk]), {"to": "no"})
    cleo.post(reverse("dashboard_topic_offer", args=[robots.pk]), {"to": "maybe"})
    assert len(history()) == 1


def test_hostile_names_and_titles_are_text(cleo: Client, robots: Topic) -> None:
    store.store(source(), feed(entry(3, title=HOSTILE, categories=("cs.CL",))), now=timezone.now())
    Paper.objects.filter(title__startswith="Whales").update(title=HOSTILE)
    pages = [
        cleo.post(address(robots), typed(robots, keywords="whale", look="1")),
        cleo.post(
            address(robots), typed(robots, name=HOSTILE[:80], group=HOSTILE[:60], seen=seen(cleo, robots)), follow=True
        ),
        cleo.get(reverse("dashboard_topics")),
    ]
    for page in pages:
        assert "alert(1)" in page.content.decode()
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()


def test_acting_takes_the_role_of_a_curator(robots: Topic) -> None:
    sam = signed_in(one_of_the_staff(Role.SENDER, name="sam"))
    assert sam.get(address(robots)).status_code == 200
    for path in (address(robots), reverse("dashboard_new_topic"), reverse("dashboard_topic_offer", args=[robots.pk])):
        assert sam.post(path, typed(robots, to="no")).status_code == 403
    assert "Save" not in sam.get(address(robots)).content.decode()


def test_the_pages_take_as_many_queries_for_many_topics(cleo: Client, django_assert_num_queries: Any) -> None:
    for number in range(30):
        topic(f"Topic {number}", keywords=["x"])
        reader(f"reader{number}", wants={"topic": [f"Topic {number}", "Robots"]})
    with django_assert_num_queries(4):  # session, user, roles, topics
        cleo.get(reverse("dashboard_topics"))
    path = address(Topic.objects.get(name="Robots"))
    cleo.get(path)  # Django learns its content types
    with django_assert_num_queries(6):
        cleo.get(path)
