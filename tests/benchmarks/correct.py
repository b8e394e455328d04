"""Whether mails are right: no figure of ``./run bench`` is printed before a thousand of them were looked at here.

Each is parsed, and held against its delivery's row, the papers and the reader in the database, and the full render, of
which ours must have the very octets in the head and in each decoded part.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import partial
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.urls import Resolver404, resolve

from digest.compose.emails import Mails, digest_of, reader_of
from digest.compose.size_limit import fit
from digest.models import Delivery, Paper
from subscriptions import tokens
from tests.benchmarks.composing import octets as made
from tests.benchmarks.driver import Questions

PURPOSES = {
    "unsubscribe": tokens.UNSUBSCRIBE,
    "ask_for_link": tokens.PREFERENCES,
    "web_copy": tokens.WEB_COPY,
    "feedback": tokens.FEEDBACK,
    "feedback_choices": tokens.FEEDBACK,
}
LONGEST = 998  # octets in a line, RFC 5322 section 2.1.1
NEEDED = (
    "From To Subject Date Message-ID MIME-Version Content-Type Auto-Submitted List-Id List-Unsubscribe "
    "List-Unsubscribe-Post List-Help List-Owner List-Archive List-Post Precedence Feedback-ID"
).split()


class Wrong(Exception):
    """What is not as it should be in a mail, in a few words."""


Check = Callable[[bytes, Delivery, Mails], None]


def check_folder(folder: str, limit: int, by: Check) -> dict[str, Any]:
    """Look at the first ``limit`` mails in a folder: how many are right, and what is wrong with the first that is not."""
    files = sorted(Path(folder).iterdir())[:limit]
    mails, done, ids = Mails(), 0, set[str]()
    for files_of_a_chunk in _chunks(iter(files)):
        found = {path: path.read_bytes() for path in files_of_a_chunk}
        parsed = {path: parse(octets) for path, octets in found.items()}
        rows = _rows_of(parsed.values())
        mails.read_cards(list(rows.values()))
        for path, octets in found.items():
            try:
                name = str(parsed[path]["Message-ID"])
                _expect("a delivery with its Message-ID", name in rows and name not in ids, True)
                ids.add(name)
                by(octets, rows[name], mails)
            except Wrong as wrong:
                return {"right": done, "wrong": f"{path}: {wrong}"}
            done += 1
    return {"right": done, "wrong": "" if done == limit else f"there are {done} mails in {folder}, not {limit}"}


def parse(octets: bytes) -> EmailMessage:
    return cast(EmailMessage, email.message_from_bytes(octets, policy=email.policy.SMTP))


def check(octets: bytes, row: Delivery, mails: Mails) -> None:
    """Raises Wrong also where an octet of the head or of a decoded part is another than in the full render.

    Encoded parts may differ: ours are joined from encoded pieces, and each ends in a line break of its own.
    """
    check_words(octets, row, mails)
    full = made(row, fit(digest_of(row, mails.cards_of(row), reader_of(row)))[1])
    for what, one, other in zip(("head", "text", "HTML"), _octets(octets), _octets(full), strict=True):
        if one != other:
            at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
            _expect(f"octet {at} of the {what}, and those after it", one[at : at + 60], other[at : at + 60])


def _octets(mail: bytes) -> list[bytes]:
    """Return a mail's head as it is, and its two parts as octets that a mail program decodes."""
    parts = cast(Iterator[EmailMessage], parse(mail).iter_parts())
    return [mail.partition(b"\r\n\r\n")[0], *(cast(bytes, part.get_payload(decode=True)) for part in parts)]


def check_ordinary(octets: bytes, row: Delivery, mails: Mails) -> None:
    """Raises Wrong where a mail of ordinary.py is broken, or not this reader's."""
    message, (text, html) = _parts(octets)
    _expect("To", str(message["To"]), row.subscriber.email)
    ours = [url for url in Links(html).targets if url.startswith(f"{settings.SITE_URL}/")]
    wanted = {("unsubscribe", row.subscriber.public_id), ("ask_for_link", row.subscriber.public_id)}
    _expect("links of ours", {_opened(url) for url in ours}, wanted)
    _expect("papers in HTML", html.count("<h2"), row.paper_count)
    _expect("papers in the text", len(re.findall(r"^\d+\. ", text, re.MULTILINE)), row.paper_count)


def _parts(octets: bytes) -> tuple[EmailMessage, list[str]]:
    """Return a mail, and its text and HTML."""
    _expect("a line's octets", max(map(len, octets.split(b"\r\n"))) <= LONGEST, True)
    _expect("bare line ends", len(re.findall(rb"(?<!\r)\n|\r(?!\n)", octets)), 0)
    message = parse(octets)
    _expect("defects", [*message.defects, *(defect for part in message.walk() for defect in part.defects)], [])
    _expect("parts", [part.get_content_type() for part in message.iter_parts()], ["text/plain", "text/html"])
    parts = cast(Iterator[EmailMessage], message.iter_parts())
    return message, [part.get_content().replace("\r\n", "\n") for part in parts]


