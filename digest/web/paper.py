"""The page of one paper at its short address, its export to reference managers, and what a reader does with it."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest import search
from digest.identifiers.addresses import named_work
from digest.models import EditionPaper, Paper, PaperChange
from digest.ranking.trending import GRACE_HOURS, GRAVITY
from digest.web.own.page_feedback import act_on, acts_context, reader_act
from digest.web.papers.acts import acts_for, place_of
from digest.web.papers.cards import PageCard, name_of, page_cards, path_of
from digest.web.papers.facts import AUTHORS_SHOWN, PaperFacts, facts_of, reference_of
from digest.web.papers.reference_formats import FORMATS
from digest.web.papers.structured_data import article
from subscriptions.models import Subscriber
from subscriptions.web.sessions import reader_of, readers_own

SIMILAR = 5  # papers like this one
LONGEST_NAME = 600  # characters of an address; no identifier is longer


@readers_own
@require_safe
def paper_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a paper; another spelling, a version or a work that was merged leads to its address."""
    now = timezone.now()
    paper = _named(name)
    if name != name_of(paper):
        return _moved(paper, name)
    facts = facts_of(paper, _candidacies(paper, now), now=now)
    reader = reader_of(request)
    acts = acts_for(reader, [paper]).get(paper.pk)
    context = _context(facts) | {"similar": similar_to(paper, now), "acts": acts} | acts_context(request, reader)
    return render(request, "paper.html", context)


def _context(facts: PaperFacts) -> dict[str, object]:
    path = path_of(facts.paper)
    return {
        "facts": facts,
        "canonical": path,
        "json_ld_value": article(facts, path=path),
        "authors_shown": facts.authors[:AUTHORS_SHOWN],
        "authors_folded": facts.authors[AUTHORS_SHOWN:],
        "exports": [(format, reverse("paper_export", args=[name_of(facts.paper), format])) for format in FORMATS],
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


@reader_act("paper", "name")
def act(request: HttpRequest, reader: Subscriber, name: str) -> HttpResponse:
    """Do what a button under a public paper says, on whatever page it was."""
    paper = _named(name)
    _candidacies(paper, timezone.now())
    return act_on(request, reader, paper, place=place_of(paper))


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
    rows = EditionPaper.objects.filter(paper=paper).public(now).with_days()
    found = list(rows.defer("card").order_by("-edition__date"))
    if not found:
        raise Http404("not in public")
    return found
