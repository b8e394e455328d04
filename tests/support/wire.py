"""Mails as the octets that a mail server was sent, and what is read out of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

from django.conf import settings

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import CuratorPick, Delivery, Paper
from subscriptions import link_requests
from subscriptions.mail.mailer import Mailer, Purpose
from subscriptions.models import LoginToken, Subscriber
from subscriptions.tokens import message_id
from tests.support.factories import NOON, entry, feed, reader

TITLES = {
    1: "Ordinary words",
    2: "触覚と視覚の統合 " * 30,
    3: "Title\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>",
    4: "Turned \u202eround\u202c, \x00 and \ud800 and \u200b too",
    5: "W" * 10_000,
    6: "نماذج لغوية صغيرة للترجمة",
}
AUTHORS = ("Élodie Châtel", "佐藤 花子", "<b>Eve</b>\r\nX: y", "\u202eMallory", *["A. Helper"] * 5)
NOTE = "Read this, “at last”.\r\nX: y"
ABSTRACT = "Größe, wo x < y & y > z – “wie oft?” 佐藤 花子. " * 40
POSTAL_ADDRESS = "4 Harbour Street, 20457 Hamburg, Germany"
TOKEN = "8fKx2LmQz1vTb0aYq7WcRd"  # of a login link


@dataclass
class Sink:
    """What came, in its order: each mail as it was, and whom its envelope was from and for.

    While it is ``busy``, it reads a mail and asks for another try.
    """

    received: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    busy: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.original_content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return "451 4.3.0 Try again later" if self.busy else "250 OK"


# Sending --------------------------------------------------------------------------------------------------------------


def planned(
    *readers: Subscriber, titles: dict[int, str] = TITLES, note: str = NOTE, votes: int = 0, **values: Any
) -> None:
    """A day of papers with these titles and a digest for each reader.

    With a note, the last paper is the editors' pick; with votes, each paper has as many, and a few more as its number.
    """
    like = {"abstract": ABSTRACT, "authors": AUTHORS, **values}
    papers = [entry(number, title=title, **like) for number, title in titles.items()]
    shown = [feed(*papers)]
    if votes:
        voted = [replace(paper, points=votes + place, announced="") for place, paper in enumerate(papers)]
        shown.append(feed(*voted, kind="hugging_face", name="Hugging Face", url="https://hf.example"))
    for one in shown:
        store.store(store.source_named_in(one, "file.xml"), one, now=NOON)
    open_edition(NOON.date(), now=NOON)
    if note:
        last = Paper.objects.order_by("pk").last()
        CuratorPick.objects.create(paper=last, edition_date=NOON.date(), verdict="pick", note=note)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())


def sent(sink: Sink, *, now: datetime = NOON) -> list[bytes]:
    """Every mail that the server was sent so far, after all digests that are ready."""
    deliver_all(clock=lambda: now)
    return sink.received


def sent_twice(sink: Sink) -> list[bytes]:
    """Ada's digest as the server was sent it while it was busy, and some minutes later."""
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    sink.busy = True
    sent(sink)
    sink.busy, later = False, NOON + timedelta(minutes=5)
    reap(later)
    sent(sink, now=later)
    assert Delivery.objects.get().status == Delivery.Status.ACCEPTED
    return sink.received


def send_links(sink: Sink, to: Subscriber) -> dict[str, bytes]:
    """One of each kind of mail that carries a link, by its template."""
    before = len(sink.received)
    with Mailer() as mailer:
        for name, link in link_requests.LINK.items():
            purpose = Purpose.SIGN_IN if link == LoginToken.Purpose.SIGN_IN else Purpose.CONFIRMATION
            mail = link_requests.compose(name, link=link, token=TOKEN)
            mailer.send(to, mail, purpose=purpose, message_id=message_id("link", name), dated_at=NOON)
    return dict(zip(link_requests.LINK, sink.received[before:], strict=True))


# Reading --------------------------------------------------------------------------------------------------------------


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def parts(raw: bytes) -> tuple[str, str]:
    """The words of the text part and of the HTML part."""
    text, html = (part.get_content() for part in parsed(raw).iter_parts())
    return text, html


def header(raw: bytes, name: str) -> str:
    """As it was written, unfolded."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    (found,) = re.findall(rf"^{name}:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", head, re.M | re.I)
    return re.sub(r"\r\n(?=[ \t])", "", found).strip()


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].strip("<> ")


class Links(HTMLParser):
    """Where the links of an HTML part lead, and their words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append((dict(attrs)["href"] or "", ""))
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._inside:
            href, words = self.found[-1]
            self.found[-1] = href, words + data


def links(raw: bytes) -> list[tuple[str, str]]:
    """Each link of the HTML part: where it leads, and its words."""
    return [(href, " ".join(words.split())) for href, words in Links(parts(raw)[1]).found]


def ours(raw: bytes) -> set[str]:
    """Where the links of the HTML part lead on our own site."""
    return {href for href, _ in links(raw) if href.startswith(settings.SITE_URL)}
