"""More, less, save and mute in one click on a signed-in reader's home page. Only a POST with their session acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from digest.models import Paper, Verdict
from digest.reader_data import saved, verdicts
from digest.reader_data.mute import FULL, CannotMute, MuteOption, mute, mute_options, unmute
from digest.web.feedback import paper_of
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.tokens import BadLink
from subscriptions.web.sessions import reader_of

UNDO = "undo"
SALT = "broadsheet.muted"
LONGEST = 2000  # characters of what an undo holds
PROBLEMS = {
    "full": gettext_lazy(
        "Nothing was muted: you already mute %(most)s of these. Remove some in your preferences first."
    ),
    "saved": gettext_lazy("Nothing was saved: you have saved as many papers as fit. Remove some first."),
    "unknown": gettext_lazy("Nothing was changed: this paper has nothing of that name. Click its button again."),
}


@dataclass(frozen=True, slots=True)
class Muted:
    """What was muted a moment ago, at which paper of the mail, and the signed value that undoes it.

    ``undo`` is empty if it was muted before.
    """

    label: str
    number: int
    undo: str


@require_POST
def own_feedback(request: HttpRequest, day: str, number: str) -> HttpResponse:
    """Do what a button says about one paper of the reader's digest of that day, and show the home page again."""
    if (reader := reader_of(request)) is None:
        return redirect("sign_in")
    if too_many(request, "feedback"):
        return render(request, "429.html", status=429)
    query = _act(request, reader, _own_paper(reader, day, int(number)), int(number), now=timezone.now())
    place = "" if query.startswith("?problem") else f"#own-{number}"  # a problem is told on top
    return HttpResponseRedirect(f"{reverse('home')}{query}{place}", status=303)


@require_POST
def own_unmute(request: HttpRequest) -> HttpResponse:
    """Undo the latest mute, for the reader who made it."""
    if (reader := reader_of(request)) is None:
        return redirect("sign_in")
    if too_many(request, "feedback"):
        return render(request, "429.html", status=429)
    made, turned, *_what = _signed(reader, request.POST.get("undo", ""))
    unmute(reader, made=made, turned=turned)
    return HttpResponseRedirect(reverse("home"), status=303)


def problem_in(request: HttpRequest) -> str:
    """Return why nothing was muted, if the address of the home page says so."""
    return str(PROBLEMS.get(request.GET.get("problem", ""), "")) % {"most": FULL}


def muted_in(request: HttpRequest, reader: Subscriber) -> Muted | None:
    """Return what the address of the home page says was muted; None for anything that this reader was not given."""
    undo = request.GET.get("muted", "")
    made, turned, label, number = _signed(reader, undo)
    return Muted(label, number, undo if made or turned else "") if label else None


def _own_paper(reader: Subscriber, day: str, number: int) -> Paper:
    try:
        return paper_of(reader.public_id, date.fromisoformat(day), number)[1]
    except (ValueError, BadLink):
        raise Http404("no paper of this reader's digests") from None


def _act(request: HttpRequest, reader: Subscriber, paper: Paper, number: int, *, now: datetime) -> str:
    """Store or undo a verdict, or mute; return the query that tells the home page what was muted, or why nothing."""
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
        return _mute(reader, option, number, now=now) if option else "?problem=unknown"
    return ""


def _save(reader: Subscriber, paper: Paper, *, now: datetime) -> str:
    try:
        saved.save(reader, paper, now=now)
    except saved.ListFull:
        return "?problem=saved"
    return ""


def _mute(reader: Subscriber, option: MuteOption, number: int, *, now: datetime) -> str:
    try:
        made, turned = mute(reader, [option], now=now)
    except CannotMute:
        return "?problem=full"
    value = signing.dumps([made, turned, option.label, number], salt=f"{SALT}|{reader.public_id}", compress=True)
    return "?" + urlencode({"muted": value})


def _signed(reader: Subscriber, value: str) -> tuple[Sequence[int], Sequence[int], str, int]:
    """Return the rows that a mute made and turned, its label and the paper's number.

    For a value that this reader was not given, return nothing, "" and 0.
    """
    try:
        made, turned, label, number = signing.loads(value[:LONGEST], salt=f"{SALT}|{reader.public_id}")
    except signing.BadSignature:
        return (), (), "", 0
    return made, turned, str(label), int(number)
