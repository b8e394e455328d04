"""A reader sees number by number how the order of their digest came about, and turns parts of it down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from digest.delivery import plan
from digest.delivery.plan import draft
from digest.editions.candidate_pool import CandidatePool
from digest.models import Delivery, DeliveryContent, ListEntry, ListSource, Paper, Verdict
from digest.reader_data.erase import erase
from digest.record import DigestRecord
from digest.stats.explained import explained_papers
from subscriptions.models import LoginToken, Subscriber
from subscriptions.preferences import Choices, save_choices, turn_down
from subscriptions.tokens import new_login_token
from tests.support.database_rows import every_row
from tests.support.editions import publish
from tests.support.factories import NOON, entry, reader

pytestmark = pytest.mark.django_db
PAGE, PREVIEW = "/preferences/order", "/preferences/order/preview"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def ada() -> Subscriber:
    """A reader who follows a category and typed a word, which one of her three papers has, not the first listed."""
    publish(
        entry(1, title="Tides of the north sea", abstract="We look at tides."),
        entry(2, title="Grasping kelp with soft robots", abstract="Soft robots take kelp."),
        entry(3, title="Proofs of old theorems", abstract="We prove."),
        entry(4, title="New proofs of theorems", abstract="We prove.", categories=("math.LO",)),
        *(entry(number, categories=("math.LO",)) for number in range(5, 16)),
    )
    row = reader("ada", wants={"category": ["cs.LG"], "keyword": ["grasping"]}, hype=30)
    plan.plan(NOON, [row.pk], issue_date=NOON.date())
    Delivery.objects.update(status="accepted")
    return row


def signed_in(row: Subscriber) -> Client:
    client = Client()
    client.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, row, now=NOON))
    return client


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def test_the_numbers_of_each_paper_add_up_to_its_score_in_the_order_of_the_mail(ada: Subscriber) -> None:
    page = signed_in(ada).get(PAGE)
    assert page["Cache-Control"] == "no-store"
    tables = re.findall(r"<table.*?</table>", page.content.decode(), re.DOTALL)
    sums = []
    for table in tables:
        *parts, total = [float(one.replace("−", "-")) for one in re.findall(r'number">([+−]?[\d.]+)<', table)]
        assert sum(parts) == pytest.approx(total, abs=1e-9)
        sums.append(total)
    assert len(sums) == 3
    assert sums == sorted(sums, reverse=True)
    first = words(page).partition("1. Grasping kelp")[2].partition("2. ")[0]
    assert "Keyword: grasping" in first
    assert "Category: cs.LG" in first
    assert "Average of the day" in first
    assert "Popularity counts 30 of 100." in words(page)


@pytest.mark.parametrize(
    "values", [(1.484, 1.0, -0.505, 0.284, -0.163), (0.004, 0.004, 0.004), (2000.0, -0.004), (-1 / 3,) * 7]
)
def test_rounded_numbers_add_up_to_the_rounded_score(ada: Subscriber, values: tuple[float, ...]) -> None:
    why = [("keyword", str(number), value) for number, value in enumerate(values)]
    DeliveryContent.objects.update(record=DigestRecord.explaining([why], arrived=15).to_json())
    shown = explained_papers(Delivery.objects.select_related("content").get())[0].rounded(2)
    hundredths = [round(value * 100) for _words, value in shown.terms]
    assert hundredths == pytest.approx([value * 100 for _words, value in shown.terms], abs=1e-9)
    assert sum(hundredths) == pytest.approx(shown.score * 100) == round(sum(values) * 100)
    assert shown.score == pytest.approx(sum(values), abs=0.0051)


def test_a_part_turned_down_counts_less_from_the_next_digest_on(ada: Subscriber) -> None:
    visit = signed_in(ada)
    before = drafted(ada)
    answer = visit.post(PAGE, {"words": "0", "category": "50", "topic": "100"}, follow=True)
    assert "Saved. Your next digest follows it." in words(answer)
    ada.refresh_from_db()
    assert ada.turned_down == {"words": 0, "category": 50}
    after = drafted(ada)
    assert value_of(before, "keyword") > value_of(after, "keyword") == 0
    assert value_of(after, "category") == value_of(before, "category") / 2
    # what is turned down stays on the page, and a tampered value counts in full
    assert 'name="words"' in answer.content.decode()
    visit.post(PAGE, {"words": "-7", "no part": "0"})
    ada.refresh_from_db()
    assert ada.turned_down == {}


def drafted(row: Subscriber) -> list[tuple[str, str, float]]:
    """The terms of all papers of the digest that the reader would get now if they had had none."""
    Delivery.objects.all().delete()
    made = draft(row, CandidatePool.load(NOON), now=NOON)
    assert made is not None
    assert made.record is not None
    return [term for why in made.record.explained for term in why]


def value_of(terms: list[tuple[str, str, float]], kind: str) -> float:
    return sum(value for name, _, value in terms if name == kind)


def test_the_preview_follows_and_saves_nothing(ada: Subscriber) -> None:
    visit = signed_in(ada)
    visit.get(PAGE)
    before = list(every_row())
    page = words(visit.post(PREVIEW, {"words": "0"}))
    # a preview leaves out what was sent in digests of earlier editions only
    assert "papers of 2 March" in page
    assert list(every_row()) == before
    assert order_of(page) != order_of(words(visit.post(PREVIEW, {})))
    turn_down(ada, {"words": 0})
    choices = {"page": "preferences", "categories": "cs.LG", "keywords": "grasping", "hype": "30", "max_papers": "10"}
    saved = words(visit.post("/preview", {**choices, "send_hour": "7", "zone": "UTC", "rhythm": "daily"}))
    assert order_of(saved.partition("of 2 March")[2]) == order_of(page.partition("Preview of the new order")[2])


def order_of(text: str) -> list[str]:
    text = text.partition("as it was sent")[0]
    return sorted(["Tides of", "Grasping kelp", "Proofs of"], key=text.rfind)


def test_the_page_says_which_digest_was_sent_and_a_preview_folds_it(ada: Subscriber) -> None:
    visit = signed_in(ada)
    assert 'name="like_this"' not in visit.get(PAGE).content.decode()
    ListEntry.objects.create(
        subscriber=ada,
        source=ListSource.objects.create(subscriber=ada, kind="pasted", state="kept", given_at=NOON),
        paper=Paper.objects.get(title__startswith="Proofs"),
        name="proofs",
        added_at=NOON,
    )
    page = visit.get(PAGE)
    # what counts now is there to be weighed and previewed, though the digest that was sent had none of it
    assert 'name="like_this"' in page.content.decode()
    assert "Your digest of Monday, 2 March, as it was sent Number by number, by the preferences" in words(page)
    assert "Preview the new order" in words(page)
    shown = visit.post(PREVIEW, {})
    _above, _summary, sent = shown.content.decode().partition("Show the digest that was sent</summary>")
    assert "Proofs of old theorems" in sent
    assert "Preview of the new order By the weights above, which are not saved yet" in words(shown)
    assert "Proofs of old theorems" not in words(shown).partition("Show the digest that was sent")[0]


def test_likes_that_do_not_count_at_all_rank_as_no_likes(ada: Subscriber) -> None:
    Verdict.objects.create(
        subscriber=ada, paper=Paper.objects.get(title__startswith="Proofs"), value="more", given_at=NOON
    )
    liked = drafted(ada)
    assert {"like", "taste"} & {kind for kind, _, _ in liked}
    turn_down(ada, {"like_this": 0, "titles": 0})
    ada.refresh_from_db()
    without = drafted(ada)
    Verdict.objects.all().delete()
    assert without == drafted(ada)


def test_the_export_tells_what_is_turned_down_and_erasing_forgets_it(ada: Subscriber) -> None:
    turn_down(ada, {"titles": 50})
    save_choices(ada, Choices.of(ada), now=NOON)  # choices change nothing here
    exported = json.loads(signed_in(ada).get("/preferences/export").content)
    assert exported["profile"]["turned_down"] == {"titles": 50}
    erase(ada, now=NOON)
    ada.refresh_from_db()
    assert ada.turned_down == {}
    assert not turn_down(ada, {"titles": 0})
    ada.refresh_from_db()
    assert ada.turned_down == {}


def test_before_the_first_digest_and_after_the_reasons_are_gone_the_page_says_so(ada: Subscriber) -> None:
    visit = signed_in(ada)
    DeliveryContent.objects.update(record={})  # as after 30 days
    assert "The reasons for each paper are no longer stored." in words(visit.get(PAGE))
    Delivery.objects.all().delete()
    assert "After your first digest, this page shows" in words(visit.get(PAGE))


def test_nobody_else_sees_or_changes_it(ada: Subscriber) -> None:
    for path in (PAGE, PREVIEW):
        assert Client().post(path, {"words": "0"})["Location"] == "/sign-in"
    assert signed_in(ada).get(PREVIEW)["Location"] == PAGE
    ada.refresh_from_db()
    assert ada.turned_down == {}


def test_typed_words_are_marked_on_the_home_page(ada: Subscriber) -> None:
    page = signed_in(ada).get("/").content.decode()
    assert "<mark>Grasping</mark> kelp with soft robots" in page
    assert re.findall(r"<mark>(.*?)</mark>", page) == ["Grasping"]
