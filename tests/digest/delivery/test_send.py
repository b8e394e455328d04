"""What is ready is handed over once; what a dead worker held is unknown and never sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend as Memory

from digest.compose import emails
from digest.delivery import composer, results, send, sweep
from digest.delivery.plan import plan
from digest.delivery.reader_texts import reason_text
from digest.delivery.send import CHUNK
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, DeliveryContent, Paper
from subscriptions import consent
from subscriptions.mail.mailer import Mailer
from subscriptions.models import Subscriber
from subscriptions.tokens import digest_links, unsubscribe_url
from tests.support.emails import email_for
from tests.support.factories import NOON, change_record, entry, feed, reader

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(seconds=301)


def clock() -> datetime:
    return NOON


def planned(*readers: Subscriber, papers: int = 4) -> list[Delivery]:
    shown = feed(*(entry(number) for number in range(1, papers + 1)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    return list(Delivery.objects.order_by("pk"))


def dies_handing_over(batch: Batch, limit: int = CHUNK, at: datetime = NOON) -> None:
    """A worker that is gone once its chunk is marked, before any of it has left."""
    send._take_chunk(batch, Mailer(), at, results.Outcomes(), limit=limit)


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def bodies() -> list[Any]:
    return [message_from_bytes(one.message().as_bytes(), policy=policy.default) for one in mail.outbox]


class Failing(Memory):
    """Refuses as a server would, for the addresses it was told of."""

    answers: dict[str, Exception] = {}

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            if error := self.answers.get(message.to[0]):
                raise error
        return super().send_messages(messages)


@pytest.fixture
def failing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception]:
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    monkeypatch.setattr("django.core.mail.get_connection", lambda *a, **k: Failing())
    monkeypatch.setattr("subscriptions.mail.mailer.get_connection", lambda *a, **k: Failing())
    monkeypatch.setattr(Failing, "answers", {})
    return Failing.answers


def test_every_ready_digest_leaves_once_and_its_row_says_when() -> None:
    planned(reader("ada"), reader("ben"))
    assert send.deliver_all(clock=clock).counts["accepted"] == 2
    assert [message.to for message in mail.outbox] == [["ada@example.org"], ["ben@example.org"]]
    assert set(Delivery.objects.values_list("status", "accepted_at", "attempts")) == {("accepted", NOON, 1)}
    assert Batch.objects.get().status == "done"
    assert set(Subscriber.objects.values_list("last_digest_at", flat=True)) == {NOON}
    send.deliver_all(clock=clock)
    assert len(mail.outbox) == 2


def test_the_mail_is_what_was_frozen_in_the_row() -> None:
    (row,) = planned(reader("ada", wants={"category": ["cs.LG"]}))
    send.deliver_all(clock=clock)
    (message,) = bodies()
    assert (message["Subject"], message["Message-ID"]) == (row.subject, row.message_id)
    text = message.get_body(("plain",)).get_content()
    titles = [f"Paper number {number} on careful measurement" for number in range(1, 5)]
    places = [text.index(title) for title in sorted(titles, key=text.index)]
    assert len(places) == 4
    assert "Category: cs.LG" in text
    html = message.get_body(("html",)).get_content()
    assert sorted(titles, key=text.index) == sorted(titles, key=html.index)


def test_composing_twice_gives_the_same_mail() -> None:
    (row,) = planned(reader("ada", wants={"category": ["cs.LG"]}))
    row = Delivery.objects.select_related("subscriber", "edition").get()
    assert email_for(row) == email_for(row)


@pytest.mark.parametrize(
    ("status", "why"),
    [("unsubscribed", "unsubscribed"), ("paused", "paused")],
)
def test_a_last_look_stops_the_mail_of_someone_who_left(status: str, why: str) -> None:
    ada = reader("ada")
    planned(ada)
    Subscriber.objects.update(status=status)
    send.deliver_all(clock=clock)
    assert mail.outbox == []
    assert list(Delivery.objects.values_list("status", "status_reason")) == [("skipped", why)]


def test_a_suppression_after_planning_stops_the_mail() -> None:
    planned(reader("ada"))
    consent.suppress("ada@example.org", reason="complained", now=NOON)
    send.deliver_all(clock=clock)
    assert mail.outbox == []


def test_a_batch_is_leased_by_one_worker_only() -> None:
    planned(reader("ada"))
    assert send.lease_batch(NOON) is not None
    assert send.lease_batch(NOON) is None


def test_a_worker_whose_lease_is_over_hands_nothing_over() -> None:
    planned(reader("ada"))
    batch = send.lease_batch(NOON)
    sweep.reap(LATER)
    assert batch is not None
    send.deliver(batch, clock=lambda: LATER)
    assert mail.outbox == []
    assert statuses() == ["ready"]


def test_what_a_dead_worker_was_handing_over_is_unknown_and_the_rest_goes_on() -> None:
    planned(*(reader(f"reader{number}") for number in range(CHUNK + 2)))
    batch = send.lease_batch(NOON)
    assert batch is not None
    dies_handing_over(batch)
    assert sweep.reap(LATER).counts["unknown"] == CHUNK
    send.deliver_all(clock=lambda: LATER)
    assert len(mail.outbox) == 2
    assert sorted(set(statuses())) == ["accepted", "unknown"]


def test_a_server_that_asks_for_patience_is_asked_again_with_the_same_mail(failing: dict[str, Exception]) -> None:
    from smtplib import SMTPDataError

    (row,) = planned(reader("ada"))
    failing["ada@example.org"] = SMTPDataError(451, b"later")
    send.deliver_all(clock=clock)
    row.refresh_from_db()
    assert row.status == "retry_wait"
    assert timedelta(seconds=48) <= row.not_before - NOON <= timedelta(seconds=72)
    failing.clear()
    soon = NOON + timedelta(minutes=2)
    assert sweep.reap(soon).counts["ready"] == 1
    send.deliver_all(clock=lambda: soon)
    assert [message["Message-ID"] for message in bodies()] == [row.message_id]
    assert statuses() == ["accepted"]


def test_an_outcome_nobody_knows_is_never_sent_again(failing: dict[str, Exception]) -> None:
    planned(reader("ada"))
    failing["ada@example.org"] = TimeoutError("read")
    send.deliver_all(clock=clock)
    failing.clear()
    sweep.reap(LATER)
    send.deliver_all(clock=lambda: LATER)
    assert (statuses(), mail.outbox) == (["unknown"], [])


def test_an_address_that_does_not_exist_is_suppressed(failing: dict[str, Exception]) -> None:
    from smtplib import SMTPRecipientsRefused

    ada = reader("ada")
    planned(ada, reader("ben"))
    failing["ada@example.org"] = SMTPRecipientsRefused({ada.email: (550, b"5.1.1 no such user")})
    send.deliver_all(clock=clock)
    assert statuses() == ["failed", "accepted"]
    assert Delivery.objects.get(subscriber=ada).status_reason == "no_such_address"
    assert "ada@" not in Delivery.objects.get(subscriber=ada).detail
    assert consent.Suppression.objects.blocked([ada]) == {ada.pk}


def test_what_could_not_leave_in_time_expires_and_its_papers_come_back() -> None:
    ada = reader("ada")
    planned(ada)
    sweep.reap(NOON + timedelta(hours=6))
    assert statuses() == ["expired"]
    tomorrow = NOON + timedelta(days=1)
    shown = feed(entry(9))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=tomorrow)
    open_edition(tomorrow.date(), now=tomorrow)
    plan(tomorrow, [ada.pk], issue_date=tomorrow.date())
    assert len(Delivery.objects.get(issue_date=tomorrow.date()).paper_ids) == 1  # a first digest: the latest edition


def test_one_digest_that_cannot_be_composed_does_not_stop_the_others() -> None:
    first, _ = planned(reader("ada"), reader("ben"))
    DeliveryContent.objects.filter(pk=first.pk).update(paper_ids=[999_999])
    send.deliver_all(clock=clock)
    assert statuses() == ["failed", "accepted"]
    assert Delivery.objects.get(pk=first.pk).status_reason == "compose_error"


def test_threads_of_a_worker_that_share_what_is_at_hand_compose_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one forgets, for an edition that is new to it, the cards that another is about to use."""
    planned(reader("ada"), reader("ben"))
    held, compose = [], composer._encode

    def composing(*arguments: Any) -> Any:
        held.append(emails.AT_HAND.lock.locked())
        return compose(*arguments)

    monkeypatch.setattr(composer, "_encode", composing)
    send.deliver_all(clock=clock)
    assert held == [True, True]
    assert not emails.AT_HAND.lock.locked()


