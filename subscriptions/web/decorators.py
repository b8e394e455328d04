"""Pages whose address is a secret: what they must not give away, and which POSTs they take."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscriptions.tokens import BadLink, LinkExpired, LinkUsed

View = Callable[..., HttpResponse]
ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def see_other(name: str, query: str = "") -> HttpResponseRedirect:
    """What a taken form is answered with: go on to the page of that name, by GET."""
    return HttpResponseRedirect(reverse(name) + query, status=303)


def token_page(view: View) -> View:
    """A page behind a token: not kept, not indexed, not passed on, with nothing from elsewhere.

    Its forms carry no CSRF token: without a referrer browsers send ``Origin: null``, which Django refuses. The token
    in the address is the permission, and a browser that says that another site sent the form is refused.
    A BadLink that the view raises becomes a page that says what to do. A view's own content policy is kept.
    """

    taken = require_http_methods(["GET", "HEAD", "POST"])(view)

    @csrf_exempt
    @wraps(view)
    def page(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = (
                render(request, "403.html", status=403)
                if request.method == "POST" and _is_sent_by_another_site(request)
                else taken(request, token, *args, **kwargs)
            )
        except BadLink as error:
            response = _bad_link(request, error)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return page


def _is_sent_by_another_site(request: HttpRequest) -> bool:
    ours = ("null", settings.SITE_URL, f"{request.scheme}://{request.get_host()}")
    says_so = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    if not says_so and request.headers.get("Origin", "null") in ours:
        return False
    name, value = ONE_CLICK
    is_one_click = bool(request.resolver_match and request.resolver_match.url_name == "unsubscribe")
    return not (is_one_click and request.POST.get(name) == value)


def _bad_link(request: HttpRequest, error: BadLink) -> HttpResponse:
    if isinstance(error, LinkUsed | LinkExpired):
        page = request.resolver_match.url_name if request.resolver_match else ""
        return render(request, "old_link.html", {"page": page, "is_used": isinstance(error, LinkUsed)}, status=410)
    return render(request, "bad_link.html", status=400 if request.method == "POST" else 404)
