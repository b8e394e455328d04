"""Pages of announcements: write one, test it, let another member approve it, cancel it, follow it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST

from digest.compose.announcement import announcement_email
from digest.compose.letter import LONGEST_LETTER, read_letter
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.mail_frames import POLICY, mail_frames, notes_on
from digest.dashboard.pages import page, staff_only
from digest.dashboard.preview import staff_addresses
from digest.delivery import announce
from digest.delivery.announce import HOLD, CannotAnnounce
from digest.editions.current_time import current_time
from digest.editions.letter import CannotSave, checked_letter
from digest.models import Announcement, Delivery
from digest.preview.staff import nobody
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.outcomes import SendStatus
from subscriptions.models import Topic
from subscriptions.rate_limits import PERSON, too_many_by
from subscriptions.tokens import message_id

LISTED = 50


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def announcements(request: HttpRequest) -> HttpResponse:
    """List announcements, with the form of a new one; a POST creates a draft."""
    problem = ""
    if request.method == "POST":
        saved, problem = _save(request, 0)
        if saved:
            return _to(saved.pk)
    context = {
        "rows": Announcement.objects.select_related("topic", "author")[:LISTED],
        "latest": audit_log.latest(Announcement),
        **_form(request, None, problem),
    }
    return _framed(page(request, "announcements", context, status=422 if problem else 200))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def announcement(request: HttpRequest, number: int) -> HttpResponse:
    """Show an announcement: its form while it is a draft, its readers, and what became of its mails."""
    now, problem = current_time(timezone.now()), ""
    if request.method == "POST":
        saved, problem = _save(request, number)
        if saved:
            return _to(number)
    row = get_object_or_404(Announcement.objects.select_related("topic", "author", "approved_by"), pk=number)
    labels, progress = dict(Delivery.Status.choices), announce.progress_of(row)
    may_still_leave = {Delivery.Status.READY, Delivery.Status.HANDING_OFF, Delivery.Status.RETRY_WAIT} & progress.keys()
    context = {
        "row": row,
        "is_draft": row.status == Announcement.Status.DRAFT,
        "may_approve": row.author_id not in (None, _user(request).pk),
        "audience": announce.audience_of(row, now=now),
        "progress": [(labels.get(status, status), count) for status, count in progress.items()],
        "is_over": row.status == Announcement.Status.PLANNED and not may_still_leave,
        "leaves_at": row.approved_at + HOLD if row.approved_at else None,
        "minutes": int(HOLD.total_seconds() // 60),
        "addresses": staff_addresses(),
        "latest": audit_log.entries_about(row),
        **_form(request, row, problem),
    }
    return _framed(page(request, "announcement", context, status=422 if problem else 200))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only()
@xframe_options_sameorigin
def announcement_preview(request: HttpRequest, number: int) -> HttpResponse:
    """Return the mail as it was typed, or as it is saved, for the frame. Nothing is written."""
    row = Announcement.objects.select_related("topic").filter(pk=number).first() or Announcement()
    if request.method == "POST":
        row.subject, row.text = request.POST.get("subject", "")[:200], request.POST.get("text", "")
        row.topic = _topic(request)
    elif not row.pk:
        return mail_frames(request, None, notes=[_("Write a text, then click Preview.")])
    try:
        letter = checked_letter(row.text)
    except CannotSave as refused:
        return mail_frames(request, None, notes=[str(refused)], status=422)
    row.text = letter.source
    email = announcement_email(row, nobody(timezone.now()))
    return mail_frames(request, email, notes=notes_on(letter.left_out))


@require_POST
@staff_only(done_by=Role.CURATOR)
def send_test(request: HttpRequest, number: int) -> HttpResponse:
    """Send it as a test to a verified address of the staff."""
    user, now = _user(request), timezone.now()
    row = get_object_or_404(Announcement, pk=number)
    chosen = next((one for one in staff_addresses() if str(one.pk) == request.POST.get("address")), None)
    if chosen is None:
        messages.error(request, _("Choose an address from the list. Tests go to verified staff only."))
    elif too_many_by(user.pk, "test mail", now=now):
        limit = _("You sent %(count)s test mails within this hour. Wait for the next full hour.")
        messages.error(request, limit % {"count": PERSON["test mail"].count})
    else:
        audit_log.record(user, row, f"Sends a test to number {chosen.user_id} of the staff.")
        with Mailer() as mailer:
            its_id = message_id("preview", f"{user.pk}|{now.isoformat()}")
            email = announcement_email(row, nobody(now))
            done = mailer.send_to_staff(email, address=chosen.email, message_id=its_id, dated_at=now)
        if done.status == SendStatus.ACCEPTED:
            messages.success(request, _("Sent a test mail to %(address)s.") % {"address": chosen.email})
        else:
            messages.error(request, _("The test mail was not sent. %(reason)s") % {"reason": done.text})
    return _to(number)


@require_POST
@staff_only(done_by=Role.CURATOR, asked_again=True)
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Approve a draft of somebody else, as it was seen."""

    def act(now: datetime) -> str:
        row = announce.approve(number, by=_user(request), seen=request.POST.get("seen", ""), now=now)
        audit_log.record(_user(request), row, f"Approved: {row.subject}")
        approved = _("Approved. Its mails leave in %(minutes)s minutes, unless somebody cancels it.")
        return approved % {"minutes": int(HOLD.total_seconds() // 60)}

    return _act(request, number, act)


@require_POST
@staff_only(done_by=Role.CURATOR)
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Cancel an announcement; mails that have not left do not leave."""

    def act(now: datetime) -> str:
        stopped = announce.cancel(number)
        row = Announcement.objects.get(pk=number)
        audit_log.record(_user(request), row, f"Cancelled; {stopped} mails stopped.")
        said = ngettext("Cancelled. %(count)s mail was stopped.", "Cancelled. %(count)s mails were stopped.", stopped)
        return said % {"count": f"{stopped:,}"}

    return _act(request, number, act)


def _act(request: HttpRequest, number: int, act: Callable[[datetime], str]) -> HttpResponse:
    try:
        with transaction.atomic():
            said = act(timezone.now())
    except CannotAnnounce as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, said)
    return _to(number) if Announcement.objects.filter(pk=number).exists() else _to_list()


def _save(request: HttpRequest, number: int) -> tuple[Announcement | None, str]:
    """Save the posted draft; return it, or why it cannot be saved."""
    given = request.POST
    try:
        with transaction.atomic():
            row = announce.save_draft(
                number,
                subject=given.get("subject", ""),
                text=given.get("text", ""),
                topic=_topic(request),
                by=_user(request),
                seen=given.get("seen", ""),
            )
            audit_log.record(_user(request), row, f"Saved the draft: {row.subject}")
    except (CannotAnnounce, CannotSave) as refused:
        return None, str(refused)
    messages.success(request, _("Saved as a draft. Another member must approve it before it is sent."))
    for note in notes_on(read_letter(row.text).left_out):
        messages.warning(request, note)
    return row, ""


def _form(request: HttpRequest, row: Announcement | None, problem: str) -> dict[str, Any]:
    """Return the values of the form: what was typed, if that was refused, else what is saved."""
    given = request.POST
    saved = {
        "subject": row.subject if row else "",
        "text": row.text if row else "",
        "to": row.topic.slug if row and row.topic else "",
    }
    typed = {name: given.get(name, "")[: 10 * LONGEST_LETTER] for name in saved}
    return {
        "values": typed if problem else saved,
        "problem": problem,
        "topics": Topic.objects.order_by("name"),
        "longest": LONGEST_LETTER,
    }


def _topic(request: HttpRequest) -> Topic | None:
    slug = request.POST.get("to", "")
    return get_object_or_404(Topic, slug=slug.replace("\0", "")) if slug else None


def _framed(answer: HttpResponse) -> HttpResponse:
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _to(number: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard_announcement", args=[number]))


def _to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard_announcements"))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 (staff_only admits nobody else)
    return request.user


urlpatterns = [
    path("announcements", announcements, name="dashboard_announcements"),
    path("announcements/<int:number>", announcement, name="dashboard_announcement"),
    path("announcements/<int:number>/preview", announcement_preview, name="dashboard_announcement_preview"),
    path("announcements/<int:number>/test", send_test, name="dashboard_announcement_test"),
    path("announcements/<int:number>/approve", approve, name="dashboard_announcement_approve"),
    path("announcements/<int:number>/cancel", cancel, name="dashboard_announcement_cancel"),
]
