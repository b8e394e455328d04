"""Lists of papers by day, week and month: what stands first, what is left out, and where they lead."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.ingest.papers.tag import tag
from digest.models import Announcement, CuratorPick, Delivery, DeliveryContent, Paper
from digest.web.periods import Period
from subscriptions.models import LoginToken, Topic
from subscriptions.tokens import new_login_token
from tests.support.editions import publish
from tests.support.factories import NOON, entry, reader, topic

pytestmark = pytest.mark.django_db
VOTES = {"kind": "hugging_face", "name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers"}
TODAY_DATE = NOON.date()
TODAY = f"/{TODAY_DATE}"
LATER = datetime.now(UTC) + timedelta(days=1)


def page(path: str, status: int = 200, *, client: Client | None = None) -> str:
    answer = (client or Client()).get(path)
    assert answer.status_code == status, path
    return answer.content.decode()


def titles(html: str) -> list[str]:
    """Return the titles of papers in the order of the page, as ``1`` for "Paper number 1 on careful measurement"."""
    found = re.findall(r"<h3[^>]*>(.*?)</h3>", html, re.S)
    return [re.sub(r"Paper number (\d+).*", r"\1", re.sub("<[^>]+>", "", one)).strip() for one in found]


def pick(number: int, note: str = "", *, verdict: str = "pick", day: date = TODAY_DATE, **values: Any) -> None:
    paper = Paper.objects.get(identifier=f"arxiv:2603.{number:05}")
    CuratorPick.objects.create(paper=paper, edition_date=day, verdict=verdict, note=note, **values)


# Picks ---------------------------------------------------------------------------------------------------------------


def test_picks_stand_first_with_their_notes_at_once() -> None:
    publish(entry(1, points=80), entry(2, points=2), entry(3, points=50), **VOTES)
    assert titles(page(TODAY)) == ["1", "3", "2"]
    pick(2, "Read the <appendix> first.")
    html = page(TODAY)
    assert titles(html) == ["2", "1", "3"]
    assert "Read the &lt;appendix&gt; first." in html
    assert html.count("Picked by the editors</strong>") == 1


def test_a_picked_paper_that_was_no_candidate_stands_there_before_any_digest_is_planned() -> None:
    publish(entry(1), at=NOON - timedelta(days=1))
    publish(entry(2))
    pick(1, "Yesterday's best.")
    html = page(TODAY)
    assert titles(html) == ["1", "2"]
    assert "Yesterday&#39;s best." in html
    assert '<a href="/papers/2603.00001">' in html


def test_a_pick_that_was_hidden_later_or_is_held_back_is_not_shown() -> None:
    publish(*(entry(number) for number in range(1, 5)))
    for number in (1, 2, 3):
        pick(number, f"note {number}", embargo_until=LATER if number == 2 else None)
    pick(1, verdict="hide", day=NOON.date() + timedelta(days=1))
    Paper.objects.filter(identifier="arxiv:2603.00003").update(withdrawn_at=NOON)
    html = page(TODAY)
    assert titles(html) == ["4"]
    assert "note" not in re.sub("<[^>]+>", "", html)


def test_picks_are_on_the_first_page_only() -> None:
    publish(*(entry(number) for number in range(1, 61)))
    pick(60)
    assert titles(page(TODAY))[:2] == ["60", "1"]
    assert "60" not in titles(page(f"{TODAY}?page=2")) + titles(page(f"{TODAY}?page=3"))


# Days, weeks, months -------------------------------------------------------------------------------------------------


def test_a_week_and_a_month_show_each_paper_once_most_trending_first() -> None:
    """2 March 2026 is a Monday; the paper that gains votes is a candidate on both days."""
    publish(entry(1, points=5), entry(2, points=40), **VOTES)
    publish(entry(3, points=60), entry(1, points=90), at=NOON + timedelta(days=1), **VOTES)
    publish(entry(4, points=99), at=NOON + timedelta(days=8), **VOTES)
    week, month = page("/2026-W10"), page("/2026-03")
    assert sorted(titles(week)) == ["1", "2", "3"]
    assert sorted(titles(month)) == ["1", "2", "3", "4"]
    assert 'rel="next" href="/2026-W11"' in week
    assert "Papers of 2 to 8 March 2026" in week
    assert "Papers of March 2026" in month
    assert 'rel="prev"' not in month


def test_a_list_leads_to_its_day_week_and_month() -> None:
    publish(entry(1))
    for path in (TODAY, "/2026-W10", "/2026-03"):
        html = page(path)
        for address in ("/2026-03-02", "/2026-W10", "/2026-03"):
            assert f'<li><a href="{address}"' in html
        assert f'<a href="{path}" aria-current="page">' in html


def test_a_week_without_editions_leads_to_the_nearest_ones() -> None:
    publish(entry(1))
    assert 'rel="prev" href="/2026-W10"' in page("/2026-W20", 404)
    assert 'rel="next" href="/2026-03"' in page("/2025-12", 404)


@pytest.mark.parametrize(
    "name", ["2026-W00", "2026-W54", "2025-W53", "2026-13", "2026-00", "0000-01", "9999-W52", "9999-12", "0001-W01"]
)
def test_no_week_or_month_breaks_the_page(name: str) -> None:
    publish(entry(1))
    page(f"/{name}", 404)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1)))
def test_a_period_has_one_name_and_holds_its_days(day: Any) -> None:
    for kind in ("day", "week", "month"):
        period = Period.around(day, kind)
        assert Period.named(period.name) == period
        assert period.first <= day <= period.last
        assert Period.around(period.last + timedelta(days=1), kind).first == period.last + timedelta(days=1)


# Topics, order, links ------------------------------------------------------------------------------------------------


def tagged() -> Topic:
    robots = topic("Robotics", categories=["cs.RO"])
    publish(entry(1, categories=("cs.RO",)), entry(2, categories=("cs.CL",)), entry(3, categories=("cs.RO",)))
    tag(list(Paper.objects.all()))
    return robots


def test_a_list_is_filtered_by_topic_and_keeps_the_filter() -> None:
    robots = tagged()
    html = page(f"{TODAY}?topic={robots.slug}")
    assert titles(html) == ["1", "3"]
    assert f"?topic={robots.slug}&amp;view=compact" in html
    assert titles(page(f"{TODAY}?topic=Robotics")) == ["1", "3"]  # by any of its names
    assert f'href="{TODAY}?topic={robots.slug}">Robotics <span class="count">2</span>' in page(TODAY)
    pick(2)
    assert titles(page(f"{TODAY}?topic={robots.slug}")) == ["1", "3"]


def test_counts_by_topic_say_nothing_of_papers_that_may_not_be_shown() -> None:
    tagged()
    pick(1, verdict="hide")
    assert '<span class="count">1</span>' in page(TODAY)


@pytest.mark.parametrize("slug", ["nothing", "%00", "x" * 500, "%27;--"])
def test_an_unknown_topic_is_a_page_that_is_not_there(slug: str) -> None:
    tagged()
    page(f"{TODAY}?topic={slug}", 404)


def test_the_heading_says_in_which_order_the_papers_are() -> None:
    publish(entry(1), entry(2))
    assert "New papers, in the order of their source" in page(TODAY)
    publish(entry(3, points=5), at=NOON + timedelta(days=1), **VOTES)
    assert "Most trending first</h2>" in page("/2026-03-03")
    assert "Most trending first, papers without votes last" in page("/2026-W10")


def test_a_title_leads_to_the_page_of_the_paper() -> None:
    publish(entry(1))
    assert '<a href="/papers/2603.00001">Paper number 1' in page(TODAY)


def test_a_list_tells_search_engines_its_papers_and_filtered_ones_are_not_listed() -> None:
    robots = tagged()
    html = page(TODAY)
    (found,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html)
    items = json.loads(found)["itemListElement"]
    assert [one["position"] for one in items] == [1, 2, 3]
    assert items[0]["item"]["@type"] == "ScholarlyArticle"
    assert items[0]["item"]["url"] == "http://localhost:8000/papers/2603.00001"
    assert '<link rel="canonical" href="http://localhost:8000/2026-03-02">' in html
    assert 'content="noindex"' in page(f"{TODAY}?topic={robots.slug}")


WORDS = st.text(max_size=12) | st.sampled_from(
    ["robotics", "compact", "2", "-1", "1e9", "9" * 400, "\0", "٣", "%", "//"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(["/", TODAY, "/2026-W10", "/2026-03", "/2026-02-31"]),
    query=st.dictionaries(st.sampled_from(["page", "topic", "view", "q", "x"]), WORDS),
)
def test_no_query_string_breaks_a_list(path: str, query: dict[str, str]) -> None:
    if not Topic.objects.exists():
        tagged()
    assert Client().get(path, query).status_code in (200, 404)


# A signed-in reader --------------------------------------------------------------------------------------------------


def signed_in(row: Any) -> Client:
    client = Client()
    client.post(f"/s/{new_login_token(LoginToken.Purpose.SIGN_IN, row, now=datetime.now(UTC))}")
    return client


def test_a_signed_in_reader_sees_their_own_day_first_and_no_way_in() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]})
    publish(entry(1, points=90, categories=("cs.CL",)), entry(2, points=1, categories=("cs.RO",)), **VOTES)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    assert Delivery.objects.get().status in Delivery.SENT
    answer = signed_in(ada).get("/")
    html = answer.content.decode()
    assert titles(html) == ["2", "1", "2"]
    assert "Your papers of Monday, 2 March" in html
    assert "Category: cs.RO" in html
    assert 'name="email"' not in html
    assert answer["Cache-Control"] == "no-store"
    assert "Your papers" not in page("/")


def test_a_paper_without_a_term_is_on_the_list_of_new_papers_until_the_reasons_are_deleted() -> None:
    ada = reader("ada")
    publish(entry(1), entry(2))
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    client = signed_in(ada)
    html = page("/", client=client)
    assert html.count("On today’s list of new papers") == 2
    assert "no longer stored" not in html
    DeliveryContent.objects.update(record={})
    assert page("/", client=client).count("The reasons for each paper are no longer stored.") == 1


def test_a_reader_without_a_digest_yet_sees_when_it_comes() -> None:
    publish(entry(1))
    html = page("/", client=signed_in(reader("ben")))
    assert "Your next digest is being prepared." in html
    assert titles(html) == ["1"]


def test_an_announcement_is_no_day_of_a_reader() -> None:
    publish(entry(1))
    ben = reader("ben")
    row = Announcement.objects.create(subject="A workshop", text="Words")
    Delivery.objects.create(subscriber=ben, announcement=row, status="accepted")
    assert "Your next digest is being prepared." in page("/", client=signed_in(ben))


def test_the_home_page_of_a_reader_takes_the_same_queries_for_any_number_of_papers(
    django_assert_num_queries: Any,
) -> None:
    ada = reader("ada")
    publish(*(entry(number) for number in range(1, 61)))
    pick(7)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    client = signed_in(ada)
    with django_assert_num_queries(26):
        client.get("/")
