"""Write summaries of the papers that the next digests may have, within the day's limit of calls."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from digest.ingest.http import NoAnswer, back_off
from digest.models import Edition, Paper, PaperSummary, Sighting, SummaryDay
from digest.summaries import endpoint
from digest.text.summaries import plain_answer, why_refused

logger = logging.getLogger(__name__)
# Seconds in which a run begins further calls; the timetable begins the next run each minute.
RUN = 20.0
NEWS = timedelta(days=2)  # for so long a paper without an edition, or an edition, is looked at


def write_summaries(now: datetime) -> None:
    """Ask for summaries, one paper after the other, for some seconds; do nothing without an endpoint.

    Each paper is asked for once. A call that fails ends the run, and the next one waits: 5 minutes, then twice as long
    after each further failure, at most 6 hours.
    """
    if not settings.SUMMARY_URL:
        return
    day, _ = SummaryDay.objects.get_or_create(date=now.date())
    if _is_waiting(now):
        return
    began = time.monotonic()
    for paper in next_papers(now, limit=max(0, settings.SUMMARY_CALLS_A_DAY - day.calls)):
        if time.monotonic() - began > RUN or not _write(paper, day, now=now):
            return


def _is_waiting(now: datetime) -> bool:
    last = SummaryDay.objects.filter(date__lte=now.date(), failed_at__isnull=False).first()
    if last is None or last.failed_at is None or not last.failures:
        return False
    return now < last.failed_at + back_off(last.failures - 1, 0)


def _write(paper: Paper, day: SummaryDay, *, now: datetime) -> bool:
    """Ask for one summary and store it, or why it is refused; return whether the endpoint answered."""
    # before the call, which a crash may leave without an answer
    SummaryDay.objects.filter(pk=day.pk).update(calls=F("calls") + 1)
    try:
        answer = plain_answer(endpoint.ask(paper.title, paper.abstract))
    except NoAnswer as error:
        _note_failure(day, error, now=now)
        return False
    why = why_refused(answer, title=paper.title, prompt=endpoint.INSTRUCTIONS)
    if why:
        logger.warning("The model's summary of a paper is refused", extra={"facts": {"paper": paper.pk, "why": why}})
    PaperSummary.objects.bulk_create(
        [
            PaperSummary(
                paper=paper,
                source=PaperSummary.Source.MODEL,
                text="" if why else answer,
                refused=why or "",
                made_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    counted = "refused" if why else "kept"
    SummaryDay.objects.filter(pk=day.pk).update(**{counted: F(counted) + 1}, failures=0)
    return True


def _note_failure(day: SummaryDay, error: NoAnswer, *, now: datetime) -> None:
    logger.warning("The endpoint of summaries failed: %s", error)
    SummaryDay.objects.filter(pk=day.pk).update(
        failed=F("failed") + 1, failures=F("failures") + 1, failed_at=now, last_failure=str(error)[:200]
    )


def next_papers(now: datetime, *, limit: int) -> list[Paper]:
    """Return papers that can be in a digest and have no summary, the most trending of the newest edition first.

    While today's edition is not open, the papers that wait for it come first.
    """
    edition = Edition.objects.filter(date__lte=now.date(), date__gte=(now - NEWS).date()).order_by("-date").first()
    some = _without_summary()
    # "= None" would find the papers of no edition
    chosen = some.filter(candidacies__edition=edition.pk if edition else 0)
    chosen = chosen.order_by(F("candidacies__trending").desc(nulls_last=True), "pk")
    shown = Sighting.objects.filter(paper=OuterRef("pk"), announced__in=["", "new", "cross"])
    coming = some.filter(Exists(shown), candidacies=None, first_seen_at__range=(now - NEWS, now)).order_by("-pk")
    is_open = edition is not None and edition.date == now.date()
    found: list[Paper] = []
    for papers in (chosen, coming) if is_open else (coming, chosen):
        found += papers[: limit - len(found)]
    return found


def _without_summary() -> QuerySet[Paper]:
    has_one = PaperSummary.objects.filter(paper=OuterRef("pk"))
    return Paper.objects.filter(~Exists(has_one), ~Q(abstract=""), withdrawn_at=None)
