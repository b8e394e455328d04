"""The page of one paper at its short address, its export to reference managers, and "more like this" from there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from digest import search
from digest.identifiers.addresses import named_work
from digest.models import EditionPaper, Paper, PaperChange, SavedPaper, Verdict
from digest.ranking.trending import GRACE_HOURS, GRAVITY
from digest.reader_data import saved, verdicts
from digest.web.cards import PageCard, name_of, page_cards, path_of
from digest.web.paper_facts import AUTHORS_SHOWN, PaperFacts, facts_of, reference_of
from digest.web.reference_formats import FORMATS
from digest.web.structured_data import article
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.web.decorators import see_other
from subscriptions.web.sessions import reader_of

SIMILAR = 5  # papers like this one
LONGEST_NAME = 600  # characters of an address; no identifier is longer


@require_safe
def paper_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a paper; another spelling, a version or a work that was merged leads to its address."""
    now = timezone.now()
    paper = _named(name)
    if name != name_of(paper):
        return _moved(paper, name)
    facts = facts_of(paper, _candidacies(paper, now), now=now)
    reader = reader_of(request)
    verdict = reader and Verdict.objects.filter(subscriber=reader, paper=paper).values_list("value", flat=True).first()
    context = _context(facts) | {"similar": similar_to(paper, now), "reader": reader, "verdict": verdict or ""}
    context["is_saved"] = bool(reader) and SavedPaper.objects.filter(subscriber=reader, paper=paper).exists()
    response = render(request, "paper.html", context)
    if reader:
        response["Cache-Control"] = "no-store"
    return response


def _context(facts: PaperFacts) -> dict[str, object]:
    path = path_of(facts.paper)
    return {
        "facts": facts,
        "canonical": path,
        "json_ld_value": article(facts, path=path),
        "authors_shown": facts.authors[:AUTHORS_SHOWN],
        "authors_folded": facts.authors[AUTHORS_SHOWN:],
        "exports": [(format, reverse("paper_export", args=[name_of(facts.paper), format])) for format in FORMATS],
        "save_path": reverse("paper_save", args=[name_of(facts.paper)]),
        "more_path": reverse("paper_more", args=[name_of(facts.paper)]),
        "formula": {"gravity": GRAVITY, "grace": int(GRACE_HOURS)},
    }


def similar_to(paper: Paper, now: datetime) -> list[PageCard]:
    """Return the papers most like this one, best first, each as in its newest edition."""
    found = search.similar(paper.pk, limit=SIMILAR, now=now)
    rows = EditionPaper.objects.filter(paper__in=found).shown(now).select_related("paper").order_by("edition__date")
    newest = {row.paper_id: row for row in rows}
    return page_cards(newest[paper_id] for paper_id in found if paper_id in newest)


@require_safe
def export(request: HttpRequest, name: str, format: str) -> HttpResponse:
    """Return the reference of a paper as a file."""
    paper = _named(name)
    if name != name_of(paper):
        return redirect("paper_export", name_of(paper), format)
    _candidacies(paper, timezone.now())
    names = [paper.identifier, *paper.identifiers.order_by("pk").values_list("value", flat=True)]
    reference, form = reference_of(paper, names), FORMATS[format]
    headers = {"Content-Disposition": f'attachment; filename="{reference.key}.{form.ending}"'}
    return HttpResponse(form.write([reference]), content_type=f"{form.media_type}; charset=utf-8", headers=headers)


def _from_reader(act: Callable[[HttpRequest, Subscriber, Paper], HttpResponse | None]) -> Callable[..., HttpResponse]:
    """Let the POST of a signed-in reader act on a named paper, then show the paper again."""

    @require_POST
    @wraps(act)
    def view(request: HttpRequest, name: str) -> HttpResponse:
        paper = _named(name)
        _candidacies(paper, timezone.now())
        if too_many(request, "feedback"):
            return render(request, "429.html", status=429)
        if (reader := reader_of(request)) is None:
            return redirect("sign_in")
        return act(request, reader, paper) or HttpResponseRedirect(path_of(paper), status=303)

    return view


@_from_reader
def more(request: HttpRequest, reader: Subscriber, paper: Paper) -> None:
    """Store "more like this" for the reader, or take it back (``do=undo``)."""
    if request.POST.get("do") == "undo":
        Verdict.objects.filter(subscriber=reader, paper=paper, value=Verdict.Value.MORE).delete()
    else:
        verdicts.give(reader, paper, Verdict.Value.MORE, now=timezone.now())


@_from_reader
def save(request: HttpRequest, reader: Subscriber, paper: Paper) -> HttpResponse | None:
    """Save a paper for the reader, or take it out of the list (``do=unsave``)."""
    if request.POST.get("do") == "unsave":
        saved.unsave(reader, paper)
        return None
    try:
        saved.save(reader, paper, now=timezone.now())
    except saved.ListFull:
        return see_other("saved", "?problem=full")
    return None


def _named(name: str) -> Paper:
    """Return the paper of a short name, a slash after it or not; raise Http404."""
    if len(name) <= LONGEST_NAME:
        for one in dict.fromkeys((name, name.removesuffix("/"))):
            if paper := _paper_of(named_work(one)):
                return paper
    raise Http404("no such paper")


def _paper_of(work: str | int | None) -> Paper | None:
    """Return the paper of an identifier or a row's number, also of a work that was merged into it."""
    if isinstance(work, int):
        return Paper.objects.filter(pk=work).first() or _merged(work)
    if not work:
        return None
    bearing = Paper.objects.filter(identifiers__value=work).first()
    return bearing or Paper.objects.filter(identifier=work).first()


def _merged(number: int) -> Paper | None:
    """Return the paper that took over the work of this row."""
    applied = PaperChange.objects.filter(
        kind=PaperChange.Kind.MERGE, state=PaperChange.State.APPLIED, said__other=number
    )
    change = applied.select_related("paper").first()
    return change.paper if change else None


def _moved(paper: Paper, name: str) -> HttpResponse:
    """Redirect to the paper's address: for good where the name is another spelling of it, since merges are undone."""
    is_spelling = named_work(name) == paper.identifier
    answer = HttpResponsePermanentRedirect if is_spelling else HttpResponseRedirect
    return answer(path_of(paper))


def _candidacies(paper: Paper, now: datetime) -> list[EditionPaper]:
    """Return the paper's places in editions, the newest first; raise Http404 if it may not be shown in public."""
    rows = EditionPaper.objects.filter(paper=paper).public(now).select_related("edition")
    found = list(rows.defer("card").order_by("-edition__date"))
    if not found:
        raise Http404("not in public")
    return found
