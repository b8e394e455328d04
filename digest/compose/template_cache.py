"""Cache the parts of mails that many readers share, rendered and encoded once, and join each mail from them.

A **page** is ``templates/email/digest`` with placeholders for one reader's values; there is one for each combination of
parts (with or without picks, with or without an opening). A **paper** is its entry in the list, with placeholders for
its number, the reason and the links. The words equal those of the full render, ``size_limit.fit``, which also renders
mails that are too large for the cache.
"""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

from markupsafe import escape

from digest.compose.build import Digest, Item, Look
from digest.compose.card import Card
from digest.compose.size_limit import HTML_BYTES
from subscriptions.mail.rendering import Placeholder, compile_template, one_line
from subscriptions.mail.template_cache import CompiledTemplate, JoinedEmail, Step, encode, encoded_after

# Fields of a digest that differ by reader, the reader's links, lists of papers, and fields that readers share
OWN = ("subject", "preheader", "date_line", "overview", "about", "opening", "why_you")
OF_MANY = ("date_line", "overview", "about", "opening")  # most are the same for several readers
LINKS = ("unsubscribe_url", "preferences_url", "feedback_url", "web_url")
LISTS = ("picks", "items", "also")
SHARED = ("items_heading", "completeness", "sender", "letter", "left_out", "look")

# Placeholders of a paper in the order of its templates
PAPER_TEXT = ("number", "why", "say_url")
PAPER_HTML = ("number", "why", "say_url", "say_url", "say_url")

Both = tuple[CompiledTemplate, CompiledTemplate]  # text and HTML


class Paper(NamedTuple):
    """A paper's entry: the encoded pieces around PAPER_TEXT and PAPER_HTML, and the steps of number and reason."""

    text: tuple[bytes, ...]
    html: tuple[bytes, ...]
    text_steps: tuple[Step, Step]
    html_steps: tuple[Step, Step]


class TemplateCache:
    """The pages and papers prepared so far. It is kept for a batch and grows with its papers, not with its readers."""

    def __init__(self) -> None:
        self._pages: dict[object, Both] = {}
        self._papers: dict[object, Paper] = {}
        self._asides: dict[tuple[int, ...], tuple[bytes, bytes]] = {}
        # keeps the cards alive, since their id() is a key
        self._cards: list[Card] = []

    def print(self, digest: Digest) -> JoinedEmail | None:
        """Return the e-mail of a digest, or None if it must be rendered in full.

        That is the case if its HTML is larger than HTML_BYTES and must be shortened first, or if a link needs escaping
        in HTML: our own links never do, so one encoding serves both parts.
        """
        urls = [getattr(digest.reader, name) for name in LINKS]
        if escape(together := "".join(urls)) != together:
            return None
        say = encode(f"{digest.reader.feedback_url}/") if digest.reader.feedback_url else b""  # the number follows
        picks, items = (self._list(papers, digest.look, say) for papers in (digest.picks, digest.items))
        own = {name: getattr(digest, name) for name in OWN} | dict(zip(LINKS, map(encode, urls), strict=True))
        text, html = (
            page.fill(own | dict(zip(LISTS, lists, strict=True)), shared=OF_MANY)
            for page, *lists in zip(self._page(digest), picks, items, self._also(digest.also), strict=True)
        )
        if sum(map(len, html)) > HTML_BYTES and len(a2b_qp(b"".join(html))) > HTML_BYTES:
            return None
        return JoinedEmail(one_line(digest.subject), text, html)

    def _page(self, digest: Digest) -> Both:
        made_up = [bool(getattr(digest, name)) for name in (*OWN, *LISTS)]
        links = [bool(getattr(digest.reader, name)) for name in LINKS]
        shared = {name: getattr(digest, name) for name in SHARED}
        key = (*made_up, *links, *shared.values())
        if key not in self._pages:
            # Only the fields named above: any other could show one reader's values to all.
            own = {name: Placeholder(name) if getattr(digest, name) else "" for name in OWN}
            lists = {name: (Placeholder(name),) if getattr(digest, name) else () for name in LISTS}
            reader = {name: Placeholder(name) if getattr(digest.reader, name) else "" for name in LINKS}
            model = SimpleNamespace(**own, **lists, **shared, reader=SimpleNamespace(**reader))
            self._pages[key] = _prepared("digest", subject=own["subject"], digest=model)
        return self._pages[key]

    def _list(self, items: Sequence[Item], look: Look, say: bytes) -> tuple[list[bytes], list[bytes]]:
        """Return the pieces of these papers, of text and of HTML."""
        texts: list[bytes] = []
        htmls: list[bytes] = []
        for item in items:
            paper = self._paper(item, look, bool(say))
            number = str(item.number)
            url = b"%b%d=\r\n" % (say, item.number) if say else b""
            a, b, c, d = paper.text
            number_step, why_step = paper.text_steps
            texts += (a, encoded_after(number_step, number), b, encoded_after(why_step, item.why), c, url, d)
            a, b, c, d, e, f = paper.html
            number_step, why_step = paper.html_steps
            htmls += (a, encoded_after(number_step, number), b, encoded_after(why_step, item.why))
            htmls += (c, url, d, url, e, url, f)
        return texts, htmls

    def _paper(self, item: Item, look: Look, links: bool) -> Paper:
        lead = item.number == 1
        key = (id(item.card), bool(item.why), item.note, item.is_pick, look, lead, links)
        if key not in self._papers:
            self._cards.append(item.card)
            model = SimpleNamespace(
                number=Placeholder("number"),
                why=Placeholder("why") if item.why else "",
                card=item.card,
                note=item.note,
                is_pick=item.is_pick,
            )
            say_url = Placeholder("say_url") if links else ""
            text, html = _prepared("paper", "paper", item=model, look=look, lead=lead, say_url=say_url)
            of_text, of_html = ((dict(part.holes)["number"], dict(part.holes).get("why", str)) for part in (text, html))
            self._papers[key] = Paper(text.around(PAPER_TEXT), html.around(PAPER_HTML), of_text, of_html)
        return self._papers[key]

    def _also(self, cards: Sequence[Card]) -> tuple[bytes, bytes]:
        key = tuple(map(id, cards))
        if key not in self._asides:
            self._cards += cards
            made = [_prepared("paper", "also", card=card) for card in cards]
            text, html = (b"".join([b"".join(one[part].pieces) for one in made]) for part in (0, 1))
            self._asides[key] = text, html
        return self._asides[key]


def _prepared(template: str, macro: str = "", **context: object) -> Both:
    """Compile a template's text and its HTML."""
    return compile_template(f"{template}.txt", macro, **context), compile_template(f"{template}.html", macro, **context)