def test_delivering_takes_queries_by_the_chunk_and_none_by_the_reader(django_assert_max_num_queries: Any) -> None:
    planned(*(reader(f"reader{number}") for number in range(3 * CHUNK)))
    with django_assert_max_num_queries(3 * 18 + 20):
        send.deliver_all(clock=clock)
    assert len(mail.outbox) == 60


def test_the_mail_carries_one_message_id_and_a_way_to_leave() -> None:
    planned(reader("ada"))
    send.deliver_all(clock=clock)
    message: EmailMessage = bodies()[0]
    assert len(message.get_all("Message-ID")) == 1
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_when_the_lease_runs_out_in_a_slow_chunk_the_rest_is_leased_again() -> None:
    planned(*(reader(f"reader{number}") for number in range(CHUNK + 5)))
    moments = iter([NOON] * (CHUNK // 2) + [LATER] * 99)  # one for each mail, and some around them
    send.deliver_all(clock=lambda: next(moments))
    sweep.reap(LATER)
    send.deliver_all(clock=lambda: LATER)
    assert set(statuses()) == {"accepted"}
    assert len(mail.outbox) == CHUNK + 5


def test_what_is_past_its_time_does_not_leave() -> None:
    planned(reader("ada"))
    send.deliver_all(clock=lambda: NOON + timedelta(hours=6))
    assert (statuses(), mail.outbox) == (["expired"], [])


def test_no_address_stays_in_what_a_server_said(failing: dict[str, Exception]) -> None:
    from smtplib import SMTPRecipientsRefused

    planned(reader("ada"))
    failing["ada@example.org"] = SMTPRecipientsRefused(
        {"x": (550, b"5.1.1 <ada@example.org>: Recipient address rejected")}
    )
    send.deliver_all(clock=clock)
    assert "Recipient address rejected" in Delivery.objects.get().detail
    assert "@" not in Delivery.objects.get().detail + consent.Suppression.objects.get().why


# Occasions -----------------------------------------------------------------------------------------------------------


def voted(*votes: int) -> None:
    """Today's edition of papers with so many votes each; the first is paper 1."""
    shown = feed(
        *(entry(number, points=points, announced="") for number, points in enumerate(votes, 1)),
        kind="hugging_face",
        name="Hugging Face",
        url="https://hf.example",
    )
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)


def delivered(*readers: Subscriber) -> tuple[str, str]:
    """Plan today's mails and send them; the text and the HTML of the first."""
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    send.deliver_all(clock=clock)
    message = bodies()[0]
    return tuple(message.get_body((part,)).get_content() for part in ("plain", "html"))


def title(number: int) -> str:
    return f"Paper number {number} on careful measurement"


def test_what_else_is_trending_is_in_both_parts() -> None:
    voted(80, 70, 60, 0, 40, *[0] * 12)
    for part in delivered(reader("ada", wants={"keyword": ["number 5"]})):
        words = " ".join(part.split())
        assert all(title(number) in words for number in (1, 2, 3, 5))
        assert title(4) not in words


def test_a_first_digest_says_how_it_goes_on_and_the_next_does_not() -> None:
    ada = reader("ada", send_hour=9, weekdays=0b11111, max_papers=12)
    planned(ada)
    row = Delivery.objects.select_related("subscriber", "edition").get()
    said = " ".join(email_for(row).text.split())
    assert "This is your first digest." in said
    assert "on weekdays at 09:00, with at most 12 papers each" in said
    Subscriber.objects.update(send_hour=4, max_papers=3)
    row = Delivery.objects.select_related("subscriber", "edition").get()
    assert " ".join(email_for(row).text.split()) == said  # each try gives the same mail
    change_record(row, occasion="")
    assert "first digest" not in email_for(row).text


def test_a_digest_that_catches_up_says_since_when() -> None:
    planned(reader("ada"))
    row = Delivery.objects.select_related("subscriber", "edition").get()
    change_record(row, occasion="catch_up", since="2026-02-26")
    assert "since Thursday, 26 February" in " ".join(email_for(row).text.split())


def test_a_row_from_before_there_were_occasions_gives_a_mail() -> None:
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    row = Delivery.objects.get()
    change_record(row, occasion="", nothing="", also=())
    send.deliver_all(clock=clock)
    assert statuses() == ["accepted"]


def test_a_mail_for_a_quiet_day_says_why_and_what_was_trending_and_how_to_leave() -> None:
    voted(80, 70, 60, *[0] * 12)
    ada = reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True)
    for part in delivered(ada):
        words = " ".join(part.split())
        assert "Nothing that came in matched what you asked for." in words
        assert all(title(number) in words for number in (1, 2, 3))
        assert unsubscribe_url(ada) in part
    (message,) = bodies()
    assert (message["Subject"], message["Message-ID"]) == (
        "2 Mar: nothing for you today",
        Delivery.objects.get().message_id,
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    ada.refresh_from_db()
    assert (statuses(), ada.last_digest_at) == (["accepted"], NOON)
    send.deliver_all(clock=clock)
    assert len(mail.outbox) == 1


def test_a_mail_for_a_day_without_papers_is_the_same_at_each_try() -> None:
    open_edition(NOON.date(), now=NOON)
    ada = reader("ada", quiet_days=True)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    row = Delivery.objects.select_related("subscriber", "edition").get()
    first, second = (email_for(row) for _ in range(2))
    assert first == second
    assert "No new paper came in." in first.text


@pytest.mark.parametrize("by_a_sweep", [True, False])
def test_a_mail_without_papers_that_could_not_leave_promises_none(by_a_sweep: bool) -> None:
    ada, ben = reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True), reader("ben")
    planned(ada, ben)
    late = NOON + timedelta(hours=6)
    if by_a_sweep:
        sweep.reap(late)
    send.deliver_all(clock=lambda: late)
    reasons = {
        row.subscriber.email: reason_text(row.status_reason, papers=row.paper_count) for row in Delivery.objects.all()
    }
    assert set(statuses()) == {"expired"}
    assert reasons["ada@example.org"] == "It could not leave in time; it had no paper for you."
    assert reasons["ben@example.org"] == "It could not leave in time; its papers return to the next digest."


