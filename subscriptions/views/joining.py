"""From the first visit to the first digest: sign up, then confirm."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from subscriptions import answering, consent, sessions, wording
from subscriptions.forms import ChoicesForm, SignUpForm
from subscriptions.links import BadLink, login_token, use_login_token
from subscriptions.models import LoginToken, MailRequest, Subscriber
from subscriptions.pages import see_other, token_page
from subscriptions.visitors import ip_of, too_many
from subscriptions.zones import zones_to_choose

TOO_MANY = "Too many requests have come from here in a short time. What you wrote is kept: please try again in an hour."


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """The form; a POST is answered the same for every address."""
    now = timezone.now()
    if request.method != "POST":
        return sign_up_page(request, SignUpForm(now=now), now=now)
    form = SignUpForm.posted(request.POST, now=now)
    if not form.is_valid():
        return sign_up_page(request, form, now=now, status=422)
    email = form.cleaned_data["email"]
    if too_many(request, "sign_up", email=email):
        return sign_up_page(request, form, now=now, status=429, problem=TOO_MANY)
    answering.ask(
        MailRequest.Kind.SIGN_UP,
        email=email,
        now=now,
        page=request.path,
        ip=ip_of(request),
        user_agent=request.headers.get("User-Agent", ""),
        choices=form.choices(),
        wording=wording.VERSION,
    )
    return see_other("sign_up_sent")


@require_safe
def sign_up_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_up_sent.html")


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A button; pressed, the reader is on the list, signed in, and the first digest is due."""
    now, purpose = timezone.now(), LoginToken.Purpose.CONFIRM
    if request.method != "POST":
        login_token(purpose, token, now=now)
        return render(request, "confirm.html")
    if too_many(request, "link"):
        return render(request, "429.html", status=429)
    with transaction.atomic():
        row = use_login_token(purpose, token, now=now)
        consent.confirm(
            row.subscriber.public_id,
            now=now,
            ip=ip_of(request),
            user_agent=request.headers.get("User-Agent", ""),
            page="/c/",
            reference=str(row.pk),
        )
    reader = Subscriber.objects.on_the_list().filter(pk=row.subscriber_id).first()
    if reader is None:  # they left, or were erased, after the mail went out
        raise BadLink("nobody to confirm")
    sessions.begin(request, reader)
    return render(request, "confirmed.html")


def sign_up_page(
    request: HttpRequest,
    form: ChoicesForm,
    *,
    now: datetime,
    status: int = 200,
    problem: str = "",
    preview: object = None,
) -> HttpResponse:
    """The form with what was typed; ``preview`` is for ``preview.html``."""
    return render(
        request,
        "sign_up.html",
        {"form": form, "zones": zones_to_choose(now.date()), "problem": problem, "preview": preview},
        status=status,
    )
