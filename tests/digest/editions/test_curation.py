"""Curators judge papers: what is written, what is refused, and what happens when two judge at once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from digest.editions.curation import CannotJudge, ChangedMeanwhile, Judgement, first_day, judge, take_back
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Paper
from tests.support.factories import NOON, entry, feed
from tests.support.services import Installation
from tests.support.staff import one_of_the_staff

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)
PICK, BOOST, HIDE = "pick", "boost", "hide"


@pytest.fixture
def cleo() -> User:
    return one_of_the_staff(name="cleo")


@pytest.fixture
def paper() -> Paper:
    shown = feed(entry(1), entry(2))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(TODAY, now=NOON)
    return Paper.objects.get(identifier="arxiv:2603.00001")


def say(paper: Paper, by: User, verdict: str = PICK, note: str = "Read it.", **values: Any) -> CuratorPick:
    day, seen = values.pop("day", TODAY), values.pop("seen", "")
    return judge(paper.pk, day, Judgement(verdict, note, **values), by=by, seen=seen, now=NOON)


def test_a_pick_is_written_with_its_note_and_who_said_it(paper: Paper, cleo: User) -> None:
    say(paper, cleo, note="  <b>Bold</b>\u202e claim \n")
    row = CuratorPick.objects.get()
    assert (row.paper, row.edition_date, row.verdict, row.note) == (paper, TODAY, PICK, "<b>Bold</b> claim")
    assert row.curator == cleo


def test_a_second_word_takes_the_place_of_the_first(paper: Paper, cleo: User) -> None:
    first = say(paper, cleo)
    say(paper, cleo, HIDE, "Retracted.", seen=first.version)
    assert CuratorPick.objects.get().verdict == HIDE


def test_a_day_to_come_has_a_judgement_of_its_own(paper: Paper, cleo: User) -> None:
    today = say(paper, cleo)
    say(paper, cleo, BOOST, day=TODAY + DAY, seen=today.version)  # the form was made for today
    assert list(CuratorPick.objects.order_by("edition_date").values_list("verdict", flat=True)) == [PICK, BOOST]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"verdict": "burn"}, "Choose pick, boost or hide."),
        ({"note": "x" * 501}, "The note has 501 characters. Shorten it to 500."),
        ({"verdict": HIDE, "note": " \n"}, "Give a reason for hiding it"),
        ({"day": TODAY - DAY}, "1 March 2026 is in the past. Choose 2 March or later."),
        ({"day": date(2027, 1, 1)}, "1 January 2027 is too far ahead"),
        ({"embargo_until": NOON - timedelta(minutes=1)}, "ends in the past"),
        ({"embargo_until": NOON + 7 * DAY}, "Digests use this edition until 8 March"),
        ({"verdict": HIDE, "embargo_until": NOON + DAY}, "A hidden paper cannot have an embargo"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    values: dict[str, Any], sentence: str, paper: Paper, cleo: User
) -> None:
    with pytest.raises(CannotJudge, match=sentence):
        say(paper, cleo, **values)
    assert not CuratorPick.objects.exists()


def test_a_note_of_exactly_500_characters_is_taken(paper: Paper, cleo: User) -> None:
    assert len(say(paper, cleo, note="é" * 500).note) == 500


def test_a_paper_that_is_not_there_or_was_withdrawn_cannot_be_picked(paper: Paper, cleo: User) -> None:
    with pytest.raises(CannotJudge, match="no longer stored"):
        judge(paper.pk + 1000, TODAY, Judgement(PICK), by=cleo, seen="", now=NOON)
    Paper.objects.update(withdrawn_at=NOON)
    with pytest.raises(CannotJudge, match="was withdrawn"):
        say(paper, cleo)
    say(paper, cleo, HIDE)


def test_an_embargo_that_ended_meanwhile_stays_when_only_the_note_is_changed(paper: Paper, cleo: User) -> None:
    ended = NOON - timedelta(hours=1)
    row = CuratorPick.objects.create(paper=paper, edition_date=TODAY, verdict=PICK, embargo_until=ended)
    say(paper, cleo, note="Now free.", embargo_until=ended, seen=row.version)
    assert CuratorPick.objects.get().note == "Now free."


def test_yesterdays_edition_can_be_judged_until_todays_opens(paper: Paper, cleo: User) -> None:
    assert first_day(NOON + DAY) == TODAY
    open_edition(TODAY + DAY, now=NOON + DAY)
    assert first_day(NOON + DAY) == TODAY + DAY
    assert first_day(NOON + 30 * DAY) == (NOON + 30 * DAY).date()


def test_taking_back_leaves_nothing(paper: Paper, cleo: User) -> None:
    row = say(paper, cleo)
    assert take_back(paper.pk, TODAY, seen=row.version).pk == row.pk
    assert not CuratorPick.objects.exists()


def test_who_did_not_see_the_latest_word_changes_nothing_and_is_told_it(paper: Paper, cleo: User) -> None:
    dan = one_of_the_staff(name="dan")
    first = say(paper, cleo)
    seen = first.version
    say(paper, dan, HIDE, "A copy.", seen=seen)
    with pytest.raises(ChangedMeanwhile) as too_late:
        say(paper, cleo, note="Still good.", seen=seen)
    assert too_late.value.standing is not None
    assert (too_late.value.standing.verdict, too_late.value.standing.curator) == (HIDE, dan)
    with pytest.raises(ChangedMeanwhile):
        take_back(paper.pk, TODAY, seen=seen)
    assert CuratorPick.objects.get().note == "A copy."


def test_who_changes_what_was_taken_back_meanwhile_is_told(paper: Paper, cleo: User) -> None:
    seen = say(paper, cleo).version
    take_back(paper.pk, TODAY, seen=seen)
    for again in (lambda: say(paper, cleo, seen=seen), lambda: take_back(paper.pk, TODAY, seen=seen)):
        with pytest.raises(ChangedMeanwhile) as too_late:
            again()
        assert too_late.value.standing is None
    assert not CuratorPick.objects.exists()


# Both see the same, and both speak at once; each prints "written" or what stood there.
AT_ONCE = """
import threading
import django; django.setup()
from datetime import UTC, datetime
from django.contrib.auth.models import User
from django.db import connection
from digest.editions.curation import ChangedMeanwhile, Judgement, judge
from digest.models import CuratorPick, Paper
now = datetime.now(UTC)
paper = Paper.objects.create(identifier="arxiv:2603.00001", title="A paper", first_seen_at=now)
people = [User.objects.create_user(name) for name in ("cleo", "dan", "eve", "fay")]
for turn in ("first", "second"):
    standing = CuratorPick.objects.first()
    seen = standing.version if standing else ''
    barrier, said = threading.Barrier(len(people)), []
    def speak(who):
        barrier.wait()
        try:
            judge(paper.pk, now.date(), Judgement("pick", who.username + turn), by=who, seen=seen, now=now)
            said.append("written by " + who.username)
        except ChangedMeanwhile as late:
            said.append("saw " + late.standing.curator.username)
        finally:
            connection.close()
    threads = [threading.Thread(target=speak, args=[who]) for who in people]
    for one in threads: one.start()
    for one in threads: one.join()
    row = CuratorPick.objects.get()
    (winner,) = [one for one in said if one.startswith("written")]
    assert sorted(said) == sorted([winner] + 3 * ["saw " + row.curator.username]), said
    assert winner.endswith(row.curator.username) and row.note == row.curator.username + turn
print("one each time")
"""


def test_of_four_who_judge_at_once_one_is_written_and_the_others_see_it(installation: Installation) -> None:
    installation.prepare()
    for _ in range(3):
        assert installation.run("-c", AT_ONCE + CLEAN) == "one each time\n"


CLEAN = "CuratorPick.objects.all().delete(); Paper.objects.all().delete(); User.objects.all().delete()\n"
