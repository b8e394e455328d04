"""An invented installation, and the dashboard on it: a page takes as many queries for four times as much."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from digest.management import large, large_readers, page_times
from digest.models import Delivery, Edition, EditionPaper, Paper, Source
from subscriptions.models import Preference, Subscriber
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db


def laid_down(*, readers: int, papers: int, days: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for what, count in large.lay_down(readers=readers, papers=papers, days=days, now=NOON):
        counts[what] += count
    return counts


def queries(**size: int) -> dict[str, int]:
    """How many queries each page takes on an installation of that size, which is gone afterwards."""
    with transaction.atomic():
        laid_down(**size)
        pages = page_times.measure(rounds=1)
        transaction.set_rollback(True)
    assert {one.status for one in pages} == {200}
    assert min(one.queries for one in pages) >= 2  # session and user at least
    return {one.label: one.queries for one in pages}


@pytest.mark.slow
def test_every_page_takes_as_many_queries_for_four_times_as_much() -> None:
    queries(readers=20, papers=20, days=6)  # Django learns its content types
    assert queries(readers=150, papers=120, days=6) == queries(readers=600, papers=480, days=6)


@pytest.mark.slow
def test_what_is_laid_down_is_whole() -> None:
    counts = laid_down(readers=300, papers=100, days=10)
    on_the_list = Subscriber.objects.on_the_list().count()
    assert (Paper.objects.count(), Subscriber.objects.count(), Edition.objects.count()) == (100, 300, 10)
    assert Delivery.objects.count() == counts["deliveries"] == 10 * on_the_list
    assert Paper.objects.filter(topics__isnull=False).exists()
    assert EditionPaper.objects.values("paper").distinct().count() == 100
    assert 300 <= Preference.objects.count() <= 1800
    for edition in Edition.objects.all():
        by_status = Counter(Delivery.objects.filter(edition=edition).values_list("status", flat=True))
        assert edition.tally == dict(by_status)
        assert sum(row["stored"] for row in edition.completeness) >= 10
    assert set(Delivery.objects.values_list("status", flat=True)) >= {"accepted", "delivered", "skipped", "ready"}
    assert not Subscriber.objects.exclude(email__endswith=".invalid").exists()
    assert not Source.objects.exclude(url__startswith="https://sources.invalid/").exists()


def test_readers_beyond_the_models_get_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_readers, "MODELS", 40)
    counts = laid_down(readers=300, papers=10, days=2)
    on_the_list = Subscriber.objects.on_the_list().count()
    assert Delivery.objects.count() == counts["deliveries"] == 2 * on_the_list
    sent = Delivery.objects.exclude(message_id=None)
    assert sent.values("message_id").distinct().count() == sent.count() > 400
    two_days = [
        set(Delivery.objects.filter(edition=one).values_list("subscriber", "status")) for one in Edition.objects.all()
    ]
    assert two_days[0] != two_days[1]
    assert sum(sum(edition.tally.values()) for edition in Edition.objects.all()) == 2 * on_the_list


def test_a_house_that_has_readers_is_refused() -> None:
    reader("ada")
    with pytest.raises(CommandError, match="give an empty one"):
        call_command("large_data", readers=1, papers=1, days=1)
    assert Subscriber.objects.count() == 1


def test_a_house_that_sends_mail_is_refused(settings: Any) -> None:
    settings.MAIL_PROVIDER = "smtp"
    with pytest.raises(CommandError, match="sends mail to real people"):
        call_command("large_data", readers=1, papers=1, days=1)
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("wrong", [{"days": 0}, {"papers": 0}, {"papers": 1_000_000}, {"readers": -1}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="Give 1 to 365 days"):
        call_command("large_data", **{"readers": 1, "papers": 1, "days": 1, **wrong})


def test_measuring_prints_each_page_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("large_data", measure=True)
    printed = capsys.readouterr().out
    assert "Sources" in printed
    assert "Topics" in printed
    assert "median ms" in printed
