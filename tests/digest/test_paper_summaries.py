"""A source's own summary of a paper: stored once, shown by digests that are planned, and dropped by curators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry

from digest.compose.emails import Mails
from digest.dashboard.auth.roles import Role
from digest.delivery.plan import plan
from digest.editions.curation import drop_summary
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, Paper, PaperSummary
from digest.preview import visitor
from subscriptions.models import Preference
from subscriptions.preferences import Choices, Wish
from tests.support.editions import mail_of
from tests.support.factories import NOON, entry, feed, reader, source
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
VOTES = {"name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers", "kind": "hugging_face"}
SUMMARY = "Careful measurement finds that each of the things is as it was expected to be."
SENTENCE = "We measure thing 1."


def shown(*entries: Any, now: Any = NOON, **values: Any) -> store.Reading:
    paper = feed(*entries, **VOTES | values)
    return store.store(source(paper.name, paper.url, kind=paper.kind), paper, now=now)


def a_day(summary: str = SUMMARY) -> PaperSummary | None:
    shown(entry(1, announced="", points=9, summary=summary))
    open_edition(NOON.date(), now=NOON)
    return PaperSummary.objects.first()


def planned(name: str) -> Delivery:
    row = reader(name, wants={"category": ["cs.LG"]})
    plan(NOON, [row.pk], issue_date=NOON.date())
    return Delivery.objects.select_related("subscriber", "content").get(subscriber=row)


def test_a_summary_of_the_source_is_shown_in_place_of_the_sentence_and_names_it() -> None:
    a_day()
    email = mail_of(planned("ada"))
    for part in (email.text, email.html):
        words = " ".join(part.split())
        assert SUMMARY in words
        assert "(Summary: Hugging Face)" in words
        assert SENTENCE not in words


def test_a_summary_that_cannot_be_shown_is_not_stored_and_the_sentence_stands() -> None:
    assert a_day("**Sure!** Here is <b>a summary</b>") is None
    assert SENTENCE in mail_of(planned("ada")).text


def test_only_hugging_face_gives_summaries_and_its_first_one_stands() -> None:
    shown(
        entry(1, announced="", summary=SUMMARY), kind="arxiv_rss", name="arXiv", url="https://rss.arxiv.org/rss/cs.LG"
    )
    assert not PaperSummary.objects.exists()
    shown(entry(1, announced="", points=1, summary=SUMMARY))
    shown(entry(1, announced="", points=2, summary=f"In the end {SUMMARY}"), now=NOON + timedelta(hours=1))
    assert [one.text for one in PaperSummary.objects.all()] == [SUMMARY]


def test_a_planned_mail_stays_as_it_is_when_a_curator_drops_the_summary_and_later_ones_have_the_sentence() -> None:
    summary = a_day()
    first, mails = planned("ada"), Mails()
    before = mail_of(first, mails).html
    assert drop_summary(summary.pk, now=NOON)
    assert drop_summary(summary.pk, now=NOON) is None
    later = mail_of(planned("ben"), mails)
    assert SENTENCE in later.text
    assert SUMMARY not in " ".join(later.text.split())
    assert mail_of(first, mails).html == mail_of(first).html == before


def test_a_summary_that_comes_after_a_mail_is_in_the_next_one_by_one_query(
    django_assert_num_queries: Any,
) -> None:
    a_day("")
    first, mails = planned("ada"), Mails()
    assert SENTENCE in mail_of(first, mails).text
    PaperSummary.objects.create(paper=Paper.objects.get(), source="model", text=SUMMARY, made_at=NOON)
    second = planned("ben")
    with django_assert_num_queries(2):  # the summary, and which papers were deleted since
        mails.read_cards([second])
    text = " ".join(mails.email_for(second).text.split())
    assert f"{SUMMARY} (Machine-written summary)" in text
    assert SENTENCE in mail_of(first, mails).text


def test_of_two_summaries_the_sources_own_is_shown() -> None:
    summary = a_day()
    PaperSummary.objects.create(paper=summary.paper, source="model", text="Another of the model.", made_at=NOON)
    assert planned("ada").record.summaries == [summary.pk]


def test_the_preview_of_a_visitor_has_the_summary_too() -> None:
    a_day()
    visitor.forget()
    choices = Choices(wishes=(Wish(Preference.Kind.CATEGORY, "cs.LG"),))
    (item,) = visitor.preview(choices, now=NOON).papers
    assert (item.card.summary, item.card.summary_label) == (SUMMARY, "Summary: Hugging Face")


# --- the dashboard ---------------------------------------------------------------------------------------------------


def test_a_curator_sees_the_summary_and_drops_it_by_a_post_that_is_logged() -> None:
    summary = a_day()
    with time_machine.travel(NOON, tick=False):
        dashboard = signed_in(one_of_the_staff(Role.CURATOR))
        address = f"/dashboard/summaries/{summary.pk}/drop"
        page = dashboard.get("/dashboard/").content.decode()
        assert SUMMARY in page
        assert f'action="{address}"' in page
        assert dashboard.get(address).status_code == 405
        assert PaperSummary.objects.shown().exists()
        answer = dashboard.post(address)
        assert answer.status_code == 302
        assert "Dropped the summary of" in dashboard.get(answer.headers["Location"]).content.decode()
        assert "Somebody has dropped this summary already." in dashboard.post(address, follow=True).content.decode()
    assert not PaperSummary.objects.shown().exists()
    assert LogEntry.objects.get().change_message == f"Dropped the summary: {SUMMARY}"


def test_a_member_who_is_no_curator_sees_the_summary_and_cannot_drop_it() -> None:
    summary = a_day()
    with time_machine.travel(NOON, tick=False):
        dashboard = signed_in(one_of_the_staff(Role.SENDER))
        page = dashboard.get("/dashboard/").content.decode()
        assert SUMMARY in page
        assert "Drop the summary" not in page
        assert dashboard.post(f"/dashboard/summaries/{summary.pk}/drop").status_code == 403
    assert PaperSummary.objects.shown().exists()
