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

from markupsafe import escape

from digest.compose.build import Digest, Item, Look
from digest.compose.card import Card
from digest.compose.size_limit import HTML_BYTES
from subscriptions.mail.rendering import Placeholder, compile_template, one_line
from subscriptions.mail.template_cache import CompiledTemplate, JoinedEmail, encode

# Fields of a digest that differ by reader, the reader's links, lists of papers, and fields that readers share
OWN = ("subject", "preheader", "date_line", "overview", "about", "opening", "why_you")
LINKS = ("unsubscribe_url", "preferences_url", "feedback_url", "web_url")
LISTS = ("picks", "items", "also")
SHARED = ("items_heading", "completeness", "sender", "letter", "left_out", "look")

Both = tuple[bytes, bytes]  # text and HTML


class TemplateCache:
    """The pages and papers prepared so far. It is kept for a batch and grows with its papers, not with its readers."""

    def __init__(self) -> None:
        self._pages: dict[object, tuple[CompiledTemplate, CompiledTemplate]] = {}
        self._papers: dict[object, tuple[CompiledTemplate, CompiledTemplate]] = {}
        self._asides: dict[tuple[int, ...], Both] = {}
        # keeps the cards alive, since their id() is a key
        self._cards: list[Card] = []

    def print(self, digest: Digest) -> JoinedEmail | None:
        """Return the e-mail of a digest, or None if it must be rendered in full.

        That is the case if its HTML is larger than HTML_BYTES and must be shortened first, or if a link needs escaping
        in HTML: our own links never do, so one encoding serves both parts.
        """
        links = {name: getattr(digest.reader, name) for name in LINKS}
        if any(escape(url) != url for url in links.values()):
            return None
        say = encode(f"{links['feedback_url']}/") if links["feedback_url"] else b""  # the paper's number follows
        own: dict[str, str | bytes] = {name: getattr(digest, name) for name in OWN}
        own |= {name: encode(url) for name, url in links.items()}
        papers = [self._list(items, digest.look, say) for items in (digest.picks, digest.items)]
        lists = (*papers, self._also(digest.also))
        text, html = (
            page.fill(own | dict(zip(LISTS, parts, strict=True)))
            for page, parts in zip(self._page(digest), zip(*lists, strict=True), strict=True)
        )
        if len(html) > HTML_BYTES and len(a2b_qp(html)) > HTML_BYTES:
            return None
        return JoinedEmail(one_line(digest.subject), text, html)

    def _page(self, digest: Digest) -> tuple[CompiledTemplate, CompiledTemplate]:
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

    def _list(self, items: Sequence[Item], look: Look, say: bytes) -> Both:
        texts, htmls = [], []
        for item in items:
            text, html = self._paper(item, look, bool(say))
            own: dict[str, str | bytes] = {
                "number": str(item.number),
                "why": item.why,
                "say_url": say + b"%d=\r\n" % item.number,
            }
            texts.append(text.fill(own))
            htmls.append(html.fill(own))
        return b"".join(texts), b"".join(htmls)

    def _paper(self, item: Item, look: Look, links: bool) -> tuple[CompiledTemplate, CompiledTemplate]:
        lead = item.number == 1
        key = (id(item.card), item.note, item.is_pick, look, lead, links)
        if key not in self._papers:
            self._cards.append(item.card)
            model = SimpleNamespace(
                number=Placeholder("number"),
                why=Placeholder("why"),
                card=item.card,
                note=item.note,
                is_pick=item.is_pick,
            )
            say_url = Placeholder("say_url") if links else ""
            self._papers[key] = _prepared("paper", "paper", item=model, look=look, lead=lead, say_url=say_url)
        return self._papers[key]

    def _also(self, cards: Sequence[Card]) -> Both:
        key = tuple(map(id, cards))
        if key not in self._asides:
            self._cards += cards
            made = [_prepared("paper", "also", card=card) for card in cards]
            text, html = (b"".join([one[part].fill({}) for one in made]) for part in (0, 1))
            self._asides[key] = text, html
        return self._asides[key]


def _prepared(template: str, macro: str = "", **context: object) -> tuple[CompiledTemplate, CompiledTemplate]:
    """Compile a template's text and its HTML."""
    return compile_template(f"{template}.txt", macro, **context), compile_template(f"{template}.html", macro, **context)
