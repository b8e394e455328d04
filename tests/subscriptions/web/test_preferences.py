from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from subscriptions import consent, link_requests, retention
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber
from subscriptions.preferences import Choices, Wish
from subscriptions.tokens import new_login_token
from tests.support.factories import NOON, reader, topic
from tests.support.staff import PASSWORD, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
WHEN = {"weekdays": ["0", "2"], "send_hour": "6", "zone": "Europe/Berlin", "max_papers": "8", "hype": "20"}
TOMORROW = datetime(2026, 3, 3, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    return reader("ada", zone="Europe/Berlin", next_send_at=TOMORROW, wants={"keyword": ["grasping"]})


@pytest.fixture
def visit(ada: Subscriber) -> Client:
    """Ada's browser, signed in."""
    client = Client()
    client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON))
    return client


def test_a_stranger_is_asked_to_sign_in() -> None:
    for path in ("/preferences", "/preferences/pause", "/preferences/resume", "/preferences/address"):
        answer = Client().post(path) if path != "/preferences" else Client().get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in")


def test_the_page_shows_what_was_chosen_and_when_the_next_digest_is_due(ada: Subscriber, visit: Client) -> None:
    answer = visit.get("/preferences")
    page = answer.content.decode()
    assert "grasping</textarea>" in page
    assert "on Tuesday, 3 March, at 07:00 (Berlin time)." in page
    assert "ada@example.org" in page
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex"


def test_saving_changes_what_was_chosen_and_says_so(ada: Subscriber, visit: Client) -> None:
    topic("Robotics")
    answer = visit.post("/preferences", {**WHEN, "topics": ["robotics"], "muted_authors": "Ben Sample"}, follow=True)
    assert answer.redirect_chain == [("/preferences?done=saved", 303)]
    assert "Your choices are saved." in answer.content.decode()
    ada.refresh_from_db()
    assert Choices.of(ada) == Choices(
        zone="Europe/Berlin",
        send_hour=6,
        weekdays=0b101,
        max_papers=8,
        hype=20,
        also_trending=False,
        wishes=(Wish("topic", "robotics"), Wish("author", "Ben Sample", "mute")),
    )


def test_who_wants_a_mail_on_quiet_days_ticks_a_box_and_takes_it_back(ada: Subscriber, visit: Client) -> None:
    box = re.compile(r'<input type="checkbox" name="quiet_days"[^>]*?( checked)?>')
    for typed in ({"quiet_days": "on"}, {}):
        visit.post("/preferences", {**WHEN, **typed})
        ada.refresh_from_db()
        (checked,) = box.findall(visit.get("/preferences").content.decode())
        assert (ada.quiet_days, bool(checked)) == (bool(typed), bool(typed))


