"""How the index is kept in step with papers, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.ingest import store
from digest.models import Paper, SearchText, SearchWord
from digest.search import index, search
from tests.support.factories import NOON, entry, feed
from tests.support.services import Installation

A_DAY_OF_SEARCHES = """
import django; django.setup()
from datetime import UTC, datetime, timedelta
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Paper
from digest.search import Filters, search
from digest.search.engine import TooSlow, time_limit
from tests.support.factories import NOON, entry, feed
def publish(*entries):
    shown = feed(*entries)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
publish(*(entry(number, title=f"Self-supervised colour of GPT-4 number {number}", authors=("Łukasz O'Brien",)) for number in range(1, 9)),
        entry(9, title="Tides", abstract="Graph neural networks.", authors=("Geoffrey E. Hinton",)))
def count(typed, **more):
    return search(typed, now=NOON, **more).with_all
for typed in ("selfsupervised", "self supervised", "color", "gpt4", "lukasz obrien", "author:obrien", "colour -tides", 'title:"gpt 4"', "suprevised"):
    assert count(typed) == 8, typed
for typed in ("2603.00009", "tides", '"graph neural"', 'author:"G. Hinton"', "number 3"):
    assert count(typed) == 1, typed
for typed in ("zebra", "title:graph", '"neural graph"', "colour -gpt4"):
    assert count(typed) == 0, typed
assert count("", filters=Filters(category="cs.LG", since=NOON.date())) == 9
assert len(search("tides colour", now=NOON).papers) == 9
for typed in ("'", '"', "a & | ! <-> :* \\\\ ''", "NEAR(a b)", "{title} : x", "-", "%", "日本", "𞤀𞤣 ⒜ ½ Ⅷ ٣", "x" * 5000, "\\0", "' OR 1=1 --"):
    search(typed, now=NOON)
Paper.objects.filter(identifier="arxiv:2603.00009").first().delete()
assert count("hinton") == 0
try:
    with time_limit(0.1):
        from django.db import connection
        connection.cursor().execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
    raise SystemExit("no limit")
except TooSlow:
    assert Paper.objects.count() == 8
"""


def of(title: str) -> SearchText:
    return SearchText.objects.get(paper__title=title)


def put(*entries: Any, **values: Any) -> None:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=values.pop("at", NOON))


@pytest.mark.django_db
class TestOnStoring:
    def test_a_new_paper_is_indexed(self) -> None:
        put(entry(1, title="Tides", abstract="Of seas.", authors=("Ada Example",), categories=("cs.LG",)))
        row = of("Tides")
        assert (row.title, row.abstract, row.categories) == ("tide", "of sea", "cslg")
        assert row.authors.startswith("ada exampl ·")

    def test_a_new_version_replaces_its_row(self) -> None:
        put(entry(1, title="Tides"))
        put(entry(1, title="Waves", version=2, announced="replace"))
        assert [row.title for row in SearchText.objects.all()] == ["wave"]

    def test_a_reading_that_changes_no_text_writes_nothing(self, django_assert_max_num_queries: Any) -> None:
        put(entry(1, title="Tides"))
        SearchText.objects.update(title="as it was")
        put(entry(1, title="Tides"))
        assert of("Tides").title == "as it was"

    def test_a_deleted_paper_takes_its_row_with_it(self) -> None:
        put(entry(1, title="Tides"), entry(2, title="Waves"))
        Paper.objects.get(title="Tides").delete()
        assert [row.title for row in SearchText.objects.all()] == ["wave"]

    def test_words_are_counted_once_a_paper(self) -> None:
        put(entry(1, title="Tides tides", abstract="Tides."), entry(2, title="Tides", abstract=""))
        put(entry(1, title="Tides and waves", abstract="Tides.", version=2, announced="replace"))
        counts = dict(SearchWord.objects.filter(word__in=["tides", "waves"]).values_list("word", "papers"))
        assert counts == {"tides": 2, "waves": 1}


@pytest.mark.django_db
def test_indexing_takes_the_same_statements_for_fifty_papers_as_for_one(django_assert_max_num_queries: Any) -> None:
    put(*(entry(number) for number in range(1, 51)))
    papers = list(Paper.objects.all())
    with django_assert_max_num_queries(4):
        index(papers)
    assert len(search("careful measurement", now=NOON + timedelta(days=1), everything=True).papers) == 50


@pytest.mark.django_db
def test_nothing_is_written_for_no_papers(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        index([])


def test_both_databases_find_the_same(installation: Installation) -> None:
    installation.prepare()
    installation.run("-c", A_DAY_OF_SEARCHES)
