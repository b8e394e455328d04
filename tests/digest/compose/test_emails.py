"""A delivery's row and its edition -> its mail: what is at hand is read once, and never older than the edition."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from digest.compose.emails import Mails
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, EditionPaper, Paper
from tests.support.factories import NOON, entry, feed, reader

pytestmark = pytest.mark.django_db


def a_day(*numbers: int, day: int = 0) -> None:
    """An edition of these papers, so many days after the first."""
    now = NOON + timedelta(days=day)
    papers = [entry(number, announced_on=now.date()) for number in numbers]
    store.store(store.source_named_in(feed(*papers), "file.xml"), feed(*papers), now=now)
    open_edition(now.date(), now=now)


def planned(*names: str, day: int = 0) -> list[Delivery]:
    now = NOON + timedelta(days=day)
    ids = [reader(name, wants={"category": ["cs.LG"]}).pk for name in names]
    plan(now, ids, issue_date=now.date())
    return list(Delivery.objects.filter(subscriber__in=ids).select_related("subscriber", "content"))


def test_the_second_batch_reads_only_which_of_the_papers_at_hand_were_deleted(django_assert_num_queries: Any) -> None:
    a_day(1, 2)
    (first,), (second,) = planned("ada"), planned("ben")
    mails = Mails()
    with django_assert_num_queries(3):  # the edition, its letter, the cards
        mails.read_cards([first])
    with django_assert_num_queries(1):
        mails.read_cards([second])
    assert "ben@example.org" in mails.email_for(second).text


def test_a_newer_edition_shows_its_own_card_of_a_paper_that_was_at_hand() -> None:
    a_day(1)
    (first,) = planned("ada")
    mails = Mails()
    mails.read_cards([first])
    assert "careful measurement" in mails.email_for(first).text
    a_day(2, day=1)
    again = EditionPaper.objects.get(paper__identifier="arxiv:2603.00002")
    paper = Paper.objects.get(identifier="arxiv:2603.00001")
    EditionPaper.objects.create(
        edition=again.edition, paper=paper, card={**again.card, "title": "As it is called today"}
    )
    (second,) = planned("ben", day=1)
    assert second.record is not None
    second.put_content(paper_ids=[paper.pk], subject=second.subject, record=second.record.for_papers([0]))
    mails.read_cards([first, second])
    assert "As it is called today" in mails.email_for(second).text
    assert "As it is called today" not in mails.email_for(first).text


@pytest.mark.parametrize("table", ["digest_edition", "digest_editionletter", "digest_editionpaper"])
def test_a_query_that_fails_leaves_nothing_half_read(table: str) -> None:
    """Else this process would find no card, or no letter, in any mail that follows."""
    a_day(1, 2)
    (row,) = planned("ada")
    (whole,) = planned("ben")
    expected = Mails()
    expected.read_cards([whole])

    def cut(execute: Any, sql: str, *rest: Any) -> Any:
        if f'FROM "{table}"' in sql:
            raise OperationalError("the connection is closed")
        return execute(sql, *rest)

    mails = Mails()
    with connection.execute_wrapper(cut), pytest.raises(OperationalError):
        mails.read_cards([row])
    mails.read_cards([row])
    assert mails.cards_of(row) == expected.cards_of(whole) != {}
    assert mails._letters.keys() == expected._letters.keys()
