from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from subscriptions import consent, consent_text
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber
from subscriptions.tokens import new_login_token
from subscriptions.web.forms import ChoicesForm, SignUpForm
from tests.support.factories import NOON, reader, topic

pytestmark = pytest.mark.django_db
WHEN = {"weekdays": ["0", "2"], "send_hour": "6", "zone": "Europe/Berlin", "max_papers": "8", "hype": "20"}


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def visitor() -> Client:
    return Client()


def filled(**values: Any) -> dict[str, Any]:
    """The form as opened half a minute ago and filled in."""
    opened = SignUpForm(now=NOON - timedelta(seconds=30)).opened_stamp()
    return {"email": "ada@example.org", "opened": opened, "website": "", **WHEN, **values}


def pending(name: str = "ada") -> tuple[Subscriber, str]:
    ada = reader(name, status=Subscriber.Status.PENDING, confirmed_at=None, next_send_at=None)
    return ada, "/c/" + new_login_token(LoginToken.Purpose.CONFIRM, ada, now=NOON)


# The form ------------------------------------------------------------------------------------------------------------


def test_the_form_has_the_words_that_are_agreed_to_beside_its_button(visitor: Client) -> None:
    page = visitor.get("/subscribe").content.decode()
    assert consent_text.SIGN_UP in page
    assert 'type="checkbox" name="topics"' not in page  # none on offer yet
    assert "There are no topics yet" in page


def test_days_and_hour_are_told_after_an_error_too(visitor: Client) -> None:
    assert "on weekdays at 07:00" in visitor.get("/subscribe").content.decode()
    page = visitor.post("/subscribe", filled(email="ada", weekdays=["0", "1"])).content.decode()
    assert "on Mondays and Tuesdays at 06:00" in page
    assert visitor.post("/subscribe", filled(email="ada", send_hour="x")).status_code == 422


def test_topics_are_offered_in_groups_with_nothing_ticked(visitor: Client) -> None:
    topic("Robotics", categories=["cs.RO"])
    page = visitor.get("/subscribe").content.decode()
    assert '<input type="checkbox" name="topics" value="robotics">Robotics' in page
    assert "cs.ro" in page  # what the search finds it by


def test_a_sign_up_is_taken_down_with_everything_that_was_chosen(visitor: Client) -> None:
    topic("Robotics")
    answer = visitor.post("/subscribe", filled(topics=["robotics"], muted="blockchain"), HTTP_USER_AGENT="Browser 1")
    assert (answer.status_code, answer["Location"]) == (303, "/subscribe/sent")
    asked = LinkRequest.objects.get()
    assert (asked.kind, asked.email, asked.page) == ("sign_up", "ada@example.org", "/subscribe")
    assert (asked.wording, asked.ip, asked.user_agent) == (consent_text.VERSION, "127.0.0.1", "Browser 1")
    assert asked.choices == {
        "zone": "Europe/Berlin",
        "send_hour": 6,
        "weekdays": 0b101,
        "max_papers": 8,
        "hype": 20,
        "quiet_days": False,
        "layout": "compact",
        "also_trending": False,
        "wishes": [["topic", "robotics", "want"], ["keyword", "blockchain", "mute"]],
    }
    assert not Subscriber.objects.exists()  # the answer to it is a task's


def test_the_short_box_of_the_home_page_is_enough(visitor: Client) -> None:
    box = {name: value for name, value in filled().items() if name not in WHEN} | {"short": "1", "zone": ""}
    assert visitor.post("/subscribe", box).status_code == 303
    assert LinkRequest.objects.get().choices["wishes"] == []


def test_the_answer_is_the_same_bytes_for_new_pending_active_and_suppressed(
    visitor: Client, django_assert_num_queries: Any
) -> None:
    reader("ada")
    pending("ben")
    consent.suppress("cleo@example.org", reason="complained", now=NOON)
    answers = []
    for name in ("ada", "ben", "cleo", "dora"):
        answer = visitor.post("/subscribe", filled(email=f"{name}@example.org"), follow=True)
        answers.append((answer.redirect_chain, answer.status_code, answer.content, dict(answer.headers)))
    assert answers == [answers[0]] * 4
    assert LinkRequest.objects.count() == 4


