from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscriptions.models import Subscriber
from subscriptions.preferences import Choices, Wish, save_choices
from subscriptions.web.forms import ChoicesForm, PauseForm, SignUpForm, values_of
from tests.support.factories import NOON, reader, topic

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(seconds=30)
WHEN = {"weekdays": ["0", "2"], "send_hour": "6", "zone": "Europe/Berlin", "max_papers": "8", "hype": "20"}


def query(values: dict[str, Any]) -> QueryDict:
    """As a browser posts it."""
    data = QueryDict(mutable=True)
    for name, value in values.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def sign_up(**values: Any) -> SignUpForm:
    """The sign-up form as posted half a minute after it was opened."""
    opened = SignUpForm(now=NOON).opened_stamp()
    fields = {"email": "ada@example.org", "opened": opened, **WHEN, **values}
    return SignUpForm.posted(query(fields), now=LATER)


# Choices -------------------------------------------------------------------------------------------------------------


def test_what_was_ticked_and_typed_becomes_choices() -> None:
    topic("Robotics")
    topic("Language")
    form = ChoicesForm(
        query(
            {
                **WHEN,
                "topics": ["robotics"],
                "keywords": "grasping, tactile",
                "authors": "Ono, Yuki",
                "categories": "cs.lg",
                "muted": "blockchain",
                "muted_authors": "Ben Sample",
                "muted_topics": ["language"],
            }
        )
    )
    assert form.is_valid(), form.errors
    assert form.choices() == Choices(
        zone="Europe/Berlin",
        send_hour=6,
        weekdays=0b101,
        max_papers=8,
        hype=20,
        also_trending=False,
        wishes=(
            Wish("topic", "robotics"),
            Wish("keyword", "grasping"),
            Wish("keyword", "tactile"),
            Wish("author", "Ono, Yuki"),
            Wish("category", "cs.LG"),
            Wish("keyword", "blockchain", "mute"),
            Wish("author", "Ben Sample", "mute"),
            Wish("topic", "language", "mute"),
        ),
    )


def test_a_saved_form_shows_what_was_saved_and_saves_the_same_again() -> None:
    ada = reader("ada", wants={"topic": ["Robotics"], "keyword": ["grasping"], "author": ["Yuki Ono"]})
    choices = Choices.of(ada)
    shown = ChoicesForm(initial=values_of(choices))
    again = ChoicesForm(
        query({name: shown[name].value() for name in shown.fields if shown[name].value()} | {"hype": "50"})
    )
    assert again.is_valid(), again.errors
    assert again.choices() == choices


def test_quiet_days_are_asked_for_by_a_tick_and_by_nothing_else() -> None:
    ticked, not_ticked = ChoicesForm(query({**WHEN, "quiet_days": "on"})), ChoicesForm(query(WHEN))
    assert (ticked.choices().quiet_days, not_ticked.choices().quiet_days) == (True, False)
    assert sign_up(quiet_days="on").choices().quiet_days
    assert not SignUpForm.posted(query({"short": "1", "email": "ada@example.org"}), now=LATER).choices().quiet_days
    ada = reader("ada")
    for form in (ticked, not_ticked):
        save_choices(ada, form.choices(), now=NOON)
        saved = Choices.of(Subscriber.objects.get())
        assert saved == form.choices()
        assert ChoicesForm(initial=values_of(saved))["quiet_days"].value() is saved.quiet_days


def test_choices_kept_from_before_there_were_quiet_days_are_read() -> None:
    kept = Choices(quiet_days=True).as_json()
    assert Choices.from_json(kept) == Choices(quiet_days=True)
    del kept["quiet_days"]
    assert Choices.from_json(kept) == Choices()


