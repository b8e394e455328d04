"""The press: what is the same in many readers' mails is rendered and encoded once, and each mail joined from it.

A **page** is ``templates/email/digest`` with holes for what is one reader's own; there is one for each way a digest can
be made up (with picks or without, with an opening or without). A **paper** is its entry in the list, with holes for its
number, the reason and the links. The words are those of the full render, ``fitting.fit``, which also takes what is too
large for the press.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from markupsafe import escape

from digest.cards import Card
from digest.compose import Digest, Item
from digest.fitting import HTML_BYTES
from subscriptions.prepared import JoinedEmail, Prepared, decoded, encoded
from subscriptions.rendering import Hole, one_line, prepare

OWN = ("subject", "preheader", "date_line", "overview", "opening", "why_you")  # of a digest: one reader's
LINKS = ("unsubscribe_url", "preferences_url", "feedback_url", "web_url")  # of its reader
LISTS = ("picks", "items", "also")
SHARED = ("items_heading", "receipt", "sender", "left_out")
PARTS = ("txt", "html")


class Press:
    """The pages and papers prepared so far; kept for a batch, it grows with its papers and not with its readers."""

    def __init__(self) -> None:
        self._pages: dict[object, dict[str, Prepared]] = {}
        self._papers: dict[object, dict[str, Prepared]] = {}
        self._cards: list[Card] = []  # kept, since a paper is known by its card's identity

    def print(self, digest: Digest) -> JoinedEmail | None:
        """The e-mail of a digest; None where its HTML passes HTML_BYTES and has to be made lighter first."""
        pages = self._page(digest)
        own = {name: getattr(digest, name) for name in OWN}
        text, html = (pages[part].filled(own | self._own(digest, part)) for part in PARTS)
        if len(html) > HTML_BYTES and len(decoded(html).encode()) > HTML_BYTES:
            return None
        return JoinedEmail(one_line(digest.subject), text, html)

    def _own(self, digest: Digest, part: str) -> dict[str, bytes]:
        """What is not worth keeping for another mail: links, and the lists."""
        written = str if part == "txt" else escape
        links = {name: encoded(written(getattr(digest.reader, name))) for name in LINKS}
        url = digest.reader.feedback_url
        say = encoded(written(f"{url}/")) if url else b""  # once for all papers: the number follows
        return links | {
            "picks": self._list(digest.picks, say, part),
            "items": self._list(digest.items, say, part),
            "also": b"".join([self._also(card, part) for card in digest.also]),
        }

    def _page(self, digest: Digest) -> dict[str, Prepared]:
        made_up = [bool(getattr(digest, name)) for name in (*OWN, *LISTS)]
        links = [bool(getattr(digest.reader, name)) for name in LINKS]
        shared = {name: getattr(digest, name) for name in SHARED}
        key = (*made_up, *links, *shared.values())
        if key not in self._pages:
            # only what is named above: a template that asked for more would print one reader's own to all
            own = {name: Hole(name) if getattr(digest, name) else "" for name in OWN}
            lists = {name: (Hole(name),) if getattr(digest, name) else () for name in LISTS}
            reader = {name: Hole(name) if getattr(digest.reader, name) else "" for name in LINKS}
            model = SimpleNamespace(**own, **lists, **shared, reader=SimpleNamespace(**reader))
            self._pages[key] = {part: prepare(f"digest.{part}", subject=own["subject"], digest=model) for part in PARTS}
        return self._pages[key]

    def _list(self, items: Sequence[Item], say: bytes, part: str) -> bytes:
        return b"".join(
            [
                self._paper(item, bool(say))[part].filled(
                    {"number": str(item.number), "why": item.why, "say_url": say + b"%d=\r\n" % item.number}
                )
                for item in items
            ]
        )

    def _paper(self, item: Item, links: bool) -> dict[str, Prepared]:
        key = (id(item.card), item.note, links)
        if key not in self._papers:
            self._cards.append(item.card)
            model = SimpleNamespace(number=Hole("number"), why=Hole("why"), card=item.card, note=item.note)
            self._papers[key] = {
                part: prepare(f"paper.{part}", "paper", item=model, say_url=Hole("say_url") if links else "")
                for part in PARTS
            }
        return self._papers[key]

    def _also(self, card: Card, part: str) -> bytes:
        if id(card) not in self._papers:
            self._cards.append(card)
            self._papers[id(card)] = {part: prepare(f"paper.{part}", "also", card=card) for part in PARTS}
        return self._papers[id(card)][part].filled({})
