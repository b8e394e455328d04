"""More, less and mute, by the links under each paper of a mail: only a press acts, and it can be taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, DeliveryContent, Paper, Verdict
from digest.reader_data import verdicts
from digest.reader_data.erase import erase
from digest.reader_data.mute import FULL, CannotMute, MuteOption, mute, mute_options, unmute
from subscriptions import consent
from subscriptions.models import ConsentEvent, Preference, Subscriber
from subscriptions.preferences import Choices, save_choices
from subscriptions.tokens import FEEDBACK, PREFERENCES, UNSUBSCRIBE, token_for
from subscriptions.web.fields import LONGEST_PHRASE
from subscriptions.web.forms import ChoicesForm, values_of
from tests.support.database_rows import every_row
from tests.support.emails import email_for
from tests.support.factories import NOON, entry, feed, reader, topic, want

pytestmark = pytest.mark.django_db
TITLE = "Paper number 1 on careful measurement"


@pytest.fixture
def press() -> Client:
    return Client(enforce_csrf_checks=True)


def sent(*readers: Subscriber, papers: int = 3) -> None:
    """A digest of these papers for each reader, in the order of their numbers."""
    shown = feed(*(entry(number) for number in range(1, papers + 1)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    ids = list(Paper.objects.order_by("pk").values_list("pk", flat=True))
    for row in Delivery.objects.all():
        DeliveryContent.objects.update_or_create(delivery=row, defaults={"paper_ids": ids})


def link(row: Subscriber, wish: str, number: int = 1, **values: Any) -> str:
    return f"/f/{token_for(FEEDBACK, row, day=values.get('day', NOON.date()))}/{number}/{wish}"


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def field(answer: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.content.decode())
    assert found, f"no field {name}"
    return unescape(found[1])


def said(row: Subscriber) -> dict[str, str]:
    return dict(Verdict.objects.filter(subscriber=row).values_list("paper__title", "value"))


def lists(row: Subscriber) -> set[tuple[str, str, str]]:
    return {(one.stance, one.kind, one.topic.name if one.topic else one.value) for one in row.preferences.all()}


def as_a_browser_sends(values: dict[str, Any]) -> dict[str, Any]:
    boxes = {"topics", "muted_topics", "weekdays"}
    return {
        name: "\r\n".join(value) if isinstance(value, list) and name not in boxes else value
        for name, value in values.items()
    }


# More and less


def test_the_page_says_what_will_happen_and_its_button_does_it(press: Client) -> None:
    sent(ada := reader("ada"))
    page = press.get(link(ada, "more"))
    assert "More like this?" in words(page)
    assert TITLE in words(page)
    assert "rank similar papers higher" in words(page)
    assert page.content.count(b"<button") == 1
    assert said(ada) == {}

    answer = press.post(link(ada, "more"), {"do": "more", "before": field(page, "before")})
    assert answer.status_code == 200
    assert "Saved: more like this" in words(answer)
    assert said(ada) == {TITLE: "more"}


def test_less_offers_to_mute(press: Client) -> None:
    sent(ada := reader("ada"))
    answer = press.post(link(ada, "less", 2), {"do": "less"})
    assert said(ada) == {"Paper number 2 on careful measurement": "less"}
    assert f'href="{link(ada, "mute", 2)}"' in answer.content.decode()


def test_undo_takes_it_back(press: Client) -> None:
    sent(ada := reader("ada"))
    answer = press.post(link(ada, "more"), {"do": "more"})
    undone = press.post(link(ada, "more"), {"do": "undo", "before": field(answer, "before")})
    assert "Undone" in words(undone)
    assert said(ada) == {}
    press.post(link(ada, "more"), {"do": "undo", "before": ""})
    assert said(ada) == {}


def test_undo_restores_what_was_said_before(press: Client) -> None:
    sent(ada := reader("ada"))
    press.post(link(ada, "less"), {"do": "less"})
    page = press.get(link(ada, "more"))
    answer = press.post(link(ada, "more"), {"do": "more", "before": field(page, "before")})
    assert said(ada) == {TITLE: "more"}
    press.post(link(ada, "more"), {"do": "undo", "before": field(answer, "before")})
    assert said(ada) == {TITLE: "less"}


def test_undo_of_one_wish_leaves_a_later_one_alone(press: Client) -> None:
    sent(ada := reader("ada"))
    press.post(link(ada, "more"), {"do": "more"})
    press.post(link(ada, "less"), {"do": "less", "before": "more"})
    press.post(link(ada, "more"), {"do": "undo", "before": ""})
    assert said(ada) == {TITLE: "less"}


def test_the_same_press_again_is_the_same_as_once_and_can_still_be_undone(press: Client) -> None:
    sent(ada := reader("ada"))
    answers = [press.post(link(ada, "more"), {"do": "more", "before": ""}) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert Verdict.objects.count() == 1
    again = press.get(link(ada, "more"))
    assert "Saved" in words(again)
    press.post(link(ada, "more"), {"do": "undo", "before": field(again, "before")})
    assert said(ada) == {}


def test_who_has_left_may_still_say_so_and_is_told_that_no_digest_comes(press: Client) -> None:
    sent(ada := reader("ada"))
    consent.unsubscribe(ada.public_id, now=NOON)
    for wish in ("more", "less", "mute"):
        assert "You are unsubscribed and get no digest." in words(press.get(link(ada, wish)))
    assert press.post(link(ada, "more"), {"do": "more"}).status_code == 200
    assert said(ada) == {TITLE: "more"}


# Mute


def test_mute_asks_what_and_offers_what_the_paper_has(press: Client) -> None:
    robotics = topic("Robotics", categories=["cs.LG"])
    sent(ada := reader("ada"))
    Paper.objects.order_by("pk")[0].topics.add(robotics)
    page = press.get(link(ada, "mute"))
    for offered in ("Ada Example", "Ben Sample", "Robotics", "cs.LG Machine Learning", "“measurement”"):
        assert offered in words(page)
    assert lists(ada) == set()


def test_what_is_ticked_and_typed_is_muted_and_undo_takes_it_back(press: Client) -> None:
    robotics = topic("Robotics")
    sent(ada := reader("ada", wants={"author": ["ben sample"], "topic": ["Robotics"], "keyword": ["kelp"]}))
    Paper.objects.order_by("pk")[0].topics.add(robotics)
    before = lists(ada)
    answer = press.post(
        link(ada, "mute"),
        {"do": "mute", "what": ["author:Ben Sample", "topic:robotics", "category:cs.LG"], "word": "block chain, hype"},
    )
    assert "Muted" in words(answer)
    assert lists(ada) == {
        ("mute", "author", "ben sample"),
        ("mute", "topic", "Robotics"),
        ("mute", "category", "cs.LG"),
        ("mute", "keyword", "block chain"),
        ("mute", "keyword", "hype"),
        ("want", "keyword", "kelp"),
    }
    undone = press.post(link(ada, "mute"), {"do": "undo", "undo": field(answer, "undo")})
    assert "Undone" in words(undone)
    assert lists(ada) == before


def test_what_was_muted_stays_so_when_the_preferences_are_saved_unchanged(press: Client) -> None:
    sent(ada := reader("ada", wants={"keyword": ["kelp"]}))
    names = ["Doe, Jane", "van der Berg, Anna Q.", "O’Neill; Pat", "Ada Example", "佐藤 花子"]
    categories = ["cs.LG", "Cell Biology", "q-bio", "cond-mat.mtrl-sci", "cs.lg"]
    Paper.objects.update(authors=names, categories=categories, title="Émile’s self-made kelp")
    offered = re.findall(r'name="what" value="([^"]+)"', unescape(press.get(link(ada, "mute")).content.decode()))
    assert press.post(link(ada, "mute"), {"do": "mute", "what": offered, "word": "hype, C++"}).status_code == 200
    muted = lists(ada)
    assert {("mute", "author", "佐藤 花子"), ("mute", "category", "cs.LG"), ("mute", "keyword", "kelp")} <= muted
    form = ChoicesForm(as_a_browser_sends(values_of(Choices.of(ada))))
    assert form.is_valid(), form.errors
    save_choices(ada, form.choices(), now=NOON)
    assert lists(ada) == muted


def test_muting_twice_is_the_same_as_once(press: Client) -> None:
    sent(ada := reader("ada"))
    for _ in range(2):
        answer = press.post(link(ada, "mute"), {"do": "mute", "what": "author:Ada Example"})
        assert answer.status_code == 200
    assert lists(ada) == {("mute", "author", "Ada Example")}
    assert "muted already" in words(answer)


def test_the_next_digest_leaves_out_what_was_muted(press: Client) -> None:
    sent(ada := reader("ada"))
    press.post(link(ada, "mute"), {"do": "mute", "word": "seaweed"})
    tomorrow = NOON + timedelta(days=1)
    shown = feed(entry(8, title="Seaweed at night"), entry(9, title="Kelp at night"))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=tomorrow)
    open_edition(tomorrow.date(), now=tomorrow)
    plan(tomorrow, [ada.pk], issue_date=tomorrow.date())
    row = Delivery.objects.get(issue_date=tomorrow.date())
    assert list(Paper.objects.filter(pk__in=row.paper_ids).values_list("title", flat=True)) == ["Kelp at night"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Choose what to mute"),
        ({"what": ["author:Somebody Else", "keyword:x", "topic:nonsense", "\0"]}, "Choose what to mute"),
        ({"word": " \0\u202e "}, "Choose what to mute"),
        ({"word": "?!"}, "no letter or digit"),
        ({"word": "x" * (LONGEST_PHRASE + 1)}, "Shorten it"),
        ({"word": "x" * 30_000}, "Shorten it"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_followed_gets_a_sentence_and_writes_nothing(
    press: Client, data: dict, sentence: str
) -> None:
    sent(ada := reader("ada"))
    before = list(every_row())
    answer = press.post(link(ada, "mute"), {"do": "mute", **data})
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert list(every_row()) == before


def test_nothing_is_kept_of_a_press_that_comes_after_erasure() -> None:
    sent(ada := reader("ada"))
    stale, paper = Subscriber.objects.get(), Paper.objects.all()[0]
    erase(ada, now=NOON)
    with pytest.raises(CannotMute, match="Nothing is kept about this reader"):
        mute(stale, mute_options(paper), now=NOON)
    assert not verdicts.give(stale, paper, "more", now=NOON)
    assert not Preference.objects.exists()
    assert not Verdict.objects.exists()


@pytest.mark.parametrize("stance", ["mute", "want"])
def test_what_ended_is_muted_anew_and_undo_takes_it_back(stance: str) -> None:
    ada = reader("ada")
    want(ada, "author", "Ada Example", stance=stance)
    ada.preferences.update(until=NOON.date() - timedelta(days=1))
    author = MuteOption("author", "Ada Example", "Ada Example")
    made, turned = mute(ada, [author], now=NOON)
    assert list(ada.preferences.values_list("stance", "value", "until")) == [("mute", "Ada Example", None)]
    unmute(ada, made=made, turned=turned)
    assert not ada.preferences.exists()


def test_what_was_wanted_until_a_day_to_come_is_muted_for_good() -> None:
    ada = reader("ada", wants={"author": ["Ada Example"]})
    ada.preferences.update(until=NOON.date())
    mute(ada, [MuteOption("author", "Ada Example", "Ada Example")], now=NOON)
    assert list(ada.preferences.values_list("stance", "until")) == [("mute", None)]


def test_a_full_list_takes_no_more_and_nothing_of_that_form_is_kept(press: Client) -> None:
    sent(ada := reader("ada"))
    want(ada, "keyword", *(f"word {number}" for number in range(FULL)), stance="mute")
    answer = press.post(link(ada, "mute"), {"do": "mute", "what": "author:Ada Example", "word": "one more"})
    assert answer.status_code == 422
    assert f"You already mute {FULL}" in words(answer)
    assert ada.preferences.count() == FULL


def test_the_undo_of_one_reader_does_nothing_for_another(press: Client) -> None:
    ada, ben = reader("ada"), reader("ben")
    sent(ada, ben)
    answer = press.post(link(ada, "mute"), {"do": "mute", "word": "hype"})
    assert press.post(link(ben, "mute"), {"do": "undo", "undo": field(answer, "undo")}).status_code == 400
    assert press.post(link(ada, "mute", 2), {"do": "undo", "undo": field(answer, "undo")}).status_code == 400
    assert press.post(link(ada, "mute"), {"do": "undo", "undo": "x" * 10_000}).status_code == 400
    assert lists(ada) == {("mute", "keyword", "hype")}


def test_a_paper_by_thousands_still_makes_a_page(press: Client) -> None:
    sent(ada := reader("ada"))
    Paper.objects.update(
        authors=[f"Author {n}" for n in range(3000)] + ["x" * 10_000, "a\x01b\u202e"], categories=["c" * 10_000, "", "\x01"],
        title="word " * 5000,
    )  # fmt: skip
    page = press.get(link(ada, "mute"))
    assert page.status_code == 200
    assert len(page.content) < 100_000
    assert page.content.count(b'value="author:') == 40
    assert b'value="category:' not in page.content


# Whose link it is


@pytest.mark.parametrize("wish", ["more", "less", "mute"])
def test_looking_changes_nothing_and_gives_nothing_away(press: Client, wish: str) -> None:
    sent(ada := reader("ada", wants={"keyword": ["kelp"]}))
    before = list(every_row())
    for method in ("get", "head", "options"):
        answer = getattr(press, method)(link(ada, wish))
        assert answer.status_code in (200, 405)
        assert not answer.cookies
        assert b"ada@" not in answer.content
        assert b"kelp" not in answer.content
    assert list(every_row()) == before
    page = press.get(link(ada, wish))
    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"
    assert page["X-Robots-Tag"] == "noindex"
    assert "default-src 'none'" in page["Content-Security-Policy"]


@pytest.mark.parametrize("wish", ["more", "less", "mute"])
@pytest.mark.parametrize("glued", [")", ".", ">", "%3E)", "%0D%0A"])
def test_punctuation_that_a_mail_program_added_to_the_link_does_no_harm(press: Client, wish: str, glued: str) -> None:
    sent(ada := reader("ada"))
    assert press.get(link(ada, wish) + glued).content == press.get(link(ada, wish)).content
    if wish != "mute":
        assert press.post(link(ada, wish) + glued, {"do": wish}).status_code == 200
        assert list(said(ada).values()) == [wish]


@pytest.mark.parametrize("wish", ["more", "less", "mute"])
def test_a_bad_link_is_told_so_and_does_nothing(press: Client, wish: str) -> None:
    ada, ben, erased = reader("ada"), reader("ben"), reader("cleo")
    sent(ada, erased)
    consent.erase(erased.public_id, now=NOON)
    good = token_for(FEEDBACK, ada, day=NOON.date())
    bad = [
        link(ada, wish, 0),
        link(ada, wish, 4),
        link(ada, wish, 999),
        link(ada, wish, day=NOON.date() + timedelta(days=1)),
        link(ben, wish),
        link(erased, wish),
        f"/f/{good[:-1]}{'A' if good[-1] != 'A' else 'B'}/1/{wish}",
        f"/f/{token_for(FEEDBACK, ada)}/1/{wish}",
        f"/f/{token_for(UNSUBSCRIBE, ada)}/1/{wish}",
        f"/f/{token_for(PREFERENCES, ada, day=NOON.date())}/1/{wish}",
        f"/f/{'x' * 5000}/1/{wish}",
        f"/f/%00/1/{wish}",
        f"/f/é/1/{wish}",
    ]
    before = list(every_row())
    for path in bad:
        assert press.get(path).status_code == 404, path
        assert press.post(path, {"do": wish, "word": "hype"}).status_code == 400, path
    assert list(every_row()) == before


def test_a_reader_whose_paper_is_gone_gets_the_same_page(press: Client) -> None:
    sent(ada := reader("ada"))
    Paper.objects.all().delete()
    assert press.get(link(ada, "more")).status_code == 404


def test_a_form_of_another_site_is_refused(press: Client) -> None:
    sent(ada := reader("ada"))
    answer = press.post(link(ada, "more"), {"do": "more"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert said(ada) == {}


@pytest.mark.parametrize("wish", ["more", "less", "mute"])
def test_a_post_that_no_button_of_the_page_sends_does_nothing(press: Client, wish: str) -> None:
    sent(ada := reader("ada"))
    for data in ({}, {"do": "nonsense"}, {"do": "\0"}, {"do": ["more"] * 0}):
        assert press.post(link(ada, wish), data).status_code == 400
    assert (said(ada), lists(ada)) == ({}, set())


def test_too_many_presses_are_told_to_wait(press: Client) -> None:
    sent(ada := reader("ada"))
    answers = [press.post(link(ada, "more"), {"do": "more"}).status_code for _ in range(125)]
    assert set(answers) == {200, 429}
    assert answers[-1] == 429
    assert press.get(link(ada, "more")).status_code == 200


def test_the_links_of_the_mail_lead_to_the_papers_beside_them(press: Client) -> None:
    sent(ada := reader("ada"))
    row = Delivery.objects.select_related("subscriber", "edition").get()
    text = email_for(row).text
    shown = dict(re.findall(r"^(\d+)\. +(.+)$", text, flags=re.M))
    links = re.findall(r"^https?://[^/]+(/f/\S+/(\d+))$", text, flags=re.M)
    assert len(links) == 3
    for path, number in links:
        for wish in ("", "/more", "/less", "/mute"):
            assert shown[number] in words(press.get(path + wish))
    assert ConsentEvent.objects.count() == 0
    assert ada.preferences.count() == 0


def test_the_one_link_of_the_text_offers_more_less_and_mute(press: Client) -> None:
    sent(ada := reader("ada"))
    path = link(ada, "more").removesuffix("/more")
    page = press.get(path).content.decode()
    assert re.findall(r'action="([^"]+)"', page) == [f"{path}/more", f"{path}/less"]
    assert f'href="{path}/mute"' in page
    assert said(ada) == {}
    press.post(f"{path}/less", {"do": "less", "before": ""})
    assert "You asked for less like this." in words(press.get(path))
    assert press.post(path).status_code == 405
    assert press.get(path.replace("/f/", "/f/x")).status_code == 404


def test_a_press_takes_a_fixed_number_of_queries(press: Client, django_assert_max_num_queries: Any) -> None:
    sent(ada := reader("ada"))
    with django_assert_max_num_queries(4):
        press.get(link(ada, "mute"))
    with django_assert_max_num_queries(3):
        press.get(link(ada, "more"))


class TestAnything(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(["more", "less", "mute"]),
        st.dictionaries(
            st.sampled_from(["do", "before", "undo", "what", "word"]),
            st.text(max_size=80) | st.sampled_from(["more", "less", "mute", "undo", "author:Ada Example"]),
        ),
    )
    def test_anything_can_be_posted(self, wish: str, data: dict[str, str]) -> None:
        ada = Subscriber.objects.filter(email="ada@example.org").first() or reader("ada")
        if not Delivery.objects.exists():
            sent(ada)
        answer = Client().post(
            link(ada, wish), {name: value.encode("utf-8", "replace") for name, value in data.items()}
        )
        assert answer.status_code in (200, 400, 422)
        assert Preference.objects.filter(stance="want").count() == 0