def test_the_mail_is_compact_and_names_trending_papers_unless_the_reader_says_otherwise() -> None:
    fresh = SignUpForm(now=NOON)
    assert (fresh["layout"].value(), fresh["also_trending"].value()) == ("compact", True)
    box = {"short": "1", "email": "ada@example.org"}
    short = SignUpForm.posted(query(box), now=LATER).choices()
    assert (short.layout, short.also_trending) == ("compact", True)
    chosen = ChoicesForm(query({**WHEN, "layout": "full"})).choices()
    assert (chosen.layout, chosen.also_trending) == ("full", False)
    assert "Choose “compact” or “full”." in str(ChoicesForm(query({**WHEN, "layout": "huge"})).errors["layout"])


def test_nothing_is_ticked_for_a_newcomer_but_the_working_days() -> None:
    topic("Robotics")
    form = SignUpForm(now=NOON)
    assert [chosen for _, members in form.topic_groups() for _, chosen in members] == [False]
    assert form["weekdays"].value() == ["0", "1", "2", "3", "4"]
    assert not form["quiet_days"].value()


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("weekdays", [], "at least one day"),
        ("weekdays", ["7"], "from Monday to Sunday"),
        ("send_hour", "3", "from 04:00 to 20:00"),
        ("send_hour", "21", "from 04:00 to 20:00"),
        ("send_hour", "", "from 04:00 to 20:00"),
        ("zone", "Europe/Atlantis", "“Europe/Atlantis” is not a known time zone"),
        ("zone", "../../etc/passwd", "is not a known time zone"),
        ("zone", "x" * 10_000, "is not a known time zone"),
        ("zone", "", "Choose your time zone"),
        ("max_papers", "2", "from 3 to 25"),
        ("max_papers", "26", "from 3 to 25"),
        ("max_papers", "9" * 10_000, "from 3 to 25"),
        ("hype", "101", "from 0 (none) to 100"),
        ("hype", "-1", "from 0 (none) to 100"),
        ("hype", "much", "from 0 (none) to 100"),
        ("topics", ["alchemy"], "Choose again"),
    ],
)
def test_what_is_wrong_is_said_next_to_its_field_and_the_rest_still_counts(
    field: str, typed: Any, sentence: str
) -> None:
    form = ChoicesForm(query({**WHEN, "keywords": "grasping", field: typed}))
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert len(form.errors[field][0]) < 200
    assert Wish("keyword", "grasping") in form.choices().wishes


@pytest.mark.parametrize(
    ("wanted", "muted", "value"), [("keywords", "muted", "Robot"), ("authors", "muted_authors", "Yuki Ono")]
)
def test_the_same_wanted_and_muted_is_said_next_to_the_muted(wanted: str, muted: str, value: str) -> None:
    form = ChoicesForm(query({**WHEN, wanted: value, muted: value.upper()}))
    assert list(form.errors) == [muted]
    assert "is both wanted and muted" in form.errors[muted][0]
    assert [wish.stance for wish in form.choices().wishes] == ["want"]


def test_a_topic_wanted_and_muted_is_called_by_its_name() -> None:
    topic("Robotics")
    form = ChoicesForm(query({**WHEN, "topics": ["robotics"], "muted_topics": ["robotics"]}))
    assert form.errors["muted_topics"] == ["“Robotics” is both wanted and muted. Remove it from one of the two fields."]


def test_a_topic_that_is_offered_no_more_stays_with_those_who_have_it() -> None:
    old, _ = topic("Alchemy"), topic("Robotics")
    old.offered = False
    old.save()
    mine = ChoicesForm(initial={"topics": ["alchemy"]})
    assert [row.name for _, members in mine.topic_groups() for row, _ in members] == ["Alchemy", "Robotics"]
    others = ChoicesForm()
    assert [row.name for _, members in others.topic_groups() for row, _ in members] == ["Robotics"]


def test_the_topics_are_read_once(django_assert_num_queries: Any) -> None:
    topic("Robotics")
    form = ChoicesForm(query({**WHEN, "topics": ["robotics"], "muted_topics": ["robotics"]}))
    with django_assert_num_queries(1):
        form.is_valid()
        form.topic_groups()
        form.topic_groups("muted_topics")


