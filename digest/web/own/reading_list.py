"""Pages of a signed-in reader's own list: name papers, see what was read before it is kept, take parts back."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from digest.compose.card import NAME_LENGTH, TITLE_LENGTH, safe_link
from digest.compose.phrases import shorten
from digest.ingest.parsers.feed import SourceUnreadable
from digest.models import ListEntry, ListSource
from digest.reading_lists import keep, libraries
from digest.reading_lists.match import Match, Outcome, match
from digest.reading_lists.texts import (
    FORMATS,
    file_problem,
    flaw_text,
    library_problem,
    name_of_part,
    not_a_library,
    nothing_read,
)
from subscriptions.models import LoginToken, Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.sign_up_checks import list_problem
from subscriptions.unicode_text import clean_text
from subscriptions.web.decorators import see_other
from subscriptions.web.request_size import takes_up_to
from subscriptions.web.sessions import reader_page
from subscriptions.web.sign_up import TOO_MANY

LARGEST = 16 << 20  # octets of an upload
LONGEST_TEXT = 200_000  # characters that are pasted
ROWS = 60  # works on one page
DONE = {
    "kept": gettext_lazy("Kept. Your next digests rank papers similar to these higher."),
    "discarded": gettext_lazy("Nothing was kept."),
    "taken_back": gettext_lazy("Taken back. It no longer counts for your digests."),
    "asked": gettext_lazy("This library is being read. It is shown below when that is done, within a minute or two."),
}
FULL = gettext_lazy("Your list would have more than %(most)s works. Take a part of it back first.")
TOO_MANY_LIBRARIES = gettext_lazy("You can name %(most)s libraries. Take one of them back first.")


class ListForm(forms.Form):
    """A form of a pasted list or the name of a library, and a file."""

    text = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        error_messages={
            "max_length": gettext_lazy("This is too long to paste. Save it in a file and upload that."),
        },
        widget=forms.Textarea,
    )
    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        error_messages={
            "invalid": gettext_lazy("The file did not arrive. Choose it again."),
            "max_length": gettext_lazy("The name of the file is too long. Rename it."),
        },
    )


@takes_up_to(LARGEST)
@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def own_list(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show the parts of a reader's list; read what they name, and show it before it is kept."""
    if request.method != "POST":
        given = _given_at_sign_up(reader)
        # what was refused by nobody at the sign-up, such as while other lists were read
        problem = list_problem(given) if given and not too_many(request, "reading_list") else ""
        return _list_page(request, reader, ListForm(initial={"text": given}), problem=problem)
    form = ListForm(request.POST, request.FILES)
    if too_many(request, "reading_list"):
        return _list_page(request, reader, form, problem=str(TOO_MANY), status=429)
    if not form.is_valid():
        return _list_page(request, reader, form, status=422)
    problem = ""
    try:
        part = _read(reader, form)
    except SourceUnreadable as error:
        problem = file_problem(error.kind, detail=error.detail)
    except libraries.NotALibrary as error:
        problem = not_a_library(error.code)
    except libraries.TooManyLibraries:
        problem = str(TOO_MANY_LIBRARIES) % {"most": libraries.MOST_LIBRARIES}
    except _NothingRead as error:
        problem = str(error)
    if problem:
        return _list_page(request, reader, form, problem=problem, status=422)
    if part.kind in ListSource.LIBRARIES:
        return see_other("own_list", "?done=asked")
    return HttpResponseRedirect(reverse("own_list_part", args=[part.pk]), status=303)


def _given_at_sign_up(reader: Subscriber) -> str:
    """Return what was typed of papers at the confirmed sign-up, for a reader who has no list yet."""
    if ListSource.objects.filter(subscriber=reader).exists():
        return ""
    links = LoginToken.objects.filter(subscriber=reader, purpose=LoginToken.Purpose.CONFIRM, used_at__isnull=False)
    choices = links.order_by("-used_at").values_list("choices", flat=True).first() or {}
    return str(choices.get("papers", ""))


class _NothingRead(Exception):
    """Raised with a sentence when a list has entries, none of which can be read."""


def _read(reader: Subscriber, form: ListForm) -> ListSource:
    """Read what the form holds, as a draft; a library is read soon."""
    now = timezone.now()
    file, text = form.cleaned_data["file"], form.cleaned_data["text"]
    if file is None and (library := libraries.library_in(text)):
        return libraries.add_library(reader, *library, now=now)
    found = keep.read_body(file.read() if file else text.encode("utf-8", "replace"))
    if not found.works:
        raise _NothingRead(nothing_read(found))
    if file is None:
        first = found.works[0]
        begins = shorten(first.title or first.names[0], NAME_LENGTH)
        return keep.draft(reader, found, kind=ListSource.Kind.PASTED, name=begins, now=now)
    name = " ".join(clean_text(file.name or "").split())[:100] or _("a file")
    return keep.draft(reader, found, kind=ListSource.Kind.FILE, name=name, now=now)


