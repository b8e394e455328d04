"""Each reader gets one row a day: their papers in their order, or why there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.compose.reasons import Reason, reason_in_words, reasons_as_text
from digest.delivery import plan
from digest.delivery.send import CHUNK, deliver_all
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Delivery, Edition, ListEntry, ListSource, Paper, Verdict
from digest.ranking.features import ReaderBatch
from digest.ranking.personal import rank
from subscriptions import consent
from subscriptions.models import Preference, Subscriber
from subscriptions.schedule import zone_of
from tests.support.editions import GRAPHS, LANGUAGE, ROBOT, STARS, publish
from tests.support.emails import email_for
from tests.support.factories import NOON, entry, feed, reader, topic, want

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def planned_for(*readers: Subscriber, at: Any = NOON) -> plan.Planned:
    return plan.plan(at, [one.pk for one in readers], issue_date=at.date())


def papers_of(one: Subscriber, at: Any = NOON) -> list[str]:
    row = Delivery.objects.get(subscriber=one, issue_date=at.date())
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[paper] for paper in row.paper_ids]


def outcome(one: Subscriber, at: Any = NOON) -> tuple[str, str]:
    return Delivery.objects.values_list("status", "status_reason").get(subscriber=one, issue_date=at.date())


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


# --- more and less ---------------------------------------------------------------------------------------------------

CLOTH = entry(31, title="A robot folds towels", abstract="Grasping cloth with two arms.", categories=("cs.RO",))
LEGS = entry(32, title="A robot walks on ice", abstract="Legs slip on frozen ground.", categories=("cs.RO",))
DRONES = entry(33, title="A robot flies in wind", abstract="Rotors tilt in gusts.", categories=("cs.RO",))
SHIRTS = entry(34, title="Folding shirts", abstract="A robot grasps cloth with two arms.", categories=("cs.RO",))
OTHERS = [  # so many that a word of four robots is a rare one
    entry(
        50 + number, title=f"Lemma {number} of {field}", abstract=f"We prove it for {field}.", categories=("math.CO",)
    )
    for number, field in enumerate(["primes", "knots", "trees", "maps", "rings", "groups", "sheaves", "braids"] * 4)
]


def judge(one: Subscriber, title: str, value: str, at: Any = NOON) -> Verdict:
    return Verdict.objects.create(subscriber=one, paper=Paper.objects.get(title=title), value=value, given_at=at)


def tomorrow_for(mona: Subscriber) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Mona's digest of the next day: the titles in their order, and what each kind of reason contributes to each."""
    Delivery.objects.filter(subscriber=mona, issue_date=TODAY + DAY).delete()
    planned_for(mona, at=NOON + DAY)
    row = Delivery.objects.get(subscriber=mona, issue_date=TODAY + DAY)
    titles = papers_of(mona, NOON + DAY)
    why = {
        title: {kind: value for kind, _, value in reasons}
        for title, reasons in zip(titles, row.record.explained, strict=True)
    }
    return titles, why


