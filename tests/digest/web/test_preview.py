"""The preview's page: a fragment for htmx, the whole page without JavaScript, and nothing written by either."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from digest.editions import open_edition
from digest.editions.current_time import noon
from digest.ingest import store
from digest.models import CuratorPick, Edition, Paper
from subscriptions import rate_limits
from subscriptions.models import LoginToken
from subscriptions.rate_limits import Limit
from subscriptions.tokens import new_login_token
from tests.support.database_rows import everything
from tests.support.factories import delivery, entry, feed, reader, topic

pytestmark = pytest.mark.django_db
ROBOT = entry(1, title="A robot that folds laundry", abstract="Grasping cloth is hard.", categories=("cs.RO",))
GRAPHS = entry(2, title="Graphs & colours", abstract="Four are enough.", categories=("math.CO",))
FORM = {
    "page": "sign_up",
    "keywords": "laundry",
    "weekdays": ["0", "1"],
    "send_hour": "7",
    "zone": "Europe/Berlin",
    "max_papers": "10",
    "hype": "50",
}


@pytest.fixture(autouse=True)
def _an_edition_of_today() -> None:
    topic("Robotics", categories=["cs.RO"])
    now = timezone.now()
    shown = feed(*(replace(one, announced_on=now.date()) for one in (ROBOT, GRAPHS)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=now)
    open_edition.open_edition(now.date(), now=now)


def post(client: Client, *, htmx: bool = True, **changed: Any) -> tuple[int, str]:
    headers = {"HX-Request": "true"} if htmx else {}
    body = urlencode({**FORM, **changed}, doseq=True, errors="surrogatepass")
    form = "application/x-www-form-urlencoded"
    answer = client.post(reverse("preview"), body, content_type=form, headers=headers)
    return answer.status_code, answer.content.decode()


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_a_category_that_no_paper_has_is_named_in_sight() -> None:
    page = post(Client(), categories="zz.QQ cs.RO")[1]
    told = words_of(page[: page.index("What your choices match")])
    assert "has the category zz.QQ , and arXiv has none of this name" in told
    assert "category cs.RO" not in told


def test_the_confirmation_names_a_category_that_no_paper_has(client: Client) -> None:
    ada = reader("ada", status="pending", confirmed_at=None, next_send_at=None, wants={"category": ["zz.QQ"]})
    token = new_login_token(LoginToken.Purpose.CONFIRM, ada, now=timezone.now())
    assert "has the category zz.QQ , and arXiv" in words_of(client.post(f"/c/{token}").content.decode())


def test_the_sample_day_is_previewed_before_its_noon_too(client: Client, settings: Any) -> None:
    settings.MODE = "sample"
    # the sample day opens at noon, which is still ahead for who tries it in the morning
    ahead = timezone.now().date() + timedelta(days=1)
    Edition.objects.update(date=ahead, opened_at=noon(ahead))
    assert "A robot that folds laundry" in words_of(post(client)[1])


def test_htmx_gets_the_papers_why_they_are_there_and_what_each_wish_found(client: Client) -> None:
    status, page = post(client, topics=["robotics"])
    day = timezone.now()
    assert status == 200
    assert "<html" not in page
    said = words_of(page)
    assert f"1 paper of {day.day} {day:%B} 2 new papers" in said
    assert "2 new papers came in and 1 matches what you asked for." in said
    assert "Robotics: 1 paper in the last seven days" in said
    assert f"{ROBOT.title} Ada Example, Ben Sample Topic: Robotics · Keyword: “laundry”" in said


def test_a_wish_that_found_nothing_is_told_kindly_and_a_day_without_papers_too(client: Client) -> None:
    _, page = post(client, keywords="volcano\nlava", muted="ash")
    said = words_of(page)
    assert "No digest on" in said
    assert "Nothing that came in matched what you asked for." in said
    assert "“volcano”: 0 papers in the last seven days" in said
    assert "“ash” (muted): 0 papers hidden" in said


def test_a_title_is_text_and_a_pick_bears_its_note(client: Client) -> None:
    CuratorPick.objects.create(
        paper=Paper.objects.get(title=GRAPHS.title),
        edition_date=timezone.now().date(),
        verdict="pick",
        note="<b>Short</b> and clear.",
    )
    _, page = post(client)
    assert "Graphs &amp; colours" in page
    assert "From the editors: &lt;b&gt;Short&lt;/b&gt; and clear." in page
    assert "<h3>2 papers of " in page
    assert " style=" not in page


@pytest.mark.parametrize("htmx", [True, False])
def test_a_preview_of_any_form_leaves_every_table_as_it_was(client: Client, htmx: bool) -> None:
    before = everything()
    post(client, htmx=htmx, email="mona@example.org", topics=["robotics"])
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {
        "subscriptions_ratecounter",
    }  # visitors are counted there


def test_only_a_post_with_a_csrf_token_is_answered() -> None:
    strict = Client(enforce_csrf_checks=True)
    for method in (strict.get, strict.head):
        assert method(reverse("preview"))["Location"] == reverse("sign_up")
    strict.post("/s/" + new_login_token(LoginToken.Purpose.SIGN_IN, reader("ada"), now=timezone.now()))
    assert strict.get(reverse("preview"))["Location"] == reverse("preferences")
    assert strict.post(reverse("preview"), FORM).status_code == 403


def test_a_form_with_hundreds_of_wishes_is_told_what_its_preview_looks_at(client: Client) -> None:
    _, page = post(client, keywords="\n".join(f"word{n}" for n in range(99)), muted="ash\ndust")
    assert "uses only the first 100 of your topics" in words_of(page)
    _, page = post(client, keywords="\n".join(f"word{n}" for n in range(99)))
    assert "uses only the first" not in words_of(page)


# --- without JavaScript ----------------------------------------------------------------------------------------------


def test_without_javascript_the_whole_page_comes_back_with_everything_that_was_typed(client: Client) -> None:
    status, page = post(client, htmx=False, topics=["robotics"], muted="ash\ndust", max_papers="7", email="mona@")
    assert status == 200
    assert ROBOT.title in page
    assert re.search(r'<div id="preview"[^>]*aria-live="polite"', page)
    assert 'value="robotics" checked' in page
    assert "laundry</textarea>" in page
    assert "ash\ndust</textarea>" in page
    assert re.search(r'name="max_papers"[^>]*value="7"', page)
    assert re.search(r'name="email"[^>]*value="mona@"', page)
    assert re.search(r'<option value="Europe/Berlin" selected', page)


@pytest.mark.parametrize("email", ["", "mona@", "mona@example.org"])
def test_an_address_that_is_not_there_yet_is_no_error(client: Client, email: str) -> None:
    _, page = post(client, htmx=False, email=email)
    assert "Please check your entries" not in page
    assert 'class="wrong"' not in page
    assert "very quick" not in page


def test_a_signed_in_reader_gets_their_own_page_back(client: Client) -> None:
    mona = reader("mona", wants={"category": ["math"]})
    session = client.session
    session["reader"], session["reader_key_version"] = mona.public_id, mona.key_version
    session.save()
    status, page = post(client, htmx=False, page="preferences", keywords="laundry")
    assert status == 200
    assert "Your preferences" in page
    assert "mona@example.org" in page
    assert ROBOT.title in page
    assert "laundry</textarea>" in page
    assert [row.value for row in mona.preferences.all()] == ["math"]


def test_on_their_own_page_a_reader_sees_what_is_left_after_their_earlier_digests(client: Client) -> None:
    mona = reader("mona", wants={"category": ["cs.RO", "math"]})
    robot, graphs = Paper.objects.get(title=ROBOT.title), Paper.objects.get(title=GRAPHS.title)
    today = Edition.objects.get()
    earlier = Edition.objects.create(date=today.date - timedelta(days=1), opened_at=today.opened_at)
    delivery(mona, issue_date=earlier.date, edition=earlier, paper_ids=[robot.pk], message_id="<1@x>")
    delivery(mona, issue_date=today.date, edition=today, paper_ids=[graphs.pk], message_id="<2@x>")
    session = client.session
    session["reader"], session["reader_key_version"] = mona.public_id, mona.key_version
    session.save()
    wishes = {"keywords": "laundry\ngraphs"}
    _, own = post(client, page="preferences", **wishes)
    assert (ROBOT.title in own, "Graphs &amp; colours" in own) == (False, True)
    assert ROBOT.title in post(client, page="sign_up", **wishes)[1]


def test_a_reader_whose_visit_is_over_is_asked_to_sign_in(client: Client) -> None:
    answer = client.post(reverse("preview"), {**FORM, "page": "preferences"})
    assert (answer.status_code, answer["Location"]) == (303, reverse("sign_in"))


# --- bad input -------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_left_out_and_said_and_the_rest_is_shown(client: Client) -> None:
    status, page = post(client, authors="!!!", max_papers="1000")
    said = words_of(page)
    assert status == 200
    assert ROBOT.title in said
    assert "Not included because of errors:" in said
    assert re.search(r"Authors : “!!!” has no letter", said)
    assert "Papers per mail : Enter a number of papers from 3 to 25." in said


def test_without_javascript_what_is_wrong_is_also_said_next_to_its_field(client: Client) -> None:
    _, page = post(client, htmx=False, authors="!!!")
    assert re.search(r'id="id_authors-wrong">[^<]*no letter', page)
    assert ROBOT.title in page


HOSTILE = [
    "\x00",
    "\ud800",
    "\u202egnp.exe",
    "a\r\nBcc: b@c.example",
    "x" * 10_000,
    "word " * 2000,
    "<script>",
    "7" * 500,
    "-1",
    "Mars/Olympus",
]


@pytest.mark.parametrize("value", HOSTILE, ids=[ascii(value)[:20] for value in HOSTILE])
@pytest.mark.parametrize(
    "field",
    "page topics keywords authors categories muted weekdays send_hour zone max_papers hype email website opened short".split(),
)
def test_any_value_in_any_field_gets_a_page_and_writes_nothing(client: Client, field: str, value: str) -> None:
    before = everything()
    for htmx in (True, False):
        status, page = post(client, htmx=htmx, **{field: value})
        assert status == 200
        assert "<script>" not in page
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"subscriptions_ratecounter"}


def test_who_asks_too_often_gets_a_sentence_and_keeps_what_was_typed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rate_limits.NETWORK, "preview", Limit(1, timedelta(hours=1)))
    assert post(client)[0] == 200
    status, fragment = post(client)
    assert status == 429
    assert "Too many requests" in fragment
    assert "<html" not in fragment
    assert ROBOT.title not in fragment
    status, page = post(client, htmx=False)
    assert status == 429
    assert "Too many requests" in page
    assert "laundry</textarea>" in page


def test_before_the_first_edition_a_sentence_says_so(client: Client) -> None:
    CuratorPick.objects.all().delete()
    open_edition.Edition.objects.all().delete()
    assert "There is no edition yet." in post(client)[1]
    assert "There is no edition yet." in post(client, htmx=False)[1]
