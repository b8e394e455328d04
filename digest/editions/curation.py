"""Save and delete a curator's judgement: pick, boost or hide a paper for a day. Concurrent edits never overwrite.

A judgement counts for every reader who is not yet planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from digest.editions.open_edition import WINDOW
from digest.models import CuratorPick, Edition, Paper, PaperSummary
from subscriptions.models import Topic
from subscriptions.unicode_text import clean_text

LONGEST_NOTE = 500
AHEAD = timedelta(days=60)  # the last day that can be judged
# The smallest digest a reader can choose: further picks are in larger digests only.
FEWEST_PAPERS = 3


class CannotJudge(Exception):
    """Raised with a sentence for the curator; nothing was written."""


class ChangedMeanwhile(Exception):
    """Raised on an edit conflict; nothing was written. ``standing`` is the saved row or None."""

    def __init__(self, standing: CuratorPick | None) -> None:
        super().__init__("Somebody else has changed this judgement.")
        self.standing = standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """A curator's judgement of a paper; the note is shown with a pick and is the reason of a hide."""

    verdict: str  # CuratorPick.Verdict
    note: str = ""
    embargo_until: datetime | None = None
    topic: str = ""  # the slug of a pick for that topic's readers alone


def first_day(now: datetime) -> date:
    """Return the first day that can be judged: that of the newest edition of the week, else today."""
    open_days = Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date()).order_by("-date")
    return open_days.values_list("date", flat=True).first() or now.date()


def judge(paper_id: int, day: date, said: Judgement, *, by: User, seen: str, now: datetime) -> CuratorPick:
    """Save the judgement of a paper for the edition of ``day``, replacing an earlier one.

    ``seen`` is the ``version`` of the row that the curator saw, empty without one. Raises CannotJudge or
    ChangedMeanwhile.
    """
    with transaction.atomic():
        paper = Paper.objects.filter(pk=paper_id).first()
        if paper is None:
            raise CannotJudge(_("This paper is no longer stored. Search for it again."))
        standing = _standing(paper_id, day)
        values = _checked(paper, day, said, standing, now=now) | {"curator": by}
        _refuse_if_changed(standing, day, seen)
        if standing is None:
            try:
                with transaction.atomic():
                    return CuratorPick.objects.create(paper=paper, edition_date=day, **values)
            # another curator created the row first
            except IntegrityError:
                raise ChangedMeanwhile(_standing(paper_id, day)) from None
        for name, value in values.items():
            setattr(standing, name, value)
        standing.save(update_fields=[*values, "updated_at"])
        return standing


def take_back(paper_id: int, day: date, *, seen: str) -> CuratorPick:
    """Delete the judgement of a paper for ``day`` and return the deleted row. Raises ChangedMeanwhile."""
    with transaction.atomic():
        standing = _standing(paper_id, day)
        _refuse_if_changed(standing, day, seen)
        if standing is None:
            raise ChangedMeanwhile(None)
        # deleted by a query, so that the returned row keeps its number for the audit log
        CuratorPick.objects.filter(pk=standing.pk).delete()
        return standing


def move(pk: int, *, up: bool) -> CuratorPick | None:
    """Move a pick up or down among those of its day, and return it; None if it is no longer there or cannot move.

    All picks of the day are then placed by hand, in their present order; a pick made later stands last.
    """
    with transaction.atomic():
        row = CuratorPick.objects.filter(pk=pk, verdict=CuratorPick.Verdict.PICK).first()
        if row is None:
            return None
        of_day = CuratorPick.objects.filter(edition_date=row.edition_date, verdict=CuratorPick.Verdict.PICK)
        list(of_day.select_for_update().order_by("pk"))  # two curators take turns
        rows = list(of_day.select_related("paper").in_order())
        place = next((place for place, one in enumerate(rows) if one.pk == pk), 0)
        other = place - 1 if up else place + 1
        if not 0 <= other < len(rows):
            return None
        rows[place], rows[other] = rows[other], rows[place]
        for position, one in enumerate(rows, start=1):
            one.position = position
        CuratorPick.objects.bulk_update(rows, ["position"])
        return rows[other]