def test_a_form_saved_wrongly_keeps_what_was_typed_and_changes_nothing(ada: Subscriber, visit: Client) -> None:
    before = Choices.of(ada)
    answer = visit.post("/preferences", {**WHEN, "send_hour": "3", "keywords": "half-typed"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "half-typed</textarea>" in page
    assert 'id="id_send_hour-wrong"' in page
    ada.refresh_from_db()
    assert Choices.of(ada) == before


def test_a_part_with_an_error_is_open_and_its_first_wrong_field_has_the_focus(visit: Client) -> None:
    html = visit.post("/preferences", {**WHEN, "send_hour": "3", "max_papers": "99"}).content.decode()
    folds = re.findall(r'<details class="fold"[^>]*?( open)?>\s*<summary>([^<]+?)\s*<', html)
    assert [title for is_open, title in folds if is_open] == ["Days and hour", "The mail"]
    assert len(re.findall(r" autofocus", html)) == 1
    assert re.search(r'<select name="send_hour"[^>]* autofocus', html)
    assert "Your changes are not saved yet." in html.partition('class="unsaved"')[2].partition(">")[2].partition("<")[0]


def test_what_is_saved_is_said_in_a_few_lines_on_top(ada: Subscriber, visit: Client) -> None:
    topic("Tides")
    fields = {
        **WHEN,
        "topics": ["tides"],
        "keywords": "grasping",
        "authors": "Ada Example",
        "muted": "hype",
        "layout": "full",
    }
    page = visit.post("/preferences", fields, follow=True).content.decode()
    top = " ".join(re.sub("<[^>]+>", " ", page.partition('class="facts chosen"')[2].partition("</dl>")[0]).split())
    assert "Papers about “grasping”, Tides, Ada Example Left out “hype”" in top
    assert "When on Mondays and Wednesdays at 06:00, Berlin time" in top
    assert "Mail at most 8 papers, with abstracts" in top


def test_many_wishes_are_counted_on_top(visit: Client) -> None:
    words = ", ".join(f"word{number}" for number in range(40))
    page = visit.post("/preferences", {**WHEN, "keywords": words}, follow=True).content.decode()
    assert "“word11”, 28 more" in page


def test_a_notice_is_one_of_ours(visit: Client) -> None:
    assert "notice good" not in visit.get("/preferences?done=<script>").content.decode()


@pytest.mark.parametrize(
    ("typed", "until"), [({"weeks": "2"}, date(2026, 3, 16)), ({"until": "2026-03-10"}, date(2026, 3, 10))]
)
def test_a_pause_and_its_end(ada: Subscriber, visit: Client, typed: dict[str, str], until: date) -> None:
    page = visit.post("/preferences/pause", typed, follow=True).content.decode()
    assert f"Your digest is paused until {until:%A}, {until.day} March 2026." in page
    assert "End the pause now" in page.partition("<details")[0]  # after that sentence, not folded away
    ada.refresh_from_db()
    assert (ada.status, ada.paused_until) == (Subscriber.Status.PAUSED, until)
    page = visit.post("/preferences/resume", follow=True).content.decode()
    assert "Your digest is no longer paused." in page
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.ACTIVE


@pytest.mark.parametrize("until", ["", "2026-03-02", "2020-01-01", "9999-12-31", "\x00", "x" * 10_000])
def test_a_pause_without_a_sensible_end_changes_nothing(ada: Subscriber, visit: Client, until: str) -> None:
    answer = visit.post("/preferences/pause", {"until": until})
    assert answer.status_code == 422
    assert 'id="id_until-wrong"' in answer.content.decode()
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.ACTIVE


def test_a_new_address_is_asked_for_and_the_old_one_stays(ada: Subscriber, visit: Client) -> None:
    answer = visit.post("/preferences/address", {"email": "ada@new.example.org"}, follow=True)
    assert "Until you open the link" in answer.content.decode()
    asked = LinkRequest.objects.get()
    assert (asked.kind, asked.email, asked.subscriber) == ("change_address", "ada@new.example.org", ada)
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


@pytest.mark.parametrize("email", ["ADA@example.org", "", "ada@localhost"])
def test_an_address_that_would_change_nothing_or_reach_nobody_is_said_so(visit: Client, email: str) -> None:
    answer = visit.post("/preferences/address", {"email": email})
    assert answer.status_code == 422
    assert 'id="id_email-wrong"' in answer.content.decode()
    assert not LinkRequest.objects.exists()


def test_the_new_address_counts_from_the_press_of_its_button(ada: Subscriber, visit: Client) -> None:
    Subscriber.objects.update(pending_email="ada@new.example.org")
    link = "/a/" + new_login_token(LoginToken.Purpose.CHANGE_ADDRESS, ada, now=NOON)
    page = Client().get(link).content.decode()
    assert "a…@new.example.org" in page
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"
    assert "Your address is changed" in Client().post(link).content.decode()
    ada.refresh_from_db()
    assert (ada.email, ada.pending_email) == ("ada@new.example.org", None)
    assert visit.get("/preferences").status_code == 302  # whoever had the old inbox is signed out
    assert Client().post(link).status_code == 410


def test_an_address_of_another_reader_is_not_taken_over(ada: Subscriber) -> None:
    reader("ben")
    Subscriber.objects.filter(pk=ada.pk).update(pending_email="ben@example.org")
    answer = Client().post("/a/" + new_login_token(LoginToken.Purpose.CHANGE_ADDRESS, ada, now=NOON))
    assert answer.status_code == 409
    assert "This address cannot be used" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


def test_a_change_that_was_never_asked_for_has_no_link(ada: Subscriber) -> None:
    link = "/a/" + new_login_token(LoginToken.Purpose.CHANGE_ADDRESS, ada, now=NOON)
    assert Client().get(link).status_code == 404
    assert Client().post(link).status_code == 400


def test_who_has_left_is_told_so_and_not_that_a_digest_is_due(ada: Subscriber, visit: Client) -> None:
    page = visit.get("/preferences").content.decode()
    leave = page.partition('action="/u/')[2].partition('"')[0]
    assert Client().post("/u/" + leave, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert "You are unsubscribed" in visit.get("/preferences").content.decode()


def test_a_pause_brings_nobody_back_who_left(ada: Subscriber, visit: Client) -> None:
    consent.unsubscribe(ada.public_id, now=NOON)
    for path in ("pause", "resume"):
        page = visit.post(f"/preferences/{path}", {"weeks": "1"}, follow=True).content.decode()
        assert "notice good" not in page
        assert "You are unsubscribed" in page
        assert 'action="/preferences/pause"' not in page
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED
    assert list(ConsentEvent.objects.values_list("kind", flat=True)) == ["unsubscribed"]


def test_a_pause_and_its_end_are_on_record_with_whence_they_came(visit: Client) -> None:
    for path in ("pause", "resume"):
        visit.post(f"/preferences/{path}", {"weeks": "1"}, HTTP_USER_AGENT="Browser 1")
    assert list(ConsentEvent.objects.values_list("kind", "ip", "user_agent", "page")) == [
        ("paused", "127.0.0.1", "Browser 1", "/preferences/pause"),
        ("resumed", "127.0.0.1", "Browser 1", "/preferences/resume"),
    ]


def test_what_is_shown_of_a_change_tells_nobody_whether_mail_is_refused_there(visit: Client) -> None:
    consent.suppress("gone@example.org", reason="complained", now=NOON)
    reader("known")
    shown = set()
    for name in ("gone", "known", "nobody"):
        visit.post("/preferences/address", {"email": f"{name}@example.org"})
        link_requests.process_pending(NOON)
        retention.delete_expired(NOON + timedelta(hours=47))
        page = visit.get("/preferences").content.decode()
        shown.add(page.partition(f"<strong>{name}@example.org</strong>")[2].partition("</p>")[0])
    assert len(shown) == 1
    assert "not confirmed yet" in shown.pop()


def test_every_form_of_the_page_needs_its_token(ada: Subscriber) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON))
    before = list(Subscriber.objects.values())
    for path in ("", "/pause", "/resume", "/address"):
        answer = strict.post("/preferences" + path, {**WHEN, "weeks": "1", "email": "eve@example.org"})
        assert answer.status_code == 403
    assert list(Subscriber.objects.values()) == before
    assert not LinkRequest.objects.exists()


@pytest.mark.parametrize("act", ["pause", "resume", "address"])
def test_the_address_of_a_form_leads_back_to_its_page(visit: Client, act: str) -> None:
    for method in (visit.get, visit.head):
        assert method(f"/preferences/{act}", {"weeks": "1", "email": "eve@example.org"})["Location"] == "/preferences"
    assert visit.put(f"/preferences/{act}").status_code == 405


def test_looking_changes_nothing(ada: Subscriber, visit: Client) -> None:
    before = list(Subscriber.objects.values()), ConsentEvent.objects.count()
    for path in ("/preferences", "/preferences/pause", "/preferences/resume", "/preferences/address", "/sign-out"):
        for method in (visit.get, visit.head, visit.options):
            assert method(path).status_code in (200, 302, 405)
    assert (list(Subscriber.objects.values()), ConsentEvent.objects.count()) == before


def test_the_page_asks_little_of_the_database(visit: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(4):  # session, reader, preferences, topics
        visit.get("/preferences")


def test_a_visit_lasts_thirty_days_and_ends_by_itself(visit: Client) -> None:
    cookie = visit.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == 30 * 86400
    for days, status in ((29, 200), (30.1, 302)):
        with time_machine.travel(NOON + timedelta(days=days), tick=False):
            assert visit.get("/preferences").status_code == status


def test_signing_in_as_a_reader_makes_no_session_of_the_staff_longer(ada: Subscriber) -> None:
    both = signed_in(one_of_the_staff())
    both.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON))
    assert both.get("/preferences").status_code == 200
    assert both.session.get_expiry_age() <= 12 * 3600
    assert both.get("/dashboard/").status_code == 200


def test_signing_in_to_the_dashboard_does_not_take_over_the_thirty_days(visit: Client) -> None:
    cleo = one_of_the_staff()
    visit.post("/staff/login/", {"login": cleo.email, "password": PASSWORD})
    assert visit.get("/dashboard/").status_code == 200
    assert visit.session.get_expiry_age() <= 12 * 3600
    assert visit.session.get_expire_at_browser_close()
