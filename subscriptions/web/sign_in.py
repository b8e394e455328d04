"""Sign in without a password: request a link, open it, click its button."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from subscriptions import link_requests
from subscriptions.link_requests import LEADS_TO
from subscriptions.models import LinkRequest, LoginToken, Subscriber
from subscriptions.rate_limits import proof, too_many
from subscriptions.tokens import PREFERENCES, BadLink, login_token, read_token, use_login_token
from subscriptions.web import sessions
from subscriptions.web.decorators import posted_from, see_other, token_page
from subscriptions.web.forms import AddressForm
from subscriptions.web.fresh_link import ACTS, after_sign_in
from subscriptions.web.sign_up import TOO_MANY


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show and accept a form for an address; the answer is the same for every address."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "sign_in.html", {"form": form, "problem": ""}, status=422 if form.is_bound else 200)
    if too_many(request, "sign_in"):
        return render(request, "sign_in.html", {"form": form, "problem": TOO_MANY}, status=429)
    _ask(request, form.cleaned_data["email"])
    return see_other("sign_in_sent")


@require_safe
def sign_in_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_in_sent.html")


@token_page
def ask_for_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button, linked from a digest's footer, that mails a sign-in link to the digest's reader."""
    public_id = read_token(PREFERENCES, token)
    known = Subscriber.objects.exclude(status=Subscriber.Status.ERASED)
    reader = known.filter(public_id=public_id).first()
    if request.method != "POST":
        return render(request, "ask_for_link.html", {"problem": ""})
    if too_many(request, "sign_in"):
        return render(request, "ask_for_link.html", {"problem": TOO_MANY}, status=429)
    if reader:
        _ask(request, reader.email, reader)
    return see_other("sign_in_sent")


@token_page
def magic_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; a POST begins a session. Opening the page, as mail scanners do, changes nothing."""
    now, purpose = timezone.now(), LoginToken.Purpose.SIGN_IN
    if request.method != "POST":
        act = _leads_to(login_token(purpose, token, now=now))
        return render(request, "magic_link.html", {"to_do": ACTS[act][2] if act in ACTS else ""})
    if too_many(request, "link"):
        return render(request, "429.html", status=429)
    row = use_login_token(purpose, token, now=now)
    reader = row.subscriber
    if reader.status in (Subscriber.Status.PENDING, Subscriber.Status.ERASED):
        raise BadLink("nobody to sign in")
    sessions.begin(request, reader)
    return after_sign_in(_leads_to(row))


@posted_from("home")
def sign_out(request: HttpRequest) -> HttpResponse:
    sessions.end(request)
    return see_other("home")


def _leads_to(row: LoginToken) -> str:
    return str((row.choices or {}).get(LEADS_TO, ""))


def _ask(request: HttpRequest, email: str, reader: Subscriber | None = None) -> None:
    link_requests.enqueue(
        LinkRequest.Kind.SIGN_IN,
        email=email,
        now=timezone.now(),
        subscriber=reader,
        **proof(request, reverse("sign_in")),
    )
