"""Preview of the latest edition as a digest for unsaved choices. Nothing is written but a reader's profile that is due.

The functions of the real run choose the papers. What takes seconds to compute, the matrices and the index of the week's
papers, is cached in the process until an edition opens or its papers change. Judgements and withdrawals are read for
each preview.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, cast

import numpy as np
from django.db.models import Count, Max, Sum
from numpy.typing import NDArray

from digest import memory
from digest.compose.build import Digest, Item, Reader, Sender, compose
from digest.compose.card import Card
from digest.compose.emails import with_summary
from digest.delivery.reader_texts import reason_text
from digest.editions.archive import text_of
from digest.editions.candidate_pool import (
    CandidatePool,
    editions_of_the_week,
    is_held_back,
    judgements,
    judgements_since,
)
from digest.editions.current_time import noon
from digest.editions.late_votes import last_answer
from digest.editions.open_edition import WINDOW
from digest.editions.selection import Demand, Selection, in_words, select
from digest.ingest.papers.tag import topic_rule
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.models import CuratorPick, Delivery, Edition, EditionPaper, ListEntry, Paper, PaperSummary
from digest.ranking.archive import Vectorizer
from digest.ranking.features import PaperMatrix
from digest.ranking.matching import Index, Kind, Rule
from digest.ranking.personal import weights_of
from digest.ranking.sparse import csr_array
from digest.reader_data import profiles
from digest.vectors import stated_vector
from subscriptions.models import Preference, Subscriber, Topic
from subscriptions.preferences import Choices, Wish

MOST_RULES = 100  # in one preview: each new one is matched against every paper of the week
KEPT_RULES = 500  # four bytes a paper each; enough for all topics and an hour of visitors
NEW_PAPERS = timedelta(hours=1)  # how long papers newer than the edition may be missing from the counts

# categories and archives, in small letters
_ARXIV = {name.casefold() for code in CATEGORIES for name in (code, code.partition(".")[0])}

NO_EDITION = "There is no edition yet. The first one opens when its papers have arrived."


@dataclass(frozen=True, slots=True)
class Matched:
    """The number of papers of the last seven days that one wish matches; ``is_unknown`` for no category at all."""

    label: str
    count: int
    muted: bool
    is_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The digest of ``day``, the latest edition; without papers, ``why_nothing`` is a sentence that says why.

    ``left_out`` has the invalid fields of the form with their errors. ``is_cut`` means that only the first MOST_RULES
    wishes were used.
    """

    day: date | None
    digest: Digest | None
    why_nothing: str
    matched: tuple[Matched, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    is_cut: bool = False

    @property
    def papers(self) -> tuple[Item, ...]:
        """Return the papers in the order of the mail, picks first."""
        return self.digest.papers if self.digest else ()


def preview(choices: Choices, *, now: datetime, reader: Subscriber | None = None) -> Preview:
    """Return the first digest of somebody who confirms these choices at ``now``.

    For a ``reader``, leave out papers of their digests of earlier editions and of their own list, and count what they
    like and turned down.
    """
    state = _State.of(now)
    if not state.editions:
        return Preview(day=None, digest=None, why_nothing=NO_EDITION, matched=())
    week, now = _this_week(state), state.now
    asked = demand_of(choices, reader)
    answers = [week.answer(rule) for rule in asked.rules]
    pool = week.pool.with_judgements(state.judged, state.withdrawn, now=now)
    papers = PaperMatrix.together([answer.papers for answer in answers] or [week.unasked])
    # As in the plan of a first digest: the latest edition, and papers after their embargo.
    offered = (pool.inside[-1] | np.isfinite(pool.embargo_ended_at)) & pool.eligible
    day = pool.editions[-1].date
    if reader:
        offered &= ~np.isin(pool.ids, list(_known_to(reader, day)))
    (choice,) = select(asked, pool, pool.as_it_stands(papers), offered=offered[None, :])
    # The counts must not reveal papers that may not be shown.
    counted = week.counted([*state.withdrawn, *state.held_back], now=now)
    muted = set(asked.mutes.indices.tolist())
    return Preview(
        day=day,
        digest=_composed(choice, pool, day) if choice.papers else None,
        why_nothing=reason_text(choice.empty_reason),
        matched=tuple(
            Matched(
                in_words(rule),
                int(counted[answer.rows].sum()),
                column in muted,
                is_unknown=_is_unusual(rule) and not len(answer.rows),
            )
            for column, (rule, answer) in enumerate(zip(asked.rules, answers, strict=True))
        ),
        is_cut=len(choices.wishes) > MOST_RULES,
    )


def unknown_categories(categories: Iterable[str], *, now: datetime) -> list[str]:
    """Return those of the categories that arXiv does not have, and no paper of the week."""
    unusual = [rule for name in categories if _is_unusual(rule := Rule("category", name))]
    if not unusual or not (state := _State.of(now)).editions:
        return []
    week = _this_week(state)
    return [rule.key for rule in unusual if not len(week.answer(rule).rows)]


def _is_unusual(rule: Rule) -> bool:
    """Return whether a rule is a category that arXiv does not have."""
    return rule.kind == "category" and rule.key.casefold() not in _ARXIV


def pool_at(now: datetime) -> CandidatePool | None:
    """Return the cached papers of the week with current judgements; None if there is no edition."""
    state = _State.of(now)
    if not state.editions:
        return None
    pool = _this_week(state).pool
    oldest = datetime.fromtimestamp(min(pool.first_seen, default=state.now.timestamp()), UTC)
    gone = Paper.objects.filter(withdrawn_at__isnull=False, first_seen_at__gte=oldest)  # of older editions too
    return pool.with_judgements(state.judged, gone.values_list("pk", flat=True), now=state.now)


def warm(now: datetime) -> None:
    """Fill the cache, so that no visitor waits for it."""
    if (state := _State.of(now)).editions:
        _this_week(state)


def forget() -> None:
    """Clear the cache, for tests."""
    global _kept
    _kept = None


# --- demand ----------------------------------------------------------------------------------------------------------


def demand_of(choices: Choices, reader: Subscriber | None = None) -> Demand:
    """Return the demand of one reader with these choices; unknown topics are ignored, as when choices are saved.

    A known ``reader`` has likes, parts turned down, and the stored vector of their words as long as they are the same.
    """
    wishes = {(wish.kind, wish.value): wish for wish in choices.wishes[:MOST_RULES]}.values()
    topics = {}
    if any(wish.kind == Preference.Kind.TOPIC for wish in wishes):
        topics = {topic.slug: topic_rule(topic) for topic in Topic.objects.all()}
    columns: dict[Rule, int] = {}
    chosen: dict[str, list[int]] = {Preference.Stance.WANT: [], Preference.Stance.MUTE: []}
    for wish in wishes:
        is_topic = wish.kind == Preference.Kind.TOPIC
        rule = topics.get(wish.value) if is_topic else Rule(cast(Kind, wish.kind), wish.value)
        if rule:
            chosen[wish.stance].append(columns.setdefault(rule, len(columns)))
    wants, mutes = (_row(found, len(columns)) for found in chosen.values())
    return Demand(
        rules=list(columns),
        wants=wants,
        mutes=mutes,
        hype=np.array([choices.hype], np.float32),
        limit=[choices.max_papers],
        profiles=profiles.load([reader]) if reader else None,
        stated=stated_vector(reader.pk, _typed(wishes)) if reader else None,
        weights=weights_of([reader.turned_down]) if reader else None,
    )


def _typed(wishes: Iterable[Wish]) -> list[str]:
    return [one.value for one in wishes if (one.kind, one.stance) == (Preference.Kind.KEYWORD, Preference.Stance.WANT)]


def _row(columns: Sequence[int], width: int) -> csr_array:
    return csr_array((np.ones(len(columns), np.float32), (np.zeros(len(columns), int), columns)), shape=(1, width))


def _known_to(reader: Subscriber, day: date) -> set[int]:
    """Return the papers of this reader's digests of editions before that day, and of their own list."""
    sent = Delivery.objects.filter(subscriber=reader, status__in=[*Delivery.SENT, *Delivery.OPEN])
    sent_before = sent.filter(edition__date__lt=day).values_list("content__paper_ids", flat=True)
    listed = ListEntry.objects.filter(subscriber=reader, taken_back=False, paper__isnull=False)
    return {*chain.from_iterable(ids or () for ids in sent_before), *listed.values_list("paper_id", flat=True)}


def _composed(choice: Selection, pool: CandidatePool, day: date) -> Digest:
    ids = pool.ids[choice.papers].tolist()
    frozen = EditionPaper.objects.filter(paper__in=ids, edition__in=pool.editions).order_by("edition__date", "pk")
    newest = {row.paper_id: row.card for row in [*pool.added, *frozen]}
    cards = {paper_id: Card.from_json(card) for paper_id, card in newest.items()}
    for summary in PaperSummary.objects.shown().filter(paper__in=ids):
        cards[summary.paper_id] = with_summary(Card.from_json(newest[summary.paper_id]), summary)
    return compose(
        [(cards[one], why) for one, why in zip(ids, choice.reasons, strict=True) if one in cards],
        Reader(address="", unsubscribe_url="", asked_for=tuple(choice.asked_for)),
        issue_date=day,
        sender=Sender(name="", site_url="", postal_address=""),
        arrived=choice.arrived,
        matched=choice.matched,
    )


# --- cache -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _State:
    """The state of the tables at ``now``, read in a few small queries; ``key`` changes when the papers do.

    If no edition opened for a week, as in a rehearsal of an older day, ``now`` is when the latest one opened.
    """

    now: datetime
    editions: list[Edition]
    judged: dict[int, CuratorPick]
    held_back: list[int]  # hidden or under embargo, in any edition
    withdrawn: list[int]
    key: tuple[Any, ...]
    newest: int
    votes_read_at: datetime | None

    @classmethod
    def of(cls, now: datetime) -> _State:
        editions = editions_of_the_week(now)
        if not editions and (latest := Edition.objects.filter(opened_at__lte=now, date__lt=now.date()).first()):
            now = max(latest.opened_at, noon(latest.date))
            editions = editions_of_the_week(now)
        recent = judgements_since(now.date() - WINDOW)
        judged = judgements(editions, recent)
        its_rows = EditionPaper.objects.filter(edition__in=editions[-1:])
        totals = its_rows.aggregate(Count("pk"), Max("pk"), Sum("paper__version"))
        # Of the older papers only those with an embargo may be shown.
        freed = [paper_id for paper_id, one in judged.items() if one.embargo_until]
        old = Paper.objects.filter(pk__in=freed, withdrawn_at__isnull=False).values_list("pk", flat=True)
        new = its_rows.filter(paper__withdrawn_at__isnull=False).values_list("paper_id", flat=True)
        picked = {
            (one.paper_id, one.edition_date) for one in judged.values() if one.verdict == CuratorPick.Verdict.PICK
        }
        if picked:  # picks that are candidates of their edition add no paper
            rows = EditionPaper.objects.filter(edition__in=editions, paper__in={paper_id for paper_id, _ in picked})
            picked -= set(rows.values_list("paper_id", "edition__date"))
        return cls(
            now=now,
            editions=editions,
            judged=judged,
            held_back=[one.paper_id for one in recent if is_held_back(one, now)],
            withdrawn=[*new, *(old if freed else ())],
            key=(*((edition.pk, edition.opened_at) for edition in editions), *totals.values(), frozenset(picked)),
            newest=Paper.objects.aggregate(newest=Max("pk"))["newest"] or 0,
            votes_read_at=last_answer(now),
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """The week's papers that match one rule."""

    papers: PaperMatrix  # for that rule alone
    rows: NDArray[np.int64]  # numbers of the matching papers


class _Week:
    """The week's papers: the pool of its editions, then papers first seen in it that are in no edition."""

    def __init__(self, state: _State) -> None:
        self.key, self.newest, self.made_at = state.key, state.newest, state.now
        self.votes_read_at = state.votes_read_at
        now = state.now
        self.pool = CandidatePool.load(now)
        self.unasked = self.pool.against([])
        seen = Paper.objects.filter(first_seen_at__range=(now - WINDOW, now), withdrawn_at=None).order_by("pk")
        others = list(
            seen.exclude(pk__in=EditionPaper.objects.filter(edition__in=self.pool.editions).values("paper")).only(
                "title", "abstract", "authors", "categories", "first_seen_at"
            )
        )
        others = [paper for paper in others if paper.pk not in self.pool.row_of]  # the pool also has added papers
        archive = self.pool.day.archive
        self._others, known = Index(tokens=archive.tokens), Vectorizer(archive)
        for paper in others:
            self._others.add(paper, token_row=known.row_of(text_of(paper.title, paper.abstract)))
        self._others.close()
        self._ids = np.append(self.pool.ids, [paper.pk for paper in others]).astype(np.int64)
        seen_at = [paper.first_seen_at.timestamp() for paper in others]
        self._first_seen = np.append(self.pool.first_seen, seen_at)
        self._stands = np.isin(self._ids, list(seen.values_list("pk", flat=True)))
        self._answers: OrderedDict[Rule, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def is_of(self, state: _State) -> bool:
        is_recent = self.newest == state.newest or abs(state.now - self.made_at) < NEW_PAPERS
        return self.key == state.key and is_recent

    def read_votes(self, state: _State) -> None:
        """Count the votes read since, as planning does."""
        if self.votes_read_at != state.votes_read_at:
            self.pool, self.votes_read_at = self.pool.with_votes(state.now), state.votes_read_at

    def answer(self, rule: Rule) -> _Answer:
        """Return the papers that match a rule; computed once for all visitors."""
        with self._lock:
            if answer := self._answers.get(rule):
                self._answers.move_to_end(rule)
                return answer
        papers = self.pool.against([rule])
        others = np.flatnonzero(np.diff(self._others.match([rule]).indptr)) + len(self.pool.ids)
        answer = _Answer(papers, np.concatenate([papers.matches.indices, others]))
        with self._lock:
            self._answers[rule] = answer
            while len(self._answers) > KEPT_RULES:
                self._answers.popitem(last=False)
        return answer

    def counted(self, without: Sequence[int], *, now: datetime) -> NDArray[np.bool_]:
        """Return a mask of papers first seen in the seven days before ``now``, except the ids ``without``."""
        recent = (self._first_seen > (now - WINDOW).timestamp()) & (self._first_seen <= now.timestamp())
        return np.asarray(recent & self._stands & ~np.isin(self._ids, without), np.bool_)


_kept: _Week | None = None
_making = threading.Lock()


def _this_week(state: _State) -> _Week:
    """Return the cached week. If it is out of date, one thread renews it and the others get the old one meanwhile."""
    global _kept
    kept = _kept
    if kept and kept.is_of(state):
        kept.read_votes(state)
        return kept
    if not _making.acquire(blocking=kept is None) and kept:
        return kept
    try:
        if not (_kept and _kept.is_of(state)):  # otherwise another thread renewed it while we waited
            _kept = _Week(state)
            memory.give_back()
        return _kept
    finally:
        _making.release()
