"""One mail of every kind that leaves this installation, made by the functions that make the real ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache, partial

from digest.compose.announcement import announcement_email
from digest.compose.build import Reader, Sender, compose, compose_nothing
from digest.compose.card import Card, Fact, card_for
from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.letter import read_letter
from digest.compose.reasons import Reason
from digest.compose.size_limit import email_of_nothing, fit
from digest.models import Announcement
from subscriptions import link_requests
from subscriptions.mail.rendering import TEMPLATES, RenderedEmail
from subscriptions.models import Subscriber, Topic
from tests.support.digests import with_texts

TOKEN = "8fKx2LmQz1vTb0aYq7WcRdEhJk"
SENDER = Sender(
    name="Broadsheet",
    site_url="https://papers.example.org",
    postal_address="4 Harbour Street, 20457 Hamburg, Germany",
)
READER = Reader(
    address="ada.okafor@example.org",
    unsubscribe_url="https://papers.example.org/u/8fKx2LmQz1",
    preferences_url="https://papers.example.org/p/8fKx2LmQz1",
    feedback_url="https://papers.example.org/f/8fKx2LmQz1",
    web_url="https://papers.example.org/d/8fKx2LmQz1",
    asked_for=("Robotics", "Machine learning", "“grasping”", "Ingrid Solheim-Vargas"),
    confirmed_on=date(2026, 5, 12),
    rhythm="on weekdays at 07:00",
    limit=10,
)
SOURCES = [
    SourceCount("arXiv cs.LG", 40, 40),
    SourceCount("arXiv cs.RO", 38, 40),
    SourceCount("bioRxiv", 212),
    SourceCount("medRxiv", 0, late=True),
]
LETTER = """## Two days on the sea

