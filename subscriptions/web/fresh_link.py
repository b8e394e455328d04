"""Acts that need a link of the last hour: what they are, the page that asks for one, and where its link leads."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from subscriptions import link_requests
from subscriptions.models import LinkRequest, Subscriber
from subscriptions.rate_limits import proof, too_many
from subscriptions.web.addresses import mask_address
from subscriptions.web.decorators import posted_from, see_other
from subscriptions.web.sessions import is_fresh, reader_page

# An act that a link may lead back to -> the name of its page, the place on it, and what it is called.
ACTS = {
    "address": ("preferences", "#address", gettext_lazy("change your address")),
    "export": ("preferences", "#data", gettext_lazy("export your data")),
    "erase": ("erase", "", gettext_lazy("erase everything")),
    "feed": ("saved", "#feed", gettext_lazy("see the secret address of your feed")),
}


def needs_fresh_link(act: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a page below ``reader_page``: with a session older than an hour it asks for a new link first."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, reader: Subscriber, **kwargs: Any) -> HttpResponse:
            if not is_fresh(request):
                return ask_page(request, reader, act)
            return view(request, *args, reader=reader, **kwargs)

        return page

    return decorate


def ask_page(request: HttpRequest, reader: Subscriber, act: str) -> HttpResponse:
    """Say that the act needs a new link, with a button that mails it."""
    around = {"act": act, "to_do": ACTS[act][2], "masked": mask_address(reader.email)}
    return render(request, "fresh_link.html", around, status=403)


@posted_from("preferences")
@reader_page
def mail_fresh_link(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Mail a signed-in reader a link that leads back to the act that the form names."""
    act = request.POST.get("act", "")
    if act not in ACTS:
        return see_other("preferences")
    if too_many(request, "sign_in"):
        return render(request, "429.html", status=429)
    link_requests.enqueue(
        LinkRequest.Kind.SIGN_IN,
        email=reader.email,
        now=timezone.now(),
        subscriber=reader,
        leads_to=act,
        **proof(request, request.path),
    )
    return see_other("sign_in_sent")


def after_sign_in(act: str) -> HttpResponse:
    """Redirect to the act that a link was asked for, else to the preferences."""
    page, place, _ = ACTS.get(act, ("preferences", "", ""))
    return HttpResponseRedirect(reverse(page) + place, status=303)
