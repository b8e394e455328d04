"""The letter of an edition can be changed until the first reader is planned; then all readers get the same."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from digest.compose.letter import LONGEST_LETTER
from digest.delivery.plan import plan
from digest.editions.letter import CannotSave, LetterChanged, freeze_letter, save_letter
from digest.models import Delivery, EditionLetter
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.emails import email_for
from tests.support.factories import NOON, reader
from tests.support.services import Installation
from tests.support.staff import one_of_the_staff

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


@pytest.fixture
def cleo() -> User:
    return one_of_the_staff(name="cleo")


def write(by: User, text: str = "Read the second one first.", **values: Any) -> EditionLetter:
    return save_letter(values.pop("day", TODAY), text, by=by, seen=values.pop("seen", ""), now=NOON)


def test_a_letter_is_saved_with_its_author_and_can_be_changed_and_removed(cleo: User) -> None:
    first = write(cleo, "  *One*\r\n\r\ntwo\u202e \n")
    assert (first.text, first.curator) == ("*One*\n\ntwo", cleo)
    second = write(cleo, "Three", seen=first.version)
    write(cleo, " \n", seen=second.version)
    assert EditionLetter.objects.get().text == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"text": "é" * (LONGEST_LETTER + 1)}, r"The text has 4,001 characters. Shorten it to 4,000."),
        ({"text": "x" * 3_000_000}, r"The text has 3,000,000 characters. Shorten it to 4,000."),
        ({"text": "https://a.example/ " * 26}, "The text has 26 links. Keep at most 25."),
        ({"text": "- a\n" * 121}, "Keep at most 120 paragraphs and list items."),
        ({"text": "![](https://a.example/x.png)"}, "The text has no words."),
        ({"day": TODAY - DAY}, "1 March 2026 is in the past. Choose 2 March or later."),
        ({"day": date(2027, 1, 1)}, "1 January 2027 is too far ahead"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(values: dict[str, Any], sentence: str, cleo: User) -> None:
    publish(ROBOT)
    with pytest.raises(CannotSave, match=sentence):
        write(cleo, **values)
    assert not EditionLetter.objects.exists()


def test_line_breaks_as_browsers_send_them_do_not_count_twice(cleo: User) -> None:
    assert len(write(cleo, "ab\r\n" * 1333).text) == 3998


def test_who_did_not_see_the_latest_text_changes_nothing(cleo: User) -> None:
    seen = write(cleo).version
    write(one_of_the_staff(name="dan"), "Dan’s", seen=seen)
    with pytest.raises(LetterChanged) as late:
        write(cleo, "Cleo’s", seen=seen)
    assert late.value.saved is not None
    assert (late.value.saved.text, EditionLetter.objects.get().text) == ("Dan’s", "Dan’s")
    with pytest.raises(LetterChanged):
        write(cleo, "For another day", seen=seen, day=TODAY)


def test_planning_the_first_reader_freezes_it_and_all_readers_get_the_same(cleo: User) -> None:
    publish(ROBOT, GRAPHS)
    seen = write(cleo, "Read **this**.").version
    ada, ben = (reader(name, wants={"category": ["cs.RO"]}) for name in ("ada", "ben"))
    plan(NOON, [ada.pk])
    with pytest.raises(CannotSave, match="frozen since 12:00 UTC, when the first reader’s digest was planned"):
        write(cleo, "Something else", seen=seen)
    with pytest.raises(CannotSave, match="frozen"):
        write(cleo, "", seen=seen)
    plan(NOON + timedelta(hours=1), [ben.pk])
    assert EditionLetter.objects.get().frozen_at == NOON
    rows = Delivery.objects.filter(status="ready")
    assert len(rows) == 2
    for row in rows:
        assert "Read <strong>this</strong>." in email_for(row).html
        assert "\nA letter from the editors\n-------------------------\n\nRead this.\n" in email_for(row).text


def test_an_edition_that_went_without_a_letter_gets_none_later(cleo: User) -> None:
    publish(ROBOT, GRAPHS)
    plan(NOON, [reader("ada", wants={"category": ["cs.RO"]}).pk])
    with pytest.raises(CannotSave, match="2 March has no letter, and gets none"):
        write(cleo)
    assert EditionLetter.objects.get().text == ""
    write(cleo, "Tomorrow is another day.", day=TODAY + DAY)


def test_a_day_on_which_nobody_gets_a_mail_freezes_nothing(cleo: User) -> None:
    publish(ROBOT)
    plan(NOON, [reader("ada", wants={"category": ["math.CO"]}).pk])
    assert Delivery.objects.get().status == "skipped"
    assert write(cleo).frozen_at is None


def test_the_letter_is_in_the_mail_of_a_day_without_papers_too(cleo: User) -> None:
    publish(ROBOT)
    write(cleo, "See you *tomorrow*.")
    plan(NOON, [reader("ada", wants={"category": ["math.CO"]}, quiet_days=True).pk])
    mail = email_for(Delivery.objects.get())
    assert "See you <em>tomorrow</em>." in mail.html
    assert "See you tomorrow." in mail.text


def test_a_digest_has_the_letter_of_its_newest_edition_only(cleo: User) -> None:
    publish(ROBOT)
    write(cleo, "Of Monday")
    ada = reader("ada", wants={"category": ["cs.RO", "math.CO"]})
    plan(NOON, [ada.pk])
    save_letter(TODAY + DAY, "Of Tuesday", by=cleo, seen="", now=NOON)
    publish(GRAPHS, at=NOON + DAY)
    plan(NOON + DAY, [ada.pk])
    texts = [email_for(row).text for row in Delivery.objects.order_by("issue_date")]
    assert [("Of Monday" in text, "Of Tuesday" in text) for text in texts] == [(True, False), (False, True)]


def test_freezing_again_changes_nothing(cleo: User) -> None:
    freeze_letter(TODAY, now=NOON)
    freeze_letter(TODAY, now=NOON + DAY)
    assert EditionLetter.objects.get().frozen_at == NOON


# A curator saves while the first reader is planned; what the planner then reads is what the curator was told.
AT_ONCE = """
import threading, time
import django; django.setup()
from datetime import UTC, datetime, timedelta
from django.contrib.auth.models import User
from django.db import connection, transaction
from digest.editions.letter import CannotSave, freeze_letter, save_letter
from digest.models import EditionLetter
now = datetime.now(UTC)
cleo = User.objects.create_user("cleo")
outcomes = set()
for turn in range(40):
    day = now.date() + timedelta(days=turn)
    row = save_letter(day, "before", by=cleo, seen="", now=now) if turn % 2 else None
    barrier, said, read = threading.Barrier(2), [], []
    def curate():
        barrier.wait()
        time.sleep(turn % 3 * 0.03)
        try:
            save_letter(day, "after", by=cleo, seen=row.version if row else "", now=now)
            said.append("after")
        except CannotSave:
            said.append("before" if row else "")
        finally:
            connection.close()
    def planner():
        barrier.wait()
        time.sleep((2 - turn % 3) * 0.03)
        with transaction.atomic():
            freeze_letter(day, now=now)
            read.append(EditionLetter.objects.get(edition_date=day).text)
            time.sleep(0.004)
        connection.close()
    threads = [threading.Thread(target=one) for one in (curate, planner)]
    for one in threads: one.start()
    for one in threads: one.join()
    stored = EditionLetter.objects.get(edition_date=day)
    assert said == read == [stored.text] and stored.frozen_at, (turn, said, read, stored.text)
    outcomes.add(said[0] == "after")
assert outcomes == {True, False}, outcomes
EditionLetter.objects.all().delete(); User.objects.all().delete()
print("the same for all")
"""


def test_a_letter_that_is_saved_while_the_first_reader_is_planned_is_in_all_mails_or_refused(
    installation: Installation,
) -> None:
    installation.prepare()
    assert installation.run("-c", AT_ONCE) == "the same for all\n"
