"""The main job as an operator runs it: files in, digests in the outbox, a summary to read."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from digest.ingest.sources.advice import explain
from digest.models import CuratorPick, Delivery, Edition, Paper, Sighting, Source
from subscriptions.models import Subscriber, Topic

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outbox(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND, settings.OUTBOX = "subscriptions.mail.backends.outbox.EmailBackend", tmp_path / "outbox"
    settings.OUTBOX.mkdir()
    return tmp_path / "outbox"


@pytest.fixture(autouse=True)
def _sample(settings: Any) -> None:
    settings.MODE = "sample"


def run(capsys: pytest.CaptureFixture[str], name: str = "digest", *arguments: object) -> str:
    if "--from" in arguments:
        settings.MODE = "rehearsal"
    call_command(name, *(str(argument) for argument in arguments))
    return capsys.readouterr().out


def mails(outbox: Path) -> list[EmailMessage]:
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(outbox.glob("*.eml"))]


def test_the_sample_day_is_read_ranked_and_delivered_to_three_different_readers(
    capsys: pytest.CaptureFixture[str], outbox: Path
) -> None:
    said = run(capsys)
    assert "bundled sample day" in said
    assert Topic.objects.filter(offered=True).count() >= 24
    assert Edition.objects.get().candidates.count() >= 80
    assert re.search(r"1\.\s+\d+\.\d\d  \w+", said)
    assert "3 Accepted" in said
    assert "./run serve" in said
    assert (outbox / "index.html").is_file()
    subjects = {message["Subject"] for message in mails(outbox)}
    assert len(subjects) == 3
    papers = [set(row.paper_ids) for row in Delivery.objects.all()]
    assert papers[0] != papers[1] != papers[2]


def test_a_second_run_the_same_day_sends_nothing_and_says_so(capsys: pytest.CaptureFixture[str], outbox: Path) -> None:
    run(capsys)
    before = {path.name: path.read_bytes() for path in outbox.glob("*.eml")}
    said = run(capsys)
    assert "already open" in said
    assert "Nothing was sent by this run" in said
    assert {path.name: path.read_bytes() for path in outbox.glob("*.eml")} == before


def test_the_link_in_the_mail_lets_the_reader_leave_and_the_next_day_sends_nothing(
    capsys: pytest.CaptureFixture[str], outbox: Path
) -> None:
    run(capsys, "digest", "--date", "2026-03-02")
    message = mails(outbox)[0]
    link = re.search(r"<(https?://[^>]+)>", message["List-Unsubscribe"])
    assert link
    path = link[1].removeprefix("http://localhost:8000")
    browser = Client(enforce_csrf_checks=True)
    assert b"Unsubscribe from the digest?" in browser.get(path).content
    assert browser.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Subscriber.objects.get(email=message["To"]).status == "unsubscribed"
    run(capsys, "digest", "--date", "2026-03-03")
    assert Delivery.objects.filter(issue_date="2026-03-03").count() == 2


def test_two_sources_of_one_day_are_27_papers_seen_twice(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feeds = data / "feeds"
    said = run(
        capsys,
        "digest",
        "--from",
        feeds / "arxiv-rss2-cs.LG-2026-01-30.xml",
        feeds / "hf-daily-2026-01-30-morning.json",
    )
    assert Edition.objects.get().date.isoformat() == "2026-01-30"
    assert (Paper.objects.count(), Sighting.objects.count()) == (27, 54)
    assert re.search(r"arXiv cs\.LG +27 +27 +27 +0 +0", said)
    assert re.search(r"Hugging Face daily papers +27 +27 +0 +0 +0", said)
    assert "27 candidates" in said


def test_the_seed_page_is_274_papers(data: Path, capsys: pytest.CaptureFixture[str], outbox: Path) -> None:
    said = run(capsys, "digest", "--from", data / "seed_page.txt", "--date", "2026-03-02")
    assert Paper.objects.count() == 274
    assert "274 candidates" in said
    (mira,) = [message for message in mails(outbox) if message["To"].startswith("mira")]
    assert not re.search(r"\\[a-z]+|mathcal|\$[^$]+\$", mira.get_body(("plain",)).get_content())


def test_every_recorded_file_is_stored_or_refused_in_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [*sorted((data / "feeds").iterdir()), data / "seed_page.txt"]
    said = run(capsys, "digest", "--from", *files)
    unreadable = Source.objects.filter(failures__gt=0)
    for source in unreadable:
        assert f"{source.name}: refused. {explain(source.last_error_kind, detail=source.last_error)}" in said
    assert {source.name for source in unreadable} == {
        "arxiv-api-id_abc_s0_m100.xml",
        "encoding-encoding_bozo_encoding_mismatch_crash.xml",
        "illformed-aaa_illformed.xml",
        "illformed-chardet_big5.xml",
        "illformed-chardet_euckr.xml",
        "illformed-chardet_koi8r.xml",
        "illformed-chardet_tis620.xml",
        "illformed-rss_incomplete_cdata.xml",
    }
    assert Paper.objects.count() > 1500


def hostile(folder: Path) -> list[Path]:
    """Files of every bad kind, by name."""
    item = "<item><title>Good paper {0}</title><link>https://journal.example/{0}</link><description>Text.</description></item>"
    feed = '<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title>{}</channel></rss>'
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("feed.xml", "x" * 1000)
    bodies: dict[str, bytes] = {
        "not-xml.xml": b"<html><body>Please log in</body></html>",
        "cut.xml": feed.format(item.format(1) + item.format(2)).encode()[:-70],
        "zip.xml": zipped.getvalue(),
        "bomb.xml.gz": gzip.compress(b"<rss>" + b" " * (60 << 20)),
        "entities.xml": b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel><title>&b;</title></channel></rss>',
        "wrong-encoding.xml": ('<?xml version="1.0" encoding="us-ascii"?>' + feed.format(item.format(3))[21:]).encode(),
        "no-title-no-link.xml": feed.format(
            "<item><title>No link</title></item><item><link>https://journal.example/x</link></item>" + item.format(4)
        ).encode(),
        "year-0.json": json.dumps(
            [
                {
                    "paper": {
                        "id": f"2601.0000{n}",
                        "title": f"Odd year {year}",
                        "summary": "x",
                        "publishedAt": f"{year}-01-01T00:00:00Z",
                    }
                }
                for n, year in enumerate(("0000", "9999"))
            ]
        ).encode(),
        "script.xml": feed.format(
            item.format(5).replace("Good paper", "&lt;script&gt;alert(1)&lt;/script&gt; Good paper")
        ).encode(),
        "path.txt": b"/etc/passwd",
        "url.txt": b"file:///etc/passwd",
        "empty.xml": b"",
    }
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    with (folder / "big.xml").open("wb") as big:
        big.truncate(50 << 20)
    return [*(folder / name for name in bodies), folder / "big.xml", folder / "missing.xml"]


def test_bad_files_are_told_in_a_line_each_and_every_good_entry_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, outbox: Path
) -> None:
    said = run(capsys, "digest", "--from", *hostile(tmp_path), "--date", "2026-03-02")
    kept = set(Paper.objects.values_list("title", flat=True))
    assert {"Good paper 1", "Good paper 3", "Good paper 4", "Odd year 0000", "Odd year 9999"} <= kept
    assert [title for title in kept if "Good paper 5" in title]
    for name in (
        "not-xml.xml",
        "zip.xml",
        "bomb.xml.gz",
        "entities.xml",
        "path.txt",
        "url.txt",
        "empty.xml",
        "big.xml",
        "missing.xml",
    ):
        assert re.search(rf"^  {re.escape(name)}: refused\. .+\.$", said, re.M), name
        assert Source.objects.get(name=name).last_error_kind
    assert "root:" not in said
    for message in mails(outbox):
        assert "<script" not in message.get_body(("html",)).get_content().lower()


def test_when_no_file_can_be_read_the_command_fails_and_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(capsys)
    papers = Paper.objects.count()
    (tmp_path / "empty.xml").write_bytes(b"")
    editions = Edition.objects.count()
    settings.MODE = "rehearsal"
    with pytest.raises(CommandError) as failure:
        call_command("digest", "--from", str(tmp_path / "empty.xml"))
    assert Edition.objects.count() == editions
    assert failure.value.returncode == 1
    assert Paper.objects.count() == papers


def test_a_curator_picks_and_hides_and_the_digest_obeys(capsys: pytest.CaptureFixture[str], outbox: Path) -> None:
    run(capsys, "refresh_sources", "--date", "2026-03-02")
    run(capsys, "open_edition", "--date", "2026-03-02")
    papers = Edition.objects.get().candidates.order_by("-trending").values_list("paper_id", flat=True)
    best, last = papers[0], list(papers)[-1]
    for paper, verdict, note in ((last, "pick", "Worth the detour."), (best, "hide", "Doubtful.")):
        CuratorPick.objects.create(paper_id=paper, edition_date="2026-03-02", verdict=verdict, note=note)
    with pytest.raises(CommandError, match="No active or paused reader"):
        call_command("send_digests", "--date", "2026-03-02", "--reader", "nobody@example.org")
    from subscriptions.seed_data import seed_demo_subscribers, seed_topics
    from tests.support.factories import NOON

    seed_topics()
    seed_demo_subscribers(NOON)
    assert "dry run" in run(capsys, "send_digests", "--date", "2026-03-02", "--dry-run")
    assert not Delivery.objects.exists()
    run(capsys, "send_digests", "--date", "2026-03-02", "--reader", "mira.language@readers.invalid")
    (row,) = Delivery.objects.all()
    assert row.paper_ids[0] == last
    assert best not in row.paper_ids
    assert "“Worth the detour.”" in mails(outbox)[0].get_body(("plain",)).get_content()


def test_without_an_edition_nothing_can_be_sent_and_the_command_says_what_to_do() -> None:
    with pytest.raises(CommandError, match=r"Run first: \./run manage open_edition --date"):
        call_command("send_digests")


def test_a_new_installation_begins_with_topics_and_sources_and_keeps_what_an_operator_chose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("first_run")
    call_command("first_run")
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"Added {Topic.objects.count()} topics",
        "Added 0 topics",
    ]
    assert 0 < Source.objects.filter(active=True).count() <= 30


def test_a_day_that_has_not_come_is_refused() -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(CommandError, match=f"{tomorrow} has not come yet"):
        call_command("digest", "--date", str(tomorrow))
