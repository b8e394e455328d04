"""``manage.py consent_proof``: by what right somebody is written to."""

from __future__ import annotations

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from subscriptions import consent, consent_text, link_requests
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.preferences import Choices
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db


def test_the_proof_tells_every_step_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    link_requests.enqueue(
        LinkRequest.Kind.SIGN_UP,
        email="ada@example.org",
        now=NOON,
        page="/subscribe",
        ip="192.0.2.1",
        user_agent="Firefox",
        choices=Choices(),
        wording=consent_text.VERSION,
    )
    link_requests.process_pending(NOON)
    ada = Subscriber.objects.get()
    token = LoginToken.objects.get()
    consent.confirm(ada.public_id, now=NOON, token=token, ip="192.0.2.2", user_agent="Phone", page="/c/")
    call_command("consent_proof", address="ADA@example.org")
    said = capsys.readouterr().out
    assert said == (
        f"reader    {ada.public_id}\n"
        "address   ada@example.org\n"
        "status    active\n"
        "\n"
        "2026-03-02 12:00:00 UTC signed up\n"
        "  page    /subscribe\n"
        f"  words   {consent_text.VERSION}: “{consent_text.SIGN_UP}”\n"
        "  from    192.0.2.1\n"
        "  browser Firefox\n"
        "\n"
        "2026-03-02 12:00:00 UTC confirmation mail sent\n"
        f"  mail    {mail.outbox[0].extra_headers['Message-ID']}\n"
        "\n"
        "2026-03-02 12:00:00 UTC confirmed\n"
        "  page    /c/\n"
        "  from    192.0.2.2\n"
        "  browser Phone\n"
        f"  link    {token.pk}\n"
    )
    call_command("consent_proof", f"--reader={ada.public_id}")
    assert capsys.readouterr().out == said


def test_who_was_erased_is_known_by_their_id_and_not_by_their_address(capsys: pytest.CaptureFixture[str]) -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="complained", now=NOON)
    consent.erase(ada.public_id, now=NOON)
    with pytest.raises(CommandError, match="For an erased or unconfirmed reader") as refused:
        call_command("consent_proof", address=ada.email)
    assert refused.value.returncode == 1
    assert "Mail to this address is suppressed since 2026-03-02 12:00:00 UTC" in capsys.readouterr().out
    call_command("consent_proof", f"--reader={ada.public_id}")
    said = capsys.readouterr().out
    assert "status    erased" in said
    assert "erased\n" in said
    assert "ada@" not in said


@pytest.mark.parametrize("who", ["--address=nobody@example.org", "--reader=" + "-" * 22, "--address=", "--reader="])
def test_it_says_when_nobody_is_known(who: str) -> None:
    with pytest.raises(CommandError, match="No reader has this") as refused:
        call_command("consent_proof", who)
    assert refused.value.returncode == 1


def test_somebody_must_be_named() -> None:
    with pytest.raises(CommandError, match="one of the arguments") as refused:
        call_command("consent_proof")
    assert refused.value.returncode in (1, 2)
