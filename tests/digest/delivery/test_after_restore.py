"""After a restore nothing that may have left leaves a second time, and the days go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from digest.delivery import throttle
from digest.delivery.after_restore import RestoreResult, after_restore
from digest.delivery.apply_events import apply_events
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.editions.open_edition import open_edition
from digest.ingest import http, store
from digest.models import Delivery, Edition, EditionPaper, Paper, Provider, Source
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader
from tests.support.http_server import Answer, serve
from tests.support.webhook_payloads import Mail, post_of, settings_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
A_FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title><item><title>A paper</title>
<link>https://journal.example/1</link><description>Text.</description></item></channel></rss>"""


def publish(at: datetime) -> None:
    shown = feed(entry(at.toordinal() % 10_000, announced_on=at.date()))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    open_edition(at.date(), now=at)


def morning(at: datetime) -> None:
    publish(at - timedelta(hours=6))
    plan(at, list(Subscriber.objects.due(at).values_list("pk", flat=True)))


def test_what_may_have_left_since_the_backup_is_not_sent_again_and_the_next_day_is() -> None:
    ada, ben = reader("ada", send_hour=12), reader("ben", send_hour=12)
    paul = reader("paul", send_hour=12, status="paused")
    morning(NOON)  # and now the backup is made: ada's and ben's digests are ready
    restored_at = NOON + DAY + timedelta(hours=1)
    assert after_restore(restored_at) == RestoreResult(doubtful=2, passed=3)
    rows = Delivery.objects.values_list("subscriber__email", "status").order_by("issue_date", "subscriber")
    assert [status for _, status in rows] == ["unknown", "unknown", "skipped", "unknown", "unknown", "skipped"]
    reap(restored_at)
    plan(restored_at, [ada.pk, ben.pk, paul.pk])
    assert deliver_all(clock=lambda: restored_at).counts.total() == 0
    assert mail.outbox == []

    throttle.resume(now=restored_at)
    morning(NOON + 2 * DAY)
    deliver_all(clock=lambda: NOON + 2 * DAY)
    assert sorted(message.to[0] for message in mail.outbox) == ["ada@example.org", "ben@example.org"]
    assert Delivery.objects.filter(status="accepted").count() == 2


def test_papers_of_an_edition_that_was_lost_and_is_opened_again_before_do_not_come_a_second_time() -> None:
    ada = reader("ada", send_hour=12)
    with transaction.atomic():  # what happens between the backup and its restore
        morning(NOON)
        deliver_all(clock=lambda: NOON)
        transaction.set_rollback(True)
    restored_at = NOON + timedelta(hours=1)
    publish(restored_at)
    assert after_restore(restored_at) == RestoreResult(doubtful=0, passed=1)
    throttle.resume(now=restored_at)
    morning(NOON + DAY)
    deliver_all(clock=lambda: NOON + DAY)
    titles = [row.content.paper_ids for row in Delivery.objects.filter(subscriber=ada, status="accepted")]
    assert titles == [[Paper.objects.latest("pk").pk]]
    assert Paper.objects.count() == 2


def test_an_event_tells_of_a_digest_that_left_after_the_backup(settings: Any) -> None:
    for name, value in settings_of("postmark").items():
        setattr(settings, name, value)
    ada = reader("ada", send_hour=12)
    publish(NOON - timedelta(hours=6))
    with transaction.atomic():  # what happens between the backup and its restore
        plan(NOON, [ada.pk])
        said = Delivery.objects.get().message_id
        transaction.set_rollback(True)
    after_restore(NOON + timedelta(hours=1))
    mail = Mail(reference=str(said).strip("<>").partition("@")[0], recipient=ada.email)
    assert post_of("postmark", "delivered", mail, number="1").to(Client()).status_code == 200
    apply_events(NOON + timedelta(hours=2))
    assert Delivery.objects.get().status == "delivered"


def test_the_command_says_how_many_and_pauses(capsys: pytest.CaptureFixture[str]) -> None:
    reader("ada", next_send_at=NOON)
    publish(datetime.now(UTC))
    call_command("after_restore")
    assert capsys.readouterr().out.startswith("Paused. ")
    assert Provider.objects.get().status == "paused"
    call_command("resume_sending")
    assert Provider.objects.get().status == "running"
    call_command("pause_sending", "--why=a mistake")
    assert (Provider.objects.get().status, Provider.objects.get().why) == ("paused", "a mistake")
    assert "To resume: ./run manage resume_sending" in capsys.readouterr().out


