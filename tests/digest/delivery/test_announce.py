"""Announcements: two members, only readers who agreed, each once, whatever dies; and no digest changes by them."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from digest import jobs
from digest.delivery import results, send, sweep
from digest.delivery.announce import (
    HOLD,
    Audience,
    CannotAnnounce,
    approve,
    audience_of,
    cancel,
    plan_announcements,
    progress_of,
    save_draft,
)
from digest.delivery.apply_events import apply_events
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.models import Announcement, Delivery
from digest.reader_data.export import everything_of
from digest.stats import daily_counts
from subscriptions import consent
from subscriptions.consent_text import DIGEST_ONLY, VERSION, version_of
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from subscriptions.tokens import unsubscribe_url
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, reader, topic, want
from tests.support.staff import one_of_the_staff
from tests.support.webhook_payloads import mail_of, post_of, settings_of

pytestmark = pytest.mark.django_db
THEN = NOON + HOLD
OLD = version_of(DIGEST_ONLY, "2026-11")
# Recorded for those who signed up before the words were put otherwise; they spoke of announcements too
EARLIER = "2026-12 15d1989326c4"


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def people() -> tuple[User, User]:
    return one_of_the_staff(name="cleo"), one_of_the_staff(name="dan")


def agreed(name: str, wording: str = VERSION, **values: Any) -> Subscriber:
    """A confirmed reader who agreed to these words when they signed up; they are due tomorrow."""
    row = reader(name, **{"next_send_at": NOON + timedelta(days=1), **values})
    consent.record(row.public_id, ConsentEvent.Kind.SIGNED_UP, now=NOON, wording=wording)
    return row


def approved(people: tuple[User, User], **values: Any) -> Announcement:
    cleo, dan = people
    given = {"subject": "A workshop on Friday", "text": "Come to the **workshop**: https://a.example/w", "topic": None}
    row = save_draft(0, **{**given, **values}, by=cleo, seen="")
    return approve(row.pk, by=dan, seen=row.version, now=NOON)


def sent_to() -> list[str]:
    return sorted(one.to[0] for one in mail.outbox)


def test_each_reader_who_agreed_gets_it_once_with_the_ways_to_leave(people: tuple[User, User], client: Client) -> None:
    ada, _ben = agreed("ada"), agreed("ben", EARLIER)
    row = approved(people)
    for _ in range(2):
        plan_announcements(THEN)
        deliver_all(clock=lambda: THEN)
    assert sent_to() == ["ada@example.org", "ben@example.org"]
    row.refresh_from_db()
    assert (row.status, progress_of(row)) == (Announcement.Status.PLANNED, {"accepted": 2})
    message = message_from_bytes(mail.outbox[0].message().as_bytes(), policy=policy.default)
    assert message["Subject"] == "A workshop on Friday"
    assert message["List-Unsubscribe"] == f"<{unsubscribe_url(ada)}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"].startswith("Broadsheet <digest.")
    assert message["Feedback-ID"].startswith(f"{row.pk}:announcement:bulk:")
    assert message["Message-ID"] == Delivery.objects.get(subscriber=ada).message_id
    text, html = [part.get_content() for part in message.iter_parts()]
    assert "Come to the workshop: https://a.example/w" in text
    assert "<strong>workshop</strong>" in html
    assert "Sent to ada@example.org, as to all readers, because you agreed to announcements" in " ".join(text.split())
    path = "/" + unsubscribe_url(ada).split("/", 3)[3]
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


def test_only_readers_of_the_topic_who_agreed_and_are_not_paused_get_it(people: tuple[User, User]) -> None:
    robots = topic("Robotics")
    names = {"ada": VERSION, "ben": OLD, "cyd": VERSION, "dora": "", "eve": VERSION}
    for name, wording in names.items():
        row = agreed(name, wording)
        if name != "eve":
            want(row, "topic", "Robotics")
    consent.pause(Subscriber.objects.get(email__startswith="cyd").public_id, now=NOON)
    mutes = agreed("fay")
    want(mutes, "topic", "Robotics", stance="mute")
    row = approved(people, topic=robots)
    assert audience_of(row, now=NOON) == Audience(gets_it=1, paused=1, not_covered=2)
    plan_announcements(THEN)
    deliver_all(clock=lambda: THEN)
    assert sent_to() == ["ada@example.org"]
    assert "the readers of the topic Robotics" in " ".join(str(mail.outbox[0].body).split())


def test_words_of_a_sign_up_that_was_never_confirmed_count_for_nothing(people: tuple[User, User]) -> None:
    ada = agreed("ada", OLD)
    consent.record(ada.public_id, ConsentEvent.Kind.SIGNED_UP, now=NOON + timedelta(days=1), wording=VERSION)
    assert audience_of(approved(people), now=NOON) == Audience(gets_it=0, paused=0, not_covered=1)


def test_a_pause_that_is_over_and_one_that_began_meanwhile(people: tuple[User, User]) -> None:
    over, begun = agreed("ada"), agreed("ben")
    consent.pause(over.public_id, now=NOON, until=NOON.date())
    approved(people)
    plan_announcements(THEN)
    consent.pause(begun.public_id, now=THEN)
    deliver_all(clock=lambda: THEN)
    assert sent_to() == ["ada@example.org"]


def test_who_left_or_is_suppressed_since_gets_nothing(people: tuple[User, User]) -> None:
    left, gone = agreed("ada"), agreed("ben")
    row = approved(people)
    plan_announcements(THEN)
    consent.unsubscribe(left.public_id, now=THEN)
    consent.suppress(gone.email, reason=Suppression.Reason.BOUNCED, now=THEN)
    deliver_all(clock=lambda: THEN)
    assert (sent_to(), progress_of(row)) == ([], {"skipped": 2})


def test_the_author_cannot_approve_it_and_only_what_was_seen_is_approved(people: tuple[User, User]) -> None:
    cleo, dan = people
    row = save_draft(0, subject="One", text="Words", topic=None, by=cleo, seen="")
    with pytest.raises(CannotAnnounce, match="two members"):
        approve(row.pk, by=cleo, seen=row.version, now=NOON)
    seen = row.version
    save_draft(row.pk, subject="Two", text="Words", topic=None, by=cleo, seen=seen)
    with pytest.raises(CannotAnnounce, match="has changed since"):
        approve(row.pk, by=dan, seen=seen, now=NOON)
    row.refresh_from_db()
    approve(row.pk, by=dan, seen=row.version, now=NOON)
    row.refresh_from_db()
    for again in (
        lambda: approve(row.pk, by=dan, seen=row.version, now=NOON),
        lambda: save_draft(row.pk, subject="Three", text="Words", topic=None, by=cleo, seen=row.version),
    ):
        with pytest.raises(CannotAnnounce):
            again()
    assert Announcement.objects.get().subject == "Two"


def test_nothing_leaves_before_it_is_approved_and_its_time_has_come(people: tuple[User, User]) -> None:
    agreed("ada")
    save_draft(0, subject="One", text="Words", topic=None, by=people[0], seen="")
    row = approved(people)
    assert plan_announcements(THEN - timedelta(seconds=1)) == 0
    assert plan_announcements(THEN) == 1
    assert {one.announcement_id for one in Delivery.objects.all()} == {row.pk}


def test_cancelled_before_its_time_nothing_leaves_and_later_what_waits_is_stopped(people: tuple[User, User]) -> None:
    agreed("ada")
    early, late = approved(people), approved(people)
    assert cancel(early.pk) == 0
    plan_announcements(THEN)
    assert cancel(late.pk) == 1
    deliver_all(clock=lambda: THEN)
    plan_announcements(THEN)
    assert sent_to() == []
    assert list(Delivery.objects.values_list("status", "status_reason")) == [("skipped", "cancelled")]
    with pytest.raises(CannotAnnounce, match="cancelled already"):
        cancel(late.pk)


def test_where_the_day_stands_still_its_mails_leave_all_the_same(people: tuple[User, User], settings: Any) -> None:
    settings.MODE = "sample"
    publish(ROBOT, GRAPHS)
    agreed("ada")
    row = approved(people)
    for at in (NOON, THEN):
        jobs.tick(at)
        deliver_all(clock=lambda: NOON)
        assert sent_to() == ([] if at == NOON else ["ada@example.org"])
    assert progress_of(row) == {"accepted": 1}


def test_it_counts_as_no_digest(people: tuple[User, User]) -> None:
    """The day of a reader with one and that of a reader without are the same."""
    publish(ROBOT, GRAPHS)
    ada, ben = (
        agreed(name, wording, wants={"category": ["cs.RO"]}) for name, wording in (("ada", VERSION), ("ben", OLD))
    )
    approved(people)
    plan_announcements(THEN)
    deliver_all(clock=lambda: THEN)
    assert sent_to() == ["ada@example.org"]
    ada.refresh_from_db()
    assert (ada.last_digest_at, ada.last_issue_date) == (None, None)
    Subscriber.objects.update(next_send_at=THEN + timedelta(hours=1))
    plan(THEN + timedelta(hours=1), [ada.pk, ben.pk])
    digests = list(Delivery.objects.digests().order_by("subscriber"))
    assert [(one.status, one.paper_count) for one in digests] == [("ready", 1)] * 2
    first, second = (one.record for one in digests)
    assert first is not None
    assert second is not None
    assert (first.occasion, first.arrived) == (second.occasion, second.arrived) == ("first", 2)
    daily_counts.count(THEN)
    assert [len(everything_of(one, now=THEN)["deliveries"]) for one in (ada, ben)] == [1, 1]
    told = everything_of(ada, now=THEN)["announcements"]
    assert [(one["subject"], one["status"]) for one in told] == [("A workshop on Friday", "accepted")]


@pytest.mark.parametrize(("kind", "status"), [("delivered", "delivered"), ("bounced", "bounced")])
def test_events_of_the_provider_tell_what_became_of_it(
    kind: str, status: str, people: tuple[User, User], settings: Any
) -> None:
    ada = agreed("ada")
    row = approved(people)
    plan_announcements(THEN)
    deliver_all(clock=lambda: THEN)
    for name, value in settings_of("postmark").items():
        setattr(settings, name, value)
    post = post_of("postmark", kind, mail_of(Delivery.objects.get()), number="1")
    assert post.to(Client()).status_code == 200
    apply_events(THEN)
    assert progress_of(row) == {status: 1}
    assert Suppression.objects.blocking(ada.email).exists() == (kind == "bounced")
    ada.refresh_from_db()
    assert ada.last_digest_at is None


def test_a_worker_that_dies_while_handing_over_sends_nobody_a_second_one(people: tuple[User, User]) -> None:
    agreed("ada"), agreed("ben")
    row = approved(people)
    plan_announcements(THEN)
    batch = send.lease_batch(THEN)
    assert batch
    send._take_chunk(batch, send.Mailer(), THEN, results.Outcomes(), limit=1)
    later = THEN + send.LEASE + timedelta(seconds=1)
    sweep.reap(later)
    plan_announcements(later)
    deliver_all(clock=lambda: later)
    assert progress_of(row) == {"unknown": 1, "accepted": 1}
    assert sent_to() == ["ben@example.org"]


def test_a_planner_that_dies_goes_on_after_its_last_slice(people: tuple[User, User], monkeypatch: Any) -> None:
    monkeypatch.setattr("digest.delivery.announce.SLICE", 2)
    for name in ("ada", "ben", "cyd"):
        agreed(name)
    row = approved(people)
    real = Delivery.objects.bulk_create
    monkeypatch.setattr(type(Delivery.objects), "bulk_create", lambda self, rows, **more: real(rows, **more) if len(rows) == 2 else 1 / 0)  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        plan_announcements(THEN)
    monkeypatch.undo()
    assert progress_of(row) == {"ready": 2}
    assert plan_announcements(THEN) == 1
    assert progress_of(row) == {"ready": 3}