def monas_second_day() -> Subscriber:
    """Mona reads robotics; she had one digest, and on the next day four robots and other papers come in."""
    mona = reader("mona", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(mona)
    Delivery.objects.update(status="accepted")
    later = [replace(one, announced_on=TODAY + DAY) for one in (CLOTH, LEGS, DRONES, SHIRTS, *OTHERS)]
    publish(*later, at=NOON + DAY)
    return mona


def test_more_brings_papers_like_it_to_the_front_and_the_reason_says_so_until_it_is_taken_back() -> None:
    mona = monas_second_day()
    before, unsaid = tomorrow_for(mona)
    assert {CLOTH.title, SHIRTS.title} != set(before[:2])
    assert not any({"like", "taste"} & set(why) for why in unsaid.values())
    verdict = judge(mona, ROBOT.title, "more")
    after, why = tomorrow_for(mona)
    assert set(after[:2]) == {CLOTH.title, SHIRTS.title}
    assert set(after) == set(before)  # a like hides nothing, and lets nothing in that was not asked for
    scores = [sum(why[title].values()) for title in after]
    assert scores == sorted(scores, reverse=True)
    assert why[after[0]]["like"] > 0
    row = Delivery.objects.get(issue_date=TODAY + DAY)
    said = [reason_in_words(reasons_as_text(Reason(*reason) for reason in reasons)) for reasons in row.record.explained]
    assert said[0] == "Category: cs.RO · Similar to a paper that you like"
    assert said[-1] == "Category: cs.RO"
    verdict.delete()
    assert tomorrow_for(mona) == (before, unsaid)


def test_less_moves_papers_like_it_down_and_says_nothing_about_it() -> None:
    mona = monas_second_day()
    before, unsaid = tomorrow_for(mona)
    verdict = judge(mona, ROBOT.title, "less")
    after, why = tomorrow_for(mona)
    assert set(after[-2:]) == {CLOTH.title, SHIRTS.title} != set(before[-2:])
    assert set(after) == set(before)
    assert why[after[-1]]["taste"] < 0
    row = Delivery.objects.get(issue_date=TODAY + DAY)
    for reasons in row.record.explained:
        assert reason_in_words(reasons_as_text(Reason(*reason) for reason in reasons)) == "Category: cs.RO"
    verdict.delete()
    assert tomorrow_for(mona) == (before, unsaid)


def test_the_contributions_of_a_reader_with_verdicts_add_up_to_the_scores() -> None:
    mona = monas_second_day()
    judge(mona, ROBOT.title, "more")
    judge(mona, OTHERS[0].title, "less")
    pool = CandidatePool.load(NOON + DAY)
    asked = plan._asked_by([mona], {mona.pk: TODAY + DAY})
    readers = ReaderBatch(wants=asked.wants, hype=asked.hype, profiles=asked.profiles)
    allowed = pool.inside[-1:] & pool.eligible
    ranking = rank(pool.against(asked.rules), readers, allowed=allowed, limit=10)
    _, why = tomorrow_for(mona)
    assert [sum(one.values()) for one in why.values()] == pytest.approx(ranking.scores[0, : len(why)], abs=1e-5)
    assert all({"like", "taste"} & set(one) for one in why.values())


def test_who_is_known_by_likes_alone_gets_papers_like_them_and_the_mail_says_that_this_was_asked_for() -> None:
    mona = monas_second_day()
    mona.preferences.all().delete()
    judge(mona, ROBOT.title, "more")
    titles, _ = tomorrow_for(mona)
    assert set(titles) == {CLOTH.title, SHIRTS.title}
    frozen = Delivery.objects.get(issue_date=TODAY + DAY).record
    assert (frozen.asked_for, frozen.matched) == (["papers similar to 1 paper that you like"], 2)
    Verdict.objects.update(value="less")  # who only ever said less has asked for nothing: the day's list
    titles, _ = tomorrow_for(mona)
    assert len(titles) == 10


# --- by the thousand -------------------------------------------------------------------------------------------------


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


# --- by the reader's own clock ---------------------------------------------------------------------------------------


def due(*readers: Subscriber, at: Any) -> plan.Planned:
    return plan.plan(at, [one.pk for one in readers])


def test_the_issue_date_is_the_readers_own_day() -> None:
    ada = reader("ada", zone="Pacific/Auckland", next_send_at=NOON, send_hour=8)  # it is Tuesday there, 01:00
    publish(ROBOT)
    assert due(ada, at=NOON).ready == 1
    assert Delivery.objects.get().issue_date == TODAY + DAY
    ada.refresh_from_db()
    assert ada.next_send_at.astimezone(zone_of("Pacific/Auckland")).isoformat() == "2026-03-04T08:00:00+13:00"


def test_a_reader_whose_hour_has_not_come_gets_no_row() -> None:
    ada = reader("ada", next_send_at=NOON + timedelta(minutes=1))
    publish(ROBOT)
    assert due(ada, at=NOON) == plan.Planned()


def test_while_sources_are_late_the_reader_waits_and_then_is_told() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, next_send_at=NOON + DAY, send_hour=12)
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    Subscriber.objects.update(next_send_at=NOON + DAY, last_digest_at=NOON)
    assert due(ada, at=NOON + DAY + timedelta(hours=4)) == plan.Planned(held=1)
    assert due(ada, at=NOON + DAY + timedelta(hours=6)) == plan.Planned(skipped=1)
    assert outcome(ada, NOON + DAY) == (
        "skipped",
        "too_late",
    )
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + 2 * DAY


