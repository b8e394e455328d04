"""What would enter and leave a topic, by the rules that tag papers; and saving it for all of two weeks at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.ingest import store
from digest.ingest.papers import retag
from digest.ingest.papers.default_topics import update_defaults
from digest.ingest.papers.retag import ChangedMeanwhile, change_of, mark_of
from digest.ingest.papers.tag import tag
from digest.models import Paper
from subscriptions.default_topics import FORMER, phrases_in
from subscriptions.models import Topic
from subscriptions.seed_data import seed_topics
from tests.support.factories import NOON, entry, feed, source, topic

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def papers() -> dict[str, Paper]:
    """Three papers of today and one of three weeks ago; Robots is their topic by its category."""
    topic("Robots", categories=["cs.RO"])
    shown = [
        entry(1, title="The grasp of two hands", categories=("cs.RO",)),
        entry(2, title="A grammar of whales", categories=("cs.CL",)),
        entry(3, title="Walking on ice", abstract="Grasps are found.", categories=("eess.SY",)),
    ]
    old = entry(4, title="Grasping long ago", categories=("cs.LG",))
    store.store(source(), feed(*shown), now=NOON)
    store.store(source(), feed(old), now=NOON - timedelta(days=21))
    return {paper.title: paper for paper in Paper.objects.all()}


def robots(**values: Any) -> Topic:
    row = Topic.objects.get(name="Robots")
    for name, value in values.items():
        setattr(row, name, value)
    return row


def titles(ids: list[int]) -> set[str]:
    return set(Paper.objects.filter(pk__in=ids).values_list("title", flat=True))


def tagged() -> set[str]:
    return set(Paper.objects.filter(topics__name="Robots").values_list("title", flat=True))


def test_a_change_is_told_by_the_rules_that_tag_papers() -> None:
    change = change_of(robots(categories=["cs.CL"], keywords=["grasp"]), now=NOON)
    assert titles(change.entering) == {"A grammar of whales", "Walking on ice"}
    assert titles(change.leaving) == set()
    assert change.total == 3
    change = change_of(robots(categories=["cs.CL"]), now=NOON)
    assert (titles(change.entering), titles(change.leaving)) == ({"A grammar of whales"}, {"The grasp of two hands"})


def test_looking_writes_nothing() -> None:
    change_of(robots(categories=["cs.CL"]), now=NOON)
    assert tagged() == {"The grasp of two hands"}
    assert robots().categories == ["cs.RO"]


def test_saving_tags_two_weeks_anew_and_leaves_older_papers(papers: dict[str, Paper]) -> None:
    papers["Grasping long ago"].topics.add(robots())
    retag.save(robots(categories=[], keywords=["whale"]), seen=mark_of(robots()), now=NOON)
    assert tagged() == {"A grammar of whales", "Grasping long ago"}
    assert robots().keywords == ["whale"]
    assert change_of(robots(), now=NOON).entering == []


def test_saving_does_what_storing_the_papers_would_have_done() -> None:
    retag.save(robots(categories=["eess"], keywords=["grammar"]), seen=mark_of(robots()), now=NOON)
    before = tagged()
    tag(list(Paper.objects.filter(first_seen_at=NOON)))
    assert tagged() == before == {"Walking on ice", "A grammar of whales"}


def test_a_new_topic_finds_its_papers() -> None:
    whales = Topic(slug="whales", name="Whales", group="Group", keywords=["whale"])
    assert titles(change_of(whales, now=NOON).entering) == {"A grammar of whales"}
    retag.save(whales, seen="", now=NOON)
    assert titles(list(whales.papers.values_list("pk", flat=True))) == {"A grammar of whales"}


def test_whoever_is_second_is_told_and_nothing_is_changed() -> None:
    seen = mark_of(robots())
    retag.save(robots(keywords=["whale"]), seen=seen, now=NOON)
    with pytest.raises(ChangedMeanwhile):
        retag.save(robots(keywords=["ice"]), seen=seen, now=NOON)
    assert robots().keywords == ["whale"]


def test_a_paper_that_comes_or_changes_later_is_seen() -> None:
    assert titles(change_of(robots(keywords=["whale"]), now=NOON).entering) == {"A grammar of whales"}
    more = entry(5, title="More on whales", categories=("cs.CL",))
    changed = entry(3, title="Walking on whales", version=2, announced="replace", categories=("eess.SY",))
    store.store(source(), feed(more, changed), now=NOON + timedelta(hours=1))
    change = change_of(robots(keywords=["whale"]), now=NOON + timedelta(hours=1))
    assert titles(change.entering) == {"A grammar of whales", "More on whales", "Walking on whales"}


def test_texts_are_read_once(django_assert_num_queries: Any) -> None:
    row = robots(keywords=["whale"])
    with django_assert_num_queries(4):  # what is there, how new it is, the texts, the topic's papers
        change_of(row, now=NOON)
    with django_assert_num_queries(3):
        change_of(row, now=NOON)


def test_a_default_topic_with_a_former_rule_gets_the_rule_of_today_and_its_papers() -> None:
    seed_topics_of_an_earlier_version()
    assert update_defaults(now=NOON) == len(FORMER)
    vision = Topic.objects.get(slug="vision")
    assert "video" in vision.keywords
    shown = entry(9, title="A video of whales", categories=("q-bio.OT",))
    store.store(source(), feed(shown), now=NOON)
    assert vision in Paper.objects.get(title="A video of whales").topics.all()
    assert update_defaults(now=NOON) == 0


def test_papers_of_two_weeks_are_tagged_by_the_new_rule() -> None:
    seed_topics_of_an_earlier_version()
    aligned = entry(9, title="Forced alignment of speech", categories=("eess.AS",))
    store.store(source(), feed(aligned), now=NOON)
    paper = Paper.objects.get(title="Forced alignment of speech")
    assert {row.slug for row in paper.topics.all()} == {"safety-and-fairness", "speech-and-sound"}
    update_defaults(now=NOON)
    assert {row.slug for row in paper.topics.all()} == {"speech-and-sound"}


def test_a_topic_that_a_curator_edited_keeps_its_rule() -> None:
    seed_topics_of_an_earlier_version()
    Topic.objects.filter(slug="vision").update(keywords=["tides"])
    update_defaults(now=NOON)
    assert Topic.objects.get(slug="vision").keywords == ["tides"]


def seed_topics_of_an_earlier_version() -> None:
    Topic.objects.all().delete()
    seed_topics()
    for slug, ((categories, keywords), *_) in FORMER.items():
        rule = {"categories": categories.split(), "keywords": list(phrases_in(keywords))}
        assert Topic.objects.filter(slug=slug).update(**rule) == 1
