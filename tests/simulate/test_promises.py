"""The model of the promises against days worked out by hand, and the ledger against mails that are wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.simulate.ledger import Ledger
from tests.simulate.promises import MAIL, Promises, Wishes, moment
from tests.simulate.service import SentMail, StoredRow

FRIDAY = date(2026, 3, 27)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BERLIN = Wishes(zone="Europe/Berlin", hour=7, days=frozenset(range(7)), most=10)
SEVEN = datetime(2026, 3, 27, 6, tzinfo=UTC)  # in Berlin


@pytest.mark.parametrize(
    ("day", "hour", "zone", "expected"),
    [
        (date(2026, 3, 28), 7, "Europe/Berlin", "2026-03-28T06:00"),
        (date(2026, 3, 29), 7, "Europe/Berlin", "2026-03-29T05:00"),
        (date(2026, 3, 29), 2, "Europe/Berlin", "2026-03-29T01:00"),  # there is no two o'clock
        (date(2026, 10, 25), 2, "Europe/Berlin", "2026-10-25T00:00"),  # there are two of them
        (date(2026, 3, 28), 7, "Asia/Kathmandu", "2026-03-28T01:15"),
        (date(2026, 3, 28), 7, "Pacific/Kiritimati", "2026-03-27T17:00"),
    ],
)
def test_an_hour_of_a_day_is_the_first_at_which_the_clock_shows_it(
    day: date, hour: int, zone: str, expected: str
) -> None:
    assert moment(day, hour, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def story() -> tuple[Promises, Ledger]:
    """Ada, who confirms on the evening before and gets nothing for want of an edition until seven on Friday."""
    promises = Promises()
    promises.confirm("ada", BERLIN, SEVEN - 9 * HOUR)
    promises.tick(SEVEN - 3 * HOUR)
    promises.open(FRIDAY, {"one": frozenset({"cs.LG"})}, SEVEN - HOUR)
    promises.tick(SEVEN)
    return promises, Ledger(promises)


def test_without_an_edition_the_first_day_is_too_late_and_the_next_brings_its_digest() -> None:
    promises, _ = story()
    rows = promises.readers["ada"].rows
    assert [(day.day, row.kind) for day, row in rows.items()] == [(26, "too_late"), (27, MAIL)]


def mail(at: datetime = SEVEN, *, papers: str = "one") -> SentMail:
    return SentMail("ada", "<1>", at, FRIDAY, frozenset({papers}))


RIGHT = {
    ("ada", FRIDAY - DAY): StoredRow("too_late", frozenset()),
    ("ada", FRIDAY): StoredRow(MAIL, frozenset({"one"})),
}


def test_what_is_as_promised_is_no_disagreement() -> None:
    _, ledger = story()
    ledger.take([mail()], SEVEN)
    assert ledger.judge(RIGHT).disagreements == []


@pytest.mark.parametrize(
    ("mails", "rows", "told"),
    [
        ([], RIGHT, "no mail came"),
        ([mail(), mail()], RIGHT, "ada on 2026-03-27: 2 mails"),
        ([mail(), mail()], RIGHT, "ada: one came 2 times"),
        ([mail(papers="two")], RIGHT, "1 of others"),
        ([mail(SEVEN + HOUR)], RIGHT, "of 2026-03-27 came, but the promise is mail"),
        ([mail()], RIGHT | {("ada", FRIDAY + DAY): StoredRow("paused", frozenset())}, "promised nothing"),
        ([mail()], {("ada", FRIDAY): StoredRow(MAIL, frozenset())}, "promised too_late, the database says nothing"),
        (
            [mail()],
            RIGHT | {("ada", FRIDAY): StoredRow("failed", frozenset())},
            "promised mail, the database says failed",
        ),
    ],
)
def test_each_fault_is_told(mails: list[SentMail], rows: dict[tuple[str, date], StoredRow], told: str) -> None:
    _, ledger = story()
    for one in mails:
        ledger.take([one], one.at)
    assert any(told in one for one in ledger.judge(rows).disagreements)


def test_a_mail_after_leaving_is_told() -> None:
    promises, ledger = story()
    promises.leave("ada", SEVEN)
    ledger.take([mail()], SEVEN)
    assert any("not on the list" in one for one in ledger.judge(RIGHT).disagreements)
