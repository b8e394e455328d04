"""Build a Digest, the words of one e-mail, from chosen cards and a reader.

Each sentence is made from a given count or reason; nothing else is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from digest.compose.card import NAME_LENGTH, Card, date_in_words
from digest.compose.letter import Letter
from digest.compose.phrases import join_words, shorten
from digest.compose.reasons import TERMS, note_among, reason_in_words
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.marks import ngettext
from subscriptions.mail.rendering import one_line

SUBJECT_LENGTH = 78
PREHEADER_LENGTH = 120
NOTE_LENGTH = 600
# Papers without votes stay in the order in which their sources listed them.
IN_OWN_ORDER = _("New papers, in the order of their source")
YOURS, TRENDING = _("Your papers"), _("Trending")


# not frozen, as Digest below: each mail makes one, and a frozen one takes twice as long
@dataclass(slots=True, kw_only=True)
class Reader:
    """The recipient, as far as the mail shows it.

    ``asked_for`` holds the reader's wishes in words ("Robotics", "“grasping”", "cs.LG", "Ingrid Solheim-Vargas"); if it
    is empty, the digest is labelled as the trending list. ``feedback_url`` is the prefix of the links under each paper
    (``…/3/more``), ``web_url`` the same digest on the web; an empty URL leaves its link out of the mail. A first digest
    states ``rhythm`` ("on weekdays at 07:00") and ``limit``, the most papers per mail, if they are known.
    """

    address: str
    unsubscribe_url: str
    preferences_url: str = ""
    feedback_url: str = ""
    web_url: str = ""
    asked_for: tuple[str, ...] = ()
    confirmed_on: date | None = None
    rhythm: str = ""
    limit: int = 0


# each mail hashes it as a part of its page's key
class Sender(NamedTuple):
    """The service's name, its address on the web and its postal address."""

    name: str
    site_url: str
    postal_address: str


class Item(NamedTuple):
    """One paper of a digest: its card, the reason (or ""), and a curator's note if picked. Its place is its number.

    Many mails of a day share it: the same paper for the same reason.
    """

    card: Card
    why: str
    note: str
    is_pick: bool = False


class Look(NamedTuple):
    """How papers are shown: ``full`` with their abstracts, and with what differs between them, source and date.

    ``site`` is where their pages are, empty for none.
    """

    full: bool = False
    site: str = ""
    source: bool = True
    date: bool = True


@dataclass(slots=True, kw_only=True)
class Digest:
    """All words of one digest. ``items`` are in the order shown, picks first; ``left_out`` counts those without space.

    ``about`` says once what is the same for all papers, and ``look`` what each of them says. Only a first digest and
    one that catches up have an ``opening``; ``also`` are further trending papers; ``letter`` is the curators' letter of
    the day.
    """

    subject: str
    preheader: str
    date_line: str
    overview: str
    picks: tuple[Item, ...]
    items: tuple[Item, ...]
    items_heading: str
    completeness: tuple[str, ...]
    sent_to: str
    wishes: str
    reader: Reader
    sender: Sender
    look: Look
    about: str = ""
    opening: str = ""
    letter: Letter | None = None
    also: tuple[Card, ...] = ()
    left_out: int = 0

    @property
    def papers(self) -> tuple[Item, ...]:
        """Return every paper shown: the picks, then the others."""
        return self.picks + self.items


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """All words of the mail for a day without a paper for the reader; ``why`` is a sentence."""

    subject: str
    preheader: str
    date_line: str
    why: str
    completeness: tuple[str, ...]
    sent_to: str
    wishes: str
    reader: Reader
    sender: Sender
    letter: Letter | None = None
    also: tuple[Card, ...] = ()