def test_what_else_is_trending_may_be_gone_by_the_time_the_mail_is_made() -> None:
    voted(80, 70, 60, *[0] * 12)
    ada = reader("ada", wants={"keyword": ["number 3"]})
    plan(NOON, [ada.pk], issue_date=NOON.date())
    Paper.objects.get(title=title(1)).delete()
    send.deliver_all(clock=clock)
    text = " ".join(bodies()[0].get_body(("plain",)).get_content().split())
    assert (title(1) in text, title(2) in text, title(3) in text) == (False, True, True)


# A paper that was deleted between plan and mail ----------------------------------------------------------------------


def test_a_paper_deleted_after_the_plan_is_left_out_and_said_and_the_rest_goes(client: Any) -> None:
    ada, bo = reader("ada"), reader("bo")
    rows = planned(ada, bo)
    # one mail is made first, so that the card of the deleted paper is at hand
    emails.AT_HAND.read_cards(rows)
    emails.AT_HAND.email_for(rows[0])
    gone = Paper.objects.get(pk=rows[0].paper_ids[0])
    title = gone.title
    gone.delete()
    send.deliver_all(clock=clock)
    assert statuses() == ["accepted", "accepted"]
    for one in mail.outbox:
        text = str(message_from_bytes(one.message().as_bytes(), policy=policy.default).get_body(("plain",)))
        assert title not in one.message().as_bytes().decode()
        assert title not in one.subject
        assert "Left out: 1 paper deleted here since this digest was put together." in " ".join(text.split())
    shown = client.get(digest_links(ada, rows[0].day).web_copy.removeprefix(settings.SITE_URL)).content.decode()
    assert title not in shown
    assert shown.count("<h3") == 3
    assert "Left out: 1 paper deleted here" in " ".join(shown.split())


def test_a_digest_whose_papers_were_all_deleted_does_not_stop_the_others() -> None:
    ada = reader("ada")
    planned(ada)
    Paper.objects.all().delete()
    send.deliver_all(clock=clock)
    assert mail.outbox == []
    assert statuses() == ["failed"]
