"""Sign up and confirm."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from subscriptions import consent, consent_text, link_requests
from subscriptions.list_given import Kept, keep_given
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.preferences import Choices, next_digest
from subscriptions.rate_limits import proof, too_many
from subscriptions.schedule import local_date, zone_of
from subscriptions.sign_up_checks import list_problem, unknown_categories
from subscriptions.tokens import LinkUsed, login_token, use_login_token
from subscriptions.web import sessions
from subscriptions.web.decorators import see_other, token_page
from subscriptions.web.forms import ChoicesForm, SignUpForm
from subscriptions.web.time_zones import time_of, zones_to_choose

TOO_MANY = gettext_lazy("Too many requests from your network. Your entries are kept: please try again in an hour.")
# The first digest waits for the list that the sign-up named: at most so long, if this process ends meanwhile or the
# list is a library, which a worker reads.
LIST_FIRST = timedelta(minutes=2)


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Show and accept the form; the answer is the same for every address."""
    now = timezone.now()
    if request.method != "POST":
        return sign_up_page(request, SignUpForm(now=now), now=now)
    form = SignUpForm.posted(request.POST, now=now)
    if not form.is_valid():
        return sign_up_page(request, form, now=now, status=422)
    if too_many(request, "sign_up"):
        return sign_up_page(request, form, now=now, status=429, problem=TOO_MANY)
    # after the limit, because a process reads the list
    if problem := list_problem(form.choices().papers):
        form.add_error("papers", problem)
        return sign_up_page(request, form, now=now, status=422)
    link_requests.enqueue(
        LinkRequest.Kind.SIGN_UP,
        email=form.cleaned_data["email"],
        now=now,
        **proof(request, request.path),
        choices=form.choices(),
        wording=consent_text.VERSION,
    )
    return see_other("sign_up_sent")


@require_safe
def sign_up_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_up_sent.html")


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; a POST confirms the subscription, signs the reader in and makes the first digest due."""
    now, purpose = timezone.now(), LoginToken.Purpose.CONFIRM
    if request.method != "POST":
        login_token(purpose, token, now=now)
        return render(request, "confirm.html")
    if too_many(request, "link"):
        return render(request, "429.html", status=429)
    with transaction.atomic():
        row = use_login_token(purpose, token, now=now)
        papers = str((row.choices or {}).get("papers", ""))
        due_at = now + LIST_FIRST if papers else now
        if not consent.confirm(row.subscriber.public_id, now=now, token=row, due_at=due_at, **proof(request, "/c/")):
            raise LinkUsed("on the list already")  # this link signs in only once
    reader = Subscriber.objects.get(pk=row.subscriber_id)
    sessions.begin(request, reader)
    is_due = reader.next_send_at is not None and reader.next_send_at <= due_at
    kept = keep_given(reader, papers, now=now) if papers else Kept()
    if not kept.is_library:
        Subscriber.objects.filter(pk=reader.pk, next_send_at=due_at).update(next_send_at=now)
    around = {
        "is_due": is_due,
        "time_passes": settings.MODE == "live",
        "has_papers": bool(papers),
        "kept": kept,
        "unknown_categories": unknown_categories(Choices.of(reader).wishes, now=now),
        "begins_visit": True,
    }
    return render(request, "confirmed.html", around | {"next_digest": next_digest_in_words(reader, now)})


def next_digest_in_words(reader: Subscriber, now: datetime) -> str:
    """Return when the next digest is due, as a sentence in the reader's time zone."""
    if reader.status == Subscriber.Status.UNSUBSCRIBED:
        return _("You are unsubscribed: no digest is sent to you.")
    if reader.is_paused(local_date(reader.zone, now)):
        if until := reader.paused_until:
            return _("Your digest is paused until %(day)s.") % {"day": f"{until:%A, %-d %B %Y}"}
        return _("Your digest is paused.")
    if settings.MODE != "live" and reader.last_issue_date:
        return _("This installation shows a day that stands still: its digests were sent, and no other comes.")
    if (due := next_digest(reader)) is None:
        return _("No digest is due.")
    if due <= now:
        return _("Your next digest is being prepared.")
    due = due.astimezone(zone_of(reader.zone))
    values = {"day": f"{due:%A, %-d %B}", "time": f"{due:%H:%M}", "zone": time_of(reader.zone)}
    return _("Your next digest comes on %(day)s, at %(time)s (%(zone)s).") % values


def sign_up_page(
    request: HttpRequest,
    form: ChoicesForm,
    *,
    now: datetime,
    status: int = 200,
    problem: object = "",
    preview: object = None,
) -> HttpResponse:
    """Render the form with what was typed; ``preview`` is for ``preview.html``."""
    return render(
        request,
        "sign_up.html",
        {
            "form": form,
            "zones": zones_to_choose(now.date()),
            "problem": problem,
            "preview": preview,
            "canonical": reverse("sign_up"),
        },
        status=status,
    )
