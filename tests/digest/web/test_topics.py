"""Pages of topics: the week's papers, the chart, the subscribe box, and the names that lead there."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.models import Paper
from subscriptions.default_topics import TOPICS
from subscriptions.models import LinkRequest, Topic
from subscriptions.preferences import Choices, Wish
from subscriptions.seed_data import seed_topics
from subscriptions.topic_names import topic_named
from subscriptions.web.forms import SignUpForm
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, entry

pytestmark = pytest.mark.django_db


def get(path: str, status: int = 200) -> str:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.content.decode()


def titles(html: str) -> list[str]:
    return [re.sub("<[^>]+>", "", found).strip() for found in re.findall(r"<h3[^>]*>(.*?)</h3>", html, re.S)]


def test_a_topic_shows_its_papers_of_the_week_each_once_and_the_chart() -> None:
    seed_topics()
    publish(ROBOT, GRAPHS)
    for days, title in [(8, "An older robot"), (9, "A newer robot")]:
        at = NOON + timedelta(days=days)
        shown = entry(10 + days, title=title, categories=("cs.RO",), announced_on=at.date())
        publish(shown, entry(20 + days, announced_on=at.date()), at=at)
    html = get("/topics/robotics/")
    assert sorted(titles(html)) == ["A newer robot", "An older robot"]
    assert 'aria-label="Papers a day. Papers in all: papers: 3."' in html
    assert html.count("<rect") == 3


def test_the_box_subscribes_to_the_topic_that_is_ticked() -> None:
    seed_topics()
    publish(ROBOT)
    client = Client()
    html = client.get("/topics/robotics/").content.decode()
    assert re.search(r'<input type="checkbox" name="topics" value="robotics" checked>', html)
    opened = SignUpForm(now=timezone.now() - timedelta(seconds=30)).opened_stamp()
    fields = {"short": "1", "email": "ada@example.org", "topics": "robotics", "opened": opened, "zone": "Europe/Berlin"}
    assert client.post("/subscribe", fields).status_code == 303
    assert Choices.from_json(LinkRequest.objects.get().choices).wishes == (Wish("topic", "robotics", "want"),)


def test_all_topics_are_listed_with_their_papers_of_the_week() -> None:
    seed_topics()
    publish(ROBOT, entry(11, title="Another robot"))
    html = get("/topics/")
    assert html.count('<a href="/topics/') - html.count("canonical") >= len(Topic.objects.all())
    assert re.search(r"Robotics</a> <span[^>]*>2 papers", html)
    assert re.search(r"Finance</a> <span[^>]*>0 papers", html)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("computer vision", "vision"),
        ("Computer-Vision", "vision"),
        ("nlp", "language"),
        ("LLM", "language"),
        ("deep learning", "machine-learning"),
        ("Fluids, light and matter", "fluids-light-and-matter"),
        ("reinforcement learning", "reinforcement-learning"),
    ],
)
def test_other_names_lead_to_the_topic(name: str, slug: str) -> None:
    seed_topics()
    answer = Client().get(f"/topics/{name}/")
    assert (answer.status_code, answer.headers.get("Location", f"/topics/{name}/".replace(" ", "-"))) in (
        (302, f"/topics/{slug}/"),
        (200, f"/topics/{slug}/"),
    )


def test_a_search_for_another_name_shows_the_topic() -> None:
    seed_topics()
    publish(ROBOT)
    assert '<a href="/topics/vision/">Vision</a>' in get("/papers/?q=Computer+Vision")
    assert "There is a topic for this" not in get("/papers/?q=laundry")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("robot", "robotics"),
        ("nlp", "language"),
        ("galaxy", "galaxies-and-instruments"),
        ("Neural-Network", "machine-learning"),
    ],
)
def test_a_topic_is_named_in_the_singular_and_the_plural(name: str, slug: str) -> None:
    seed_topics()
    found = topic_named(name)
    assert found is not None
    assert found.slug == slug


def test_topics_of_an_earlier_version_get_their_other_names() -> None:
    seed_topics()
    Topic.objects.update(aliases=[])
    own = Topic.objects.create(slug="tides", name="Tides", group="Own")
    import_module("subscriptions.migrations.0011_topic_aliases").name_defaults(apps, None)
    assert "NLP" in Topic.objects.get(slug="language").aliases
    own.refresh_from_db()
    assert own.aliases == []


def test_no_two_default_topics_have_a_name_in_common() -> None:
    names = [
        name.casefold()
        for group in TOPICS.values()
        for topic in group
        for name in dict.fromkeys(one.casefold() for one in (topic.name, *topic.aliases))
    ]
    assert sorted(set(names)) == sorted(names)


def test_a_topic_that_is_not_offered_has_no_page() -> None:
    seed_topics()
    Topic.objects.filter(slug="robotics").update(offered=False)
    get("/topics/robotics/", 404)
    assert "Robotics" not in get("/topics/")


def test_without_an_edition_or_a_topic_the_pages_say_so() -> None:
    assert "There are no topics yet." in get("/topics/")
    seed_topics()
    assert "No paper of the last week has this topic." in get("/topics/vision/")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=120), st.text(max_size=20))
def test_any_name_gets_the_topic_or_404(name: str, page: str) -> None:
    assert Client().get(f"/topics/{name}/", {"page": page}).status_code in (200, 301, 302, 400, 404)
    assert topic_named(name) is None


def test_looking_changes_nothing_and_takes_a_fixed_number_of_queries(django_assert_num_queries: Any) -> None:
    seed_topics()
    publish(*(entry(number, categories=("cs.RO",)) for number in range(1, 60)))
    publish(entry(99), at=NOON + timedelta(days=1))
    before = list(every_row())
    with django_assert_num_queries(12):
        html = get("/topics/robotics/")
    assert len(titles(html)) == 25
    with django_assert_num_queries(8):
        get("/topics/")
    assert list(every_row()) == before
    assert Paper.objects.count() == 60