def compose(
    cards: Sequence[tuple[Card, str]],
    reader: Reader,
    *,
    issue_date: date,
    sender: Sender,
    arrived: int,
    matched: int,
    completeness: tuple[str, ...] = (),
    also: Sequence[Card] = (),
    occasion: str = "",
    since: date | None = None,
    subject: str = "",
    letter: Letter | None = None,
    full: bool = False,
) -> Digest:
    """Compose the words of one reader's digest.

    ``cards`` are in ranked order, each with its reasons as :func:`digest.compose.reasons.reasons_as_text` writes them;
    those with a ``pick`` are shown first. ``issue_date`` is the day in the
    reader's time zone, ``arrived`` the number of new papers, ``matched`` how many of them match the reader's wishes.
    ``completeness`` are the lines of :func:`digest.compose.completeness.completeness_in_words`. ``occasion`` is
    ``first``, ``catch_up`` (then ``since`` is the day of the oldest edition used) or empty. A given ``subject`` is
    kept. ``full`` adds the abstracts; ``letter`` stands above the papers. Raises ValueError without papers: an empty
    day is a skip or :func:`compose_nothing`.
    """
    if not cards:
        raise ValueError("a digest needs at least one paper")
    source, published, place, is_voted = _same_for_all([card for card, _ in cards])
    given = [_item(card, reasons, place) for card, reasons in cards]
    picks = tuple([item for item in given if item.is_pick])
    papers = (*picks, *[item for item in given if not item.is_pick]) if picks else tuple(given)
    picked, titles = len(picks), [item.card.title for item in papers]
    return Digest(
        subject=subject or subject_line(issue_date, len(titles), titles[0]),
        preheader=_preheader(titles[1:]) if titles[1:] else shorten(papers[0].why or TERMS["pick"], PREHEADER_LENGTH),
        date_line=_date_line(issue_date),
        overview=_overview(
            arrived, matched, len(papers) - picked, picked, asked=bool(reader.asked_for), voted=is_voted
        ),
        picks=picks,
        items=papers[picked:],
        items_heading=YOURS if reader.asked_for else TRENDING if is_voted else IN_OWN_ORDER,
        completeness=completeness,
        sent_to=_sent_to(reader.address, reader.confirmed_on),
        wishes=_wishes(reader.asked_for, voted=is_voted),
        reader=reader,
        sender=sender,
        about=_about(len(papers), source, published, place),
        look=Look(full=full, site=sender.site_url, source=not source, date=not published),
        opening=_opening(reader, occasion, since),
        letter=letter,
        also=tuple(also),
    )


# StatusReason of a day without a paper -> its sentence for the reader
EMPTY_TEXTS = {
    "no_new_papers": _("No new paper came in."),
    "nothing_matched": _("Nothing that came in matched what you asked for."),
}


def compose_nothing(
    why: str,
    reader: Reader,
    *,
    issue_date: date,
    sender: Sender,
    completeness: tuple[str, ...] = (),
    also: Sequence[Card] = (),
    letter: Letter | None = None,
) -> Nothing:
    """Compose the mail for a day without papers, for a reader who wants it."""
    return Nothing(
        subject=subject_line(issue_date, 0),
        preheader=shorten(why, PREHEADER_LENGTH),
        date_line=_date_line(issue_date),
        why=one_line(why),
        completeness=completeness,
        sent_to=_sent_to(reader.address, reader.confirmed_on),
        wishes=_wishes(reader.asked_for, voted=True),
        reader=reader,
        sender=sender,
        letter=letter,
        also=tuple(also),
    )


NOTHING_TODAY = _("nothing for you today")


# many digests begin with the same paper
@lru_cache(maxsize=5000)
def subject_line(day: date, count: int, first: str = "") -> str:
    """Return the day, the number of papers and the first one's title in at most 78 characters.

    A mail program that shows 50 of them still shows half a title: ``23 Nov, 10 papers: Everything in Its Place``.
    Without papers, return ``23 Nov: nothing for you today``.
    """
    before = f"{day.day} {day:%b}"
    if not count:
        return f"{before}: {NOTHING_TODAY}"
    before += f", {_papers(count)}: "
    return before + shorten(first, SUBJECT_LENGTH - len(before))


@lru_cache(maxsize=20_000)
def _item(card: Card, reasons: str, place: str) -> Item:
    """Return a paper with its reasons in words; ``place`` is where votes come from that need not be named."""
    why = reason_in_words(reasons, card.counts_beside_links(place))
    if (note := note_among(reasons)) is None:
        return _item_for(card, why)
    return Item(card, why, shorten(note, NOTE_LENGTH), is_pick=True)


# The same paper for the same reason is in many mails, and reasons that are not told differ. As one item, it has one
# entry in the cache of encoded parts.
@lru_cache(maxsize=20_000)
def _item_for(card: Card, why: str) -> Item:
    return Item(card, why, note="")


ALSO = _("Also")


def _preheader(titles: Sequence[str]) -> str:
    """Return the further titles, cut. Titles are on one line already, so only the shown part is processed."""
    return shorten(f"{ALSO}: {' · '.join(titles)}"[: PREHEADER_LENGTH + 2], PREHEADER_LENGTH)


@lru_cache(maxsize=1000)
def _papers(count: int) -> str:
    return ngettext("%(count)s paper", "%(count)s papers", count) % {"count": f"{count:,}"}