def test_after_an_outage_each_missed_day_has_a_row_and_one_digest_brings_everything() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, send_hour=12, next_send_at=NOON)
    for number in range(4):
        at = NOON + number * DAY
        publish(entry(20 + number, title=f"Robot {number}", categories=("cs.RO",), announced_on=at.date()), at=at)
        if number == 0:
            due(ada, at=at)
            Delivery.objects.update(status="accepted")
            Subscriber.objects.update(last_digest_at=at)
    back = NOON + 3 * DAY + timedelta(hours=1)
    assert due(ada, at=back) == plan.Planned(ready=1, skipped=2)
    assert [row.issue_date for row in Delivery.objects.order_by("issue_date")] == [
        (NOON + n * DAY).date() for n in range(4)
    ]
    assert set(papers_of(ada, NOON + 3 * DAY)) == {"Robot 1", "Robot 2", "Robot 3"}


def test_a_rehearsal_of_an_older_day_after_a_newer_one_is_sent_too() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    before = NOON - 9 * DAY
    publish(entry(50, title="An earlier robot", categories=("cs.RO",), announced_on=before.date()), at=before)
    assert planned_for(ada, at=before).ready == 1


def test_what_was_sent_is_never_sent_again_however_long_ago() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    later = NOON + 60 * DAY
    publish(entry(51, title="A robot of today", categories=("cs.RO",), announced_on=later.date()), at=later)
    CuratorPick.objects.create(paper=Paper.objects.get(title=ROBOT.title), edition_date=later.date(), verdict="pick")
    planned_for(ada, at=later)
    assert papers_of(ada, later) == ["A robot of today"]


def test_a_pick_is_not_counted_among_what_matches() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(GRAPHS)
    CuratorPick.objects.create(paper=Paper.objects.get(), edition_date=TODAY, verdict="pick")
    planned_for(ada)
    assert (Delivery.objects.get().record.matched, Delivery.objects.get().record.arrived) == (0, 1)


def test_a_paper_comes_when_its_embargo_has_ended() -> None:
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]})
    publish(ROBOT, GRAPHS)
    robot = Paper.objects.get(title=ROBOT.title)
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="boost", embargo_until=NOON + DAY / 2)
    planned_for(ada)
    Delivery.objects.update(status="accepted")
    Subscriber.objects.update(last_digest_at=NOON)
    publish(entry(60, title="Hypergraphs", categories=("math.CO",), announced_on=(NOON + DAY).date()), at=NOON + DAY)
    planned_for(ada, at=NOON + DAY)
    assert set(papers_of(ada, NOON + DAY)) == {ROBOT.title, "Hypergraphs"}


def test_of_two_days_judgements_the_latest_counts() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(ROBOT)
    robot = Paper.objects.get()
    publish(at=NOON + DAY)
    CuratorPick.objects.create(paper=robot, edition_date=(NOON + DAY).date(), verdict="pick", note="Now.")
    CuratorPick.objects.create(paper=robot, edition_date=TODAY, verdict="hide", note="Then.")
    planned_for(ada, at=NOON + DAY)
    assert papers_of(ada, NOON + DAY) == [ROBOT.title]


def test_a_pause_that_has_ended_keeps_nobody_waiting() -> None:
    ada, ben = (
        reader("ada", status="paused", paused_until=TODAY, wants={"category": ["cs.RO"]}),
        reader("ben", status="paused", paused_until=TODAY + DAY, wants={"category": ["cs.RO"]}),
    )
    publish(ROBOT)
    planned_for(ada, ben)
    assert [row.status for row in Delivery.objects.order_by("subscriber")] == ["ready", "skipped"]


def test_someone_away_for_years_is_not_told_of_every_day() -> None:
    ada = reader("ada", next_send_at=NOON - 900 * DAY, signed_up_at=NOON - 901 * DAY)
    publish(ROBOT)
    assert due(ada, at=NOON).skipped <= 32


