"""Judge: a curator's pick, boost or hide of a paper for a day, and taking that back; two at once never overwrite.

A judgement counts for every reader who is not yet planned, as the pool has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from digest.editions.open_edition import WINDOW
from digest.models import CuratorPick, Edition, Paper
from subscriptions.web.fields import clean_text

LONGEST_NOTE = 500
AHEAD = timedelta(days=60)  # how far ahead a day may be judged
FEWEST_PAPERS = 3  # that a reader may ask for: picks beyond them are in larger digests only


class CannotJudge(Exception):
    """With a sentence for the curator; nothing was written."""


class ChangedMeanwhile(Exception):
    """Somebody changed it since the form was made, and nothing was written; ``standing`` is what they said, or None."""

    def __init__(self, standing: CuratorPick | None) -> None:
        super().__init__("Somebody else changed this judgement meanwhile.")
        self.standing = standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a paper; the note is shown with a pick and is the reason of a hide."""

    verdict: str  # CuratorPick.Verdict
    note: str = ""
    embargo_until: datetime | None = None


def first_day(now: datetime) -> date:
    """The day whose edition is being sent, the first that can be judged; today where none opened in a week."""
    open_days = Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date()).order_by("-date")
    return open_days.values_list("date", flat=True).first() or now.date()


def judge(paper_id: int, day: date, said: Judgement, *, by: User, seen: str, now: datetime) -> CuratorPick:
    """Write what is said of a paper for the edition of that day, in place of what stood there.

    ``seen`` is the ``version`` of the row that the curator saw, empty where there was none. Raises CannotJudge, or
    ChangedMeanwhile.
    """
    with transaction.atomic():
        paper = Paper.objects.filter(pk=paper_id).first()
        if paper is None:
            raise CannotJudge("This paper is not stored any more: look for it again.")
        standing = _standing(paper_id, day)
        values = _checked(paper, day, said, standing, now=now) | {"curator": by}
        _refuse_if_changed(standing, day, seen)
        if standing is None:
            try:
                with transaction.atomic():
                    return CuratorPick.objects.create(paper=paper, edition_date=day, **values)
            except IntegrityError:  # another's first word came between
                raise ChangedMeanwhile(_standing(paper_id, day)) from None
        for name, value in values.items():
            setattr(standing, name, value)
        standing.save(update_fields=[*values, "updated_at"])
        return standing


def take_back(paper_id: int, day: date, *, seen: str) -> CuratorPick:
    """Say nothing any more of a paper for that day; the row that was deleted. Raises ChangedMeanwhile."""
    with transaction.atomic():
        standing = _standing(paper_id, day)
        _refuse_if_changed(standing, day, seen)
        if standing is None:
            raise ChangedMeanwhile(None)
        CuratorPick.objects.filter(pk=standing.pk).delete()  # the row in hand keeps its number, for the history
        return standing


def _standing(paper_id: int, day: date) -> CuratorPick | None:
    # without a join: of a row that was waited for, PostgreSQL joins what it found before the wait
    return CuratorPick.objects.select_for_update().filter(paper=paper_id, edition_date=day).first()


def _refuse_if_changed(standing: CuratorPick | None, day: date, seen: str) -> None:
    """A form that was made for another day has seen nothing of this one."""
    seen = seen if seen.startswith(f"{day}.") else ""
    if seen != (standing.version if standing else ""):
        raise ChangedMeanwhile(standing)


def _checked(
    paper: Paper, day: date, said: Judgement, standing: CuratorPick | None, *, now: datetime
) -> dict[str, object]:
    """The columns of what is said; raises CannotJudge for the first thing that is wrong with it."""
    note = clean_text(said.note).strip()
    if said.verdict not in CuratorPick.Verdict.values:
        raise CannotJudge("Choose pick, boost or hide.")
    if len(note) > LONGEST_NOTE:
        raise CannotJudge(f"The note has {len(note):,} characters: shorten it to {LONGEST_NOTE}.")
    is_hide = said.verdict == CuratorPick.Verdict.HIDE
    if is_hide and not note:
        raise CannotJudge("Say why it is hidden: the reason is for the other curators, and no reader sees it.")
    if paper.withdrawn_at and not is_hide:
        raise CannotJudge("This paper was withdrawn, so it is in no digest: it cannot be picked or boosted.")
    _check_day(day, standing, now=now)
    if said.embargo_until:
        _check_embargo(said.embargo_until, day, standing, is_hide=is_hide, now=now)
    return {"verdict": said.verdict, "note": note, "embargo_until": said.embargo_until}


def _check_day(day: date, standing: CuratorPick | None, *, now: datetime) -> None:
    if day < (first := first_day(now)) and standing is None:
        raise CannotJudge(f"{day:%-d %B %Y} has gone by: choose {first:%-d %B} or a day to come.")
    if day > now.date() + AHEAD:
        raise CannotJudge(f"{day:%-d %B %Y} is too far ahead: choose a day within {AHEAD.days} days.")


def _check_embargo(until: datetime, day: date, standing: CuratorPick | None, *, is_hide: bool, now: datetime) -> None:
    if is_hide:
        raise CannotJudge("A hidden paper needs no embargo: leave the time empty, or choose pick or boost.")
    kept = standing.embargo_until.replace(second=0, microsecond=0) if standing and standing.embargo_until else None
    if until <= now and until != kept:  # forms know minutes
        raise CannotJudge(f"The embargo, {until:%-d %B %Y at %H:%M} UTC, lies in the past: choose a time to come.")
    if until.date() >= day + WINDOW:  # no digest would draw from that edition any more
        raise CannotJudge(
            f"After {day + WINDOW - timedelta(days=1):%-d %B} no digest draws from this edition any more: choose an "
            "earlier end of the embargo, or a later day."
        )