def _list_page(
    request: HttpRequest, reader: Subscriber, form: ListForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    mine = ListSource.objects.filter(subscriber=reader).defer("found")
    parts = mine.annotate(works=Count("entries", filter=Q(entries__taken_back=False)))
    context = {
        "form": form,
        "problem": problem,
        "done": DONE.get(request.GET.get("done", ""), ""),
        "parts": [_part(part) for part in parts],
        "formats": FORMATS,
    }
    return render(request, "own_list.html", context, status=status)


def _part(part: Any) -> dict[str, Any]:
    return {
        "number": part.pk,
        "name": name_of_part(part),
        "state": part.state,
        "works": part.works,
        "read_at": part.read_at,
        "is_library": part.kind in ListSource.LIBRARIES,
        "problem": library_problem(part.problem),
    }


# One part ------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def own_list_part(request: HttpRequest, number: str, *, reader: Subscriber) -> HttpResponse:
    """Show one part, line by line; keep it, or take it or one of its works back."""
    part = ListSource.objects.filter(subscriber=reader, pk=int(number)).select_related("subscriber").first()
    if part is None:
        raise Http404("no part of this reader's list")
    if request.method == "POST":
        return _change(request, part)
    return _part_page(request, part)


def _change(request: HttpRequest, part: ListSource) -> HttpResponse:
    do = request.POST.get("do", "")
    if too_many(request, "reading_list" if do == "read" else "preferences"):
        return render(request, "429.html", status=429)
    now = timezone.now()
    if do == "keep" and part.state == ListSource.State.READ:
        try:
            keep.keep(part, now=now)
        except keep.ListFull:
            return _part_page(request, part, problem=str(FULL) % {"most": f"{keep.MOST_ENTRIES:,}"}, status=422)
        return see_other("own_list", "?done=kept")
    if do == "take_back":
        is_draft = part.state != ListSource.State.KEPT
        keep.take_back(part)
        return see_other("own_list", "?done=discarded" if is_draft else "?done=taken_back")
    if do == "read" and part.kind in ListSource.LIBRARIES:
        libraries.add_library(part.subscriber, part.kind, part.name, now=now)
        return see_other("own_list", "?done=asked")
    typed = request.POST.get("entry", "")
    if typed.isascii() and typed.isdecimal() and len(typed) < 16:
        if entry := part.entries.filter(pk=int(typed), taken_back=False).select_related("source").first():
            keep.take_back_entry(entry)
        page = urlencode({"page": request.POST.get("page", "")[:6]})
        return HttpResponseRedirect(f"{reverse('own_list_part', args=[part.pk])}?{page}", status=303)
    return _part_page(request, part, status=400)


def _part_page(request: HttpRequest, part: ListSource, *, problem: str = "", status: int = 200) -> HttpResponse:
    around = {"part": part, "name": name_of_part(part), "problem": problem}
    if part.state == ListSource.State.READ:
        return render(request, "own_list_draft.html", around | _draft(part), status=status)
    entries = part.entries.filter(taken_back=False).select_related("paper")
    page = Paginator(entries, ROWS).get_page(request.GET.get("page"))
    around |= {
        "page": page,
        "entries": [_entry(entry) for entry in page],
        "library_problem": library_problem(part.problem),
        "is_library": part.kind in ListSource.LIBRARIES,
    }
    return render(request, "own_list_part.html", around, status=status)


def _draft(part: ListSource) -> dict[str, Any]:
    """Return what was read, line by line, in groups of what becomes of it."""
    found = keep.found_in(part)
    matches = match(found.works, reader=part.subscriber, apart_from=part.pk)
    counts = Counter(one.outcome for one in matches)
    return {
        "found": found,
        "shown": len(found.works),
        "groups": {outcome: [_line(one) for one in matches if one.outcome is outcome] for outcome in Outcome},
        "kept": counts[Outcome.KNOWN] + counts[Outcome.TEXT],
        "unread": [{"what": one.what, "why": flaw_text(one.flaw)} for one in found.unread],
    }


def _line(one: Match) -> dict[str, Any]:
    return {
        "title": shorten(one.title, TITLE_LENGTH),
        "link": safe_link(one.paper.url) if one.paper else "",
        "has_abstract": bool(one.work.abstract),
    }


def _entry(entry: ListEntry) -> dict[str, Any]:
    return {
        "number": entry.pk,
        "title": shorten(entry.text[0], TITLE_LENGTH),
        "link": safe_link(entry.paper.url) if entry.paper else "",
        "is_known": entry.paper is not None,
        "has_abstract": bool(entry.abstract),
    }