def check_words(octets: bytes, row: Delivery, mails: Mails) -> None:
    """Raises Wrong for the first thing that a reader, a mail program or a list's rules would stumble over."""
    message, (text, html) = _parts(octets)
    reader = row.subscriber
    _check_headers(message, row)
    full = fit(digest_of(row, mails.cards_of(row), reader_of(row)))[1]
    _expect("the text part", _words(text), _words(full.text))
    _expect("the HTML part", _words(html), _words(full.html))
    shown = Links(html)
    papers = Paper.objects.in_bulk(row.paper_ids)
    wanted = [(papers[pk].title, papers[pk].url) for pk in row.paper_ids]
    _expect("the papers in HTML", shown.papers[: len(wanted)], wanted)
    _expect("the papers' links in the text", [url for _, url in wanted if text.count(f"{url}\n") != 1], [])
    if reader.email not in text:
        raise Wrong("the address is not named")
    numbers = range(1, len(wanted) + 1)
    three = [f"{number}/{wish}" for number in numbers for wish in ("more", "less", "mute")]
    _check_links(shown.targets, row, page="feedback", said=three)
    _check_links(re.findall(r"https?://\S+", text), row, page="feedback_choices", said=[str(n) for n in numbers])


def _check_headers(message: EmailMessage, row: Delivery) -> None:
    names = [name.lower() for name in message.keys()]  # noqa: SIM118 (a message says its keys as often as they are there)
    _expect("headers", [name for name in NEEDED if names.count(name.lower()) != 1], [])
    for name, value in {
        "From": settings.DEFAULT_FROM_EMAIL,
        "To": row.subscriber.email,
        "Subject": row.subject,
        "Message-ID": row.message_id,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
    }.items():
        _expect(name, _words(str(message[name])), value)
    _expect("Date", message["Date"].datetime, row.dated_at)
    for name, page in (("List-Unsubscribe", "unsubscribe"), ("List-Archive", "web_copy")):
        url = _words(str(message[name])).removeprefix("<").removesuffix(">")
        _expect(name, _opened(url), (page, row.subscriber.public_id))


def _check_links(urls: list[str], row: Delivery, *, page: str, said: list[str]) -> None:
    """Every link of ours opens what it says, for this reader; ``said`` are the ends of those to the feedback ``page``."""
    ours = [url for url in urls if url.startswith(f"{settings.SITE_URL}/")]
    papers = [url for url in ours if url.startswith(f"{settings.SITE_URL}/papers/")]
    _expect("the number of pages of papers", len(papers), len(row.paper_ids))
    opened = {url: _opened(url) for url in ours if url not in papers}
    _expect("whose links they are", {whose for _, whose in opened.values()}, {row.subscriber.public_id})
    others = set(PURPOSES) - {"feedback", "feedback_choices"}
    _expect("where links lead", {where for where, _ in opened.values()}, {*others, page})
    ends = [url.partition("/f/")[2].partition("/")[2] for url, (where, _) in opened.items() if where == page]
    _expect("the links under papers", ends, said)


def _opened(url: str) -> tuple[str, str]:
    """The page that a link leads to, and the reader it knows them by."""
    try:
        found = resolve(url.removeprefix(settings.SITE_URL))
        return str(found.url_name), tokens.read_token(PURPOSES[str(found.url_name)], found.kwargs["token"])
    except (Resolver404, tokens.BadLink, KeyError) as error:
        raise Wrong(f"the link {url} does not open: {error!r}") from error


class Links(HTMLParser):
    """The links of an HTML part, and its papers: titles and targets of the links in headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.papers: list[tuple[str, str]] = []
        self._in_heading, self._target, self._words = False, "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "h3":
            self._in_heading, self._target, self._words = True, "", ""
        if tag == "a":
            self._target = dict(attributes).get("href") or ""
            self.targets.append(self._target)

    def handle_data(self, data: str) -> None:
        self._words += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "h3" and self._in_heading:
            self.papers.append((_words(self._words), self._target))
            self._in_heading = False


def _rows_of(messages: Any) -> dict[str, Delivery]:
    names = [str(message["Message-ID"]) for message in messages]
    rows = Delivery.objects.filter(message_id__in=names).select_related("subscriber", "edition", "content")
    return {cast(str, row.message_id): row for row in rows}


def _chunks(paths: Iterator[Path], size: int = 100) -> Iterator[list[Path]]:
    while some := list(islice(paths, size)):
        yield some


def _words(text: str) -> str:
    return " ".join(text.split())


def _expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {str(found)[:300]!r} instead of {str(wanted)[:300]!r}")


def questions() -> Questions:
    checks: dict[str, Check] = {"check": check, "check_words": check_words, "check_ordinary": check_ordinary}
    return {name: partial(check_folder, by=by) for name, by in checks.items()}
