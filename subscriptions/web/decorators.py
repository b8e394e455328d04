"""Pages with a secret token in their URL, their headers and which POSTs they accept; and addresses of forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscriptions.tokens import BadLink, LinkExpired, LinkUsed

View = Callable[..., HttpResponse]
ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

# Mail programs take a bracket, a full stop or a quotation mark after a link for a part of it.
_GLUED = re.compile(r"[^A-Za-z0-9_-]+$")


def see_other(name: str, query: str = "") -> HttpResponseRedirect:
    """Redirect to the page of that name with status 303, after a form was accepted."""
    return HttpResponseRedirect(reverse(name) + query, status=303)


def posted_from(page: str | Callable[[HttpRequest], str], *kept: str) -> Callable[[View], View]:
    """Decorate what a form of ``page`` posts: a GET leads to that page, and changes nothing.

    An error is shown at the address that was posted to, and a browser may ask for that address again. ``page`` is the
    name of a URL, or returns it; ``kept`` are the parts of the address that the page has, too.
    """

    def decorate(view: View) -> View:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def act(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST":
                return view(request, *args, **kwargs)
            name = page if isinstance(page, str) else page(request)
            return redirect(name, **{part: kwargs[part] for part in kept})

        return act

    return decorate


def token_page(view: View) -> View:
    """Decorate a page with a token in its URL: not cached, not indexed, no referrer, no content from other sites.

    Its forms have no CSRF token: without a referrer browsers send ``Origin: null``, which Django refuses. The token in
    the URL is the permission, and a POST is refused if the browser reports that another site sent it. Punctuation after
    the token is ignored. A BadLink that the view raises becomes a page with advice. A view's own
    Content-Security-Policy is kept.
    """
    checked = require_http_methods(["GET", "HEAD", "POST"])(view)

    @csrf_exempt
    @wraps(view)
    def page(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = (
                render(request, "403.html", status=403)
                if request.method == "POST" and _is_sent_by_another_site(request)
                else checked(request, _GLUED.sub("", token), *args, **kwargs)
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
    may_be_one_click = bool(request.resolver_match and request.resolver_match.url_name == "unsubscribe")
    return not may_be_one_click or pressed(request) is not None


def pressed(request: HttpRequest) -> str | None:
    """Return ``do`` of the page's own form; None for any other body, even one that cannot be read as a form."""
    try:
        return request.POST.get("do")
    except (BadRequest, SuspiciousOperation, MultiPartParserError):
        return None


def _bad_link(request: HttpRequest, error: BadLink) -> HttpResponse:
    if isinstance(error, LinkUsed | LinkExpired):
        page = request.resolver_match.url_name if request.resolver_match else ""
        return render(request, "old_link.html", {"page": page, "is_used": isinstance(error, LinkUsed)}, status=410)
    return render(request, "bad_link.html", status=400 if request.method == "POST" else 404)
