"""A disk that is full: a sign-up that was accepted keeps its mail, and one that cannot be kept says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.test import Client

from subscriptions import link_requests
from subscriptions.models import LinkRequest
from subscriptions.web.forms import SignUpForm
from tests.support.factories import NOON

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone can be told that it is full"),
]
WHEN = {"weekdays": ["0", "2"], "send_hour": "6", "zone": "Europe/Berlin", "max_papers": "8", "hype": "20"}


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """Let the database grow no more, and fill the pages that it has with requests that nobody answers."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
        later, number = NOON + timedelta(days=1), 0
        try:
            for size in (20_000, 500, 0):
                while True:
                    try:
                        with transaction.atomic():
                            LinkRequest.objects.create(
                                kind="sign_in", email=f"{number}@full.example", asked_at=later, not_before=later,
                                choices={"filler": "x" * size}, page="/",
                            )  # fmt: skip
                    except OperationalError:
                        break
                    number += 1
            yield
        finally:
            cursor.execute("PRAGMA max_page_count = 1000000")
            LinkRequest.objects.filter(email__endswith="@full.example").delete()


def sign_up(email: str, **typed: str) -> Any:
    opened = SignUpForm(now=NOON - timedelta(seconds=30)).opened_stamp()
    form = {"email": email, "opened": opened, "website": "", **WHEN, **typed}
    return Client(raise_request_exception=False).post("/subscribe", form)


def test_a_sign_up_that_cannot_be_kept_says_so_and_the_next_one_is() -> None:
    with full_disk():
        answer = sign_up("ada@example.org")
        assert (answer.status_code, answer["Retry-After"]) == (503, "60")
        assert "nothing of it was saved" in answer.content.decode()
        assert not LinkRequest.objects.filter(email="ada@example.org").exists()
    assert sign_up("ada@example.org").status_code == 303
    link_requests.process_pending(NOON)
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]


def test_a_sign_up_that_was_accepted_before_gets_its_mail_when_there_is_room_again() -> None:
    # What is kept with the link is longer than a page of the database, so no half-empty page takes it.
    topics = "\n".join(f"{number} {'shear ' * 15}" for number in range(50))
    assert sign_up("ada@example.org", keywords=topics).status_code == 303
    with full_disk():
        with suppress(OperationalError):
            link_requests.process_pending(NOON)
        assert mail.outbox == []
        assert LinkRequest.objects.filter(email="ada@example.org").exists()
    for minutes in range(0, 120, 15):
        link_requests.process_pending(NOON + timedelta(minutes=minutes))
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]
