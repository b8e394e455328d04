"""Mark the stored works that notices take back: retractions, withdrawals, removals; concerns become claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from digest import text
from digest.identifiers.canonical import normalise_title
from digest.ingest.papers import claims
from digest.ingest.papers.claims import Kind, State
from digest.ingest.parsers.notices import Notice
from digest.models import Identifier, Paper, PaperChange, Sighting, Source

ASKED_AT_ONCE = 50  # titles of one query


def apply_notices(source: Source, kind: str, notices: Sequence[Notice], *, now: datetime) -> list[PaperChange]:
    """Take back the stored works that notices name, and return what was kept of them for curators.

    A work counts where the notice gives its identifier, or where it alone bears that title among this source's works.
    It is marked where the source speaks for it and nothing is doubtful, else the notice becomes a claim. A notice
    that was applied, undone or dismissed does nothing more. A fixed number of queries for every fifty notices.
    """
    settled = _settled(source) if notices else set()
    found: list[PaperChange] = []
    for notice, paper, is_sure in _works_of(source, notices):
        if paper.withdrawn_at or (paper.pk, notice.title) in settled:
            continue
        settled.add((paper.pk, notice.title))
        change = PaperChange(
            paper=paper,
            source=source,
            kind=Kind.WITHDRAWAL,
            state=State.CLAIMED,
            at=now,
            said={"version": paper.version, "notice": notice.title, "url": notice.url},
        )
        if is_sure and not notice.is_concern and claims.standing(source, kind, paper):
            change.state, change.before = State.APPLIED, {"version": paper.version, "withdrawn_at": None}
            paper.withdrawn_at = now
        found.append(change)
    marked = [change.paper for change in found if change.state == State.APPLIED]
    Paper.objects.bulk_update(marked, ["withdrawn_at"], batch_size=100)
    return PaperChange.objects.bulk_create(found)


def _settled(source: Source) -> set[tuple[int, str]]:
    rows = PaperChange.objects.filter(source=source, kind=Kind.WITHDRAWAL, said__has_key="notice")
    return {(pk, said["notice"]) for pk, said in rows.values_list("paper_id", "said")}


def _works_of(source: Source, notices: Sequence[Notice]) -> Iterator[tuple[Notice, Paper, bool]]:
    """Yield each notice with each stored work that it names, and whether nothing speaks against that."""
    named = {name for notice in notices for name in notice.identifiers}
    rows = Identifier.objects.filter(value__in=named).select_related("paper__told_by")
    by_name = {row.value: row.paper for row in rows}
    # one object a paper, or a second notice would not see that it was marked
    papers = {paper.pk: paper for paper in by_name.values()}
    by_title = _by_title(source, [notice.about for notice in notices if notice.about], papers)
    for notice in notices:
        title = _title(notice)
        by_id = {by_name[name].pk for name in notice.identifiers if name in by_name}
        for pk in sorted(by_id):
            yield notice, papers[pk], not title or normalise_title(papers[pk].title) == title
        same = by_title.get(title, [])
        if not notice.identifiers and len(same) == 1:
            yield notice, same[0], True


def _title(notice: Notice) -> str:
    return normalise_title(text.clean(notice.about)) if notice.about else ""


def _by_title(source: Source, titles: Sequence[str], papers: dict[int, Paper]) -> dict[str, list[Paper]]:
    """Return the works of a source that bear these titles, by the title as it is compared."""
    wanted = {name: clean for title in titles if (name := normalise_title(clean := text.clean(title)))}
    shown = Sighting.objects.filter(source=source).values("paper")
    found: dict[str, list[Paper]] = {}
    cleaned = list(wanted.values())
    for start in range(0, len(cleaned), ASKED_AT_ONCE):
        some = cleaned[start : start + ASKED_AT_ONCE]
        # one word of each leaves few titles to compare
        bears_a_word = reduce(or_, (Q(title__icontains=_rarest_word(title)) for title in some))
        for paper in Paper.objects.filter(bears_a_word, pk__in=shown).select_related("told_by"):
            if (title := normalise_title(paper.title)) in wanted:
                found.setdefault(title, []).append(papers.setdefault(paper.pk, paper))
    return found


def _rarest_word(title: str) -> str:
    """Return the longest run of ASCII letters and digits, which every spelling of a title has in common."""
    return max(re.findall(r"[A-Za-z0-9]+", title) or re.findall(r"\w+", title), key=len)
