"""Votes are read again before digests are due, and each reader's order counts the latest reading."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from digest.delivery import plan
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import http, refresh
from digest.models import Delivery, Edition, EditionPaper, Paper, Source
from digest.preview import visitor
from subscriptions.models import Subscriber
from subscriptions.preferences import Choices
from tests.support.factories import NOON, reader
from tests.support.http_server import Answer, serve

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MORNING = NOON - 5 * HOUR
PATH = "/api/daily_papers"


@pytest.fixture(autouse=True)
def _loopback(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(http, "REST", timedelta())


def votes(*points: int) -> list[Answer]:
    """The daily papers with these upvotes, of yesterday and of today."""
    papers = [
        {
            "paper": {
                "id": f"2603.{number:05}",
                "title": f"Paper {number} about sorting",
                "summary": "We sort things. They stay sorted.",
                "authors": [{"name": "Ada Example"}],
                "publishedAt": MORNING.isoformat(),
                "submittedOnDailyAt": MORNING.isoformat(),
                "upvotes": its,
            }
        }
        for number, its in enumerate(points, start=1)
    ]
    return [Answer(json.dumps(papers).encode())] * 2


def daily_papers(url: str) -> Source:
    return Source.objects.create(name="Hugging Face daily papers", kind="hugging_face", url=url)


def planned(one: Subscriber, *, at: datetime) -> tuple[list[str], str]:
    """The last characters of the papers' identifiers in order, and when the votes were read."""
    plan.plan(at, [one.pk], issue_date=at.date())
    row = Delivery.objects.get(subscriber=one)
    papers = Paper.objects.in_bulk(row.paper_ids)
    return [papers[pk].identifier[-1] for pk in row.paper_ids], row.record.votes_read_at


def test_each_reader_counts_the_votes_read_last_and_a_source_that_is_gone_leaves_them() -> None:
    with serve({PATH: [*votes(9, 5, 1), *votes(9, 5, 20), *votes(9, 5, 20), Answer(status=500)]}) as web:
        source = daily_papers(web.url(PATH))
        refresh.refresh(source, now=MORNING)
        open_edition(NOON.date(), now=MORNING)
        early, noon, late = reader("early"), reader("noon"), reader("late")
        assert planned(early, at=MORNING) == (["1", "2", "3"], MORNING.isoformat())
        for at in (NOON - 2 * HOUR, NOON - HOUR):
            refresh.refresh(Source.objects.get(), now=at)
        # the second of the two changed no count, and still is the latest reading
        assert planned(noon, at=NOON) == (["3", "1", "2"], (NOON - HOUR).isoformat())
        refresh.refresh(Source.objects.get(), now=NOON + HOUR)
        assert Source.objects.get().failures == 1
        assert planned(late, at=NOON + HOUR) == (["3", "1", "2"], (NOON - HOUR).isoformat())
    frozen = EditionPaper.objects.get(paper__identifier="arxiv:2603.00003")
    assert frozen.inputs["points"] == 1


def test_who_has_a_digest_keeps_its_order() -> None:
    with serve({PATH: [*votes(9, 5, 1), *votes(9, 5, 20)]}) as web:
        source = daily_papers(web.url(PATH))
        refresh.refresh(source, now=MORNING)
        open_edition(NOON.date(), now=MORNING)
        ada = reader()
        before = planned(ada, at=MORNING)
        refresh.refresh(Source.objects.get(), now=NOON)
        assert planned(ada, at=NOON) == before


def test_a_paper_without_a_reading_keeps_the_score_of_its_edition() -> None:
    with serve({PATH: votes(9, 5, 1)}) as web:
        refresh.refresh(daily_papers(web.url(PATH)), now=MORNING)
        edition, _ = open_edition(NOON.date(), now=MORNING)
    Source.objects.all().delete()
    pool = CandidatePool.load(NOON)
    assert pool.votes_read_at is None
    assert pool.popularity.argsort().tolist() == [2, 1, 0]
    assert pool.has_votes.all()
    assert Edition.objects.get() == edition


def test_a_preview_counts_them_without_loading_its_papers_again() -> None:
    visitor.forget()
    with serve({PATH: [*votes(9, 5, 1), *votes(9, 5, 20)]}) as web:
        refresh.refresh(daily_papers(web.url(PATH)), now=MORNING)
        open_edition(NOON.date(), now=MORNING)
        before = visitor.preview(Choices(wishes=()), now=MORNING)
        kept = visitor._kept
        refresh.refresh(Source.objects.get(), now=NOON)
        after = visitor.preview(Choices(wishes=()), now=NOON)
        assert visitor._kept is kept
    visitor.forget()
    assert [one.card.title[6] for one in before.papers] == ["1", "2", "3"]
    assert [one.card.title[6] for one in after.papers] == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("due", "wait"),
    [
        ([], HOUR),
        ([HOUR], 50 * MINUTE),
        ([25 * MINUTE, HOUR], 15 * MINUTE),
        ([70 * MINUTE], HOUR),
        ([80 * MINUTE], HOUR),
        # this reading was for those due now
        ([10 * MINUTE, 40 * MINUTE], HOUR),
    ],
)
def test_the_source_is_asked_shortly_before_digests_are_due_and_else_hourly(
    due: list[timedelta], wait: timedelta
) -> None:
    for number, after in enumerate(due):
        reader(f"reader{number}", next_send_at=NOON + after)
    with serve({PATH: votes(1)}) as web:
        refresh.refresh(daily_papers(web.url(PATH)), now=NOON)
    assert Source.objects.get().next_check_at == NOON + wait


def test_over_a_day_it_is_asked_at_most_once_an_hour_and_before_each_sending_hour() -> None:
    for hour in range(6):
        reader(f"reader{hour}", next_send_at=NOON + hour * HOUR)
    asked, now = [], NOON - 100 * MINUTE
    with serve({PATH: votes(1) * 12}) as web:
        source = daily_papers(web.url(PATH))
        while now < NOON + 5 * HOUR:
            refresh.refresh(source, now=now)
            asked.append(now)
            source.refresh_from_db()
            now = source.next_check_at
    assert {NOON + hour * HOUR - 10 * MINUTE for hour in range(6)} <= set(asked)
    assert all(later - earlier == HOUR for earlier, later in pairwise(asked[2:]))