def test_the_first_digest_follows_the_confirmation_from_the_latest_edition_and_the_next_is_half_a_day_away() -> None:
    ada = reader(
        "ada", status="pending", confirmed_at=None, next_send_at=None, send_hour=18, wants={"category": ["cs.RO"]}
    )
    publish(entry(70, title="Of yesterday", categories=("cs.RO",), announced_on=(NOON - DAY).date()), at=NOON - DAY)
    publish(ROBOT)
    assert due(ada, at=NOON) == plan.Planned()
    consent.confirm(ada.public_id, now=NOON)
    assert due(ada, at=NOON + timedelta(minutes=1)).ready == 1
    assert papers_of(ada) == [ROBOT.title]
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + DAY + timedelta(hours=6)  # not today at 18:00, six hours on


def test_after_a_pause_one_digest_brings_what_came_meanwhile() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, send_hour=12)
    for number in range(4):
        at = NOON + number * DAY
        publish(entry(80 + number, title=f"Robot {number}", categories=("cs.RO",), announced_on=at.date()), at=at)
        if number == 1:
            consent.pause(ada.public_id, now=at)
        if number == 3:
            consent.resume(ada.public_id, now=at)
        due(ada, at=at)
        Delivery.objects.filter(status="ready").update(status="accepted")
    assert [status for (status,) in Delivery.objects.order_by("issue_date").values_list("status")] == [
        "accepted",
        "skipped",
        "skipped",
        "accepted",
    ]
    assert set(papers_of(ada, NOON + 3 * DAY)) == {"Robot 1", "Robot 2", "Robot 3"}


# What else is trending -----------------------------------------------------------------------------------------------


def voted(*votes: int, at: Any = NOON, **values: Any) -> Edition:
    """An edition of papers with so many votes each; the first is paper 1."""
    entries = [entry(number, points=points, announced="", **values) for number, points in enumerate(votes, 1)]
    return publish(*entries, at=at, kind="hugging_face", name="HF", url="https://hf.example")


def title(number: int) -> str:
    return f"Paper number {number} on careful measurement"


def also_of(one: Subscriber, at: Any = NOON) -> list[str]:
    row = Delivery.objects.get(subscriber=one, issue_date=at.date())
    titles = dict(Paper.objects.values_list("pk", "title"))
    return [titles[paper] for paper in row.record.also]


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


# Quiet days ----------------------------------------------------------------------------------------------------------


def test_who_asked_for_it_is_told_on_a_quiet_day() -> None:
    ada, ben = (
        reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True),
        reader("ben", wants={"keyword": ["volcano"]}),
    )
    voted(1, 9, *[1] * 10)
    assert planned_for(ada, ben) == plan.Planned(ready=1, skipped=1)
    row = Delivery.objects.get(subscriber=ada)
    assert (row.status, row.paper_ids, row.empty_reason) == ("ready", [], "nothing_matched")
    assert (row.subject, row.status_reason) == ("2 Mar: nothing for you today", "")
    assert (row.batch_id, row.message_id, row.not_after) != (None, None, None)
    assert also_of(ada) == [title(2)]
    assert outcome(ben) == ("skipped", "nothing_matched")


def test_on_a_day_without_papers_the_mail_says_so() -> None:
    ada = reader("ada", quiet_days=True)
    publish()
    assert planned_for(ada).ready == 1
    assert (Delivery.objects.get().empty_reason, also_of(ada)) == ("no_new_papers", [])


@pytest.mark.parametrize(("values", "why"), [({"status": "paused"}, "paused"), ({}, "suppressed")])
def test_a_quiet_day_writes_to_nobody_who_is_not_to_be_written_to(values: dict[str, Any], why: str) -> None:
    ada = reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True, **values)
    if not values:
        consent.suppress(ada.email, reason="complained", now=NOON)
    publish(ROBOT)
    assert planned_for(ada) == plan.Planned(skipped=1)
    assert outcome(ada) == ("skipped", why)


def test_a_mail_without_papers_is_a_digest_of_its_edition() -> None:
    ada = reader("ada", wants={"keyword": ["volcano", "robot"]}, quiet_days=True, send_hour=12)
    publish(GRAPHS)
    assert due(ada, at=NOON).ready == 1
    delivered(at=NOON)
    assert due(ada, at=NOON + DAY) == plan.Planned(held=1)  # until an edition newer than that one opens
    tomorrow = replace(ROBOT, announced_on=TODAY + DAY)
    publish(tomorrow, at=NOON + DAY)
    assert due(ada, at=NOON + DAY).ready == 1
    assert (papers_of(ada, NOON + DAY), occasion_of(ada, NOON + DAY)) == ([ROBOT.title], "")