def test_the_command_says_why_digests_were_paused_before(capsys: pytest.CaptureFixture[str]) -> None:
    publish(datetime.now(UTC))
    throttle.pause("the letter names a wrong date", by="cleo", now=NOON)
    call_command("after_restore")
    said = capsys.readouterr().out
    assert said.startswith(
        "In the backup, digests were paused by cleo on 2026-03-02 at 12:00 UTC: the letter names a wrong date\n"
        "resume_sending ends that pause too"
    )
    call_command("after_restore")
    assert capsys.readouterr().out.startswith("Paused. ")


def test_the_command_refuses_while_todays_edition_may_be_lost(capsys: pytest.CaptureFixture[str]) -> None:
    reader("ada", next_send_at=datetime.now(UTC) - timedelta(minutes=1))
    with pytest.raises(CommandError, match="its papers would come a second time"):
        call_command("after_restore")
    assert not Delivery.objects.exists()
    call_command("pause_sending", "--why=lunch")
    said = capsys.readouterr().out
    assert "All digests are paused already, so this reason is not kept." in said
    assert "run it again before you resume" in said
    assert "To resume" not in said
    with pytest.raises(CommandError, match=r"Not resumed: .* run it again before you resume"):
        call_command("resume_sending")
    assert Provider.objects.get().status == "paused"
    call_command("after_restore", "--no-edition-lost")
    assert (
        "Paused. 1 digest may have left and will not be sent again: 0 open in the backup, 1 due since then."
        in capsys.readouterr().out
    )
    call_command("resume_sending")
    assert Provider.objects.get().status == "running"


def test_a_restore_holds_each_provider_until_it_is_finished(settings: Any) -> None:
    now = datetime.now(UTC)
    settings.MAIL_PROVIDER = "postmark"
    throttle.acquire(1, now=now)
    settings.MAIL_PROVIDER = "outbox"
    throttle.pause_for_restore(is_finished=False, now=now)
    for provider in ("postmark", "resend"):  # one that was used before, and a new one
        settings.MAIL_PROVIDER = provider
        assert not throttle.state(now).is_open
        assert throttle.RESTORING in throttle.paused_reason(now)
        assert throttle.acquire(1, now=now).mails == 0
        with pytest.raises(throttle.RestoreUnfinished):
            throttle.resume(now=now)
    throttle.pause_for_restore(is_finished=True, now=now)
    assert not throttle.pause("lunch", now=now)
    for provider in ("outbox", "postmark", "resend", "brevo"):
        settings.MAIL_PROVIDER = provider
        assert throttle.RESTORED in throttle.paused_reason(now)
    throttle.resume(now=now)
    for provider in ("outbox", "postmark", "resend"):
        settings.MAIL_PROVIDER = provider
        assert throttle.acquire(1, now=now).mails == 1


def test_a_restored_database_gets_what_follows_migrations(capsys: pytest.CaptureFixture[str]) -> None:
    Group.objects.all().delete()
    call_command("after_restore")
    assert Group.objects.exists()


def test_where_nobody_was_due_since_the_backup_no_edition_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    reader("ada", next_send_at=datetime.now(UTC) + timedelta(hours=1))
    call_command("after_restore")
    assert capsys.readouterr().out.startswith("Paused. 0 digests")


@pytest.mark.service
@pytest.mark.django_db(transaction=True)
@time_machine.travel(NOON, tick=True)
def test_the_command_reads_the_sources_and_opens_the_edition_that_may_be_lost(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(http, "REST", timedelta())
    reader("ada", next_send_at=NOON - timedelta(minutes=1), zone="UTC")
    with serve({"/feed": Answer(A_FEED)}) as web:
        Source.objects.create(name="Journal", kind="journal", url=web.url("/feed"))
        call_command("after_restore")
    edition = Edition.objects.get()
    assert [row.paper.title for row in EditionPaper.objects.all()] == ["A paper"]
    row = Delivery.objects.get()
    assert (row.edition, row.status, row.status_reason) == (edition, "unknown", "restored")


def test_one_process_does_all_that_is_due_without_a_broker(settings: object) -> None:
    now = datetime.now(NOON.tzinfo)
    publish(now - timedelta(minutes=5))
    ahead = 12 - now.hour  # about noon where she lives: midnight is far
    zone = f"Etc/GMT{ahead:+}" if ahead else "UTC"
    reader("ada", next_send_at=now, send_hour=12, zone=zone, signed_up_at=now, confirmed_at=now)
    call_command("send_due")
    call_command("send_due")
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]