Half of our group is on a ship this week, so the picks are *shorter* than usual and **lean towards robots**. The notes of
the workshop are [on its page](https://papers.example.org/workshop?day=1&room=2).

- Abstracts are due on Friday; https://papers.example.org/call has the rules.
- Questions? Write to [Ingrid](mailto:ingrid@example.org).
  1. Before noon, please.
  2. In any language.

小規模データ、触覚と視覚。
"""
HOSTILE_LETTER = (
    """<script>alert(1)</script> </td></table><!-- ‮why %s %b {{ 7*7 }}

[bad](javascript:alert(1)) [<b>x](https://example.org/"onmouseover="x) ![pixel](https://example.org/p.gif) &lt;img&gt;

# """
    + "x" * 900
    + """

"""
    + "- " * 9
    + """deep

=?utf-8?q?x?= \\<i> """
    + "日" * 400
    + " [a](https://example.org/"
    + "v" * 800
    + ")"
)
TITLES = (
    "Everything in Its Place: Benchmarking Spatial Order & <b>Household</b> Manipulation",
    "小規模データからの視覚的把持学習：触覚と視覚の統合",
    "نماذج لغوية صغيرة للترجمة",
    "∀ε∃δ: Rates of O(n⁻¹ᐟ²) in 𝒪-Minimal Structures 🧪",
    "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4,
    "",
)
ABSTRACT = (
    "We find that placing is the harder half of grasping – and that looking first at the “free space” helps. " * 12
)

LINKS = {
    "pdf": "https://arxiv.org/pdf/2600.00001?a=1&b=2",
    "code": "https://github.com/example/code",
    "project": "https://example.org/project",
    "discussion": "https://huggingface.co/papers/2600.00001",
}


def mails() -> dict[str, RenderedEmail]:
    """Every kind by its name; the digest also the first one, after a pause, too large, bare, with a letter, at its worst."""
    return {kind: mail(kind) for kind in kinds()}


def kinds() -> list[str]:
    return sorted(_makers())


@cache
def mail(kind: str) -> RenderedEmail:
    """Return the mail of this kind, made once in a process."""
    return _makers()[kind]()


def _makers() -> dict[str, Callable[[], RenderedEmail]]:
    return {
        "digest": digest,
        "digest-full": partial(digest, full=True),
        "digest-first": partial(digest, occasion="first"),
        "digest-catching-up": partial(digest, occasion="catch_up", since=date(2026, 11, 9)),
        "digest-too-large": partial(digest, papers=90, picks=3),
        "digest-at-its-worst": worst,
        "digest-of-one": partial(digest, papers=1, picks=0, bare=True),
        "digest-with-a-letter": partial(digest, papers=3, letter=LETTER),
        "digest-with-a-hostile-letter": partial(digest, papers=3, letter=HOSTILE_LETTER),
        "digest-trending": partial(
            digest, reader=Reader(address="ada@example.org", unsubscribe_url=READER.unsubscribe_url)
        ),
        "nothing": nothing,
        "nothing-with-a-letter": partial(nothing, letter=LETTER),
        "announcement": partial(announcement, LETTER),
        "announcement-hostile": partial(announcement, HOSTILE_LETTER),
        **{
            name: partial(link_requests.compose, name, link=link, token=TOKEN)
            for name, link in link_requests.LINK.items()
        },
    }


def digest(
    *,
    papers: int = 9,
    picks: int = 2,
    bare: bool = False,
    reader: Reader = READER,
    occasion: str = "",
    since: date | None = None,
    letter: str = "",
    full: bool = False,
) -> RenderedEmail:
    """An invented morning: scripts of all kinds, papers without abstract or authors or with a summary, a bare pick."""
    chosen = []
    for number in range(papers):
        without = bare or number % 6 == 5
        card = card_for(
            identifier=f"arxiv:2600.{number:05}",
            title=TITLES[number % len(TITLES)],
            authors=[] if without else ["Ingrid Solheim-Vargas", "佐藤 花子", *["A. Helper"] * (number % 9)],
            url="" if bare else f"https://arxiv.org/abs/2600.{number:05}?a=1&b=2",
            abstract="" if without else ABSTRACT,
            source="arXiv",
            category="cs.RO",
            category_name="Robotics",
            categories=["cs.RO", "cs.LG", "stat.ML"] if number % 3 == 0 else [],
            published=None if bare else date(2026, 11, 21),
            facts=[] if without else [Fact(73, "upvote", "Hugging Face"), Fact(1340, "star", "GitHub")],
            links={} if bare else LINKS,
            page="" if bare else f"2600.{number:05}",
        )
        if not bare and number % 4 == 2:
            by = "Hugging Face" if number % 8 == 2 else ""
            card = replace(
                card, summary="A rule that looks at the free space first halves the failures.", summary_by=by
            )
        reasons = [Reason("topic", "Robotics", 1), Reason("keyword", "grasping", 1), Reason("trending", "", 0.4)]
        if number < picks:
            reasons.append(Reason("pick", "The clearest account this year, “at last”. " * 4 if number else ""))
        chosen.append((card, [] if bare else reasons))
    return fit(
        compose(
            with_texts(chosen),
            reader,
            issue_date=date(2026, 11, 23),
            sender=SENDER,
            arrived=412,
            matched=94,
            completeness=completeness_in_words(SOURCES),
            also=[] if bare else also(),
            occasion=occasion,
            since=since,
            letter=read_letter(letter) if letter else None,
            full=full,
        )
    )[1]


def announcement(text: str) -> RenderedEmail:
    reader = Subscriber(public_id="8fKx2LmQz18fKx2LmQz1ab", email=READER.address)
    topic = Topic(name="Robotics & <b>Control</b>")
    return announcement_email(Announcement(subject="A workshop on Friday", text=text, topic=topic), reader)


def nothing(*, letter: str = "") -> RenderedEmail:
    return email_of_nothing(
        compose_nothing(
            "Nothing that came in matched what you asked for.",
            READER,
            issue_date=date(2026, 11, 23),
            sender=SENDER,
            completeness=completeness_in_words(SOURCES),
            also=also(),
            letter=read_letter(letter) if letter else None,
        )
    )


def also() -> list[Card]:
    """What else is trending: with votes, without, and without a link."""
    return [
        card_for(
            identifier=f"arxiv:2600.1{number:04}",
            title=title,
            authors=["Noor Haddad"],
            url=url,
            abstract=ABSTRACT,
            source="arXiv",
            published=date(2026, 11, 20),
            facts=[Fact(votes, "upvote", "Hugging Face")],
        )
        for number, (title, url, votes) in enumerate(
            [
                ("Small Graphs Teach Large Ones", "https://arxiv.org/abs/2600.10000", 96),
                (TITLES[2], "https://arxiv.org/abs/2600.10001", 2),
                ("A Field Guide to Reward Models That Lie", "", 41),
            ]
        )
    ]


# What each part of a paper may come as, at its worst.
WORST = {
    "a title of 10,000 characters": {"title": "Everything in Its Place " * 417},
    "a title of one word": {"title": "x" * 10_000},
    "right to left, mixed": {"title": "נמען English ‮evil‬ עברית (2026) ‏שלום", "authors": ["ليلى حداد"]},
    "nothing to be seen": {"title": "\u200b\u2060\ufeff\xad\u200e", "authors": ["\u200b"]},
    "controls": {"title": "A\r\nB\0C\x1bD\ud800E\u2066F", "abstract": "One\0 two\x08.\u2028Three."},
    "a script": {
        "title": "</h3></td></table><script>alert(1)</script><!--",
        "abstract": '<img src=x onerror="x()"> ' * 9,
    },
    "piled accents": {"title": "Z" + "\u0300\u0325\u0489" * 200 + "algo", "abstract": "e" + "\u0301" * 500 + "nd."},
    "emoji": {"title": "🧪👩‍🔬🏳️‍🌈" * 40, "abstract": "🦠" * 900},
    "Chinese": {"title": "把" * 400, "abstract": "小規模データからの視覚的把持学習。" * 40},
    "3,000 authors": {"authors": [f"Author Number {number}" for number in range(3_000)]},
    "endless authors": {"authors": ["y" * 10_000] * 5},
    "no abstract, no authors": {"abstract": "", "authors": []},
    "endless categories": {"category": "q" * 300, "category_name": "w" * 300, "categories": ["z" * 300] * 40},
    "an endless link": {"url": "https://example.org/" + "v" * 800},
}


def worst() -> RenderedEmail:
    """A digest of nothing but the worst papers."""
    ordinary = {"title": "An Ordinary Title", "authors": ["Ana Ruiz"], "abstract": ABSTRACT, "source": "arXiv"}
    ordinary |= {"url": "https://arxiv.org/abs/2600.00001", "category": "cs.RO", "category_name": "Robotics"}
    cards = [card_for(identifier=f"arxiv:2600.{n:05}", **ordinary | part) for n, part in enumerate(WORST.values())]
    reasons = [Reason("keyword", "\u202e<b>" + "k" * 300, 1), Reason("topic", "", 1), Reason("author", "ليلى " * 60, 1)]
    chosen = [
        (card, [*reasons, *([] if n else [Reason("pick", "<i>" + "note " * 999)])]) for n, card in enumerate(cards)
    ]
    return fit(
        compose(
            with_texts(chosen),
            READER,
            issue_date=date(2026, 11, 23),
            sender=SENDER,
            arrived=14,
            matched=14,
            completeness=completeness_in_words(
                [SourceCount("<u>" + "s" * 300, 3, 5), SourceCount("\u202e", 0, late=True)]
            ),
            also=cards[:3],
            occasion="first",
        )
    )[1]


def templates_of_mails() -> set[str]:
    """The templates that no other template builds upon: each is a kind of mail."""
    sources = {path.stem: path.read_text() for path in TEMPLATES.glob("*.html")}
    built_upon = {
        name
        for source in sources.values()
        for name in re.findall(r'{%-? *(?:extends|from|import|include) "([\w/-]+)\.html"', source)
    }
    return set(sources) - built_upon
