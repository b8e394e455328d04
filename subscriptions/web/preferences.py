"""Pages of a signed-in reader: choices, pause, address."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from subscriptions import consent, link_requests
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.preferences import Choices, save_choices
from subscriptions.rate_limits import proof, too_many
from subscriptions.schedule import local_date
from subscriptions.tokens import UNSUBSCRIBE, BadLink, login_token, token_for, use_login_token
from subscriptions.web.addresses import mask_address
from subscriptions.web.decorators import posted_from, see_other, token_page
from subscriptions.web.fields import same
from subscriptions.web.forms import AddressForm, ChoicesForm, PauseForm, values_of
from subscriptions.web.fresh_link import needs_fresh_link
from subscriptions.web.sessions import is_fresh, reader_page
from subscriptions.web.sign_up import TOO_MANY, next_digest_in_words
from subscriptions.web.summary import summary_of
from subscriptions.web.time_zones import zones_to_choose

DONE = {
    "saved": gettext_lazy("Your choices are saved."),
    "paused": gettext_lazy("Your digest is paused."),
    "resumed": gettext_lazy("Your digest is no longer paused."),
    "address": gettext_lazy(
        "If this address can be used, we have sent it a mail with a link. Until you open the link, your digest goes to "
        "your old address."
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def preferences(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show and change a reader's choices."""
    if request.method != "POST":
        return preferences_page(request, reader)
    form = ChoicesForm(request.POST)
    if not form.is_valid():
        return preferences_page(request, reader, form=form, status=422)
    if too_many(request, "preferences"):
        return preferences_page(request, reader, form=form, problem=TOO_MANY, status=429)
    save_choices(reader, form.choices(), now=timezone.now())
    return see_other("preferences", "?done=saved")


@posted_from("preferences")
@reader_page
def pause(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Pause the digest until a day, or for some weeks."""
    now = timezone.now()
    form = PauseForm(request.POST, today=local_date(reader.zone, now))
    if not form.is_valid():
        return preferences_page(request, reader, pausing=form, status=422)
    if too_many(request, "preferences"):
        return preferences_page(request, reader, pausing=form, problem=TOO_MANY, status=429)
    until = form.cleaned_data["until"]
    paused = consent.pause(reader.public_id, now=now, until=until, **proof(request, request.path))
    return see_other("preferences", "?done=paused" if paused else "")


@posted_from("preferences")
@reader_page
def resume(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    resumed = consent.resume(reader.public_id, now=timezone.now(), **proof(request, request.path))
    return see_other("preferences", "?done=resumed" if resumed else "")


@posted_from("preferences")
@reader_page
@needs_fresh_link("address")
def address(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Request a change of address: a link is mailed to the new one, and nothing changes before it is used."""
    form = AddressForm(request.POST)
    if form.is_valid() and same(form.cleaned_data["email"]) == same(reader.email):
        form.add_error("email", gettext_lazy("Your digest already goes to this address. Enter another one."))
    if not form.is_valid():
        return preferences_page(request, reader, moving=form, status=422)
    if too_many(request, "address"):
        return preferences_page(request, reader, moving=form, problem=TOO_MANY, status=429)
    email, now = form.cleaned_data["email"], timezone.now()
    with transaction.atomic():
        consent.ask_for_address(reader, email, now=now)
        link_requests.enqueue(
            LinkRequest.Kind.CHANGE_ADDRESS,
            email=email,
            now=now,
            subscriber=reader,
            **proof(request, reverse("preferences")),
        )
    return see_other("preferences", "?done=address")


@token_page
def change_address(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button behind the link to the new address; a POST changes the address."""
    now, purpose = timezone.now(), LoginToken.Purpose.CHANGE_ADDRESS
    row = login_token(purpose, token, now=now)
    if not row.subscriber.pending_email:
        raise BadLink("no change of address is pending")
    if request.method != "POST":
        return render(request, "change_address.html", {"masked": mask_address(row.subscriber.pending_email)})
    if too_many(request, "link"):
        return render(request, "429.html", status=429)
    with transaction.atomic():
        row = use_login_token(purpose, token, now=now)
        became = consent.change_address(
            row.subscriber.public_id, now=now, reference=str(row.pk), **proof(request, "/a/")
        )
    if became == consent.AddressChange.NOT_ASKED:
        raise BadLink("no change of address is pending")
    changed = became == consent.AddressChange.CHANGED
    return render(request, "address_changed.html", {"changed": changed}, status=200 if changed else 409)


def preferences_page(
    request: HttpRequest,
    reader: Subscriber,
    *,
    form: ChoicesForm | None = None,
    pausing: PauseForm | None = None,
    moving: AddressForm | None = None,
    problem: object = "",
    preview: object = None,
    status: int = 200,
) -> HttpResponse:
    """Render the preferences with what was typed; ``preview`` is for ``preview.html``."""
    now = timezone.now()
    today = local_date(reader.zone, now)
    saved = Choices.of(reader, today=today)
    form = form or ChoicesForm(initial=values_of(saved))
    context: dict[str, Any] = {
        "reader": reader,
        "form": form,
        "summary": summary_of(saved, form.all_topics),
        "pausing": pausing or PauseForm(today=today),
        "moving": moving or AddressForm(),
        "zones": zones_to_choose(now.date()),
        "problem": problem,
        "preview": preview,
        "done": DONE.get(request.GET.get("done", ""), ""),
        "next_digest": next_digest_in_words(reader, now),
        "is_paused": reader.is_paused(today),
        "is_fresh": is_fresh(request),
        "leave": reverse("unsubscribe", args=[token_for(UNSUBSCRIBE, reader)]),
    }
    return render(request, "preferences.html", context, status=status)
