"""An edition freezes a day's candidates, their scores, and what was missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from digest import lease
from digest.compose.card import Card
from digest.editions import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.ingest.sources.advice import explain
from digest.models import Edition, EditionPaper, Paper, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, entry, feed, source

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
VOTES = {"kind": "hugging_face", "name": "Hugging Face daily papers", "url": "https://huggingface.co/api/daily_papers"}


def stored(*entries: Entry, at: Any = NOON, **values: Any) -> None:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)


def titles(edition: Edition) -> list[str]:
    return list(edition.candidates.order_by("pk").values_list("paper__identifier", flat=True))


def test_new_and_cross_listed_papers_are_candidates_and_updates_are_not() -> None:
    stored(
        entry(1, announced="new"),
        entry(2, announced="cross"),
        entry(3, announced="replace", version=2),
        entry(4, announced="replace_cross", version=3),
        entry(5, announced="", announced_on=None),
        entry(6, announced="", version=2),
    )
    edition, opened = open_edition.open_edition(TODAY, now=NOON)
    assert opened
    assert titles(edition) == ["arxiv:2603.00001", "arxiv:2603.00002", "arxiv:2603.00005"]


def test_a_paper_announced_as_cross_in_one_feed_and_as_new_in_another_is_one_candidate() -> None:
    stored(entry(1, announced="cross"))
    stored(entry(1, announced="new"), name="arXiv cs.CL", url="https://rss.arxiv.org/rss/cs.CL")
    assert len(open_edition.draft(TODAY, now=NOON)) == 1


def test_what_is_withdrawn_or_was_announced_long_ago_is_no_candidate() -> None:
    stored(entry(1, withdrawn=True), entry(2, announced_on=date(2026, 2, 1)))
    assert open_edition.draft(TODAY, now=NOON) == []


def test_an_open_edition_stays_as_it_is_and_new_papers_go_to_the_next() -> None:
    stored(entry(1))
    first, _ = open_edition.open_edition(TODAY, now=NOON)
    stored(entry(2))  # at the very moment of the opening
    stored(entry(3), at=NOON + timedelta(hours=3))
    again, opened = open_edition.open_edition(TODAY, now=NOON + timedelta(hours=4))
    assert (again, opened, titles(again)) == (first, False, ["arxiv:2603.00001"])
    tomorrow, _ = open_edition.open_edition(TODAY + timedelta(days=1), now=NOON + timedelta(days=1))
    assert titles(tomorrow) == ["arxiv:2603.00002", "arxiv:2603.00003"]


def test_yesterdays_batch_under_a_fresh_date_brings_no_candidate_and_is_called_stale() -> None:
    stored(entry(1), announced_on=TODAY)
    open_edition.open_edition(TODAY, now=NOON)
    tomorrow = NOON + timedelta(days=1)
    stored(entry(1), at=tomorrow, announced_on=TODAY)
    edition, _ = open_edition.open_edition(tomorrow.date(), now=tomorrow)
    assert titles(edition) == []
    assert [row["state"] for row in edition.completeness] == ["stale"]


def test_an_older_paper_comes_back_when_it_gained_score_since_yesterday() -> None:
    stored(entry(1, points=20, announced=""), entry(2, points=50, announced=""), **VOTES)
    open_edition.open_edition(TODAY, now=NOON)
    tomorrow = NOON + timedelta(days=1)
    stored(entry(1, points=90, announced=""), entry(2, points=50, announced=""), at=tomorrow, **VOTES)
    assert [one.paper.identifier for one in open_edition.draft(tomorrow.date(), now=tomorrow)] == ["arxiv:2603.00001"]


def test_the_score_is_the_public_formula_of_the_inputs_beside_it() -> None:
    stored(entry(1, points=73, comments=12, stars=340, announced=""), entry(2), at=NOON - timedelta(hours=5), **VOTES)
    best, other = open_edition.draft(TODAY, now=NOON)
    assert best.inputs == {
        "points": 73,
        "comments": 12,
        "stars": 340,
        "hours": 5.0,
        "source": "Hugging Face daily papers",
    }
    assert best.trending == pytest.approx((73 + 1) / (5 + 2) ** 0.3)
    assert (other.trending, other.inputs) == (None, {})


def test_cards_are_frozen_at_the_opening() -> None:
    stored(entry(1, title="As it was", points=73, announced=""), **VOTES)
    open_edition.open_edition(TODAY, now=NOON)
    Paper.objects.update(title="As it is")
    card = Card.from_json(EditionPaper.objects.get().card)
    assert (card.title, card.source, card.category_name) == ("As it was", "arXiv", "Machine Learning")
    assert [(fact.number, fact.what, fact.where) for fact in card.facts] == [(73, "upvote", "Hugging Face")]


def test_the_receipt_tells_complete_partial_absent_and_failed_apart() -> None:
    stored(entry(1), announced_on=TODAY)
    stored(entry(2), name="arXiv cs.CL", url="https://rss.arxiv.org/rss/cs.CL", stated_total=3)
    source("arXiv math", "https://rss.arxiv.org/rss/math", active=True)
    source("Old file", "file:old.xml", active=False)
    broken = source("Journal", "https://journal.example/feed", active=True)
    store.note_failure(broken, ErrorKind.TRUNCATED, now=NOON)
    completeness = {row["source"]: row for row in open_edition.completeness_report(TODAY, now=NOON)}
    assert {name: row["state"] for name, row in completeness.items()} == {
        "arXiv cs.LG": "complete",
        "arXiv cs.CL": "partial",
        "arXiv math": "absent",
        "Journal": "failed",
    }
    assert (completeness["arXiv cs.CL"]["expected"], completeness["arXiv cs.CL"]["stored"]) == (3, 1)
    assert completeness["Journal"]["why"] == explain(ErrorKind.TRUNCATED, detail="")


def test_drafting_writes_nothing() -> None:
    stored(entry(1))
    open_edition.draft(TODAY, now=NOON)
    assert not Edition.objects.exists()


def test_a_day_on_which_every_source_failed_is_not_opened_unless_something_is_new() -> None:
    one = source(name="Journal", url="https://journal.example/feed")
    later = NOON + timedelta(hours=1)
    store.note_failure(one, ErrorKind.CONNECTION_FAILED, now=NOON)
    Source.objects.update(next_check_at=later + timedelta(hours=1))
    assert open_edition.is_unread(TODAY, now=later)
    assert open_edition.open_when_ready(later) is None
    stored(entry(1))
    assert not open_edition.is_unread(TODAY, now=later)
    assert open_edition.open_when_ready(later) is not None


def test_after_the_deadline_no_edition_opens_while_a_source_is_read() -> None:
    one = source(name="Journal", url="https://journal.example/feed")
    late = NOON + timedelta(hours=8)
    # as its row is between the answer of its server and the end of the parser
    Source.objects.update(last_error_kind=ErrorKind.PARSER_ENDED, failures=1, next_check_at=late + timedelta(minutes=5))
    assert lease.acquire("refresh", holder="a worker", now=late, hold=timedelta(minutes=10))
    assert open_edition.open_when_ready(late) is None
    store.store(one, feed(entry(1)), now=late)
    lease.done("refresh", holder="a worker", now=late)
    edition = open_edition.open_when_ready(late)
    assert edition is not None
    assert EditionPaper.objects.filter(edition=edition).count() == 1


def test_after_the_deadline_a_source_whose_parser_ended_holds_nothing_up() -> None:
    stored(entry(1))
    source(name="Journal", url="https://journal.example/feed")
    late = NOON + timedelta(hours=8)
    Source.objects.update(last_error_kind=ErrorKind.PARSER_ENDED, failures=1, next_check_at=late + timedelta(minutes=5))
    assert open_edition.open_when_ready(late) is not None
