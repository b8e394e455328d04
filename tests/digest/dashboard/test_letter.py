"""The page of the letter: written, previewed in light and dark, saved, refused with a sentence."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client

from digest.compose.letter import LONGEST_LETTER
from digest.dashboard.auth.roles import Role
from digest.dashboard.mail_frames import DARK
from digest.delivery.plan import plan
from digest.models import EditionLetter
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, reader
from tests.support.sample_mails import mails
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
PAGE, PREVIEW = "/dashboard/letter", "/dashboard/letter/preview"
TODAY = NOON.date()


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def dashboard() -> Client:
    publish(ROBOT, GRAPHS)
    return signed_in(one_of_the_staff(Role.CURATOR))


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def save(dashboard: Client, text: str, **values: Any) -> Any:
    return dashboard.post(PAGE, {"text": text, "day": str(TODAY), "seen": "", **values})


def frames(answer: Any) -> list[str]:
    """The mails in the two frames: light, dark."""
    return [html.unescape(found) for found in re.findall(r'srcdoc="([^"]*)"', answer.content.decode())]


def test_a_letter_is_saved_shown_again_and_stands_in_the_history(dashboard: Client) -> None:
    answer = save(dashboard, "Write to ed@example.org, **please**. ![x](y)")
    assert answer.headers["Location"] == f"{PAGE}?day=2026-03-02"
    said = text_of(dashboard.get(answer.headers["Location"]))
    assert "Saved. The letter is in each digest of 2 March that is not planned yet." in said
    assert "1 image is left out; its words stay." in said
    assert "Saved by cleo at 2 March, 12:00 UTC" in said
    assert "Write to ed@example.org, **please**." in said
    assert LogEntry.objects.get().change_message == "Saved the letter of 2026-03-02: Write to (address) please. x"
    assert str(LogEntry.objects.get().object_repr) == "letter of 2026-03-02"


def test_removing_it_is_in_the_history_too(dashboard: Client) -> None:
    save(dashboard, "Hello")
    said = text_of(
        dashboard.post(
            PAGE, {"text": "", "day": "2026-03-02", "seen": EditionLetter.objects.get().version}, follow=True
        )
    )
    assert "The letter of 2 March is removed." in said
    assert LogEntry.objects.latest("pk").change_message == "Removed the letter of 2026-03-02."


def test_the_typed_letter_is_previewed_in_light_and_dark_and_nothing_is_written(dashboard: Client) -> None:
    before = list(every_row())
    answer = dashboard.post(
        PREVIEW, {"text": "# Good morning\n\n[all](https://example.org/) <script>alert(1)</script> [x](javascript:y)"}
    )
    light, dark = frames(answer)
    for mail in (light, dark):
        assert "Good morning</h3>" in mail
        assert "A robot that folds laundry" in mail
        assert "&lt;script&gt;" in mail
        assert "href=" not in mail
    assert "@media not all{" in light
    assert "@media all{" in dark
    assert "1 link is left out; its words stay." in text_of(answer)
    assert list(every_row()) == before


def test_the_frame_runs_nothing_and_only_this_site_may_hold_it(dashboard: Client) -> None:
    answer = dashboard.post(PREVIEW, {"text": "Hello"})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline';")
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.content.count(b'<iframe sandbox=""') == 2
    assert "frame-src 'self'" in dashboard.get(PAGE).headers["Content-Security-Policy"]


def test_each_mail_has_the_mark_by_which_its_colours_are_chosen() -> None:
    assert {name for name, mail in mails().items() if mail.html.count(DARK) != 1} == set()


def test_the_saved_letter_is_previewed_on_opening_the_page(dashboard: Client) -> None:
    save(dashboard, "Kept words")
    assert all("Kept words" in mail for mail in frames(dashboard.get(f"{PREVIEW}?day=2026-03-02")))
    assert all("A letter from" not in mail for mail in frames(dashboard.get(f"{PREVIEW}?day=2026-03-03")))


def test_a_preview_without_an_edition_shows_the_letter_alone() -> None:
    answer = signed_in(one_of_the_staff(Role.CURATOR)).post(PREVIEW, {"text": "First words"})
    assert all("First words" in mail for mail in frames(answer))


@pytest.mark.parametrize("path", [PAGE, PREVIEW])
def test_a_letter_that_is_too_long_is_refused_with_a_sentence(path: str, dashboard: Client) -> None:
    answer = dashboard.post(path, {"text": "word " * LONGEST_LETTER, "day": "2026-03-02"})
    assert answer.status_code == 422
    assert "The text has 20,000 characters. Shorten it to 4,000." in text_of(answer)
    assert not EditionLetter.objects.exists()


@pytest.mark.parametrize("day", ["", "soon", "2026-02-31", "\0"])
def test_a_day_that_is_none_is_refused_and_the_text_stays(day: str, dashboard: Client) -> None:
    answer = save(dashboard, "Hello & goodbye", day=day)
    assert answer.status_code == 422
    assert "Choose a day from the calendar" in text_of(answer)
    assert "Hello &amp; goodbye</textarea>" in answer.content.decode()
    assert dashboard.get(f"{PAGE}?day={day}").status_code == 200


def test_after_a_conflict_both_texts_are_shown_and_the_next_save_counts(dashboard: Client) -> None:
    save(dashboard, "Dan’s words")
    answer = save(dashboard, "Cleo’s words")
    said = text_of(answer)
    assert answer.status_code == 409
    assert "Somebody else has saved this letter" in said
    assert "Saved is: Dan’s words" in said
    seen = re.search(r'name="seen" value="([^"]+)"', answer.content.decode())
    assert seen
    assert save(dashboard, "Cleo’s words", seen=seen[1]).status_code == 302
    assert EditionLetter.objects.get().text == "Cleo’s words"


def test_a_frozen_letter_is_shown_without_a_form_and_a_late_save_is_refused(dashboard: Client) -> None:
    save(dashboard, "For all")
    seen = EditionLetter.objects.get().version
    plan(NOON, [reader("ada", wants={"category": ["cs.RO"]}).pk])
    said = text_of(dashboard.get(PAGE))
    assert "Frozen since 2 March, 12:00 UTC" in said
    assert 'name="text"' not in dashboard.get(PAGE).content.decode()
    answer = save(dashboard, "For the others", seen=seen)
    assert answer.status_code == 422
    assert "The letter of 2 March is frozen since 12:00 UTC" in text_of(answer)
    assert "For the others</textarea>" in answer.content.decode()
    assert EditionLetter.objects.get().text == "For all"


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (TODAY - timedelta(days=1), "1 March 2026 is in the past. Choose 2 March or later."),
        (TODAY + timedelta(days=61), "2 May 2026 is too far ahead. Choose a day within 60 days."),
    ],
)
def test_a_day_that_can_have_no_letter_says_why_in_place_of_the_form(dashboard: Client, day: date, why: str) -> None:
    def check(answer: Any) -> None:
        assert text_of(answer).count(why) == 1
        assert 'name="text"' not in answer.content.decode()

    check(dashboard.get(f"{PAGE}?day={day}"))
    refused = save(dashboard, "Hello", day=str(day))
    check(refused)
    assert "Hello</textarea>" in refused.content.decode()
    EditionLetter.objects.create(edition_date=day, text="An old one", curator=one_of_the_staff(name="kim"))
    answer = dashboard.get(f"{PAGE}?day={day}")
    check(answer)
    assert "An old one" in text_of(answer)
    assert "It can be changed" not in text_of(answer)


def test_the_last_day_ahead_has_a_form(dashboard: Client) -> None:
    assert 'name="text"' in dashboard.get(f"{PAGE}?day={TODAY + timedelta(days=60)}").content.decode()


def test_only_a_curator_saves_and_all_of_the_staff_look(dashboard: Client) -> None:
    sender = signed_in(one_of_the_staff(Role.SENDER, name="sam"))
    assert save(sender, "Hello").status_code == 403
    assert sender.get(PAGE).status_code == 200
    assert "Save</button>" not in sender.get(PAGE).content.decode()
    assert sender.post(PREVIEW, {"text": "Hello"}).status_code == 200
    assert Client().post(PREVIEW, {"text": "Hello"}).status_code == 302


def test_letters_of_other_days_are_listed(dashboard: Client) -> None:
    save(dashboard, "# Next\n\nweek", day=str(TODAY + timedelta(days=7)))
    assert "Mon 9 Mar Next week" in text_of(dashboard.get(PAGE))
