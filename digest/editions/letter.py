"""Write the letter of an edition, and freeze it when the first reader of the edition is planned.

Both lock the letter's one row, or create it, so that a letter is either in all digests of its edition or refused.
"""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from digest.compose.letter import LONGEST_LETTER, MOST_BLOCKS, MOST_LINKS, Letter, problem_of, read_letter
from digest.editions.curation import AHEAD, first_day
from digest.models import EditionLetter
from subscriptions.unicode_text import clean_text


class CannotSave(Exception):
    """Raised with a sentence for the curator; nothing was written."""


class LetterChanged(Exception):
    """Raised on an edit conflict; nothing was written. ``saved`` is the row or None."""

    def __init__(self, saved: EditionLetter | None) -> None:
        super().__init__("Somebody else has changed this letter.")
        self.saved = saved


def save_letter(day: date, text: str, *, by: User, seen: str, now: datetime) -> EditionLetter:
    """Save the letter of the edition of ``day``; an empty text removes it.

    ``seen`` is the ``version`` of the row that the curator saw, empty without one. Raises CannotSave or LetterChanged.
    """
    text = checked_letter(text).source if text.strip() else ""
    if problem := problem_of_day(day, now=now):
        raise CannotSave(problem)
    with transaction.atomic():
        saved = EditionLetter.objects.select_for_update().filter(edition_date=day).first()
        _refuse_if_frozen(saved)
        if (seen if seen.startswith(f"{day}.") else "") != (saved.version if saved else ""):
            raise LetterChanged(saved)
        if saved is None:
            return _create(day, text, by=by)
        saved.text, saved.curator = text, by
        saved.save(update_fields=["text", "curator", "updated_at"])
        return saved


def problem_of_day(day: date, *, now: datetime) -> str:
    """Return why no letter of this day can be saved; empty if one can."""
    if day < (first := first_day(now)):
        past = _("%(day)s is in the past. Choose %(first)s or later.")
        return past % {"day": f"{day:%-d %B %Y}", "first": f"{first:%-d %B}"}
    if day > now.date() + AHEAD:
        too_far = _("%(day)s is too far ahead. Choose a day within %(count)s days.")
        return too_far % {"day": f"{day:%-d %B %Y}", "count": AHEAD.days}
    return ""


def checked_letter(text: str) -> Letter:
    """Return a typed text as a letter. Raises CannotSave for its first error."""
    if len(text) <= 2 * LONGEST_LETTER:  # browsers send a line break as two characters
        text = clean_text(text).strip()
    letter = read_letter(text)
    problem = problem_of(letter)
    if problem == "too_long":
        too_long = _("The text has %(length)s characters. Shorten it to %(limit)s.")
        raise CannotSave(too_long % {"length": f"{len(text):,}", "limit": f"{LONGEST_LETTER:,}"})
    if problem == "too_many_links":
        many = _("The text has %(count)s links. Keep at most %(limit)s.")
        raise CannotSave(many % {"count": len(letter.links), "limit": MOST_LINKS})
    if problem == "too_many_parts":
        raise CannotSave(_("Keep at most %(limit)s paragraphs and list items.") % {"limit": MOST_BLOCKS})
    if not letter.blocks:
        raise CannotSave(_("The text has no words. Write some."))
    return letter


def freeze_letter(day: date, *, now: datetime) -> None:
    """Freeze the letter of an edition, also where there is none; call it in the transaction that plans a reader.

    A letter that is being saved at this moment is waited for. One that is frozen stays as it is.
    """
    row, is_new = EditionLetter.objects.get_or_create(edition_date=day, defaults={"frozen_at": now})
    if not is_new and row.frozen_at is None:
        EditionLetter.objects.filter(edition_date=day, frozen_at=None).update(frozen_at=now)


def _create(day: date, text: str, *, by: User) -> EditionLetter:
    try:
        with transaction.atomic():
            return EditionLetter.objects.create(edition_date=day, text=text, curator=by)
    except IntegrityError:  # another curator, or the planner, created the row first
        saved = EditionLetter.objects.filter(edition_date=day).first()
        _refuse_if_frozen(saved)
        raise LetterChanged(saved) from None


def _refuse_if_frozen(saved: EditionLetter | None) -> None:
    if saved and saved.frozen_at:
        frozen = (
            _("The letter of %(day)s is frozen since %(at)s UTC, when the first reader’s digest was planned.")
            if saved.text
            else _("%(day)s has no letter, and gets none: since %(at)s UTC, digests are planned without one.")
        )
        values = {"day": f"{saved.edition_date:%-d %B}", "at": f"{saved.frozen_at:%H:%M}"}
        raise CannotSave(f"{frozen % values} {_('All readers get the same. Write a letter for a later day.')}")
