"""``./run bench large``: an invented installation, and the dashboard on it: a page takes as many queries for four times as much."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import transaction

from digest.models import Delivery, Edition, EditionPaper, Paper, Source
from subscriptions.models import Preference, Subscriber
from tests.benchmarks import large_installation, large_readers, page_times
from tests.benchmarks.__main__ import main
from tests.benchmarks.command_line import Refused
from tests.support.factories import NOON, reader
from tests.support.services import ROOT

pytestmark = pytest.mark.django_db

MOST_QUERIES = 20  # of a page


def seed(*, readers: int, papers: int, days: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for what, count in large_installation.seed_rows(readers=readers, papers=papers, days=days, now=NOON):
        counts[what] += count
    return counts


def queries(**size: int) -> dict[str, int]:
    """How many queries each page takes on an installation of that size, which is gone afterwards."""
    with transaction.atomic():
        seed(**size)
        pages = page_times.measure(rounds=1)
        transaction.set_rollback(True)
    assert {one.status for one in pages} == {200}
    assert min(one.queries for one in pages) >= 2  # session and user at least
    return {one.label: one.queries for one in pages}


@pytest.mark.slow
def test_every_page_takes_as_many_queries_for_four_times_as_much() -> None:
    queries(readers=20, papers=20, days=6)  # Django learns its content types
    some, more = queries(readers=75, papers=60, days=6), queries(readers=300, papers=240, days=6)
    # a search that finds little asks again, only a list with picks reads them, and few papers have others like them
    by_content = {label for label in more if label.startswith(("Search: ", "Public: one paper", "Papers like"))}
    by_content |= {label for label in more if label.endswith("of a topic")}
    assert len(by_content) < len(more) / 2
    assert max(more[label] for label in by_content) <= MOST_QUERIES
    assert {**some, **dict.fromkeys(by_content)} == {**more, **dict.fromkeys(by_content)}


@pytest.mark.slow
def test_what_is_seeded_is_whole() -> None:
    counts = seed(readers=100, papers=100, days=10)
    on_the_list = Subscriber.objects.on_the_list().count()
    assert (Paper.objects.count(), Subscriber.objects.count(), Edition.objects.count()) == (100, 100, 10)
    assert Delivery.objects.count() == counts["deliveries"] == 10 * on_the_list
    assert Paper.objects.filter(topics__isnull=False).exists()
    assert EditionPaper.objects.values("paper").distinct().count() == 100
    assert 100 <= Preference.objects.count() <= 600
    for edition in Edition.objects.all():
        by_status = Counter(Delivery.objects.filter(edition=edition).values_list("status", flat=True))
        assert edition.tally == dict(by_status)
        assert sum(row["stored"] for row in edition.completeness) >= 10
    assert set(Delivery.objects.values_list("status", flat=True)) >= {"accepted", "delivered", "skipped", "ready"}
    assert not Subscriber.objects.exclude(email__endswith=".invalid").exists()
    assert not Source.objects.exclude(url__startswith="https://sources.invalid/").exists()


@pytest.mark.slow
def test_readers_beyond_the_models_get_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_readers, "MODELS", 40)
    counts = seed(readers=300, papers=10, days=2)
    on_the_list = Subscriber.objects.on_the_list().count()
    assert Delivery.objects.count() == counts["deliveries"] == 2 * on_the_list
    sent = Delivery.objects.exclude(message_id=None)
    assert sent.values("message_id").distinct().count() == sent.count() > 400
    two_days = [
        set(Delivery.objects.filter(edition=one).values_list("subscriber", "status")) for one in Edition.objects.all()
    ]
    assert two_days[0] != two_days[1]
    assert sum(sum(edition.tally.values()) for edition in Edition.objects.all()) == 2 * on_the_list


def test_a_database_with_tables_is_refused() -> None:
    with pytest.raises(Refused, match="the database has tables"):
        large_installation.refuse_with_tables()


def test_only_what_was_filled_here_is_measured() -> None:
    with pytest.raises(Refused, match="not filled by"):
        large_installation.refuse_unless_invented()
    seed(readers=3, papers=3, days=1)
    large_installation.refuse_unless_invented()
    ada = reader("ada")
    with pytest.raises(Refused, match="not filled by"):
        large_installation.refuse_unless_invented()
    ada.delete()
    Source.objects.create(kind="journal", name="A journal", url="https://journal.example/feed")
    with pytest.raises(Refused, match="not filled by"):
        large_installation.refuse_unless_invented()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--days", "0"], "give 1 to 365 days"),
        (["--papers", "0"], "give 1 to 365 days"),
        (["--papers", "1000000"], "give 1 to 365 days"),
        (["--requests", "0"], "give at least one request"),
        (["--readers", "-1"], "give 1 to 365 days"),
        (["--measure"], "new.sqlite3: fill it first, without --measure"),
        (["--database", "{folder}/used.sqlite3"], "used.sqlite3 exists: name a new file"),
        (["--database", "{folder}/none/new.sqlite3"], "there is no folder"),
    ],
)
def test_what_cannot_be_filled_or_measured_is_told_in_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "used.sqlite3").touch()
    given = [one.format(folder=tmp_path) for one in arguments]
    assert main(["large", "--database", str(tmp_path / "new.sqlite3"), *given]) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["used.sqlite3"]


def test_without_a_database_nothing_is_filled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://digest@127.0.0.1:1/live")
    assert main(["large"]) == 2
    assert "the following arguments are required: --database" in capsys.readouterr().err


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it, and leave out the lines on progress, which come where the machine is slow."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "large", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    done.stderr = re.sub(r"^ *\d+ s: .*\n", "", done.stderr, flags=re.MULTILINE)
    return done


@pytest.mark.service
def test_a_file_is_filled_and_measured_and_the_installation_in_use_stays_as_it_is(tmp_path: Path) -> None:
    var, file, figures = tmp_path / "var", tmp_path / "large.sqlite3", tmp_path / "figures.json"
    var.mkdir()
    in_use = {"BROADSHEET_VAR": str(var), "DATABASE_URL": "postgres://digest@127.0.0.1:1/live"}
    given = ("--database", str(file), "--json", str(figures))
    filled = bench(*given, "--readers", "30", "--papers", "20", "--days", "2", **in_use)
    assert (filled.returncode, filled.stderr) == (0, "")
    assert filled.stdout.startswith("20 papers, 30 readers, ")
    found = json.loads(figures.read_text())
    assert found["size"] == {"readers": 30, "papers": 20, "days": 2, "seed": 4}
    assert found["rows"]["readers"] == 30
    again = bench(*given, **in_use)
    assert (again.returncode, again.stderr) == (2, f"./run bench: {file} exists: name a new file.\n")

    measured = bench(*given, "--measure", "--requests", "2", **in_use)
    assert (measured.returncode, measured.stderr) == (0, "")
    for printed in ("Pages, 2 requests each", "Sources", "One topic", "Public: month", "CPU p95"):
        assert printed in measured.stdout
    pages = json.loads(figures.read_text())["pages"]
    assert {page["status"] for page in pages} == {200}
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM auth_user").fetchone() == (0,)
    assert not any(var.iterdir())


@pytest.mark.service
def test_an_installation_that_sends_mail_is_refused(tmp_path: Path) -> None:
    provider = {
        "MAIL_PROVIDER": "smtp",
        "SMTP_URL": "smtp://127.0.0.1:25",
        "SITE_URL": "https://digest.example.org",
        "DEFAULT_FROM_EMAIL": "Broadsheet <digest@mail.example.org>",
        "POSTAL_ADDRESS": "1 Reading Lane, Dublin",
    }
    done = bench("--database", str(tmp_path / "large.sqlite3"), **provider)
    assert done.returncode == 2
    assert "sends mail to real people" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.service
def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    done = bench("--database", "postgres://digest@127.0.0.1:1/large")
    assert done.returncode == 2
    assert done.stderr.startswith("./run bench: --database cannot be opened: ")
    assert done.stderr.count("\n") == 1
