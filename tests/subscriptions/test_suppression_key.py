"""While suppressed addresses cannot be recognised, no mail leaves, and doctor and the dashboard say why."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from digest.delivery import send, throttle
from digest.delivery.plan import plan
from digest.diagnostics.check_result import Severity
from digest.diagnostics.report import examine
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from subscriptions import consent, link_requests, suppression_key
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.models import LinkRequest, Suppression, SuppressionKey
from tests.support.factories import NOON, entry, feed, reader
from tests.support.services import Installation
from tests.support.start import start

pytestmark = pytest.mark.django_db
OTHER = "another key of more than thirty-two characters"


@pytest.fixture
def used() -> None:
    """A key that this database was used with: a mail left, or could have."""
    assert throttle.acquire(1, now=NOON).mails == 1


def day_for(name: str) -> None:
    """Plan a digest of today for one reader."""
    shown = feed(entry(1))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [reader(name).pk], issue_date=NOON.date())


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(("key", "named"), [("", "empty"), ("short", "empty"), (OTHER, "is not the one")])
def test_with_an_empty_or_another_key_no_digest_leaves_and_doctor_says_so(settings: Any, key: str, named: str) -> None:
    settings.SUPPRESSION_KEY = key
    day_for("ada")
    send.deliver_all(clock=lambda: NOON)
    assert mail.outbox == []
    assert Delivery.objects.get().status == Delivery.Status.READY
    [result] = [one for one in examine(NOON) if one.what == "suppression key"]
    assert result.severity == Severity.BROKEN
    assert named in result.seen
    assert named in throttle.state(NOON).why
    assert named in throttle.paused_reason(NOON)
    assert SuppressionKey.objects.count() == 1


@pytest.mark.usefixtures("used")
def test_once_the_key_is_restored_the_digest_leaves(settings: Any) -> None:
    right, settings.SUPPRESSION_KEY = settings.SUPPRESSION_KEY, OTHER
    day_for("ada")
    send.deliver_all(clock=lambda: NOON)
    settings.SUPPRESSION_KEY = right
    send.deliver_all(clock=lambda: NOON)
    assert len(mail.outbox) == 1
    assert throttle.paused_reason(NOON) == ""


@pytest.mark.usefixtures("used")
def test_no_link_and_no_test_mail_leaves_either_and_requests_wait(settings: Any) -> None:
    right, settings.SUPPRESSION_KEY = settings.SUPPRESSION_KEY, OTHER
    ada = reader("ada")
    link_requests.enqueue(
        LinkRequest.Kind.SIGN_IN, email=ada.email, now=NOON, page="/sign-in", ip="192.0.2.1", user_agent="Firefox"
    )
    assert not link_requests.has_pending(NOON)
    assert not link_requests.process_pending(NOON)
    with Mailer() as mailer:
        done = mailer.send_to_staff(
            RenderedEmail("Today", "text", "<p>text</p>"), address="cleo@example.org", message_id="<1@x>", dated_at=NOON
        )
    assert "is not the one" in done.text
    assert mail.outbox == []
    settings.SUPPRESSION_KEY = right
    assert link_requests.process_pending(NOON)
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("used")
def test_a_replaced_key_still_tells_the_addresses_that_were_suppressed_with_it(settings: Any) -> None:
    ada, bo = reader("ada"), reader("bo")
    consent.suppress(ada.email, reason=Suppression.Reason.COMPLAINED, now=NOON)
    settings.SUPPRESSION_KEY, settings.SUPPRESSION_KEY_FALLBACKS = OTHER, [settings.SUPPRESSION_KEY]
    assert throttle.acquire(1, now=NOON).mails == 1
    assert Suppression.objects.blocked([ada, bo]) == {ada.pk}
    # a second complaint adds no second row, and one lift is enough
    consent.suppress(ada.email, reason=Suppression.Reason.COMPLAINED, now=NOON)
    assert Suppression.objects.count() == 1
    assert consent.lift(ada.email, by="cleo", why="asked by letter", now=NOON)
    assert Suppression.objects.blocked([ada, bo]) == set()
    consent.suppress(ada.email, reason=Suppression.Reason.BY_HAND, now=NOON)
    assert Suppression.objects.blocked([ada, bo]) == {ada.pk}
    # without the old key nothing leaves
    settings.SUPPRESSION_KEY_FALLBACKS = []
    assert throttle.acquire(1, now=NOON).mails == 0


@pytest.mark.usefixtures("used")
def test_a_key_that_is_lost_for_good_is_forgotten_by_a_command(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SUPPRESSION_KEY = OTHER
    call_command("forget_suppression_keys")
    assert "Forgot 1 lost key. " in capsys.readouterr().out
    assert throttle.acquire(1, now=NOON).mails == 1
    call_command("forget_suppression_keys")
    assert "Nothing was changed" in capsys.readouterr().out


def test_to_look_at_the_state_of_sending_stores_no_key(client: Client) -> None:
    throttle.state(NOON)
    throttle.paused_reason(NOON)
    assert suppression_key.fault() == ""
    assert not SuppressionKey.objects.exists()


# --- files under var -------------------------------------------------------------------------------------------------


@pytest.mark.service
@pytest.mark.parametrize("written", ["", "\n", "a key that was cut off"])
def test_an_empty_file_of_a_key_is_named(tmp_path: Path, written: str) -> None:
    (tmp_path / "secret_key").write_text(written)
    (tmp_path / "suppression_key").write_text(written)
    started = start(tmp_path, code="from django.conf import settings; settings.MODE")
    assert started.returncode == 1
    assert "secret_key: restore it" in started.stderr
    (tmp_path / "secret_key").unlink()
    assert start(tmp_path, code="from django.conf import settings; settings.MODE").returncode == 0


@pytest.mark.service
def test_what_was_suppressed_with_a_key_file_and_its_line_break_is_still_recognised(tmp_path: Path) -> None:
    written = f"{OTHER}\n"
    for name in ("suppression_key", "secret_key"):
        (tmp_path / name).write_text(written)
    code = (
        "import django; django.setup(); from django.conf import settings\n"
        "from subscriptions.models import address_hashes\n"
        "print(*address_hashes('ada@example.org'), settings.SECRET_KEY_FALLBACKS)"
    )
    now, before, *others = start(tmp_path, code=code).stdout.split(maxsplit=2)
    hashes = [hmac.digest(key.encode(), b"ada@example.org", "sha256").hex() for key in (OTHER, written)]
    assert [now, before] == hashes
    assert others == [f"{[written]}\n"]


def _not_text(key: Path) -> None:
    key.write_bytes(bytes(range(128, 192)))


def _folder(key: Path) -> None:
    key.mkdir()


def _lost_link(key: Path) -> None:
    key.symlink_to("/nowhere/suppression_key")


@pytest.mark.service
@pytest.mark.parametrize("spoil", [_not_text, _folder, _lost_link])
def test_a_key_that_cannot_be_read_is_named_without_a_traceback(tmp_path: Path, spoil: Any) -> None:
    spoil(tmp_path / "suppression_key")
    started = start(tmp_path, command="check")
    assert started.returncode == 2
    assert (
        f"The setting SUPPRESSION_KEY is '…', but it must be {'text' if spoil is _not_text else 'in'}" in started.stderr
    )
    assert str(tmp_path / "suppression_key") in started.stderr
    assert "Traceback" not in started.stderr


@pytest.mark.service
def test_what_lies_under_var_is_for_its_owner_only_also_in_an_existing_installation(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path, BROADSHEET_MODE="sample")
    installation.run("manage.py", "prepare")
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []
    tmp_path.chmod(0o755)
    (tmp_path / "outbox").mkdir(exist_ok=True)
    (tmp_path / "outbox" / "old.eml").write_text("a mail of an earlier version")
    (tmp_path / "outbox" / "old.eml").chmod(0o644)
    (tmp_path / "sample.sqlite3").chmod(0o664)
    outside = tmp_path.parent / "outside"
    outside.write_text("")
    outside.chmod(0o644)
    (tmp_path / "link").symlink_to(outside)
    installation.run("manage.py", "first_run")
    installation.run("manage.py", "digest", "--date", "2026-03-05")
    others = [
        path for path in [tmp_path, *tmp_path.rglob("*")] if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]
    assert others == []
    assert any((tmp_path / "outbox").glob("*.eml"))
    assert outside.stat().st_mode & 0o777 == 0o644