def drop_summary(pk: int, *, now: datetime) -> PaperSummary | None:
    """Show this summary in no digest that is planned later; return it, or None if it is not shown already."""
    if not PaperSummary.objects.filter(pk=pk, dropped_at=None).exclude(text="").update(dropped_at=now):
        return None
    return PaperSummary.objects.select_related("paper").get(pk=pk)


def _standing(paper_id: int, day: date) -> CuratorPick | None:
    # Without a join: after a wait for a lock, PostgreSQL joins rows read before the wait.
    return CuratorPick.objects.select_for_update().filter(paper=paper_id, edition_date=day).first()


def _refuse_if_changed(standing: CuratorPick | None, day: date, seen: str) -> None:
    """Raise ChangedMeanwhile unless ``seen`` is the current version; a form made for another day has seen none."""
    seen = seen if seen.startswith(f"{day}.") else ""
    if seen != (standing.version if standing else ""):
        raise ChangedMeanwhile(standing)


def _checked(
    paper: Paper, day: date, said: Judgement, standing: CuratorPick | None, *, now: datetime
) -> dict[str, object]:
    """Return the columns of a judgement. Raises CannotJudge for its first error."""
    note = clean_text(said.note).strip()
    if said.verdict not in CuratorPick.Verdict.values:
        raise CannotJudge(_("Choose pick, boost or hide."))
    if len(note) > LONGEST_NOTE:
        too_long = _("The note has %(length)s characters. Shorten it to %(limit)s.")
        raise CannotJudge(too_long % {"length": f"{len(note):,}", "limit": LONGEST_NOTE})
    is_hide = said.verdict == CuratorPick.Verdict.HIDE
    if is_hide and not note:
        raise CannotJudge(_("Give a reason for hiding it. Only curators see the reason."))
    if paper.withdrawn_at and not is_hide:
        raise CannotJudge(_("This paper was withdrawn and cannot be picked or boosted."))
    _check_day(day, standing, now=now)
    if said.embargo_until:
        _check_embargo(said.embargo_until, day, standing, is_hide=is_hide, now=now)
    topic = _topic(said)
    is_other = standing is None or standing.verdict != said.verdict
    position = None if is_other or standing is None else standing.position
    return {
        "verdict": said.verdict,
        "note": note,
        "embargo_until": said.embargo_until,
        "topic": topic,
        "position": position,
    }


def _topic(said: Judgement) -> Topic | None:
    """Return the topic of a pick for its readers, None for a judgement for all. Raises CannotJudge."""
    if not said.topic:
        return None
    if said.verdict != CuratorPick.Verdict.PICK:
        raise CannotJudge(_("Only a pick can be for the readers of one topic. Choose “all readers”."))
    topic = Topic.objects.filter(slug=said.topic[:60].replace("\0", "")).first()
    if topic is None:
        raise CannotJudge(_("There is no such topic. Choose one from the list, or “all readers”."))
    return topic


def _check_day(day: date, standing: CuratorPick | None, *, now: datetime) -> None:
    if day < (first := first_day(now)) and standing is None:
        past = _("%(day)s is in the past. Choose %(first)s or later.")
        raise CannotJudge(past % {"day": f"{day:%-d %B %Y}", "first": f"{first:%-d %B}"})
    if day > now.date() + AHEAD:
        too_far = _("%(day)s is too far ahead. Choose a day within %(count)s days.")
        raise CannotJudge(too_far % {"day": f"{day:%-d %B %Y}", "count": AHEAD.days})


def _check_embargo(until: datetime, day: date, standing: CuratorPick | None, *, is_hide: bool, now: datetime) -> None:
    if is_hide:
        raise CannotJudge(_("A hidden paper cannot have an embargo. Clear the time, or choose pick or boost."))
    # forms have minutes only
    kept = standing.embargo_until.replace(second=0, microsecond=0) if standing and standing.embargo_until else None
    if until <= now and until != kept:
        past = _("The embargo ends in the past (%(until)s UTC). Choose a later time.")
        raise CannotJudge(past % {"until": f"{until:%-d %B %Y at %H:%M}"})
    if until.date() >= day + WINDOW:
        too_late = _("Digests use this edition until %(last)s. Choose an earlier end of the embargo, or a later day.")
        raise CannotJudge(too_late % {"last": f"{day + WINDOW - timedelta(days=1):%-d %B}"})
