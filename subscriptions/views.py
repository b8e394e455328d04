"""The pages behind the links of a mail. A GET never changes anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from subscriptions import consent
from subscriptions.links import UNSUBSCRIBE, BadLink, read_token

View = Callable[..., HttpResponse]


def token_page(view: View) -> View:
    """A page whose address is a secret: not kept, not indexed, not passed on, with nothing from elsewhere."""

    @wraps(view)
    def page(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except BadLink:
            response = render(request, "bad_link.html", status=400 if request.method == "POST" else 404)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        response["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        return response

    return page


@csrf_exempt  # RFC 8058: mail programs post without a cookie; the token is the permission
@require_http_methods(["GET", "HEAD", "POST"])
@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One press or one RFC 8058 POST leaves; the same answer however often, and for whom we no longer know."""
    public_id = read_token(UNSUBSCRIBE, token)
    if request.method != "POST":
        return render(request, "unsubscribe.html", {"left": False})
    if request.POST.get("List-Unsubscribe") != "One-Click":
        return render(request, "unsubscribe.html", {"left": False}, status=400)
    consent.unsubscribe(
        public_id,
        now=timezone.now(),
        ip=_ip(request),
        user_agent=request.headers.get("User-Agent", ""),
    )
    return render(request, "unsubscribe.html", {"left": True})


def _ip(request: HttpRequest) -> str | None:
    """The caller's address, or None where the web server passes on something else: leaving must not fail on it."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None