def test_a_digest_is_never_empty_without_saying_why() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, quiet_days=True)
    publish(ROBOT, GRAPHS)
    planned_for(ada)
    row = Delivery.objects.get()
    assert (papers_of(ada), row.empty_reason) == ([ROBOT.title], "")


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "quiet_days": st.booleans(),
                "status": st.sampled_from(["active", "active", "paused"]),
                "wants": st.sampled_from([None, {"keyword": ["volcano"]}, {"category": ["cs.RO"]}]),
            }
        ),
        max_size=5,
    )
)
def test_every_reader_who_is_due_is_planned_skipped_or_held(people: list[dict[str, Any]]) -> None:
    Subscriber.objects.all().delete()
    if not Edition.objects.exists():
        publish(ROBOT, GRAPHS)
    readers = [reader(f"reader{number}", **values) for number, values in enumerate(people)]
    told = [
        one.quiet_days or values["wants"] != {"keyword": ["volcano"]}
        for one, values in zip(readers, people, strict=True)
    ]
    ready = [tell and one.status == "active" for one, tell in zip(readers, told, strict=True)]
    planned = planned_for(*readers)
    assert planned == plan.Planned(ready=sum(ready), skipped=len(readers) - sum(ready))
    for row in Delivery.objects.all():
        is_ready = row.status == Delivery.Status.READY
        assert is_ready == (bool(row.paper_ids) or bool(row.empty_reason))
        assert is_ready != bool(row.status_reason)


# Occasions -----------------------------------------------------------------------------------------------------------


def occasion_of(one: Subscriber, at: Any) -> str:
    frozen = Delivery.objects.get(subscriber=one, issue_date=at.date()).record
    return f"{frozen.occasion} {frozen.since}".strip()


def delivered(*, at: Any, status: str = "accepted") -> None:
    readers = Delivery.objects.filter(status="ready").values_list("subscriber")
    if status == "accepted":
        Subscriber.objects.filter(pk__in=readers).update(last_digest_at=at)
    Delivery.objects.filter(status="ready").update(status=status)


def robot_of(at: Any) -> Entry:
    day = at.date()
    return entry(900 + day.day, title=f"Robot of {day}", categories=("cs.RO",), announced_on=day)


def week_of(ada: Subscriber, *, days: int, without: tuple[int, ...] = (), lost: tuple[int, ...] = ()) -> list[str]:
    """The occasions of Ada's digests, by day from Monday on.

    On the days ``without`` no program runs, and the digests of those ``lost`` could not be sent.
    """
    occasions = []
    for number in range(days):
        at = NOON + number * DAY
        publish(robot_of(at), at=at)
        ada.refresh_from_db()
        if number in without or not ada.weekdays >> at.weekday() & 1:
            occasions.append("-")
            continue
        due(ada, at=at)
        row = Delivery.objects.filter(subscriber=ada, issue_date=at.date(), status="ready").first()
        occasions.append(occasion_of(ada, at) if row else "-")
        delivered(at=at, status="failed" if number in lost else "accepted")
    return occasions


ROBOTS: dict[str, Any] = {"wants": {"category": ["cs.RO"]}, "send_hour": 12}
DAILY, WORKING, MONDAYS, TWICE = 0b1111111, 0b0011111, 0b0000001, 0b0010001


def test_the_first_digest_says_so_and_how_it_goes_on() -> None:
    ada = reader("ada", **ROBOTS, weekdays=WORKING, max_papers=7)
    publish(ROBOT)
    planned_for(ada)
    frozen = Delivery.objects.get().record
    assert (frozen.occasion, frozen.rhythm, frozen.limit) == ("first", "on weekdays at 12:00", 7)


def test_only_one_digest_is_the_first() -> None:
    assert week_of(reader("ada", **ROBOTS), days=3) == ["first", "", ""]


def test_after_a_first_digest_that_was_not_sent_the_next_is_the_first() -> None:
    assert week_of(reader("ada", **ROBOTS), days=3, lost=(0,)) == ["first", "first", ""]