# Signing up ----------------------------------------------------------------------------------------------------------


def test_a_person_signs_up() -> None:
    form = sign_up(keywords="grasping")
    assert form.is_valid(), form.errors
    assert form.cleaned_data["email"] == "ada@example.org"
    assert form.choices().wishes == (Wish("keyword", "grasping"),)


def test_a_form_sent_within_two_seconds_is_asked_to_be_sent_again_and_then_taken() -> None:
    opened = SignUpForm(now=NOON).opened_stamp()
    fields = query({"email": "ada@example.org", "opened": opened, **WHEN})
    quick = SignUpForm.posted(fields, now=NOON + timedelta(seconds=1))
    assert quick.non_field_errors() == ["That was very quick. Please click the button again."]
    assert quick.opened_stamp() == opened
    assert SignUpForm.posted(fields, now=NOON + timedelta(seconds=4)).is_valid()


def test_a_form_that_lay_open_for_days_is_taken_and_its_stamp_renewed() -> None:
    opened = SignUpForm(now=NOON).opened_stamp()
    fields = query({"email": "ada@example.org", "opened": opened, **WHEN})
    old = SignUpForm.posted(fields, now=NOON + timedelta(days=3))
    assert old.is_valid()
    assert old.opened_stamp() != opened


def test_a_form_that_lay_open_for_weeks_takes_one_press_more() -> None:
    now = NOON + timedelta(days=8)
    fields = {"email": "ada@example.org", **WHEN}
    old = SignUpForm.posted(query({**fields, "opened": SignUpForm(now=NOON).opened_stamp()}), now=now)
    assert "Please click the button again" in old.non_field_errors()[0]
    again = SignUpForm.posted(query({**fields, "opened": old.opened_stamp()}), now=now + timedelta(seconds=5))
    assert again.is_valid()


@pytest.mark.parametrize("opened", ["", "1772452800", "1772452800:x", "\x00", "x" * 10_000, "eyJhIjoxfQ:1:x"])
def test_an_invented_stamp_counts_as_very_quick_and_is_replaced(opened: str) -> None:
    form = sign_up(opened=opened)
    assert "very quick" in form.non_field_errors()[0]
    assert form.opened_stamp() != opened
    assert not sign_up(opened=form.opened_stamp()).is_valid()  # a new one has to wait too


def test_who_fills_in_the_field_that_nobody_sees_is_told_so() -> None:
    assert "hidden field" in sign_up(website="https://cheap.example").non_field_errors()[0]


def test_the_short_box_asks_for_the_trending_list_in_the_visitors_zone() -> None:
    opened = SignUpForm(now=NOON).opened_stamp()
    box = {"short": "1", "email": "ada@example.org", "opened": opened, "website": ""}
    form = SignUpForm.posted(query({**box, "zone": "Asia/Calcutta"}), now=LATER)
    assert form.is_valid(), form.errors
    assert form.choices() == Choices(zone="Asia/Calcutta")
    for zone in ("", "Mars/Olympus"):  # without JavaScript, or a browser that knows more than we
        assert SignUpForm.posted(query({**box, "zone": zone}), now=LATER).choices() == Choices()


def test_a_browser_that_cannot_tell_its_zone_is_no_mistake_of_the_visitor() -> None:
    form = sign_up(zone="Etc/Unknown")
    assert form.is_valid(), form.errors
    assert form.choices().zone == Choices().zone
    assert "Unknown" not in str(form["zone"].value())
    assert "not a known time zone" in str(sign_up(zone="Mars/Olympus").errors["zone"])


def test_a_sign_up_mutes_no_authors_or_topics() -> None:
    topic("Robotics")
    assert sign_up(muted_authors="Ben Sample", muted_topics=["robotics"]).choices().wishes == ()


