"""The list of readers: filtered, page by page, and as a CSV file that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.dashboard import reader_list
from digest.dashboard.auth.roles import Role
from subscriptions.models import Subscriber
from tests.support.database_rows import every_row
from tests.support.factories import NOON, reader, topic
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
CSV = "/dashboard/readers/csv"


@pytest.fixture
def dashboard() -> Client:
    return signed_in(one_of_the_staff(Role.PRIVACY, name="petra"))


@pytest.fixture
def _readers() -> None:
    reader("ada", wants={"topic": ["Robotics"]})
    reader("bela", email="bela@sub.example.org", status=Subscriber.Status.PAUSED, wants={"topic": ["Robotics"]})
    reader("cora", email="cora@example.com")
    reader("dora", email="", status=Subscriber.Status.ERASED)


def listed(dashboard: Client, query: str = "", status: int = 200) -> list[str]:
    answer = dashboard.get(f"/dashboard/readers{query}")
    assert answer.status_code == status
    return re.findall(r'<th scope="row"><a[^>]*>([^<]*)</a>', answer.content.decode())


def rows_of(answer: Any) -> list[list[str]]:
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.content.decode(), newline="")))


@pytest.mark.usefixtures("_readers")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["ada@example.org", "bela@sub.example.org", "cora@example.com"]),
        ("?topic=robotics", ["ada@example.org", "bela@sub.example.org"]),
        ("?status=paused", ["bela@sub.example.org"]),
        ("?domain=%20@Example.ORG", ["ada@example.org"]),
        ("?topic=robotics&status=active&domain=example.org", ["ada@example.org"]),
        ("?domain=xample.org", []),
    ],
)
def test_readers_are_listed_by_topic_status_and_domain(dashboard: Client, query: str, names: list[str]) -> None:
    assert listed(dashboard, query) == names
    data = dict(pair.split("=") for pair in query[1:].split("&") if pair)
    data = {name: value.replace("%20", " ") for name, value in data.items()}
    if names:
        assert [row[1] for row in rows_of(dashboard.post(CSV, data))[1:]] == names


def test_a_reader_who_paused_has_no_next_digest_but_the_end_of_the_pause(dashboard: Client) -> None:
    reader("ada", next_send_at=NOON + timedelta(days=1))
    status = Subscriber.Status.PAUSED
    reader("bela", status=status, paused_until=NOON.date() + timedelta(days=9), next_send_at=NOON + timedelta(days=2))
    reader("cora", status=status, paused_until=NOON.date(), next_send_at=NOON + timedelta(days=3))
    with time_machine.travel(NOON):
        page = dashboard.get("/dashboard/readers").content.decode()
    cells = re.findall(r"<td>([^<]*)</td></tr>", page.partition('id="list"')[2])
    assert cells == [
        f"{NOON + timedelta(days=1):%-d %b %Y %H:%M}",
        "paused until 11 Mar 2026",
        f"{NOON + timedelta(days=3):%-d %b %Y %H:%M}",
    ]


def test_the_list_goes_on_page_by_page_with_its_filters(dashboard: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        reader(f"r{number:02}")
    with django_assert_max_num_queries(12):
        first = dashboard.get("/dashboard/readers?domain=example.org").content.decode()
    assert "60 readers" in first
    (following,) = re.findall(r'href="(\?domain=example.org&amp;after=\d+)#list"', first)
    assert len(listed(dashboard, unescape(following))) == 10
    assert len(listed(dashboard, "?after=" + "9" * 40)) == 50


@pytest.mark.usefixtures("_readers")
def test_a_wrong_filter_is_told_and_what_was_typed_stays(dashboard: Client) -> None:
    html = dashboard.get("/dashboard/readers?domain=no%20domain&topic=none").content.decode()
    assert "Write a domain like example.org." in html
    assert "There is no such topic." in html
    assert 'value="no domain"' in html
    assert "Download as CSV" not in html
    assert dashboard.post(CSV, {"domain": "no domain"}).status_code == 303


@pytest.mark.usefixtures("_readers")
def test_a_file_is_told_in_the_history_without_an_address(dashboard: Client) -> None:
    dashboard.post(CSV, {"topic": "robotics", "domain": "example.org"})
    line = LogEntry.objects.get()
    assert line.user.username == "petra"
    assert line.change_message == "Took 1 reader as CSV: topic robotics, domain example.org"
    page = dashboard.get("/dashboard/readers").content.decode()
    history = unescape(page.partition('id="history"')[2].partition("</section>")[0])
    assert re.search(r"<strong>\S*petra\S*</strong> Took 1 reader as CSV: topic robotics, domain example.org", history)
    assert re.search(r'<time datetime="\d{4}-', history)
    assert "@" not in history.replace(line.user.username, "")


@pytest.mark.usefixtures("_readers")
@pytest.mark.parametrize("role", [Role.CURATOR, Role.SENDER, None])
def test_only_privacy_and_owners_see_the_list_or_take_the_file(role: Role | None) -> None:
    client = signed_in(one_of_the_staff(*([role] if role else []), name="sven"))
    assert client.get("/dashboard/readers").status_code == 403
    assert client.post(CSV).status_code == 403
    assert not LogEntry.objects.exists()
    owner = signed_in(one_of_the_staff(Role.OWNER, name="olga"))
    assert owner.post(CSV).status_code == 200


@pytest.mark.usefixtures("_readers")
def test_the_file_asks_for_the_password_again_and_looking_changes_nothing(dashboard: Client) -> None:
    long_ago = signed_in(one_of_the_staff(Role.PRIVACY, name="paul"), seconds_ago=3600)
    before = list(every_row())
    assert long_ago.post(CSV)["Location"].startswith("/staff/")
    listed(dashboard, "?topic=robotics")
    assert dashboard.get(CSV).status_code == 405
    assert [table for table, rows in every_row() if (table, rows) not in before] in ([], ["sessions.Session"])


def test_a_cell_that_a_spreadsheet_would_run_is_text(dashboard: Client) -> None:
    for number, local in enumerate(("=cmd|'/c_calc'!a1", "+1+1", "-2+3", "@sum")):
        reader(f"x{number}", email=f"{local}@example.org", zone='=HYPERLINK("http://x")')
    rows = rows_of(dashboard.post(CSV))[1:]
    assert len(rows) == 4
    for row in rows:
        assert all(not cell.startswith(reader_list.FORMULA) for cell in row)
        assert row[1].startswith("'")


@settings(max_examples=60, deadline=None)
@given(cells=st.tuples(*[st.text(max_size=30) | st.sampled_from(["=1", "\t=1", "a\r\nb", '","', "'="])] * 2))
def test_any_address_stays_in_its_cell_and_is_no_formula(cells: tuple[str, str]) -> None:
    one = Subscriber(email=cells[0], zone=cells[1], status="active")
    text = "".join(reader_list.csv_lines([one]))
    _head, row = csv.reader(io.StringIO(text, newline=""))
    assert len(row) == len(reader_list.COLUMNS)
    for cell, given_cell in ((row[1], cells[0]), (row[5], cells[1])):
        assert cell in (given_cell, f"'{given_cell}")
        assert not cell.startswith(reader_list.FORMULA)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("topic", "status", "domain", "after"), st.text(max_size=80) | st.just("robotics"))
    )
)
def test_the_filters_take_anything(dashboard: Client, fields: dict[str, str]) -> None:
    topic("Robotics")
    assert dashboard.get("/dashboard/readers", fields).status_code in (200, 422)
    assert dashboard.post(CSV, fields).status_code in (200, 303)
