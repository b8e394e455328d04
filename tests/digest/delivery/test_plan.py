"""Each reader gets one row a day: their papers in their order, or why there are none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from digest.delivery import plan
from digest.delivery.send import CHUNK, deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Delivery, ListEntry, ListSource, Paper
from subscriptions import consent
from subscriptions.models import Preference, Subscriber
from subscriptions.schedule import zone_of
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.emails import email_for
from tests.support.factories import NOON, entry, feed, reader, topic, want
from tests.support.planned import outcome, papers_of, planned_for

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def test_each_reader_gets_what_they_asked_for_and_nothing_else() -> None:
    topic("Robotics", categories=["cs.RO"])
    rosa, grace, ines = (
        reader("rosa", wants={"topic": ["Robotics"]}),
        reader("grace", wants={"category": ["math"], "keyword": ["language model"]}),
        reader("ines", wants={"author": ["I. Solheim-Vargas"]}),
    )
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    assert planned_for(rosa, grace, ines) == plan.Planned(ready=3)
    assert papers_of(rosa) == [ROBOT.title]
    assert set(papers_of(grace)) == {GRAPHS.title, LANGUAGE.title}
    assert papers_of(ines) == [STARS.title]


def test_a_quiet_day_is_a_skip_and_never_padded() -> None:
    ada = reader("ada", wants={"keyword": ["volcano"]})
    publish(ROBOT, GRAPHS)
    assert planned_for(ada) == plan.Planned(skipped=1)
    assert outcome(ada) == ("skipped", "nothing_matched")


def test_a_reader_who_asked_for_nothing_gets_the_trending_list() -> None:
    ada = reader("ada")
    publish(
        entry(1, points=3, announced=""),
        entry(2, points=80, announced=""),
        kind="hugging_face",
        name="HF",
        url="https://hf.example",
    )
    planned_for(ada)
    assert papers_of(ada) == ["Paper number 2 on careful measurement", "Paper number 1 on careful measurement"]
    assert not Delivery.objects.get().record.asked_for


def test_the_trending_list_holds_papers_with_votes_only_while_there_are_any() -> None:
    ada = reader("ada")
    publish(
        entry(1, points=0, announced=""),
        entry(2, points=80, announced=""),
        kind="hugging_face",
        name="HF",
        url="https://hf.example",
    )
    shown = feed(entry(3), entry(4))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON + DAY)
    tomorrow = open_edition((NOON + DAY).date(), now=NOON + DAY)[0]
    assert tomorrow.candidates.count() == 2
    planned_for(ada)
    assert papers_of(ada) == ["Paper number 2 on careful measurement", "Paper number 1 on careful measurement"]
    Delivery.objects.update(status="accepted")
    planned_for(ada, at=NOON + DAY)
    assert len(papers_of(ada, NOON + DAY)) == 2  # nobody voted: all that is new


def test_planning_twice_gives_one_row() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    assert planned_for(ada) == plan.Planned()
    assert Delivery.objects.count() == 1


def test_no_paper_goes_to_the_same_reader_twice() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    tomorrow = NOON + DAY
    publish(
        entry(1, title=ROBOT.title, categories=("cs.RO",), points=900, announced=""),
        at=tomorrow,
        kind="hugging_face",
        name="HF",
        url="https://hf.example",
    )
    assert planned_for(ada, at=tomorrow) == plan.Planned(skipped=1)


def test_a_paper_in_a_readers_own_list_is_not_sent_until_it_is_taken_back() -> None:
    ada, ben = reader("ada", wants={"category": ["cs.RO"]}), reader("ben", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    part = ListSource.objects.create(
        subscriber=ada, kind=ListSource.Kind.FILE, state=ListSource.State.KEPT, given_at=NOON
    )
    paper = Paper.objects.get()
    mine = ListEntry.objects.create(
        subscriber=ada, source=part, paper=paper, name=paper.identifier, title=paper.title, added_at=NOON
    )
    assert planned_for(ada, ben) == plan.Planned(ready=1, skipped=1)
    assert Delivery.objects.get(status="ready").subscriber == ben
    Delivery.objects.all().delete()
    mine.taken_back = True
    mine.save()
    assert planned_for(ada, ben) == plan.Planned(ready=2)


def test_after_days_without_a_digest_one_merged_digest_loses_nothing() -> None:
    ada, ben = reader("ada", wants={"category": ["cs.RO"]}), reader("ben", wants={"category": ["cs.RO"]})
    days = [NOON + n * DAY for n in range(3)]
    for number, day in enumerate(days):
        publish(entry(10 + number, title=f"Robot {number}", categories=("cs.RO",), announced_on=day.date()), at=day)
        planned_for(ada, at=day)
        Delivery.objects.update(status="accepted")
    assert papers_of(ada, days[2]) == ["Robot 2"]
    Delivery.objects.filter(subscriber=ada, issue_date__gt=days[0].date()).delete()
    planned_for(ada, ben, at=days[2])
    assert set(papers_of(ada, days[2])) == {"Robot 1", "Robot 2"}
    assert papers_of(ben, days[2]) == ["Robot 2"]  # a first digest draws from the latest edition only


def test_while_no_edition_is_newer_than_the_last_digest_the_reader_is_held() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    assert planned_for(ada, at=NOON + DAY) == plan.Planned(held=1)
    assert Delivery.objects.count() == 1


def test_the_paused_and_the_suppressed_get_a_row_that_says_so() -> None:
    ada, ben = reader("ada", status="paused"), reader("ben", wants={"category": ["cs.RO"]})
    consent.suppress(ben.email, reason="bounced", now=NOON)
    publish(ROBOT)
    planned_for(ada, ben)
    assert outcome(ada) == ("skipped", "paused")
    assert outcome(ben) == ("skipped", "suppressed")


def test_an_edition_without_papers_is_told_as_such() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish()
    planned_for(ada)
    assert outcome(ada) == ("skipped", "no_new_papers")


def test_muted_authors_words_and_topics_are_taken_out() -> None:
    topic("Robotics", categories=["cs.RO"])
    ada = reader("ada", wants={"category": ["cs", "math", "astro-ph"]})
    want(ada, "author", "Ingrid Solheim-Vargas", stance="mute")
    want(ada, "keyword", "planar graph", stance="mute")
    want(ada, "topic", "Robotics", stance="mute")
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    planned_for(ada)
    assert papers_of(ada) == [LANGUAGE.title]


def test_a_pick_is_in_every_digest_first_and_a_hide_in_none() -> None:
    ada = reader("ada", wants={"category": ["cs.RO", "cs.CL"]})
    publish(ROBOT, GRAPHS, LANGUAGE)
    curator = User.objects.create_user("curator")
    graphs, language = Paper.objects.get(title=GRAPHS.title), Paper.objects.get(title=LANGUAGE.title)
    CuratorPick.objects.create(
        paper=graphs, edition_date=TODAY, verdict="pick", note="Short and clear.", curator=curator
    )
    CuratorPick.objects.create(paper=language, edition_date=TODAY, verdict="hide", note="Doubtful.", curator=curator)
    planned_for(ada)
    assert papers_of(ada) == [GRAPHS.title, ROBOT.title]
    row = Delivery.objects.get()
    assert ("pick", "Short and clear.") in [reason[:2] for reason in row.record.explained[0]]
    assert row.subject.startswith("2 Mar, 2 papers: Colouring planar graphs")


def test_a_pick_of_a_paper_that_was_no_candidate_joins_the_edition() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT, entry(9, title="An old classic", announced="replace", version=3))
    classic = Paper.objects.get(title="An old classic")
    CuratorPick.objects.create(paper=classic, edition_date=TODAY, verdict="pick")
    planned_for(ada)
    assert papers_of(ada) == ["An old classic", ROBOT.title]


def test_a_boost_moves_up_but_lets_nobody_in() -> None:
    ada, ben = reader("ada", wants={"category": ["cs"]}), reader("ben", wants={"category": ["math"]})
    publish(ROBOT, LANGUAGE, GRAPHS)
    planned_for(ada)
    last = Paper.objects.get(title=papers_of(ada)[-1])
    Delivery.objects.all().delete()
    CuratorPick.objects.create(paper=last, edition_date=TODAY, verdict="boost")
    planned_for(ada, ben)
    assert papers_of(ada)[0] == last.title
    assert papers_of(ben) == [GRAPHS.title]


def test_a_paper_under_embargo_waits() -> None:
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]})
    publish(ROBOT, GRAPHS)
    robot = Paper.objects.get(title=ROBOT.title)
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="pick", embargo_until=NOON + DAY)
    planned_for(ada)
    assert papers_of(ada) == [GRAPHS.title]


def test_a_paper_withdrawn_after_the_opening_is_never_sent() -> None:
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]})
    publish(ROBOT, GRAPHS)
    Paper.objects.filter(title=ROBOT.title).update(withdrawn_at=NOON)
    planned_for(ada)
    assert papers_of(ada) == [GRAPHS.title]


def test_the_reasons_add_up_to_the_order_and_name_what_matched() -> None:
    topic("Robotics", categories=["cs.RO"], keywords=["laundry"])
    ada = reader("ada", wants={"topic": ["Robotics"], "keyword": ["language model", "grasping"]})
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    planned_for(ada)
    row = Delivery.objects.get()
    scores = [sum(reason[2] for reason in reasons) for reasons in row.record.explained]
    assert scores == sorted(scores, reverse=True)
    named = {tuple(reason[:2]) for reason in row.record.explained[papers_of(ada).index(ROBOT.title)]}
    assert {("topic", "Robotics"), ("keyword", "grasping")} <= named
    assert ("keyword", "language model") not in named


def test_the_row_holds_all_that_each_try_of_the_mail_needs() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, zone="Europe/Berlin")
    publish(ROBOT)
    planned_for(ada)
    row = Delivery.objects.get()
    assert (row.dated_at, row.status, row.batch.size) == (NOON, "ready", 1)
    assert row.message_id.startswith("<d.")
    assert row.not_after == NOON + timedelta(hours=5)
    ada.refresh_from_db()
    assert ada.last_issue_date == TODAY
    assert ada.next_send_at.astimezone(zone_of("Europe/Berlin")).isoformat() == "2026-03-03T07:00:00+01:00"


def test_a_digest_has_at_most_as_many_papers_as_its_reader_wants() -> None:
    ada, ben = reader("ada", max_papers=3), reader("ben", max_papers=25)
    publish(*(entry(number) for number in range(1, 41)))
    planned_for(ada, ben)
    assert [len(row.paper_ids) for row in Delivery.objects.order_by("subscriber")] == [3, 25]


def test_the_papers_of_a_row_are_in_the_order_of_the_mail() -> None:
    """The links of a mail name a paper by its number there, and the row is where that number is looked up."""
    ada = reader("ada", wants={"author": ["Ingrid Solheim-Vargas"], "category": ["cs"]})
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    for title, verdict in ((GRAPHS.title, "pick"), (LANGUAGE.title, "boost")):
        CuratorPick.objects.create(paper=Paper.objects.get(title=title), edition_date=TODAY, verdict=verdict, note="N.")
    planned_for(ada)
    assert papers_of(ada)[:2] == [GRAPHS.title, STARS.title]
    row = Delivery.objects.get()
    text = email_for(row).text
    places = [text.index(title) for title in papers_of(ada)]
    assert places == sorted(places)
    assert [reasons[0][0] for reasons in row.record.explained][1] == "author"  # reasons moved along


def many(count: int, *, start: int) -> list[Subscriber]:
    """Readers in bulk, who all want cs."""
    rows = [
        Subscriber(
            email=f"r{number}@example.org",
            email_key=f"r{number}@example.org",
            status="active",
            confirmed_at=NOON,
            next_send_at=NOON,
        )
        for number in range(start, start + count)
    ]
    Subscriber.objects.bulk_create(rows)
    Preference.objects.bulk_create([Preference(subscriber=row, kind="category", value="cs") for row in rows])
    return rows


def test_planning_and_delivering_take_queries_by_the_chunk_and_none_by_the_reader() -> None:
    publish(ROBOT, GRAPHS, LANGUAGE, STARS)
    taken = {}
    for count, start in ((100, 0), (1000, 1000)):
        readers = many(count, start=start)
        with CaptureQueriesContext(connection) as planning_queries:
            assert planned_for(*readers).ready == count
        with CaptureQueriesContext(connection) as delivering_queries:
            assert deliver_all(clock=lambda: NOON).counts["accepted"] == count
        taken[count] = (len(planning_queries), len(delivering_queries))
    # SQLite takes some fifty rows at a time, PostgreSQL 500; mails are handed over 20 at a time
    assert taken[1000][0] - taken[100][0] <= 900 / 40
    chunks = {count: count / CHUNK for count in taken}
    by_the_chunk = {count: (queries - 15) / chunks[count] for count, (_, queries) in taken.items()}
    assert by_the_chunk[1000] <= by_the_chunk[100] + 1 <= 15
