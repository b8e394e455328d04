from __future__ import annotations

import re
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from smtplib import SMTPResponseException
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND, settings.OUTBOX = "subscriptions.mail.backends.outbox.EmailBackend", tmp_path
    return tmp_path


def lay_down(subject: str, html: str, number: int = 1) -> None:
    message = EmailMultiAlternatives(
        subject,
        "The text part.",
        "Broadsheet <digest@broadsheet.invalid>",
        ["Mira.Language@readers.invalid"],
        headers={"Message-ID": f"<d.abc{number}@x>", "Date": "Mon, 02 Mar 2026 12:00:00 +0000"},
    )
    message.attach_alternative(html, "text/html")
    connection = get_connection()
    connection.send_messages([message])
    connection.close()


def test_each_mail_is_a_file_that_a_mail_program_can_open(outbox: Path) -> None:
    lay_down("Hello", "<p>Hello</p>")
    (path,) = outbox.glob("*.eml")
    assert path.name == "2026-03-02-mira-language-dabc1x.eml"
    assert message_from_bytes(path.read_bytes(), policy=policy.default)["Subject"] == "Hello"


def test_the_index_shows_every_mail_and_needs_no_other_file(outbox: Path) -> None:
    lay_down("First", "<p>One</p>", 1)
    lay_down('Second "quoted" <b>', '<p class="x">Two</p><script>alert(1)</script>', 2)
    page = (outbox / "index.html").read_text()
    assert "First" in page
    assert "Second &#34;quoted&#34; &lt;b&gt;" in page
    assert "to Mira.Language@readers.invalid" in page
    assert page.count("The text part.") == 2
    assert "<script" not in page  # a mail's HTML is an attribute of a sandboxed frame
    assert 'sandbox="allow-popups' in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_links_of_a_shown_mail_open_on_their_own_since_no_page_of_ours_is_shown_within_another(outbox: Path) -> None:
    mail = '<!doctype html><html><head><title>One</title></head><body><a href="https://x.example/">x</a></body></html>'
    lay_down("First", mail, 1)
    (shown,) = re.findall('srcdoc="([^"]*)"', (outbox / "index.html").read_text())
    assert unescape(shown).strip() == mail.replace("<head>", '<head><base target="_blank">')


def test_nothing_half_written_is_ever_seen(outbox: Path) -> None:
    lay_down("Hello", "<p>Hello</p>")
    assert sorted(path.suffix for path in outbox.iterdir()) == [".eml", ".html"]


def test_a_full_disk_is_as_a_server_that_asks_to_come_again(outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SMTPResponseException, match="No space left on device") as refused:
        lay_down("Hello", "<p>Hello</p>")
    assert refused.value.smtp_code == 452
    assert list(outbox.iterdir()) == []
