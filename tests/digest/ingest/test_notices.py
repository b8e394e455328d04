"""Notices of retraction mark the stored work that they are about, and no other; curators see and undo it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import parsers, store
from digest.ingest.papers.changes import settle
from digest.models import Paper, PaperChange
from tests.support.factories import NOON

pytestmark = pytest.mark.django_db
HOME, BLOG = "https://j.example.org/", "https://k.example.org/"
TITLE = "Bees count to four"
Item = tuple[str, str, str]  # title, DOI, description


def show(*items: Item, days: int = 0, home: str = HOME) -> store.Reading:
    wrapped = "".join(
        f"<item><title>{title}</title><link>{home}{doi}</link><prism:doi>{doi}</prism:doi>"
        f"<description>{text}</description></item>"
        for title, doi, text in items
    )
    head = 'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'
    channel = f"<title>Notes of {home}</title><link>{home}</link>{wrapped}"
    feed = parsers.read(f'<rss version="2.0" {head}><channel>{channel}</channel></rss>'.encode())
    return store.store(store.source_named_in(feed, "file.xml"), feed, now=NOON + timedelta(days=days))


def article(number: int = 1, title: str = TITLE) -> Item:
    return title, f"10.5555/bees.{number}", "We count bees that count."


def notice(title: str = f"Retraction Note: {TITLE}", text: str = "") -> Item:
    return title, "10.5555/notice", text


def withdrawn() -> list[str]:
    return list(Paper.objects.filter(withdrawn_at__isnull=False).order_by("pk").values_list("identifier", flat=True))


def states() -> list[str]:
    return list(PaperChange.objects.order_by("pk").values_list("state", flat=True))


def test_a_notice_marks_the_work_that_alone_bears_its_title_in_that_source() -> None:
    show(article(), article(2, "Bees dance"))
    reading = show(notice(), article(), days=1)
    assert (withdrawn(), states()) == (["doi:10.5555/bees.1"], ["applied"])
    assert (reading.updated, [one.why for one in reading.refused]) == (1, ["a notice about another paper"])
    assert reading.notes == (f"a notice takes back “{TITLE}”, which is marked as withdrawn",)


def test_a_notice_marks_a_work_of_the_same_reading_once() -> None:
    for day in range(2):
        show(notice(), notice(f"Retraction: {TITLE}"), article(), days=day)
    assert (withdrawn(), states()) == (["doi:10.5555/bees.1"], ["applied"])


@pytest.mark.parametrize(
    "title", ["Bees count to FOUR", "Bees “count” to four.", "Bees &lt;i&gt;count&lt;/i&gt; to four"]
)
def test_spelling_and_markup_make_no_other_title(title: str) -> None:
    show(article(title=title))
    show(notice(), days=1)
    assert withdrawn() == ["doi:10.5555/bees.1"]


def test_an_identifier_names_the_work_whatever_its_title() -> None:
    show(article(), article(2, "Bees dance"))
    show(notice("Retraction", "[This retracts the article DOI: 10.5555/bees.2.]"), days=1)
    assert withdrawn() == ["doi:10.5555/bees.2"]


def test_a_preprint_of_the_same_title_in_another_source_is_left_alone() -> None:
    show(article(9), home=BLOG)
    show(article(1), days=1)
    show(notice(), days=2)
    assert withdrawn() == ["doi:10.5555/bees.1"]


@pytest.mark.parametrize(
    "title",
    ["Correction to: Bees count to four", "Partial Retraction: Bees count to four", "Retraction and Replacement: Bees count to four",
     "Retraction: Bees count", "Retraction Note: Bees count to four and five"],
)  # fmt: skip
def test_other_notices_mark_nothing(title: str) -> None:
    show(article(), article(2, "Bees count"))
    show(notice(title), days=1)
    assert (withdrawn(), states()) == ([], [])


def test_two_works_of_one_title_are_not_told_apart_by_it() -> None:
    show(article(1), article(2))
    show(notice(), days=1)
    assert (withdrawn(), states()) == ([], [])


@pytest.mark.parametrize(
    ("shown", "home"),
    [
        (notice(f"Expression of Concern: {TITLE}"), HOME),
        (notice("Retraction", "[This retracts the article DOI: 10.5555/bees.1.]"), BLOG),
        (notice("Retraction: Wasps count to five", "[This retracts the article DOI: 10.5555/bees.1.]"), HOME),
    ],
)
def test_a_concern_another_source_or_another_title_is_a_claim(shown: Item, home: str) -> None:
    show(article())
    reading = show(shown, days=1, home=home)
    assert (withdrawn(), states(), reading.updated) == ([], ["claimed"], 0)
    show(shown, days=2, home=home)
    settle(PaperChange.objects.get().pk, "apply", now=NOON)
    assert withdrawn() == ["doi:10.5555/bees.1"]


def test_a_curator_undoes_a_notice_for_good_and_a_mark_of_the_work_itself_still_counts() -> None:
    show(article())
    show(notice(), days=1)
    settle(PaperChange.objects.get().pk, "undo", now=NOON)
    show(notice(), article(), days=2)
    assert (withdrawn(), states()) == ([], ["undone"])
    show(article(title=f"RETRACTED ARTICLE: {TITLE}"), days=3)
    assert withdrawn() == ["doi:10.5555/bees.1"]


def test_a_work_that_a_notice_took_back_is_not_offered_any_more() -> None:
    show(article())
    open_edition(NOON.date(), now=NOON)
    before = CandidatePool.load(NOON)
    show(notice(), days=1)
    after = CandidatePool.load(NOON)
    assert (list(before.eligible), list(after.eligible)) == ([True], [False])


def test_many_notices_take_a_fixed_number_of_queries(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(store, "FIRST_SHARE", 1)  # in one transaction
    some = [article(n, f"Bees count to number {n}") for n in range(40)]
    show(*some)
    with django_assert_max_num_queries(30):
        show(*(notice(f"Retraction: {title}") for title, _, _ in some), days=1)
    assert len(withdrawn()) == 40
