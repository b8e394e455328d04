"""``./run digest --to``: one reader, added by the operator, asked before anything of theirs is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from digest.management import own_library, summary
from digest.management.one_reader import Recipient, reader_of, recipient_from
from subscriptions import consent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from subscriptions.preferences import Choices, Wish
from subscriptions.seed_data import seed_topics
from tests.support.factories import NOON, reader, rss, want
from tests.support.http_server import Answer, serve
from tests.support.services import Installation
from tests.support.smtp_sink import read_log, sink

YOU = "you@example.org"
NOTHING = {"to": None, "topics": [], "words": [], "replace": False, "send": False, "library": None}


@pytest.mark.django_db
class TestReaderOf:
    def test_a_new_reader_is_active_with_their_choices_and_a_consent_event_of_the_operator(self) -> None:
        seed_topics()
        found = reader_of(Recipient(YOU, topics=["Robotics"], words=["grasping, soft hands"]), now=NOON)
        assert found.status == Subscriber.Status.ACTIVE
        assert found.next_send_at == NOON
        assert set(Choices.of(found).wishes) == {
            Wish("topic", "robotics"),
            Wish("keyword", "grasping"),
            Wish("keyword", "soft hands"),
        }
        assert [event.kind for event in ConsentEvent.objects.all()] == [ConsentEvent.Kind.OPERATOR]

    def test_a_known_reader_is_found_and_nothing_of_theirs_is_replaced_unasked(self) -> None:
        seed_topics()
        ada = reader("you", wants={"keyword": ["proteins"]}, send_hour=9, max_papers=5)
        want(ada, "keyword", "blockchain", stance="mute")
        assert reader_of(Recipient(YOU), now=NOON) == ada
        assert reader_of(Recipient("YOU@example.org", words=["proteins"]), now=NOON) == ada
        before = Choices.of(ada)
        with pytest.raises(CommandError, match="add --replace"):
            reader_of(Recipient(YOU, words=["grasping"]), now=NOON)
        assert Choices.of(ada) == before
        reader_of(Recipient(YOU, words=["grasping"], replace=True), now=NOON)
        ada.refresh_from_db()
        after = Choices.of(ada)
        assert set(after.wishes) == {Wish("keyword", "grasping"), Wish("keyword", "blockchain", "mute")}
        assert (after.send_hour, after.max_papers) == (9, 5)

    def test_who_waits_for_a_confirmation_is_confirmed(self) -> None:
        reader("you", status=Subscriber.Status.PENDING, confirmed_at=None, next_send_at=None)
        assert reader_of(Recipient(YOU), now=NOON).status == Subscriber.Status.ACTIVE

    def test_a_suppressed_address_is_refused(self) -> None:
        consent.suppress(YOU, reason=Suppression.Reason.BOUNCED, now=NOON)
        with pytest.raises(CommandError, match="is suppressed"):
            reader_of(Recipient(YOU), now=NOON)

    @pytest.mark.parametrize("status", [Subscriber.Status.UNSUBSCRIBED, Subscriber.Status.PAUSED])
    def test_who_left_or_paused_is_not_written_to(self, status: str) -> None:
        reader("you", status=status)
        with pytest.raises(CommandError, match="Only they can change that"):
            reader_of(Recipient(YOU), now=NOON)
        assert Subscriber.objects.get().status == status

    @pytest.mark.parametrize(
        ("recipient", "said"),
        [
            (Recipient("nobody"), "--to: An e-mail address has an @"),
            (Recipient(f"{'a' * 65}@example.org"), "--to: The part before the @"),
            (Recipient(""), "--to: Enter your e-mail address."),
            (Recipient(YOU, topics=["robots"]), "There is no topic 'robots'. Near it: robotics."),
            (Recipient(YOU, topics=["\x00\x1b[31m"]), "The sign-up page lists all topics."),
            (Recipient(YOU, words=["x" * 500]), "--words: "),
            (Recipient(YOU, words=["!!"]), "has no letter or digit"),
        ],
    )
    def test_what_cannot_be_used_is_said_and_nothing_is_stored(self, recipient: Recipient, said: str) -> None:
        seed_topics()
        with pytest.raises(CommandError) as raised:
            reader_of(recipient, now=NOON)
        assert said in str(raised.value)
        assert "\x1b" not in str(raised.value)
        assert not Subscriber.objects.exists()


def test_options_of_a_reader_need_the_reader_and_a_provider(settings: Any) -> None:
    assert recipient_from(**NOTHING) is None
    with pytest.raises(CommandError, match="need --to ADDRESS"):
        recipient_from(**{**NOTHING, "topics": ["robotics"]})
    with pytest.raises(CommandError, match="need --to ADDRESS"):
        recipient_from(**{**NOTHING, "library": Path("mine.bib")})
    settings.MAIL_PROVIDER, settings.MODE = "outbox", "live"
    with pytest.raises(CommandError, match="MAIL_PROVIDER is outbox"):
        recipient_from(**{**NOTHING, "to": YOU, "send": True})


@pytest.mark.service
def test_a_digest_goes_to_the_outbox_then_once_by_the_provider_and_to_nobody_else(tmp_path: Path) -> None:
    item = (
        "<item><title>A robot</title><link>https://journal.example/1</link><description>It grasps.</description></item>"
    )
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title>{item}</channel></rss>'
    log = tmp_path / "sink.log"
    log.touch()
    with sink(log=log) as server, serve({"/feed": Answer(body.encode())}) as web:
        installation = Installation.at(tmp_path / "var", FETCH_LOOPBACK="true")
        installation.prepare()
        installation.run("-c", OTHERS, web.url("/feed"))
        said = installation.run("manage.py", "digest", "--to", YOU, "--words", "robot")
        assert f"{YOU}: " in said
        assert len(installation.mails()) == 1
        by_provider = {
            "MAIL_PROVIDER": "smtp",
            "SMTP_URL": f"smtp://127.0.0.1:{server.port}",
            "SITE_URL": "https://papers.example.org",
            "DEFAULT_FROM_EMAIL": "Broadsheet <digest@mail.example.org>",
            "POSTAL_ADDRESS": "Example Institute, 1 Reading Lane",
        }
        installation.environment.update(by_provider)
        for _ in range(2):
            installation.run("manage.py", "digest", "--to", YOU, "--send")
        assert [mail.recipients for mail in read_log(log)] == [[YOU]]


def test_the_outbox_is_named_only_when_there_are_mails_in_it(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.OUTBOX = tmp_path
    (tmp_path / "index.html").write_text("left over")
    summary.print_outbox(summary.console())
    assert capsys.readouterr().out == ""
    (tmp_path / "one.eml").write_text("Subject: Hello")
    summary.print_outbox(summary.console())
    assert f"The mails are in {tmp_path}: open {tmp_path}/index.html in a browser." in capsys.readouterr().out


MINE = """@misc{a, title={A Robot}}
@misc{b, title={Lichens of Old Walls [1]}, abstract={We look.}}
@misc{c, doi={10.5555/unknown}}
@misc{broken, title={Open
"""


@pytest.mark.service
def test_a_library_is_read_said_and_kept_and_the_next_run_says_what_is_new(tmp_path: Path) -> None:
    file = tmp_path / "mine.bib"
    file.write_text(MINE)
    feed = tmp_path / "feed.xml"
    feed.write_bytes(rss("A robot"))
    installation = Installation.at(tmp_path / "var", BROADSHEET_MODE="rehearsal")
    installation.prepare()
    command = ["manage.py", "digest", "--from", str(feed), "--to", YOU, "--library", str(file)]
    said = installation.run(*command)
    assert "mine.bib (BibTeX): 3 read, 1 not read; 1 known here, 1 kept as text, 1 not found" in said
    for line in ("known here    A Robot", "kept as text  Lichens of Old Walls [1]", "not found     10.5555/unknown"):
        assert f"  {line}" in said
    assert "  not read      @misc{broken, title={Open (damaged)" in said
    again = installation.run(*command)
    assert "Lichens" not in again
    assert "  2 as in the last run" in again


@pytest.mark.service
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"%PDF-1.7", "This is a PDF."),
        (None, "cannot be read (No such file"),
        (b"@book{a, author={X}}", "The first: a."),
    ],
)
def test_a_library_that_cannot_be_read_stops_the_run_with_a_sentence(
    tmp_path: Path, body: bytes | None, said: str
) -> None:
    path = tmp_path / "mine.bib"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(CommandError) as raised:
        own_library.read(path)
    assert said in str(raised.value)
    assert raised.value.returncode == 2


OTHERS = """
import sys, django; django.setup()
from datetime import UTC, datetime
from digest.models import Source
from tests.support.factories import reader
Source.objects.create(name="Journal", kind="journal", url=sys.argv[1])
reader("ada", wants={"keyword": ["robot"]}, next_send_at=datetime.now(UTC))
"""