@lru_cache(maxsize=1000)
def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


@lru_cache(maxsize=1000)
def _date_line(day: date) -> str:
    return f"{day:%A}, {_day(day)}"


def _same_for_all(cards: Sequence[Card]) -> tuple[str, str, str, bool]:
    """Return the source, the ISO date and the place of the votes that all of these papers have, empty where they
    differ, and whether any paper has counts.
    """
    sources, days = {card.source for card in cards}, {card.published for card in cards}
    counts = [card.facts for card in cards]
    # votes come before all other facts
    places = {facts[0].where for facts in counts if facts and facts[0].what == "upvote"}
    source, day, place = (found.pop() if len(found) == 1 else "" for found in (sources, days, places))
    return source or "", day or "", place or "", any(counts)


@lru_cache(maxsize=1000)
def _about(count: int, source: str, published: str, place: str) -> str:
    """Return what is the same for all papers: ``All from arXiv, 20 Nov 2026. Upvotes from Hugging Face.``"""
    where = _("from %(source)s") % {"source": source} if source else ""
    said = ", ".join(part for part in (where, date_in_words(published)) if part)
    said = _("All %(of_what)s") % {"of_what": said} if count > 1 and said else said
    votes = _("Upvotes are from %(place)s") % {"place": place} if place else ""
    sentences = (said[:1].upper() + said[1:], votes)
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


# readers with the same counts are many
@lru_cache(maxsize=5000)
def _overview(arrived: int, matched: int, chosen: int, picked: int, *, asked: bool, voted: bool) -> str:
    values = {"arrived": f"{arrived:,}", "matched": f"{matched:,}", "chosen": chosen, "picked": picked}
    said = [ngettext("%(arrived)s new paper came in", "%(arrived)s new papers came in", arrived)]
    if asked:
        if matched == arrived > 1:
            said.append(_("all match what you asked for"))
        elif not matched:
            said.append(_("none matches what you asked for"))
        else:
            said.append(
                ngettext("%(matched)s matches what you asked for", "%(matched)s match what you asked for", matched)
            )
        if 0 < chosen < matched:
            said.append(ngettext("%(chosen)s was chosen for you", "%(chosen)s were chosen for you", chosen))
    elif chosen and voted:
        said.append(
            ngettext(
                "this one is from the top of the trending list",
                "these %(chosen)s are from the top of the trending list",
                chosen,
            )
        )
    elif chosen:
        said.append(ngettext("this one is among them", "these %(chosen)s are among them", chosen))
    if picked:
        said.append(_("the editors picked %(picked)s"))
    said = [part % values for part in said]
    return f"{join_words(said)}."


def _opening(reader: Reader, occasion: str, since: date | None) -> str:
    """Return the opening of a first digest or of one that catches up, else an empty string."""
    if occasion == "first":
        when = shorten(reader.rhythm, NAME_LENGTH) if reader.rhythm else _("on the days you chose")
        said = [_("This is your first digest."), _("The next ones come %(when)s.")]
        if reader.limit:
            said[1] = _("The next ones come %(when)s, with at most %(papers)s each.")
        if reader.feedback_url:
            said.append(_("The links under each paper tune what comes next."))
        # the copy on the web has no link to unsubscribe
        if reader.unsubscribe_url:
            said.append(_("Preferences and Unsubscribe are at the top and at the foot."))
        return " ".join(said) % {"when": when, "papers": _papers(reader.limit)}
    if occasion == "catch_up" and since:
        day = f"{since:%A}, {since.day} {since:%B}"
        return _("Catching up: this digest chooses from every paper since %(day)s.") % {"day": day}
    return ""


def _sent_to(address: str, confirmed_on: date | None) -> str:
    if confirmed_on is None:
        return _("Sent to %(address)s, which is subscribed.") % {"address": address}
    return _("Sent to %(address)s, confirmed on %(day)s.") % {"address": address, "day": _day(confirmed_on)}


# many readers wish for the same
@lru_cache(maxsize=5000)
def _wishes(wishes: tuple[str, ...], *, voted: bool) -> str:
    if wishes:
        asked_for = join_words([shorten(wish, NAME_LENGTH) for wish in wishes], limit=12)
        return _("You asked for %(wishes)s.") % {"wishes": asked_for}
    if voted:
        return _("You have asked for nothing in particular, so you get what is trending.")
    return _("You have asked for nothing in particular, so you get what is new.")
