"""The promises, whatever happens to mails and workers: the whole service over some days, against a provider that fails."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import cycle, pairwise
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery import send, throttle
from digest.delivery.plan import plan
from digest.delivery.send import deliver, lease_batch
from digest.delivery.sweep import reap
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, Edition, Provider
from digest.stats import edition_counts
from subscriptions.mail import mailer
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import Scope, SendResult, SendStatus
from subscriptions.models import Subscriber
from subscriptions.schedule import local_date
from tests.support.factories import NOON, entry, feed, reader

pytestmark = pytest.mark.django_db
DAYS = 3
MONDAY = NOON.replace(hour=0)
PROVIDERS = ["smtp", "resend"]  # one that knows a mail by its key, and one that does not
ANSWERS = {
    "taken": SendResult(SendStatus.ACCEPTED),
    "refused": SendResult(SendStatus.FAILED, "Refused.", answer="5.7.1"),
    "no such address": SendResult(SendStatus.NO_SUCH_ADDRESS, "Refused.", answer="5.1.1"),
    "later": SendResult(SendStatus.LATER, "Later.", answer="451"),
    "too fast": SendResult(SendStatus.LATER, "Later.", answer="429", scope=Scope.TOO_FAST),
    "not us": SendResult(SendStatus.LATER, "Who?", answer="401", scope=Scope.OURS),
    "taken, no answer": SendResult(SendStatus.UNKNOWN, "Gone.", answer="no answer"),
    "lost, no answer": SendResult(SendStatus.UNKNOWN, "Gone.", answer="no answer"),
}
DEATHS = ("dies first", "dies last")  # of the worker, before or after the provider has taken the mail


class Dead(BaseException):
    """A worker that was killed: nothing of it runs any more."""


class Post:
    """A provider, as the story says: what it took, when, and for whom."""

    def __init__(self, story: list[str], *, knows_keys: bool) -> None:
        self._story, self._knows_keys = cycle(story), knows_keys
        self.taken: list[tuple[str, str, datetime]] = []
        self.now = MONDAY

    def send(self, mailer: Any, message: EncodedMessage) -> SendResult:
        happens = next(self._story)
        if happens == "dies first":
            raise Dead
        if happens.startswith("taken") or happens == "dies last":
            name = message.extra_headers["Message-ID"]
            if not (self._knows_keys and name in {one for one, _, _ in self.taken}):
                self.taken.append((name, message.to[0], self.now))
        if happens == "dies last":
            raise Dead
        return ANSWERS[happens]


@contextmanager
def delivered_by(post: Post, provider: str) -> Iterator[None]:
    def hand_over(mailer: Any, message: Any, journal: Any) -> Any:
        journal.begin([message.reference])
        result = post.send(mailer, message)
        journal.answer(message.reference, result)
        return result

    with (
        mock.patch.object(service, "MAIL_PROVIDER", provider),
        mock.patch.object(mailer, "IN_TURN", PROVIDERS),
        mock.patch.object(mailer, "TAKE_MANY", ()),
        mock.patch.object(send, "BATCH_KEYS", ()),
        mock.patch.object(mailer.Mailer, "_send", hand_over),
    ):
        yield


def publish(at: datetime) -> None:
    number = at.toordinal() % 10_000
    shown = feed(*(entry(3 * number + n, announced_on=at.date()) for n in range(3)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    open_edition(at.date(), now=at)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(
        st.tuples(
            st.integers(4, 20),
            st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "Pacific/Honolulu"]),
            st.sampled_from([0b1111111, 0b0011111, 0b0010101]),
        ),
        min_size=2,
        max_size=5,
    ),
    story=st.lists(st.sampled_from(["taken", "taken", *ANSWERS, *DEATHS]), min_size=1, max_size=12),
    provider=st.sampled_from(PROVIDERS),
)
def test_nothing_is_sent_twice_nobody_is_forgotten_and_the_balance_adds_up(
    people: list[tuple[int, str, int]], story: list[str], provider: str
) -> None:
    for rows in (Delivery, Batch, Provider, Subscriber):
        rows.objects.all().delete()
    if not Edition.objects.exists():
        for number in range(-1, DAYS):
            publish(MONDAY + timedelta(days=number, hours=3))
    for number, (hour, zone, weekdays) in enumerate(people):
        reader(f"reader{number}", send_hour=hour, zone=zone, weekdays=weekdays, next_send_at=MONDAY)
    reader("stranger", status="pending", confirmed_at=None)  # who never said yes
    post = Post(story, knows_keys=provider == "resend")
    with delivered_by(post, provider):
        for hours in range(24 * DAYS):
            post.now = now = MONDAY + timedelta(hours=hours)
            reap(now)
            due = {one.pk: local_date(one.zone, one.next_send_at) for one in Subscriber.objects.due(now)}
            plan(now, due)
            has_row = set(Delivery.objects.filter(subscriber__in=due).values_list("subscriber_id", "issue_date"))
            held = set(Subscriber.objects.due(now).values_list("pk", flat=True))
            assert all((pk, day) in has_row or pk in held for pk, day in due.items())
            while not throttle.paused_until(now) and (batch := lease_batch(now)):
                try:
                    deliver(batch, clock=lambda: post.now)
                except Dead:
                    break

    # at most once: no mail, no paper, and no two within half a day
    assert [name for name, count in Counter(name for name, _, _ in post.taken).items() if count > 1] == []
    papers: dict[str, list[int]] = defaultdict(list)
    times: dict[str, list[datetime]] = defaultdict(list)
    row_of = {row.message_id: row for row in Delivery.objects.exclude(message_id=None)}
    for name, address, at in post.taken:
        papers[address] += row_of[name].paper_ids
        times[address].append(at)
    assert all(len(had) == len(set(had)) for had in papers.values())
    assert all(after - before >= timedelta(hours=12) for at in times.values() for before, after in pairwise(sorted(at)))
    assert "stranger@example.org" not in times
    # what left is never written down as if it had not, nor the other way round
    names = {name for name, _, _ in post.taken}
    for row in row_of.values():
        may_have_left = row.status in (*Delivery.SENT, "handing_off") or row.handed_over_at
        assert row.message_id not in names or may_have_left
        assert row.message_id in names or row.status != "accepted"
    # and every row is counted
    edition_counts.tally(now)
    tallied = sum(sum(edition.tally.values()) for edition in Edition.objects.all())
    assert tallied == Delivery.objects.exclude(edition=None).count()
