"""More, less, save and mute in one click under a paper of a page. Only a POST with a reader's session acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy

from digest.models import Paper, Verdict
from digest.reader_data import saved, verdicts
from digest.reader_data.mute import FULL, CannotMute, MuteOption, mute, mute_options, unmute
from digest.web.own.feedback import paper_of
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.tokens import BadLink
from subscriptions.web.decorators import View, posted_from
from subscriptions.web.sessions import reader_of

UNDO = "undo"
SALT = "broadsheet.muted"
LONGEST = 2000  # characters of what an undo holds, and of an address to go back to
PROBLEMS = {
    "full": gettext_lazy(
        "Nothing was muted: you already mute %(most)s of these. Remove some in your preferences first."
    ),
    "saved": gettext_lazy("Nothing was saved: you have saved %(saved)s papers, which is the most. Remove some first."),
    "unknown": gettext_lazy("Nothing was changed: this paper has nothing of that name. Click its button again."),
}


@dataclass(frozen=True, slots=True)
class Muted:
    """What was muted a moment ago, under the buttons of which ``place``, and the signed value that undoes it.

    ``undo`` is empty if it was muted before.
    """

    label: str
    place: str
    undo: str


def reader_act(page: str, *kept: str) -> Callable[[View], View]:
    """Decorate what the POST of a signed-in reader does, called with ``reader``; others go to the sign-in page.

    A GET leads to the page of that name, as ``posted_from`` says.
    """

    def decorate(view: View) -> View:
        @posted_from(page, *kept)
        @wraps(view)
        def act(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if (reader := reader_of(request)) is None:
                return redirect("sign_in")
            if too_many(request, "feedback"):
                return render(request, "429.html", status=429)
            return view(request, reader, *args, **kwargs)

        return act

    return decorate


@reader_act("home")
def own_feedback(request: HttpRequest, reader: Subscriber, day: str, number: str) -> HttpResponse:
    """Do what a button says about one paper of the reader's digest of that day, and show the home page again."""
    return act_on(request, reader, _own_paper(reader, day, int(number)), place=f"own-{int(number)}")


@reader_act("home")
def own_unmute(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    """Undo the latest mute, for the reader who made it."""
    made, turned, _label, place = _signed(reader, request.POST.get("undo", ""))
    unmute(reader, made=made, turned=turned)
    return _back(request, place=place)


def act_on(request: HttpRequest, reader: Subscriber, paper: Paper, *, place: str) -> HttpResponse:
    """Do what the button says, and show the page that it was on again, at the ``place`` of the paper."""
    said = _act(request, reader, paper, place, now=timezone.now())
    return _back(request, said, place="" if "problem" in said else place)  # a problem is told on top


def acts_context(request: HttpRequest, reader: Subscriber | None) -> dict[str, Any]:
    """Return what templates/web/paper_acts.html needs once a page, beside the acts of each paper."""
    if reader is None:
        return {"muted": None, "problem": "", "back": ""}
    problem = str(PROBLEMS.get(request.GET.get("problem", ""), "")) % {"most": FULL, "saved": f"{saved.MOST:,}"}
    return {"muted": _muted_in(request, reader), "problem": problem, "back": _here(request.get_full_path())}


def _muted_in(request: HttpRequest, reader: Subscriber) -> Muted | None:
    """Return what the address of the page says was muted; None for anything that this reader was not given."""
    undo = request.GET.get("muted", "")
    made, turned, label, place = _signed(reader, undo)
    return Muted(label, place, undo if made or turned else "") if label else None


def _here(address: str, said: dict[str, str] | None = None) -> str:
    """Return the path and query of a page with what it is to say, in place of what it said before."""
    parts = urlsplit(address)
    query = {name: value for name, value in parse_qsl(parts.query) if name not in ("muted", "problem")} | (said or {})
    return parts.path + ("?" + urlencode(query) if query else "")


def _back(request: HttpRequest, said: dict[str, str] | None = None, *, place: str) -> HttpResponse:
    """Redirect to the page of this site that the form was on, else home."""
    asked = request.POST.get("back", "")[:LONGEST]
    is_ours = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    page = _here(asked if is_ours else reverse("home"), said)
    return HttpResponseRedirect(page + (f"#{place}" if place else ""), status=303)


def _own_paper(reader: Subscriber, day: str, number: int) -> Paper:
    try:
        return paper_of(reader.public_id, date.fromisoformat(day), number)[1]
    except (ValueError, BadLink):
        raise Http404("no paper of this reader's digests") from None


def _act(request: HttpRequest, reader: Subscriber, paper: Paper, place: str, *, now: datetime) -> dict[str, str]:
    """Store or undo a verdict, save, or mute; return what tells the page what was muted, or why nothing was done."""
    do = request.POST.get("do", "")
    if do == UNDO:
        Verdict.objects.filter(subscriber=reader, paper=paper).delete()
    elif do in Verdict.Value.values:
        verdicts.give(reader, paper, do, now=now)
    elif do == "unsave":
        saved.unsave(reader, paper)
    elif do == "save":
        return _save(reader, paper, now=now)
    else:
        option = next((one for one in mute_options(paper) if one.name == request.POST.get("mute")), None)
        return _mute(reader, option, place, now=now) if option else {"problem": "unknown"}
    return {}


def _save(reader: Subscriber, paper: Paper, *, now: datetime) -> dict[str, str]:
    try:
        saved.save(reader, paper, now=now)
    except saved.ListFull:
        return {"problem": "saved"}
    return {}


def _mute(reader: Subscriber, option: MuteOption, place: str, *, now: datetime) -> dict[str, str]:
    try:
        made, turned = mute(reader, [option], now=now)
    except CannotMute:
        return {"problem": "full"}
    value = signing.dumps([made, turned, option.label, place], salt=f"{SALT}|{reader.public_id}", compress=True)
    return {"muted": value}


def _signed(reader: Subscriber, value: str) -> tuple[Sequence[int], Sequence[int], str, str]:
    """Return the rows that a mute made and turned, its label and the paper's place.

    For a value that this reader was not given, return nothing and "".
    """
    try:
        made, turned, label, place = signing.loads(value[:LONGEST], salt=f"{SALT}|{reader.public_id}")
    except signing.BadSignature:
        return (), (), "", ""
    return made, turned, str(label), str(place)