def test_a_form_filled_wrongly_keeps_what_was_typed_and_ties_each_sentence_to_its_field(visitor: Client) -> None:
    typed = filled(
        email="ada@localhost", keywords="<b>grasping</b>", muted="---", zone="Europe/Atlantis", weekdays=["6"]
    )
    answer = visitor.post("/subscribe", typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error: Subscribe" in page
    assert "&lt;b&gt;grasping&lt;/b&gt;</textarea>" in page
    assert 'value="ada@localhost"' in page
    assert '<input type="checkbox" name="weekdays" value="6" checked>' in page
    assert '<option value="Europe/Atlantis" selected>' in page
    for name in ("email", "muted", "zone"):
        assert f'id="id_{name}-wrong"' in page
        assert f'id_{name}-wrong" aria-invalid="true"' in page
        assert f'<a href="#id_{name}">' in page
    assert not LinkRequest.objects.exists()


@pytest.mark.parametrize("values", [{"website": "https://cheap.example"}, {"opened": ""}, {"opened": "invented"}])
def test_programs_get_a_sentence_and_nothing_is_taken_down(visitor: Client, values: dict[str, str]) -> None:
    answer = visitor.post("/subscribe", filled(**values))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not LinkRequest.objects.exists()


def test_who_asks_too_often_keeps_what_was_typed_and_nothing_more_is_taken_down(visitor: Client) -> None:
    answers = [visitor.post("/subscribe", filled(keywords="grasping")) for _ in range(30)]
    assert answers[0].status_code == 303
    assert answers[-1].status_code == 429
    assert "grasping</textarea>" in answers[-1].content.decode()
    assert "Too many requests" in answers[-1].content.decode()
    assert LinkRequest.objects.count() == sum(answer.status_code == 303 for answer in answers) < 30


def test_a_form_from_elsewhere_is_refused_in_plain_words() -> None:
    answer = Client(enforce_csrf_checks=True).post("/subscribe", filled())
    assert answer.status_code == 403
    assert "This form was not accepted" in answer.content.decode()
    assert not LinkRequest.objects.exists()


def test_a_stranger_does_not_close_the_form_to_the_one_whose_address_they_write(visitor: Client) -> None:
    eve = Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(20):
        eve.post("/subscribe", filled())
    assert visitor.post("/subscribe", filled()).status_code == 303


def test_fields_that_take_commas_say_so(visitor: Client) -> None:
    page = visitor.get("/subscribe").content.decode()
    hints = {name: re.search(rf'id="id_{name}-hint"[^>]*>([^<]*)<', page)[1] for name in ("keywords", "muted")}
    assert all(hint.endswith("One per line, or separated by commas.") for hint in hints.values())
    assert ChoicesForm.base_fields["keywords"].clean("soft hands, grippers") == ["soft hands", "grippers"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_taken(visitor: Client, method: str) -> None:
    assert getattr(visitor, method)("/subscribe").status_code == 405
    assert getattr(visitor, method)("/subscribe/sent").status_code == 405


# Confirming ----------------------------------------------------------------------------------------------------------


def test_opening_the_link_shows_a_button_and_pressing_it_begins_the_digests(visitor: Client) -> None:
    ada, link = pending()
    for method in (visitor.get, visitor.head, visitor.options):
        method(link)
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.PENDING
    assert "sessionid" not in visitor.cookies
    page = visitor.post(link, HTTP_USER_AGENT="Browser 1").content.decode()
    assert "You are subscribed" in page
    assert (">Sign out<" in page, ">Sign in<" in page) == (True, False)
    ada.refresh_from_db()
    assert (ada.status, ada.next_send_at) == (Subscriber.Status.ACTIVE, NOON)
    proof = ConsentEvent.objects.get(kind=ConsentEvent.Kind.CONFIRMED)
    assert (proof.ip, proof.user_agent, proof.page) == ("127.0.0.1", "Browser 1", "/c/")
    assert proof.reference == str(LoginToken.objects.get().pk)
    assert visitor.get("/preferences").status_code == 200  # the visit has begun


def test_a_link_that_was_used_says_that_all_is_well(visitor: Client) -> None:
    _, link = pending()
    visitor.post(link)
    for answer in (visitor.get(link), visitor.post(link)):
        assert answer.status_code == 410
        assert "You have confirmed already" in answer.content.decode()
        assert "Open your preferences" in answer.content.decode()
    assert "Sign in to your preferences" in Client().get(link).content.decode()


def test_pressing_one_of_two_links_ends_the_other(visitor: Client) -> None:
    ada, link = pending()
    other = "/c/" + new_login_token(LoginToken.Purpose.CONFIRM, ada, now=NOON)
    visitor.post(link)
    stranger = Client()
    for answer in (stranger.get(other), stranger.post(other)):
        assert (answer.status_code, "You have confirmed already" in answer.content.decode()) == (410, True)
    assert stranger.get("/preferences").status_code == 302


def test_a_link_to_confirm_is_no_way_to_sign_in_for_two_days(visitor: Client) -> None:
    link = "/c/" + new_login_token(LoginToken.Purpose.CONFIRM, reader("ada"), now=NOON - timedelta(hours=47))
    assert visitor.post(link).status_code == 410
    assert visitor.get("/preferences").status_code == 302


def test_the_page_promises_a_digest_within_minutes_to_those_who_get_one(visitor: Client) -> None:
    assert "within minutes" in visitor.post(pending("ben")[1]).content.decode()
    ada, link = pending()
    Subscriber.objects.filter(pk=ada.pk).update(last_issue_date=NOON.date(), last_digest_at=NOON - timedelta(hours=2))
    page = Client().post(link).content.decode()
    assert "within minutes" not in page
    assert "Your next digest comes on Tuesday, 3 March, at 07:00 (UTC)." in page


def test_where_the_day_stands_still_no_second_digest_is_promised(visitor: Client, settings: Any) -> None:
    settings.MODE = "sample"
    ada, link = pending()
    assert "No other comes: this installation shows a day that stands still." in visitor.post(link).content.decode()
    Subscriber.objects.filter(pk=ada.pk).update(last_issue_date=NOON.date(), next_send_at=NOON + timedelta(hours=9))
    assert "its digests were sent, and no other comes." in visitor.get("/preferences").content.decode()


def test_a_link_that_has_expired_leads_back_to_the_form(visitor: Client) -> None:
    ada, link = pending()
    with time_machine.travel(NOON + timedelta(hours=48), tick=False):
        for answer in (visitor.get(link), visitor.post(link)):
            assert answer.status_code == 410
            assert "Sign up again" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.PENDING


def test_a_link_to_confirm_opens_nothing_else(visitor: Client) -> None:
    _, link = pending()
    for other in "sapu":
        assert visitor.get(link.replace("/c/", f"/{other}/")).status_code == 404
    assert visitor.get("/c/nonsense").status_code == 404
    assert visitor.post("/c/nonsense").status_code == 400


def test_who_left_before_confirming_is_not_put_back(visitor: Client) -> None:
    ada, link = pending()
    consent.unsubscribe(ada.public_id, now=NOON)
    assert visitor.post(link).status_code == 400
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED
    assert visitor.get("/preferences").status_code == 302
