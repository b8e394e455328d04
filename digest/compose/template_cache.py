"""Cache the parts of mails that many readers share, rendered and encoded once, and join each mail from them.

A **page** is ``templates/email/digest`` with placeholders for one reader's values; there is one for each combination of
parts (with or without picks, with or without an opening). A **paper** is its entry in the list, with placeholders for
its number, the styles of its place, the reason and the links; an **entry** is a paper with the reason of an item, which
many mails share. The words equal those of the full render, ``size_limit.fit``, which also renders mails that are too
large for the cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from types import SimpleNamespace
from typing import NamedTuple

from markupsafe import escape

from digest.compose.build import Digest, Item, Look
from digest.compose.card import Card
from digest.compose.size_limit import HTML_BYTES, size_of
from subscriptions.mail.encodings import Encoding
from subscriptions.mail.rendering import Placeholder, compile_template, one_line, template_value
from subscriptions.mail.template_cache import CompiledTemplate, JoinedEmail, Step

# Fields of a digest that differ by reader, the reader's links, lists of papers, and fields that readers share
OWN = ("subject", "preheader", "date_line", "overview", "about", "opening", "sent_to", "wishes")
OF_MANY = ("subject", "date_line", "overview", "about", "opening")  # most are the same for several readers
LINKS = ("unsubscribe_url", "preferences_url", "feedback_url", "web_url")
LISTS = ("picks", "items", "also")
SHARED = ("items_heading", "completeness", "sender", "letter", "left_out", "look")
own_of, links_of, lists_of, shared_of = (attrgetter(*names) for names in (OWN, LINKS, LISTS, SHARED))

# Placeholders of a paper in the order of its templates
PAPER_TEXT = ("number", "why", "say_url")
PAPER_HTML = ("number", "title", "body", "why", "say_url", "say_url", "say_url")
STYLES = ("first_paper", "other_papers")  # names in theme.html, each with one for the title and one for the body

MOST_ENTRIES = 20_000  # a few hundred octets each, beside the papers

Pieces = list[bytes]
Both = tuple[CompiledTemplate, CompiledTemplate]  # text and HTML
Steps = tuple[Step | None, Step | None]  # of a placeholder in the text and in the HTML; None where it is not
Kind = tuple[Look, bool]  # of an entry: how it looks, and whether it has no links
Styles = tuple[tuple[bytes, bytes], ...]  # encoded, of the title and the body, by STYLES


class Page(NamedTuple):
    """A page, and the steps of each of OWN that it has, with whether the value is the same for several readers."""

    text: CompiledTemplate
    html: CompiledTemplate
    steps: tuple[tuple[str, Steps, bool], ...]


class Frame(NamedTuple):
    """What all papers of one number have around their words: before them, as style of the body, and with the links.

    The prefix of a reader's links belongs before ``text_end`` and between the parts of ``links``.
    """

    text: bytes
    text_end: bytes
    html: bytes
    body: bytes
    links: tuple[bytes, ...]


class Frames(dict[int, Frame]):
    """Frames by number, made when one is asked for."""

    def __init__(
        self, steps: tuple[Steps, ...], text: tuple[bytes, ...], html: tuple[bytes, ...], end: bytes | None
    ) -> None:
        """Take the steps of number, title and body, and the pieces around them; ``end`` is None without links."""
        self._number, *styled = steps
        self._styles, self._text, self._html, self._end = _styles(*styled), text, html, end

    def __missing__(self, number: int) -> Frame:
        (text, text_end), (before, between, *links) = self._text, self._html
        text_number, html_number = _encode_both(self._number, str(number))
        title, body = self._styles[number > 1]
        if self._end is not None:
            text_end, *links = [b"%d%b%b" % (number, self._end, piece) for piece in (text_end, *links)]
            links = [b"", *links]
        self[number] = frame = Frame(
            text + text_number, text_end, b"".join((before, html_number, between, title)), body, tuple(links)
        )
        return frame


class Words(NamedTuple):
    """What one paper says in a mail, encoded, and the frames around it.

    In the text up to the reason, and what follows; in the HTML up to the style of the body, up to the reason, and what
    follows.
    """

    frames: Frames
    text: bytes
    text_rest: bytes
    title: bytes
    body: bytes
    html_rest: bytes


class TemplateCache:
    """The pages and papers prepared so far, in one encoding. It grows with a batch's papers, not with its readers."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self._pages: dict[object, Page] = {}
        self._papers: dict[object, tuple[Words, Steps]] = {}  # without a reason, whose steps stand beside it
        # by the item's id(), with the item, which is kept alive so
        self._entries: dict[Kind, dict[int, tuple[Item, Words]]] = defaultdict(dict)
        self._asides: dict[tuple[int, ...], tuple[bytes, bytes]] = {}
        # keeps the cards alive, since their id() is a key
        self._cards: list[Card] = []

    def join(self, digest: Digest) -> JoinedEmail | None:
        """Return the e-mail of a digest, or None if it must be rendered in full.

        That is the case if its HTML is larger than HTML_BYTES and must be shortened first, or if a link needs escaping
        in HTML: our own links never do, so one encoding serves both parts.
        """
        urls, own = links_of(digest.reader), own_of(digest)
        if escape(together := "".join(urls)) != together:
            return None
        feedback = digest.reader.feedback_url
        encode = self.encoding.encode
        say = encode(f"{feedback}/") if feedback else b""  # the number follows
        page = self._page(digest, own, urls)
        words: dict[str, bytes | Pieces] = dict(zip(LINKS, map(encode, urls), strict=True))
        html_words = words.copy()
        words["picks"], html_words["picks"] = self._list(digest.picks, 1, digest.look, say)
        words["items"], html_words["items"] = self._list(digest.items, 1 + len(digest.picks), digest.look, say)
        words["also"], html_words["also"] = self._also(digest.also)
        for name, steps, is_of_many in page.steps:
            encoded = _encoded if is_of_many else _encode_both
            words[name], html_words[name] = encoded(steps, getattr(digest, name))
        html = page.html.fill(html_words)
        email = JoinedEmail(one_line(digest.subject), page.text.fill(words), html, self.encoding)
        # what is encoded is never shorter
        return None if sum(map(len, html)) > HTML_BYTES and size_of(email.html) > HTML_BYTES else email

    def _page(self, digest: Digest, own: Sequence[str], urls: Sequence[str]) -> Page:
        key = (shared_of(digest), *map(bool, (*own, *urls, *lists_of(digest))))
        if key not in self._pages:
            # Only the fields named above: any other could show one reader's values to all.
            shared = dict(zip(SHARED, shared_of(digest), strict=True))
            words = {name: Placeholder(name) if value else "" for name, value in zip(OWN, own, strict=True)}
            reader = {name: Placeholder(name) if value else "" for name, value in zip(LINKS, urls, strict=True)}
            lists = {name: (Placeholder(name),) if getattr(digest, name) else () for name in LISTS}
            model = SimpleNamespace(**words, **lists, **shared, reader=SimpleNamespace(**reader))
            text, html = self._compiled("digest", subject=words["subject"], digest=model)
            steps = [(name, _steps(name, text, html), name in OF_MANY) for name in OWN if words[name]]
            self._pages[key] = Page(text, html, tuple(steps))
        return self._pages[key]

    def _list(self, items: Sequence[Item], first: int, look: Look, say: bytes) -> tuple[Pieces, Pieces]:
        """Return these papers, numbered from ``first``, in the text and in the HTML."""
        texts: Pieces = []
        htmls: Pieces = []
        kind = (look, not say)
        entries = self._entries[kind]
        for number, item in enumerate(items, first):
            _, (frames, text, text_rest, title, body, html_rest) = entries.get(id(item)) or self._entry(kind, item)
            before, text_end, html_before, style, links = frames[number]
            texts += (before, text, text_rest, say, text_end)
            htmls += (html_before, title, style, body, html_rest, say.join(links))
        return texts, htmls

    def _entry(self, kind: Kind, item: Item) -> tuple[Item, Words]:
        """Make and keep an item's entry of a kind."""
        words, why_steps = self._paper(item, kind)
        text_why, html_why = _encoded(why_steps, item.why)
        words = words._replace(text_rest=text_why + words.text_rest, html_rest=html_why + words.html_rest)
        if sum(map(len, self._entries.values())) >= MOST_ENTRIES:
            self._entries.clear()
        self._entries[kind][id(item)] = entry = item, words
        return entry

    def _paper(self, item: Item, kind: Kind) -> tuple[Words, Steps]:
        key = (id(item.card), bool(item.why), item.note, item.is_pick, kind)
        if key not in self._papers:
            self._cards.append(item.card)
            look, bare = kind
            model = SimpleNamespace(
                why=Placeholder("why") if item.why else "", card=item.card, note=item.note, is_pick=item.is_pick
            )
            texts, htmls = self._compiled(
                "paper",
                "paper",
                item=model,
                number=Placeholder("number"),
                look=look,
                styles={name: Placeholder(name) for name in ("title", "body")},
                say_url="" if bare else Placeholder("say_url"),
            )
            *styled, why = [_steps(name, texts, htmls) for name in ("number", "title", "body", "why")]
            before, text, text_rest, text_end = texts.around(PAPER_TEXT)
            html_before, between, title, body, html_rest, *links = htmls.around(PAPER_HTML)
            frames = _frames(
                tuple(styled),
                (before, text_end),
                (html_before, between, *links),
                None if bare else self.encoding.end,
            )
            self._papers[key] = Words(frames, text, text_rest, title, body, html_rest), why
        return self._papers[key]

    def _also(self, cards: Sequence[Card]) -> tuple[bytes, bytes]:
        key = tuple(map(id, cards))
        if key not in self._asides:
            self._cards += cards
            made = [self._compiled("paper", "also", card=card) for card in cards]
            text, html = (b"".join([b"".join(one[part].pieces) for one in made]) for part in (0, 1))
            self._asides[key] = text, html
        return self._asides[key]

    def _compiled(self, template: str, macro: str = "", **context: object) -> Both:
        """Compile a template's text and its HTML."""
        text, html = (
            compile_template(f"{template}.{part}", self.encoding, macro, **context) for part in ("txt", "html")
        )
        return text, html


def _steps(name: str, text: CompiledTemplate, html: CompiledTemplate) -> Steps:
    """Return what is done to a placeholder's value in the text and in the HTML, with their encoding."""
    return dict(text.holes).get(name), dict(html.holes).get(name)


def _encode_both(steps: Steps, value: str) -> tuple[bytes, bytes]:
    """Return a value after a placeholder's steps, encoded for the text and for the HTML."""
    in_text, in_html = steps
    return in_text(value) if in_text else b"", in_html(value) if in_html else b""


@lru_cache
def _styles(title: Steps, body: Steps) -> Styles:
    """Return the encoded styles; that of a body is empty for a paper without one."""
    looks = [template_value("theme.html", name) for name in STYLES]
    return tuple((_encode_both(title, look["title"])[1], _encode_both(body, look["body"])[1]) for look in looks)


# many mails have the same counts and reasons
_encoded = lru_cache(maxsize=5000)(_encode_both)
_frames = lru_cache(Frames)
