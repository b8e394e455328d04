"""Announcements that were planned before they had a column of their own keep their rows, once a reader, and no day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.services import Installation, empty_database

pytestmark = pytest.mark.service

BEFORE = "0027_reading_lists"
OLD_ROWS = f"""
from datetime import date
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
apps = MigrationExecutor(connection).migrate([("digest", "{BEFORE}")]).apps
ada, ben = (
    apps.get_model("subscriptions", "Subscriber").objects.create(
        email=f"{{name}}@example.org", email_key=f"{{name}}@example.org", public_id=name * 4
    )
    for name in ("ada", "ben")
)
Delivery = apps.get_model("digest", "Delivery").objects
for subject in ("First", "Second"):
    number = apps.get_model("digest", "Announcement").objects.create(subject=subject, text="Words", status="draft").pk
    for reader in (ada, ben):
        Delivery.create(subscriber=reader, issue_date=date.fromordinal(number), status="accepted")
Delivery.create(subscriber=ada, issue_date=date(2026, 3, 2), status="delivered")
for day in (date(1, 1, 2), date(2026, 3, 2)):
    apps.get_model("digest", "DayTally").objects.create(date=day, reasons_forgotten=True)
"""
NEW_ROWS = """
import json
from django.db import IntegrityError, transaction
from digest.models import Announcement, DayTally, Delivery
from subscriptions.models import Subscriber
def is_refused(**values):
    try:
        with transaction.atomic():
            Delivery.objects.create(subscriber=Subscriber.objects.get(public_id="adaadaadaada"), **values)
    except IntegrityError:
        return True
    return False
rows = Delivery.objects.order_by("pk").values_list("subscriber__public_id", "announcement__subject", "issue_date")
first = Announcement.objects.get(subject="First")
print(json.dumps({
    "rows": [[name[:3], subject, str(day)] for name, subject, day in rows],
    "days": [str(day) for day in DayTally.objects.values_list("date", flat=True)],
    "twice": is_refused(announcement=first, status="ready"),
    "both": is_refused(announcement=first, issue_date="2026-03-03", status="ready"),
    "neither": is_refused(status="ready"),
}))
"""


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What is stored after the migration, and which rows the database refuses since."""
    on_server = request.param == "PostgreSQL"
    at_home = nullcontext("")
    with empty_database(request.getfixturevalue("postgres_url"), bare=True) if on_server else at_home as url:
        one = Installation.at(tmp_path_factory.mktemp("var"), DATABASE_URL=url)
        one.run("manage.py", "shell", "-v0", "-c", OLD_ROWS)
        one.run("manage.py", "migrate", "-v0")
        yield json.loads(one.run("manage.py", "shell", "-v0", "-c", NEW_ROWS))


def test_each_row_has_its_announcement_or_its_day(migrated: dict[str, Any]) -> None:
    assert migrated["rows"] == [
        *([name, subject, "None"] for subject in ("First", "Second") for name in ("ada", "ben")),
        ["ada", None, "2026-03-02"],
    ]


def test_no_day_is_counted_on_which_nobody_could_get_a_digest(migrated: dict[str, Any]) -> None:
    assert migrated["days"] == ["2026-03-02"]


@pytest.mark.parametrize("what", ["twice", "both", "neither"])
def test_the_database_refuses_a_row_that_is_no_such_mail_or_a_second_one(migrated: dict[str, Any], what: str) -> None:
    assert migrated[what]
