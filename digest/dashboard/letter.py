"""Page of the letter of the day: write it, preview it in light and dark, save it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods

from digest.compose.letter import LONGEST_LETTER, read_letter
from digest.compose.phrases import shorten
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.mail_frames import POLICY, mail_frames, notes_on
from digest.dashboard.pages import page, staff_only
from digest.editions.curation import first_day
from digest.editions.current_time import current_time
from digest.editions.letter import CannotSave, LetterChanged, checked_letter, problem_of_day, save_letter
from digest.models import EditionLetter
from digest.preview.staff import for_letter

LOGGED = 300  # characters of a letter in the audit log
LISTED = 14  # earlier and later letters


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def letter(request: HttpRequest) -> HttpResponse:
    """Show the form of a day's letter; a POST saves or removes it."""
    now = current_time(timezone.now())
    if request.method != "POST":
        return _letter_page(request, _day_in(request.GET.get("day", "")) or first_day(now), now=now)
    day = _day_in(request.POST.get("day", ""))
    if day is None:
        return _refused(request, first_day(now), _("Choose a day from the calendar, like 2027-01-31."), now=now)
    try:
        with transaction.atomic():
            row = save_letter(
                day, request.POST.get("text", ""), by=_user(request), seen=request.POST.get("seen", ""), now=now
            )
            audit_log.record(_user(request), row, _logged(row))
    except CannotSave as refused:
        return _refused(request, day, str(refused), now=now)
    except LetterChanged as late:
        problem = _("Somebody else has saved this letter since you opened the page. Nothing of yours is saved yet.")
        return _refused(request, day, problem, now=now, status=409, saved=late.saved)
    if row.text:
        saved = _("Saved. The letter is in each digest of %(day)s that is not planned yet.")
        messages.success(request, saved % {"day": f"{day:%-d %B}"})
        for note in notes_on(read_letter(row.text).left_out):
            messages.warning(request, note)
    else:
        messages.success(request, _("The letter of %(day)s is removed.") % {"day": f"{day:%-d %B}"})
    return HttpResponseRedirect(f"{reverse('dashboard_letter')}?day={day}")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only()
@xframe_options_sameorigin
def letter_preview(request: HttpRequest) -> HttpResponse:
    """Return the mail with the typed letter, or with the saved one of a day, for the frame. Nothing is written."""
    now = current_time(timezone.now())
    day = _day_in(request.GET.get("day", "")) or first_day(now)
    text = request.POST.get("text", "") if request.method == "POST" else _saved_text(day)
    try:
        shown = checked_letter(text) if text.strip() else None
    except CannotSave as refused:
        return mail_frames(request, None, notes=[str(refused)], status=422)
    return mail_frames(request, for_letter(shown, now=now), notes=notes_on(shown.left_out if shown else ()))


def _letter_page(request: HttpRequest, day: date, *, now: datetime, status: int = 200, **more: Any) -> HttpResponse:
    saved = EditionLetter.objects.filter(edition_date=day).select_related("curator").first()
    around = EditionLetter.objects.exclude(text="").exclude(edition_date=day).select_related("curator")[:LISTED]
    context = {
        "day": day,
        "saved": saved,
        "text": saved.text if saved else "",
        "seen": saved.version if saved else "",
        "is_frozen": bool(saved and saved.frozen_at),
        "day_problem": problem_of_day(day, now=now),
        "around": [(row, shorten(read_letter(row.text).words, 120)) for row in around],
        "longest": LONGEST_LETTER,
        "latest": audit_log.latest(EditionLetter),
    }
    answer = page(request, "letter", {**context, **more}, status=status)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _refused(
    request: HttpRequest,
    day: date,
    problem: str,
    *,
    now: datetime,
    status: int = 422,
    saved: EditionLetter | None = None,
) -> HttpResponse:
    """Render the form again with the typed text; after a conflict, also what is ``saved``."""
    seen = (saved.version if saved else "") if status == 409 else request.POST.get("seen", "")
    typed = {"text": request.POST.get("text", "")[: 10 * LONGEST_LETTER], "seen": seen, "problem": problem}
    return _letter_page(request, day, now=now, status=status, conflict=status == 409, **typed)


def _logged(row: EditionLetter) -> str:
    """Return the line of the audit log."""
    if not row.text:
        return f"Removed the letter of {row.edition_date}."
    return f"Saved the letter of {row.edition_date}: {shorten(read_letter(row.text).words, LOGGED)}"


def _saved_text(day: date) -> str:
    return EditionLetter.objects.filter(edition_date=day).values_list("text", flat=True).first() or ""


def _day_in(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 (staff_only admits nobody else)
    return request.user


urlpatterns = [
    path("letter", letter, name="dashboard_letter"),
    path("letter/preview", letter_preview, name="dashboard_letter_preview"),
]