# Pausing -------------------------------------------------------------------------------------------------------------

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("typed", "until"),
    [
        ({"weeks": "2"}, date(2026, 3, 16)),
        ({"until": "2026-03-03"}, date(2026, 3, 3)),
        ({"until": "2027-03-03"}, date(2027, 3, 3)),
    ],
)
def test_a_pause_is_so_many_weeks_or_until_a_day(typed: dict[str, str], until: date) -> None:
    form = PauseForm(query(typed), today=TODAY)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["until"] == until


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({}, "Choose the day"),
        ({"until": "2026-03-02"}, "after today"),
        ({"until": "2027-03-04"}, "within a year"),
        ({"until": "9999-12-31"}, "within a year"),
        ({"until": "soon"}, "from the calendar"),
        ({"until": "\x00"}, "from the calendar"),
        ({"weeks": "52"}, "one, two or four"),
    ],
)
def test_a_pause_without_a_sensible_end_is_refused(typed: dict[str, str], sentence: str) -> None:
    form = PauseForm(query(typed), today=TODAY)
    assert not form.is_valid()
    assert sentence in str(form.errors)


@pytest.mark.parametrize(
    ("rhythm", "bits"),
    [("working", 0b0011111), ("daily", 0b1111111), ("weekly", 1), ("days", 0b0000101), (None, 0b0000101)],
)
def test_how_often_is_a_common_choice_or_days_of_ones_own(rhythm: str | None, bits: int) -> None:
    form = ChoicesForm(query({**WHEN, "weekdays": ["0", "2"], **({"rhythm": rhythm} if rhythm else {})}))
    assert form.is_valid(), form.errors
    assert form.choices().weekdays == bits
    assert values_of(form.choices())["rhythm"] == (rhythm or "days")


def test_a_common_choice_needs_no_days_and_other_days_need_one() -> None:
    without = {name: value for name, value in WHEN.items() if name != "weekdays"}
    assert ChoicesForm(query({**without, "rhythm": "weekly"})).choices().weekdays == 1
    wrong = ChoicesForm(query({**without, "rhythm": "days"}))
    assert wrong.errors["weekdays"] == ["Choose at least one day of the week."]
    assert "Choose how often" in str(ChoicesForm(query({**WHEN, "rhythm": "hourly"})).errors["rhythm"])


# Anything ------------------------------------------------------------------------------------------------------------

hurtful = st.sampled_from(
    ["\x00", "\r\n", "\u202e", "\ud800", ",", ";", "0", "-1", "1e9", "x" * 10_000, "é" * 300, "'", "<b>", "３"]
)
typed = st.lists(st.text(max_size=30) | hurtful, max_size=4).map("".join)
several = st.lists(typed | st.sampled_from(["robotics", "0", "6"]), max_size=4)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("email", "website", "opened", "keywords", "authors", "categories", "muted", "muted_authors"), typed
        ),
        **dict.fromkeys(("send_hour", "max_papers", "hype"), typed | st.integers(-3, 130).map(str)),
        **dict.fromkeys(("topics", "muted_topics", "weekdays", "quiet_days"), several),
        "zone": typed | st.sampled_from(["Europe/Berlin", "UTC"]),
        "rhythm": typed | st.sampled_from(["working", "daily", "weekly", "days"]),
        "short": st.just("1"),
    },
)
UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(FIELDS)
def test_whatever_is_posted_choices_come_out_that_can_be_stored(fields: dict[str, Any]) -> None:
    topic("Robotics")
    ada = Subscriber.objects.filter(email="ada@example.org").first() or reader("ada")
    for form in (ChoicesForm(query(fields)), SignUpForm.posted(query(fields), now=LATER)):
        choices = form.choices()
        save_choices(ada, choices, now=NOON)  # the database's own constraints have their say
        for wish in choices.wishes:
            assert wish.value
            assert len(wish.value) <= 200
            assert not UNWANTED.search(wish.value)
        if form.errors:
            for said in (said for some in form.errors.values() for said in some):
                assert said.endswith(".")
                assert len(said) < 300
