"""Store the one-line summaries that a source gives with its papers."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from digest.ingest.papers.index import Work, slices
from digest.models import PaperSummary
from digest.text.summaries import plain_answer, why_refused

logger = logging.getLogger(__name__)


def store_summaries(works: Iterable[Work], *, now: datetime) -> None:
    """Store each new summary of Hugging Face that can be shown. The first one of a paper stands."""
    given = {work.paper.pk: plain_answer(work.entry.summary) for work in works if work.entry and work.entry.summary}
    titles = {work.paper.pk: work.paper.title for work in works}
    for some in slices(list(given)):
        known = PaperSummary.objects.filter(paper__in=some, source=PaperSummary.Source.HUGGING_FACE)
        new = set(some) - set(known.values_list("paper_id", flat=True))
        PaperSummary.objects.bulk_create(
            [
                PaperSummary(
                    paper_id=paper_id, source=PaperSummary.Source.HUGGING_FACE, text=given[paper_id], made_at=now
                )
                for paper_id in sorted(new)
                if not _refused(given[paper_id], titles[paper_id], paper_id)
            ],
            ignore_conflicts=True,
        )


def _refused(summary: str, title: str, paper_id: int) -> bool:
    if why := why_refused(summary, title=title):
        logger.info("A summary of Hugging Face is not shown", extra={"facts": {"paper": paper_id, "why": why}})
    return why is not None