def test_a_digest_that_may_have_left_was_the_first() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    due(ada, at=NOON)
    delivered(at=NOON, status="unknown")
    publish(robot_of(NOON + DAY), at=NOON + DAY)
    due(ada, at=NOON + DAY)
    assert occasion_of(ada, NOON + DAY) == ""


def test_a_rehearsal_of_an_older_day_is_not_the_first_digest_of_who_had_one() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    planned_for(ada)
    delivered(at=NOON)
    before = NOON - 9 * DAY
    publish(robot_of(before), at=before)
    planned_for(ada, at=before)
    assert occasion_of(ada, before) == ""


@pytest.mark.parametrize(
    ("weekdays", "occasions"),
    [
        (DAILY, ["first", *[""] * 8]),
        (WORKING, ["first", *[""] * 4, "-", "-", "", ""]),  # Monday draws from Saturday on
        (MONDAYS, ["first", *["-"] * 6, "", "-"]),
        (TWICE, ["first", "-", "-", "-", "", "-", "-", "", "-"]),
    ],
)
def test_in_the_readers_own_rhythm_nothing_catches_up(weekdays: int, occasions: list[str]) -> None:
    assert week_of(reader("ada", **ROBOTS, weekdays=weekdays), days=9) == occasions


@pytest.mark.parametrize(
    ("weekdays", "gap", "occasions"),
    [
        (DAILY, {"without": (1, 2)}, ["first", "-", "-", "catch_up 2026-03-03", ""]),
        (DAILY, {"lost": (1,)}, ["first", "", "catch_up 2026-03-03", "", ""]),
        (TWICE, {"without": (4,)}, ["first", "-", "-", "-", "-", "-", "-", "catch_up 2026-03-03", "-"]),
        (WORKING, {"without": (7,)}, ["first", *[""] * 4, "-", "-", "-", "catch_up 2026-03-07"]),
    ],
)
def test_after_days_that_were_missed_a_digest_says_from_when_it_draws(
    weekdays: int, gap: dict[str, Any], occasions: list[str]
) -> None:
    assert week_of(reader("ada", **ROBOTS, weekdays=weekdays), days=len(occasions), **gap) == occasions


def test_after_a_pause_the_digest_catches_up() -> None:
    ada = reader("ada", **ROBOTS)
    for number in range(5):
        at = NOON + number * DAY
        publish(robot_of(at), at=at)
        if number == 1:
            consent.pause(ada.public_id, now=at, until=(NOON + 3 * DAY).date())
        due(ada, at=at)
        delivered(at=at)
    assert [occasion_of(ada, NOON + number * DAY) for number in (0, 3, 4)] == ["first", "catch_up 2026-03-03", ""]


def test_days_on_which_nothing_matched_are_not_caught_up() -> None:
    ada = reader("ada", **ROBOTS)
    for number in range(4):
        at = NOON + number * DAY
        shown = robot_of(at) if number in (0, 3) else replace(robot_of(at), categories=("math.CO",), title="Knots")
        publish(shown, at=at)
        due(ada, at=at)
        delivered(at=at)
    assert [row.status for row in Delivery.objects.order_by("issue_date")] == [
        "accepted",
        "skipped",
        "skipped",
        "accepted",
    ]
    assert occasion_of(ada, NOON + 3 * DAY) == ""


def test_papers_of_a_day_that_brought_nothing_come_when_the_reader_asks_for_them() -> None:
    ada = reader("ada", **ROBOTS)
    for number, shown in enumerate((ROBOT, replace(GRAPHS, announced_on=TODAY + DAY), robot_of(NOON + 2 * DAY))):
        at = NOON + number * DAY
        publish(shown, at=at)
        if number == 2:
            want(ada, "category", "math")
        due(ada, at=at)
        delivered(at=at)
    assert outcome(ada, NOON + DAY) == ("skipped", "nothing_matched")
    assert GRAPHS.title in papers_of(ada, NOON + 2 * DAY)


def test_a_day_without_an_edition_leaves_nothing_to_catch_up() -> None:
    ada = reader("ada", **ROBOTS)
    publish(ROBOT)
    due(ada, at=NOON)
    delivered(at=NOON)
    at = NOON + 2 * DAY  # no edition opened on Tuesday
    publish(robot_of(at), at=at)
    assert due(ada, at=at) == plan.Planned(ready=1, skipped=1)
    assert occasion_of(ada, at) == ""
