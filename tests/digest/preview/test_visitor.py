"""A preview is the first digest of whoever confirms these choices, and leaves no trace."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.compose import emails
from digest.compose.build import EMPTY_TEXTS, Reader, compose
from digest.compose.card import Card
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import CuratorPick, Delivery, Edition, EditionPaper, ListEntry, ListSource, Paper
from digest.preview import visitor
from digest.preview.visitor import preview
from subscriptions.models import Subscriber
from subscriptions.preferences import Choices, Wish, save_choices
from tests.support.database_rows import everything
from tests.support.factories import NOON, entry, feed, reader, topic

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)

ROBOT = entry(1, title="A robot that folds laundry", abstract="Grasping cloth is hard.", categories=("cs.RO",))
GRAPHS = entry(2, title="Colouring planar graphs", abstract="Four colours are enough.", categories=("math.CO",))
LANGUAGE = entry(3, title="Small language models", abstract="They read little and well.", categories=("cs.CL",))
STARS = entry(
    4,
    title="A star that hums",
    abstract="We listen to it.",
    categories=("astro-ph.SR",),
    authors=("Ingrid Solheim-Vargas",),
)
ROBOTICS = Wish("topic", "robotics")


def publish(*entries: Entry, at: datetime = NOON, **values: Any) -> Edition:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    return open_edition(at.date(), now=at)[0]


def a_day() -> Edition:
    topic("Robotics", categories=["cs.RO"], keywords=["laundry"])
    publish(
        entry(5, points=40, announced="", title="Applauded", abstract="A language model.", categories=()),
        entry(6, points=2, announced="", title="Noticed", abstract="A graph.", categories=()),
        kind="hugging_face",
        name="Hugging Face daily papers",
        url="https://hf.example",
        at=NOON - DAY,
    )
    shown = feed(
        entry(7, points=90, announced="", title="Loved", abstract="A robot with a language model.", categories=()),
        kind="hugging_face",
        name="Hugging Face daily papers",
        url="https://hf.example",
    )
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    return publish(ROBOT, GRAPHS, LANGUAGE, STARS)


def judge(title: str, verdict: str, **values: Any) -> CuratorPick:
    paper = Paper.objects.get(title=title)
    return CuratorPick.objects.create(paper=paper, edition_date=TODAY, verdict=verdict, **values)


def titles(choices: Choices, now: datetime = NOON) -> list[str]:
    return [item.card.title for item in preview(choices, now=now).papers]


def wanting(*wishes: Wish, **values: Any) -> Choices:
    return Choices(wishes=wishes, **values)


CATEGORIES = wanting(Wish("category", "cs"), Wish("category", "math"), Wish("category", "astro-ph"))


# --- the same as the real run ----------------------------------------------------------------------------------------


def planned(choices: Choices) -> tuple[Delivery, list[str]]:
    """What the run gives somebody who has just confirmed these choices."""
    mona = reader("mona", next_send_at=NOON)
    save_choices(mona, choices, now=NOON)
    plan(NOON, [mona.pk])
    row = Delivery.objects.get(subscriber=mona)
    return row, list(row.record.reasons) if row.record else []


def agrees_with_the_real_run(choices: Choices) -> None:
    shown = preview(choices, now=NOON)
    row, reasons = planned(choices)
    if row.status == Delivery.Status.SKIPPED:
        assert (shown.papers, shown.why_nothing) == ((), EMPTY_TEXTS[row.status_reason])
        return
    cards = dict(EditionPaper.objects.filter(paper__in=row.paper_ids).values_list("paper", "card"))
    mailed = compose(
        [(Card.from_json(cards[one]), why) for one, why in zip(row.paper_ids, reasons, strict=True)],
        Reader(address="", unsubscribe_url="", asked_for=tuple(row.record.asked_for)),
        issue_date=TODAY,
        sender=emails.sender(),
        arrived=row.record.arrived,
        matched=row.record.matched,
    )
    assert shown.day == TODAY
    assert shown.papers == mailed.papers  # cards, numbers, why and notes
    assert shown.digest.overview == mailed.overview
    assert shown.digest.items_heading == mailed.items_heading


WISHES = st.lists(
    st.sampled_from(
        [
            ROBOTICS,
            Wish("topic", "no-such-topic"),
            Wish("category", "cs"),
            Wish("category", "math.CO"),
            Wish("author", "I. Solheim-Vargas"),
            Wish("author", "Ada Example"),
            Wish("keyword", "language model"),
            Wish("keyword", "graph"),
            Wish("keyword", "volcano"),
            Wish("keyword", "robot", "mute"),
            Wish("topic", "robotics", "mute"),
            Wish("author", "B. Sample", "mute"),
        ]
    ),
    max_size=8,
)


@given(wishes=WISHES, hype=st.integers(0, 100), limit=st.integers(3, 25), judged=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_preview_is_what_a_newly_confirmed_reader_is_sent(
    wishes: list[Wish], hype: int, limit: int, judged: bool
) -> None:
    Subscriber.objects.all().delete()
    for model in (CuratorPick, Edition, Paper):
        model.objects.all().delete()
    visitor.forget()
    a_day()
    if judged:
        judge(GRAPHS.title, "pick", note="Short and clear.")
        judge(LANGUAGE.title, "hide")
        judge(STARS.title, "boost")
        judge("Applauded", "boost", embargo_until=NOON - DAY / 24)  # of yesterday, free since an hour
    agrees_with_the_real_run(wanting(*wishes, hype=hype, max_papers=limit))


def test_a_picked_paper_that_was_no_candidate_is_shown_and_not_written_down() -> None:
    a_day()
    classic = entry(9, title="An old classic", announced="replace", version=3)
    shown = feed(classic)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    judge("An old classic", "pick", note="Read it again.")
    before = everything()
    first = preview(wanting(ROBOTICS), now=NOON).papers[0]
    assert (first.card.title, first.note) == ("An old classic", "Read it again.")
    assert everything() == before
    agrees_with_the_real_run(wanting(ROBOTICS))
    assert EditionPaper.objects.filter(paper__title="An old classic").exists()  # the run writes it


def test_a_preview_writes_nothing() -> None:
    a_day()
    judge(GRAPHS.title, "pick")
    reader("mona", wants={"category": ["cs.RO"]})
    before = everything()
    for choices in (CATEGORIES, Choices(), wanting(ROBOTICS), wanting(Wish("keyword", "volcano"))):
        preview(choices, now=NOON)
        visitor.forget()
    assert everything() == before


# --- what must not be shown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_warm", [False, True])
def test_what_is_withdrawn_hidden_or_under_embargo_is_not_shown(is_warm: bool) -> None:
    a_day()
    if is_warm:
        assert {ROBOT.title, GRAPHS.title, STARS.title} <= set(titles(CATEGORIES))
    Paper.objects.filter(title=ROBOT.title).update(withdrawn_at=NOON)
    judge(GRAPHS.title, "hide")
    held = judge(STARS.title, "pick", embargo_until=NOON + DAY)
    assert titles(CATEGORIES) == [LANGUAGE.title]
    assert titles(CATEGORIES, NOON + DAY)[0] == STARS.title  # when it has ended
    Paper.objects.filter(title=STARS.title).update(withdrawn_at=NOON)
    assert titles(CATEGORIES, NOON + DAY) == [LANGUAGE.title]
    held.delete()


def test_an_older_paper_that_an_embargo_held_back_and_that_was_withdrawn_is_not_shown() -> None:
    publish(GRAPHS, at=NOON - DAY)
    publish(ROBOT)
    graphs = Paper.objects.get(title=GRAPHS.title)
    CuratorPick.objects.create(
        paper=graphs, edition_date=(NOON - DAY).date(), verdict="boost", embargo_until=NOON - DAY / 2
    )
    assert set(titles(CATEGORIES)) == {ROBOT.title, GRAPHS.title}
    Paper.objects.filter(pk=graphs.pk).update(withdrawn_at=NOON)
    assert titles(CATEGORIES) == [ROBOT.title]


def test_a_new_pick_its_note_and_its_taking_back_show_at_once() -> None:
    a_day()
    assert GRAPHS.title not in titles(wanting(ROBOTICS))
    pick = judge(GRAPHS.title, "pick", note="Short.")
    assert preview(wanting(ROBOTICS), now=NOON).papers[0].note == "Short."
    CuratorPick.objects.filter(pk=pick.pk).update(note="Clear.")
    assert preview(wanting(ROBOTICS), now=NOON).papers[0].note == "Clear."
    pick.delete()
    assert GRAPHS.title not in titles(wanting(ROBOTICS))


COMET = wanting(Wish("keyword", "comet"))


@pytest.mark.parametrize("where", ["edition", "no edition", "tomorrow"])
@pytest.mark.parametrize("is_warm", [False, True])
def test_no_count_tells_of_a_paper_that_is_hidden_or_under_embargo(where: str, is_warm: bool) -> None:
    comet = entry(40, title="A comet", categories=("astro-ph.EP",))
    if where == "edition":
        publish(comet)
    else:
        publish(ROBOT)
        Paper.objects.create(identifier="url:https://c.example/", title="A comet", first_seen_at=NOON)
    if is_warm:
        assert counts(COMET) == {"“comet”": 1}
    paper = Paper.objects.get(title="A comet")
    day = TODAY + (where == "tomorrow") * DAY
    said = CuratorPick.objects.create(paper=paper, edition_date=day, verdict="pick", embargo_until=NOON + DAY)
    assert counts(COMET) == {"“comet”": 0}
    CuratorPick.objects.filter(pk=said.pk).update(verdict="hide", embargo_until=None)
    assert counts(COMET) == {"“comet”": 0}
    CuratorPick.objects.filter(pk=said.pk).update(verdict="boost")
    assert counts(COMET) == {"“comet”": 1}


def test_a_reader_is_not_shown_what_came_in_an_earlier_digest_but_what_came_today() -> None:
    mona = reader("mona", wants={"category": ["cs.RO"]})
    publish(ROBOT, at=NOON - DAY)
    plan(NOON - DAY, [mona.pk], issue_date=TODAY - DAY)
    Delivery.objects.update(status="accepted")
    judge_of = Paper.objects.get(title=ROBOT.title)
    CuratorPick.objects.create(
        paper=judge_of, edition_date=TODAY - DAY, verdict="boost", embargo_until=NOON - DAY
    )  # so that a newcomer's first digest may hold it
    publish(entry(20, title="A robot of today", categories=("cs.RO",)))
    plan(NOON, [mona.pk], issue_date=TODAY)
    Delivery.objects.update(status="accepted")
    robots = wanting(Wish("category", "cs.RO"))
    assert set(titles(robots)) == {ROBOT.title, "A robot of today"}
    shown = preview(robots, now=NOON, reader=mona)
    assert [item.card.title for item in shown.papers] == ["A robot of today"]


def test_a_reader_is_not_shown_papers_of_their_own_list_until_they_take_them_back() -> None:
    mona = reader("mona")
    publish(ROBOT)
    part = ListSource.objects.create(
        subscriber=mona, kind=ListSource.Kind.FILE, state=ListSource.State.KEPT, given_at=NOON
    )
    paper = Paper.objects.get()
    mine = ListEntry.objects.create(
        subscriber=mona, source=part, paper=paper, name=paper.identifier, title=paper.title, added_at=NOON
    )
    assert not preview(wanting(ROBOTICS), now=NOON, reader=mona).papers
    mine.taken_back = True
    mine.save()
    shown = preview(wanting(ROBOTICS), now=NOON, reader=mona)
    assert [item.card.title for item in shown.papers] == [ROBOT.title]


def test_of_very_many_wishes_the_first_hundred_are_looked_at() -> None:
    a_day()
    many = [Wish("keyword", f"word{number}") for number in range(600)]
    shown = preview(wanting(ROBOTICS, *many), now=NOON)
    assert (len(shown.matched), shown.is_cut, len(visitor._kept._answers)) == (100, True, 100)
    assert [item.card.title for item in shown.papers] == [ROBOT.title]
    assert not preview(wanting(ROBOTICS, *many[:99]), now=NOON).is_cut


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_a_new_edition_is_shown_as_soon_as_it_opens() -> None:
    a_day()
    assert preview(wanting(ROBOTICS), now=NOON).day == TODAY
    later = NOON + DAY
    publish(entry(20, title="A robot of tomorrow", categories=("cs.RO",), announced_on=later.date()), at=later)
    assert preview(wanting(ROBOTICS), now=later).day == later.date()
    assert titles(wanting(ROBOTICS), later) == ["A robot of tomorrow"]


def test_a_new_version_of_a_paper_is_read_anew() -> None:
    a_day()
    assert titles(wanting(Wish("keyword", "towels"))) == []
    Paper.objects.filter(title=ROBOT.title).update(version=2, abstract="It folds towels.")
    assert titles(wanting(Wish("keyword", "towels"))) == [ROBOT.title]


def test_once_warm_the_texts_are_not_read_again(django_assert_max_num_queries: Any) -> None:
    a_day()
    visitor.warm(NOON)
    kept = visitor._kept
    Paper.objects.update(abstract="")  # no edition, pick or version says so
    with django_assert_max_num_queries(9):
        assert ROBOT.title in titles(wanting(ROBOTICS, Wish("keyword", "grasping")))
    assert visitor._kept is kept


def test_many_rules_are_asked_of_the_papers_once_and_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_day()
    monkeypatch.setattr(visitor, "KEPT_RULES", 5)
    many = [wanting(ROBOTICS, *(Wish("keyword", f"word {n}{m}") for m in range(4))) for n in range(10)]
    first = [titles(choices) for choices in many]
    assert len(visitor._kept._answers) == 5
    assert [titles(choices) for choices in many] == first


def test_while_one_visitor_waits_for_the_new_week_the_others_get_the_old_one() -> None:
    a_day()
    visitor.warm(NOON)
    later = NOON + DAY
    publish(entry(20, title="A robot of tomorrow", categories=("cs.RO",), announced_on=later.date()), at=later)
    with visitor._making:  # somebody is making it
        assert preview(wanting(ROBOTICS), now=later).day == TODAY
        judge(ROBOT.title, "hide")
        assert ROBOT.title not in titles(wanting(ROBOTICS), later)  # the old papers, and what is said of them now
    assert preview(wanting(ROBOTICS), now=later).day == later.date()


@pytest.mark.django_db(transaction=True)
def test_visitors_at_once_get_what_they_asked_for_and_the_week_is_made_once() -> None:
    a_day()
    wishes = [
        (ROBOTICS, ROBOT.title),
        (Wish("category", "math.CO"), GRAPHS.title),
        (Wish("category", "cs.CL"), LANGUAGE.title),
    ]
    expected = {title: titles(wanting(wish)) for wish, title in wishes}
    visitor.forget()
    found: list[tuple[str, list[str]]] = []

    def visit(wish: Wish, title: str) -> None:
        try:
            found.append((title, titles(wanting(wish))))
        finally:
            connection.close()

    visitors = [threading.Thread(target=visit, args=wishes[n % 3]) for n in range(9)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()
    assert len(found) == 9
    assert all(got == expected[title] for title, got in found)


# --- how much each wish finds ----------------------------------------------------------------------------------------


def counts(choices: Choices, now: datetime = NOON) -> dict[str, int]:
    return {one.label: one.count for one in preview(choices, now=now).matched}


def test_each_wish_says_how_many_papers_of_the_last_week_it_would_have_found() -> None:
    a_day()
    wishes = wanting(
        ROBOTICS,
        Wish("keyword", "language model"),
        Wish("author", "I. Solheim-Vargas"),
        Wish("category", "cs"),
        Wish("keyword", "volcano"),
        Wish("keyword", "robot", "mute"),
    )
    assert counts(wishes) == {
        "Robotics": 1,
        "“language model”": 3,
        "I. Solheim-Vargas": 1,
        "cs": 2,
        "“volcano”": 0,
        "“robot”": 2,
    }
    assert [one.label for one in preview(wishes, now=NOON).matched if one.muted] == ["“robot”"]


def test_the_last_week_is_counted_whether_or_not_a_paper_was_in_an_edition() -> None:
    a_day()
    week = Wish("keyword", "comet")
    ages: Iterable[timedelta] = (timedelta(hours=1), timedelta(days=6, hours=23), timedelta(days=7, hours=1), -DAY)
    for number, age in enumerate(ages):
        Paper.objects.create(identifier=f"url:https://c.example/{number}", title="A comet", first_seen_at=NOON - age)
    Paper.objects.create(identifier="url:https://c.example/w", title="A comet", first_seen_at=NOON, withdrawn_at=NOON)
    assert counts(wanting(week)) == {"“comet”": 2}
    assert counts(wanting(week), NOON + timedelta(hours=2)) == {"“comet”": 1}  # one has grown too old meanwhile
    Paper.objects.filter(title=ROBOT.title).update(withdrawn_at=NOON)
    assert counts(wanting(ROBOTICS)) == {"Robotics": 0}


def test_papers_that_came_in_since_are_counted_after_an_hour() -> None:
    a_day()
    assert counts(wanting(Wish("keyword", "comet"))) == {"“comet”": 0}
    Paper.objects.create(identifier="url:https://c.example/", title="A comet", first_seen_at=NOON)
    assert counts(wanting(Wish("keyword", "comet")), NOON + timedelta(hours=1)) == {"“comet”": 1}


# --- bad days and bad input ------------------------------------------------------------------------------------------


def test_without_an_edition_a_sentence_says_so() -> None:
    shown = preview(wanting(ROBOTICS), now=NOON)
    assert (shown.day, shown.papers, shown.matched) == (None, (), ())
    assert shown.why_nothing == "There is no edition yet. The first one opens when its papers have arrived."


def test_of_a_service_that_slept_for_weeks_the_latest_edition_is_shown() -> None:
    a_day()
    later = NOON + 40 * DAY
    shown = preview(wanting(ROBOTICS), now=later)
    assert shown.day == TODAY
    assert [item.card.title for item in shown.papers] == [ROBOT.title]
    assert counts(wanting(ROBOTICS), later) == {"Robotics": 1}


def test_an_edition_without_papers_is_a_day() -> None:
    publish()
    shown = preview(wanting(Wish("keyword", "robot")), now=NOON)
    assert (shown.day, shown.papers, shown.why_nothing) == (TODAY, (), "No new paper came in.")


@pytest.mark.parametrize(
    "value", ["", "\x00", "\ud800", "\u202egnp.exe", "word " * 2000, "x" * 10_000, "a\r\nBcc: b", "%", "'; --"]
)
@pytest.mark.parametrize("kind", ["topic", "keyword", "author", "category"])
def test_hostile_wishes_find_nothing_and_break_nothing(kind: str, value: str) -> None:
    a_day()
    shown = preview(wanting(Wish(kind, value), Wish(kind, value, "mute"), ROBOTICS), now=NOON)
    assert [item.card.title for item in shown.papers] == [ROBOT.title]


def test_a_pick_among_the_candidates_does_not_lay_the_week_anew_and_another_one_does() -> None:
    publish(STARS, at=NOON - 20 * DAY)
    publish(ROBOT, GRAPHS)
    visitor.warm(NOON)
    kept = visitor._kept
    judge(GRAPHS.title, "pick")
    assert GRAPHS.title in titles(Choices())
    assert visitor._kept is kept
    judge(STARS.title, "pick")
    assert STARS.title in titles(Choices())
    assert visitor._kept is not kept


def test_a_category_that_neither_arxiv_nor_a_paper_has_is_unknown() -> None:
    a_day()
    publish(entry(8, categories=("ecology",)), at=NOON + timedelta(minutes=1))
    names = ["zz.QQ", "math.KT", "math", "cs.RO", "cs.XX", "ecology"]
    choices = Choices(wishes=tuple(Wish("category", name) for name in names))
    later = NOON + timedelta(minutes=2)
    assert [one.label for one in preview(choices, now=later).matched if one.is_unknown] == ["zz.QQ", "cs.XX"]
    assert visitor.unknown_categories(names, now=later) == ["zz.QQ", "cs.XX"]
