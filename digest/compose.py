"""Chosen cards and a reader -> Digest: the subject, every sentence and every reason of one e-mail.

Nothing is claimed that the given values do not say: each sentence is made from a count or a reason that was handed in.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import escape

from digest.text import snippet, visible
from subscriptions.rendering import RenderedEmail, one_line, render_email

SUBJECT_LENGTH = 78
TITLE_LENGTH = 300
NAME_LENGTH = 80
NOTE_LENGTH = 600
SNIPPET_OF_TWO = 560  # two sentences may be this long: one alone seldom says what was found
SHORT_SNIPPET = 160
OTHER_CATEGORIES = 3
RECEIPT_SOURCES = 12
URL_OCTETS = 900  # as written in HTML: a link cannot be folded, and no line may pass 998
HTML_BYTES = 90_000  # Gmail clips at about 102 kB, and the wire encoding adds its own
# Below these a count says nothing of a paper: most have a vote or two from their own authors.
WORTH_SAYING = {"upvote": 10, "comment": 5, "star": 20}
# More than three accents on one letter climb over the lines around it.
_ACCENT = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_PILED_ACCENTS = re.compile(f"({_ACCENT}{{3}}){_ACCENT}+")


# Cards: what is frozen of a paper when an edition opens -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fact:
    """A count that a source gave: 73, "upvote", "Hugging Face"."""

    count: int
    what: str  # in the singular
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A paper as every reader sees it; made by :func:`card_for`, which bounds every part.

    ``authors`` are the shown ones: all up to five, else the first three and the last, with ``more_authors`` left out
    between. ``url`` is empty where no safe link is known. ``published`` is an ISO date. ``also_in`` are the codes of
    further categories.
    """

    identifier: str
    title: str
    authors: tuple[str, ...]
    more_authors: int
    url: str
    snippet: str
    source: str
    category: str
    category_name: str
    published: str | None
    facts: tuple[Fact, ...]
    also_in: tuple[str, ...] = ()

    @property
    def byline(self) -> str:
        """The authors on one line: ``A, B, C … Z (+12)``."""
        if not self.more_authors:
            return ", ".join(self.authors)
        *first, last = self.authors
        return f"{', '.join(first)} … {last} (+{self.more_authors:,})"

    @property
    def categories(self) -> tuple[str, ...]:
        """The first in words and the further ones as codes: ``cs.LG Machine Learning``, ``stat.ML``."""
        first = f"{self.category} {self.category_name}".strip()
        return (first, *self.also_in) if first else self.also_in

    @property
    def seen(self) -> str:
        """Where and when it appeared: ``arXiv · 20 Nov 2026``."""
        day = date.fromisoformat(self.published) if self.published else None
        return " · ".join(part for part in (self.source, day and f"{day.day} {day:%b %Y}") if part)

    @property
    def counts(self) -> str:
        """``73 upvotes on Hugging Face``: what is worth saying of its facts; perhaps empty."""
        return counts_in_words(self.facts)

    def as_json(self) -> dict[str, Any]:
        """Plain lists, strings and numbers, for a JSON column."""
        return asdict(self) | {
            "authors": list(self.authors),
            "also_in": list(self.also_in),
            "facts": [[fact.count, fact.what, fact.where] for fact in self.facts],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Card:
        """The card that :meth:`as_json` wrote, also before there was ``also_in``."""
        facts = tuple(Fact(*fact) for fact in values["facts"])
        lists = {"authors": tuple(values["authors"]), "also_in": tuple(values.get("also_in", ()))}
        return cls(**{**values, **lists, "facts": facts})


def card_for(
    *,
    identifier: str,
    title: str,
    authors: Sequence[str],
    url: str,
    abstract: str,
    source: str,
    category: str = "",
    category_name: str = "",
    categories: Sequence[str] = (),
    published: date | None = None,
    facts: Iterable[Fact] = (),
) -> Card:
    """Make a paper's card from Unicode; every part is visible, put on one line and bounded, nothing raises.

    ``categories`` are all codes of the paper, of which a few are shown beside the first, ``category``.
    """
    names = [name for name in (shorten(_visible(author), NAME_LENGTH) for author in authors) if name]
    codes = dict.fromkeys(shorten(code, NAME_LENGTH) for code in categories if code and code != category)
    return Card(
        identifier=identifier,
        title=shorten(_visible(title), TITLE_LENGTH) or identifier,
        authors=tuple(names if len(names) <= 5 else (*names[:3], names[-1])),
        more_authors=max(0, len(names) - 4) if len(names) > 5 else 0,
        url=safe_link(url),
        snippet=_visible(snippet(abstract, for_two=SNIPPET_OF_TWO)),
        source=shorten(source, NAME_LENGTH),
        category=shorten(category, NAME_LENGTH),
        category_name=shorten(category_name, NAME_LENGTH),
        published=published.isoformat() if published else None,
        facts=tuple(facts),
        also_in=tuple(codes)[:OTHER_CATEGORIES],
    )


def safe_link(url: str) -> str:
    """The URL in ASCII if it is absolute, http(s) and short enough for one line of a mail, else an empty string."""
    url = quote(one_line(url), safe=":/?#[]@!$&()*+,;=%~")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc and len(escape(url)) <= URL_OCTETS else ""


def _visible(text: str) -> str:
    return _PILED_ACCENTS.sub(r"\1", visible(text))


def shorten(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, cut at a word (inside it if it is very long) and ended by ``…``."""
    text = one_line(text)
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    words = cut if text[limit - 1] == " " else cut.rpartition(" ")[0]
    return (words if 2 * len(words) >= limit else cut).rstrip(" ,;:.–—-(\u200d") + "…"


# Reasons ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper is here: one term of its score.

    ``kind`` is ``author``, ``topic``, ``keyword``, ``category``, ``like``, ``trending`` or ``pick``, which are said in
    words, or ``words``, ``taste``, ``popularity``, ``boost`` or ``average``, which only move a paper: ``taste`` is what
    more and less did to a paper that does not stand out by it. The label is the name, word or code that matched, for a
    pick the curator's note, else empty. ``contribution`` is the weighted term; a reader's contributions to a paper add
    up to its score.
    """

    kind: str
    label: str = ""
    contribution: float = 0.0


def reason_in_words(reasons: Iterable[Reason], *, facts: Sequence[Fact] = ()) -> str:
    """Say in one line why a paper is here: ``Matches your topic Robotics; trending with 73 upvotes on Hugging Face.``

    What a reader asked for is named whenever it matched; ``like`` and ``trending`` only where they raised the score.
    ``facts`` that are no reason follow as a sentence of their own. Never empty: without a reason it is on the list.
    """
    told = [r for r in reasons if r.kind in _TOLD and (r.contribution > 0 or r.kind not in ("like", "trending"))]
    return _in_words(tuple([(reason.kind, reason.label) for reason in told]), tuple(facts))


_TOLD = frozenset({"pick", "author", "topic", "keyword", "category", "like", "trending"})


@lru_cache(maxsize=20_000)  # the same paper for the same reason is in many mails
def _in_words(reasons: tuple[tuple[str, str], ...], facts: tuple[Fact, ...]) -> str:
    labels: dict[str, list[str]] = {}
    for kind, label in reasons:
        labels.setdefault(kind, []).append(shorten(label, NAME_LENGTH))
    counts = counts_in_words(facts)
    clauses = []
    if "pick" in labels:
        clauses.append("picked by the editors")
    if "author" in labels:
        clauses.append(f"by {_enumerate(labels['author'])}, whom you follow")
    wishes = (
        ("topic", "topics", labels.get("topic", [])),
        ("keyword", "keywords", [f"“{word}”" for word in labels.get("keyword", [])]),
        ("category", "categories", labels.get("category", [])),
    )
    matches = [f"your {one if len(said) == 1 else many} {_enumerate(said)}" for one, many, said in wishes if said]
    if matches:
        clauses.append(f"matches {_enumerate(matches)}")
    if "like" in labels:
        clauses.append("close to papers you asked for more of")
    if "trending" in labels:
        clauses.append(f"trending with {counts}" if counts else "trending")
    why = "; ".join(clauses)
    sentences = [why[:1].upper() + why[1:], "" if "trending" in labels else counts]
    return " ".join(f"{sentence}." for sentence in sentences if sentence) or "On today’s list of new papers."


def counts_in_words(facts: Sequence[Fact]) -> str:
    """``73 upvotes and 12 comments on Hugging Face, 340 stars on GitHub``; what says nothing of a paper is not said."""
    places: dict[str, list[str]] = {}
    for fact in facts:
        if fact.count >= WORTH_SAYING.get(fact.what, 1):
            places.setdefault(fact.where, []).append(_plural(fact.count, fact.what))
    return ", ".join(f"{_enumerate(said)}{where and f' on {where}'}" for where, said in places.items())


def _enumerate(parts: Sequence[str], most: int = 4) -> str:
    """``a, b and c``; past ``most``, ``a, b, c and 5 more``; empty for none."""
    if len(parts) > most:
        parts = [*parts[: most - 1], f"{len(parts) - most + 1:,} more"]
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _plural(count: int, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}"


# The digest ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom the digest is for, as far as the mail shows it.

    ``asked_for`` names what the reader wants, in words ("Robotics", "“grasping”", "cs.LG", "Ingrid Solheim-Vargas");
    empty means that nothing was asked for, and the digest is labelled as the trending list. ``feedback_url`` is what
    the links under each paper begin with (``…/3/more``); where it, ``preferences_url`` or ``web_url`` (the same digest
    on the web) is empty, the mail has none. ``rhythm`` says when digests come ("on weekdays at 07:00") and ``most`` how
    many papers they have at most; a first digest tells them, where they are known.
    """

    address: str
    unsubscribe_url: str
    preferences_url: str = ""
    feedback_url: str = ""
    web_url: str = ""
    asked_for: tuple[str, ...] = ()
    confirmed_on: date | None = None
    rhythm: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends: the service's name, its address on the web and by post."""

    name: str
    site_url: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What a source gave against what it said it had; ``expected`` is None where it states no total."""

    name: str
    stored: int
    expected: int | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One paper of a digest: its place in the mail (from 1), its card, why it is here, and a curator's note or none."""

    number: int
    card: Card
    why: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Every word of one digest. ``items`` are in the order shown, picks first; ``left_out`` did not fit in.

    ``opening`` is empty but for a first digest and one that catches up; ``also`` are trending papers beside the digest.
    """

    subject: str
    preheader: str
    date_line: str
    overview: str
    picks: tuple[Item, ...]
    items: tuple[Item, ...]
    items_heading: str
    receipt: tuple[str, ...]
    why_you: str
    reader: Reader
    sender: Sender
    opening: str = ""
    also: tuple[Card, ...] = ()
    left_out: int = 0

    @property
    def papers(self) -> tuple[Item, ...]:
        """The picks and then the others: every paper that the reader is shown."""
        return self.picks + self.items


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Every word of the mail for a day without a paper for the reader; ``why`` is a sentence."""

    subject: str
    preheader: str
    date_line: str
    why: str
    receipt: tuple[str, ...]
    why_you: str
    reader: Reader
    sender: Sender
    also: tuple[Card, ...] = ()


def compose(
    cards: Sequence[tuple[Card, Sequence[Reason]]],
    reader: Reader,
    *,
    issue_date: date,
    sender: Sender,
    arrived: int,
    matched: int,
    sources: Sequence[SourceCount] = (),
    also: Sequence[Card] = (),
    occasion: str = "",
    since: date | None = None,
) -> Digest:
    """Put one reader's chosen papers into words.

    ``cards`` are in ranked order; those with a ``pick`` reason are shown first. ``issue_date`` is the reader's own
    day, ``arrived`` the number of new papers looked through, ``matched`` how many of them answer to what the reader
    asked for. ``occasion`` is ``first``, ``catch_up`` (then ``since`` is the day of the oldest edition drawn from)
    or empty. Raises ValueError without papers: a day with nothing is a skip or :func:`compose_nothing`.
    """
    if not cards:
        raise ValueError("a digest needs at least one paper")
    picks_first = sorted(cards, key=lambda chosen: _note(chosen[1]) is None)
    papers = tuple(
        Item(number, card, reason_in_words(reasons, facts=card.facts), shorten(_note(reasons) or "", NOTE_LENGTH))
        for number, (card, reasons) in enumerate(picks_first, 1)
    )
    picked = sum(_note(reasons) is not None for _, reasons in cards)
    titles = [item.card.title for item in papers]
    is_voted = any(item.card.facts for item in papers)
    return Digest(
        subject=subject_line(issue_date, titles),
        preheader=shorten(f"Also: {' · '.join(titles[1:])}" if titles[1:] else papers[0].why, 120),
        date_line=f"{issue_date:%A}, {_day(issue_date)}",
        overview=_overview(
            arrived, matched, len(papers) - picked, picked, asked=bool(reader.asked_for), voted=is_voted
        ),
        picks=papers[:picked],
        items=papers[picked:],
        items_heading="Your papers" if reader.asked_for else "Trending" if is_voted else "New papers",
        receipt=_receipt(sources),
        why_you=_why_you(reader),
        reader=reader,
        sender=sender,
        opening=_opening(reader, occasion, since),
        also=tuple(also),
    )


def compose_nothing(
    why: str,
    reader: Reader,
    *,
    issue_date: date,
    sender: Sender,
    sources: Sequence[SourceCount] = (),
    also: Sequence[Card] = (),
) -> Nothing:
    """Say that there is nothing today, and why, to a reader who wished to be told."""
    return Nothing(
        subject=subject_line(issue_date, ()),
        preheader=shorten(why, 120),
        date_line=f"{issue_date:%A}, {_day(issue_date)}",
        why=one_line(why),
        receipt=_receipt(sources),
        why_you=_why_you(reader),
        reader=reader,
        sender=sender,
        also=tuple(also),
    )


def email_of_nothing(nothing: Nothing) -> RenderedEmail:
    """Render a mail that says that there is nothing: it always fits."""
    return render_email("nothing", subject=nothing.subject, nothing=nothing)


def fit(digest: Digest, *, limit: int = HTML_BYTES) -> tuple[Digest, RenderedEmail]:
    """Render a digest as an e-mail whose HTML has at most ``limit`` bytes, and return it with what it shows.

    An ordinary digest fits at once. Else snippets are shortened from the bottom, then left out from the bottom, then
    papers are dropped and counted in ``left_out``: the least of these steps that is enough. One paper always stays.
    """
    if _size(email := _render(digest)) <= limit:
        return digest, email
    steps = range(1, 3 * len(digest.papers) - 1)
    enough = bisect_left(steps, True, key=lambda step: _size(_render(_lighter(digest, step))) <= limit)
    digest = _lighter(digest, steps[min(enough, len(steps) - 1)])
    return digest, _render(digest)


def _render(digest: Digest) -> RenderedEmail:
    return render_email("digest", subject=digest.subject, digest=digest)


def _size(email: RenderedEmail) -> int:
    return len(email.html.encode())


def _lighter(digest: Digest, step: int) -> Digest:
    """The digest made lighter by ``step`` steps: each paper's snippet shortened, then left out, then the paper."""
    count = len(digest.papers)
    shorter, without, dropped = (min(max(step - done, 0), count) for done in (0, count, 2 * count))

    def lightened(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(
            replace(item, card=replace(item.card, snippet=snippet_left(item)))
            for item in items
            if item.number <= count - dropped
        )

    def snippet_left(item: Item) -> str:
        if item.number > count - without:
            return ""
        return snippet(item.card.snippet, limit=SHORT_SNIPPET) if item.number > count - shorter else item.card.snippet

    return replace(digest, picks=lightened(digest.picks), items=lightened(digest.items), left_out=dropped)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _note(reasons: Sequence[Reason]) -> str | None:
    """The curator's note, perhaps empty; None for a paper that is no pick."""
    return next((reason.label for reason in reasons if reason.kind == "pick"), None)


def subject_line(day: date, titles: Sequence[str]) -> str:
    """``23 Nov: Everything in Its Place and 9 more``: the day and the first title, in at most 78 characters.

    Without titles, ``23 Nov: nothing for you today``.
    """
    before = f"{day.day} {day:%b}: "
    if not titles:
        return f"{before}nothing for you today"
    after = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return before + shorten(titles[0], SUBJECT_LENGTH - len(before) - len(after)) + after


def _overview(arrived: int, matched: int, chosen: int, picked: int, *, asked: bool, voted: bool) -> str:
    said = [f"{_plural(arrived, 'new paper')} came in"]
    if asked:
        verb = "match" if matched > 1 else "matches"
        how_many = "all" if matched == arrived > 1 else f"{matched:,}" if matched else "none"
        said.append(f"{how_many} {verb} what you asked for")
        if 0 < chosen < matched:
            said.append(f"{chosen} {'was' if chosen == 1 else 'were'} chosen for you")
    elif chosen:
        these = "this one is" if chosen == 1 else f"these {chosen} are"
        said.append(f"{these} {'from the top of the trending list' if voted else 'among them'}")
    if picked:
        said.append(f"the editors picked {picked}")
    return f"{_enumerate(said)}."


def _opening(reader: Reader, occasion: str, since: date | None) -> str:
    """What a first digest says of those to come, or from when one draws that catches up; else empty."""
    if occasion == "first":
        when = f" {shorten(reader.rhythm, NAME_LENGTH)}" if reader.rhythm else ""
        many = f", with at most {_plural(reader.most, 'paper')} each" if reader.most else ""
        tune = "The links under each paper tune what comes next. " if reader.feedback_url else ""
        leave = "To change anything, use Preferences at the foot; to leave, Unsubscribe, there and at the top."
        return (
            f"This is your first digest. The next ones come{when or ' on the days you chose'}{many}. {tune}"
            f"{leave if reader.unsubscribe_url else ''}"  # which the copy on the web has not
        ).rstrip()
    if occasion == "catch_up" and since:
        return f"Catching up: this digest chooses from every paper since {since:%A}, {since.day} {since:%B}."
    return ""


def _receipt(sources: Sequence[SourceCount]) -> tuple[str, ...]:
    """Lines that say whether the day was complete, then the counts: sources with a gap first, the late ones apart."""
    on_time = sorted((s for s in sources if not s.late), key=lambda s: s.expected is None or s.stored >= s.expected)
    shown, others = on_time[:RECEIPT_SOURCES], on_time[RECEIPT_SOURCES:]
    counts = [
        f"{shorten(s.name, NAME_LENGTH)}: {s.stored:,}{'' if s.expected is None else f' of {s.expected:,}'}"
        for s in shown
    ]
    if others:
        counts.append(f"{_plural(len(others), 'other source')}: {sum(s.stored for s in others):,}")
    late = [shorten(s.name, NAME_LENGTH) for s in sources if s.late]
    lines = (
        _verdict(sources),
        f"Read for this digest: {' · '.join(counts)}." if counts else "",
        f"Late: {_enumerate(late)}. What a late source brings comes in a later digest." if late else "",
    )
    return tuple(line for line in lines if line)


def _verdict(sources: Sequence[SourceCount]) -> str:
    """Whether anything is missing, as far as the sources said how much they had."""
    missing = sum(max(0, (s.expected or 0) - s.stored) for s in sources if not s.late)
    late = sum(s.late for s in sources)
    gaps = [f"{_plural(missing, 'announced paper')} {'is' if missing == 1 else 'are'} missing"] if missing else []
    gaps += [f"{_plural(late, 'source')} {'is' if late == 1 else 'are'} late"] if late else []
    if gaps:
        return f"Not complete: {_enumerate(gaps)}."
    said = [s.expected is not None for s in sources]
    if all(said):
        return "Complete: every source gave all that it announced." if said else ""
    return "Complete, as far as sources say how much they have." if any(said) else ""


def _why_you(reader: Reader) -> str:
    day = reader.confirmed_on
    since = f"was confirmed on {_day(day)}" if day else "is subscribed"
    asked_for = _enumerate([shorten(wish, NAME_LENGTH) for wish in reader.asked_for], most=12)
    return f"Sent to {reader.address} because this address {since}. " + (
        f"You asked for {asked_for}."
        if asked_for
        else "You have asked for nothing in particular, so you get what is trending."
    )
