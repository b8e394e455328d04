"""How the sources fare; adding one, asking one now, switching one off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from digest import charts
from digest.compose.phrases import plural
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.editions.current_time import current_time
from digest.ingest import refresh
from digest.ingest.parser_process import ParserProcess
from digest.ingest.parsers import SourceUnreadable
from digest.ingest.sources import add_source, source_list
from digest.ingest.sources.add_source import PATIENCE, CannotAdd, Look
from digest.ingest.sources.advice import advice_for, explain
from digest.ingest.sources.health import Day, SourceHealth, health_of, is_by_hand
from digest.ingest.sources.source_list import Offer
from digest.models import Paper, PaperChange, Sighting, Source
from subscriptions.mail.rendering import one_line
from subscriptions.rate_limits import too_many_by
from subscriptions.wake_worker import enqueue_task
from subscriptions.web.decorators import posted_from
from subscriptions.web.request_size import takes_up_to

FORTNIGHT, MONTH = 14, 30  # days that are drawn
SHOWN, LATEST = 10, 20  # entries of a look; papers of a source
SALT, GOOD_FOR = (
    "broadsheet.dashboard.source",
    3600,
)  # seconds from a look until what was shown has to be looked at again
LARGEST_LIST = 5 << 20  # octets
LARGEST_FILE = 20 << 20  # octets of a feed to try
SALT_OF_LIST = f"{SALT}.list"
TOO_MANY = "You asked other hosts very often in the past hour: go on when the next hour begins."
KINDS = {
    "arxiv_rss": "arXiv’s daily feed",
    "arxiv_rdf": "arXiv’s older feed (RDF)",
    "arxiv_api": "arXiv’s search (API)",
    "arxiv_oai": "arXiv’s harvest (OAI-PMH)",
    "hugging_face": "Hugging Face daily papers",
    "biorxiv_api": "bioRxiv or medRxiv by day (API)",
    "journal": "A journal’s or site’s feed (RSS, Atom)",
    "seed_page": "A saved page of Hugging Face",
}


@require_safe
@staff_only()
def sources(request: HttpRequest) -> HttpResponse:
    return _page_of_all(request)


def _page_of_all(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    now = timezone.now()
    health = health_of(Source.objects.all(), now=now, today=current_time(now).date(), days=FORTNIGHT)
    rows = [(one, charts.small(f"{one.source.name}, last {FORTNIGHT} days", **_numbers(one.days))) for one in health]
    ill = sum(one.state in ("failing", "waiting") for one in health)
    claims = PaperChange.objects.filter(state=PaperChange.State.CLAIMED).count()
    around = {
        "rows": rows,
        "ill": ill,
        "on": sum(one.source.active for one in health),
        "stand_still": settings.MODE != "live",
        "kinds": KINDS,
        "claims": claims,
        # the field that a problem is about
        "wrong": "address",
    }
    return page(request, "sources", {"here": "dashboard_sources", **around, **more}, status=status)


def _numbers(days: Sequence[Day]) -> dict[str, Any]:
    """Return what a chart draws of a source's days."""
    series = {"stored": [day.stored for day in days], "missing": [day.missing for day in days]}
    return {"labels": [f"{day.date:%-d %b}" for day in days], "series": series, "unit": "Papers"}


# --- adding one ------------------------------------------------------------------------------------------------------


@posted_from("dashboard_sources")
@staff_only(done_by=Role.CURATOR)
def look(request: HttpRequest) -> HttpResponse:
    """Return what an address shows, before anything is kept: asks its host, and writes nothing."""
    now, typed = timezone.now(), request.POST.get("address", "")[:3000]
    assert request.user.pk  # noqa: S101 (staff_only has seen to it)
    if too_many_by(request.user.pk, "look", now=now):
        return _page_of_all(request, status=429, typed=typed, problem=TOO_MANY)
    try:
        found = add_source.look_at(typed, now=now)
    except CannotAdd as refusal:
        return _page_of_all(request, status=422, typed=typed, problem=str(refusal).strip(), feeds=refusal.feeds)
    return _page_of_look(request, found)


@takes_up_to(LARGEST_FILE)
@posted_from("dashboard_sources")
@staff_only(done_by=Role.CURATOR)
def look_at_file(request: HttpRequest) -> HttpResponse:
    """Return what a file shows, as if it were a source: asks no host, and writes nothing."""
    file = request.FILES.get("file")
    if file is None:
        return _page_of_all(
            request, status=422, problem="Choose a file: a feed, as your browser saves it.", wrong="file"
        )
    try:
        found = add_source.look_at_file(file.read(), one_line(file.name or ""), now=timezone.now())
    except CannotAdd as refusal:
        return _page_of_all(request, status=422, problem=str(refusal), wrong="file")
    around = {"here": "dashboard_sources", "look": found, "shown": found.entries[:SHOWN], "is_file": True}
    return page(request, "new_source", around)


def _page_of_look(request: HttpRequest, found: Look) -> HttpResponse:
    seal = signing.dumps({"url": found.url, "kind": found.kind, "by": request.user.pk}, salt=SALT)
    kinds = [(kind, KINDS[kind]) for kind in add_source.kinds_that_fit(found.kind)]
    around = {"here": "dashboard_sources", "look": found, "shown": found.entries[:SHOWN], "seal": seal, "kinds": kinds}
    return page(request, "new_source", around)


@posted_from("dashboard_sources")
@staff_only(done_by=Role.CURATOR)
def add(request: HttpRequest) -> HttpResponse:
    """Keep what was looked at: the address is the one that was shown, not what a form says."""
    try:
        seen = signing.loads(request.POST.get("seal", ""), salt=SALT, max_age=GOOD_FOR)
    except signing.BadSignature:
        problem = "That look is over an hour old, or not yours: paste the address again."
        return _page_of_all(request, status=422, problem=problem)
    kind = request.POST.get("kind", "")
    try:
        if seen["by"] != request.user.pk or kind not in add_source.kinds_that_fit(seen["kind"]):
            raise CannotAdd("Choose one of the kinds that were offered: paste the address again.")
        with transaction.atomic():
            source = add_source.add(url=seen["url"], kind=kind, name=request.POST.get("name", ""))
            audit_log.record(request.user, source, f"Added it: {source.url}")
    except CannotAdd as refusal:
        return _page_of_all(request, status=422, typed=seen["url"], problem=str(refusal))
    enqueue_task("digest.tasks.refresh", queue="ticks")
    messages.success(
        request, f"“{source.name}” is added. It is read within a minute or two; “Read now” does it at once."
    )
    return redirect("dashboard_source", source.pk)


# --- lists of feeds ---------------------------------------------------------------------------------------------------


@takes_up_to(LARGEST_LIST)
@posted_from("dashboard_sources")
@staff_only(done_by=Role.CURATOR)
def offer_list(request: HttpRequest) -> HttpResponse:
    """Return what an OPML file offers; writes nothing and asks no host."""
    file = request.FILES.get("list")
    if file is None:
        return _page_of_all(
            request, status=422, problem="Choose an OPML file, as your feed reader exports it.", wrong="list"
        )
    try:
        with ParserProcess() as parser:
            found = parser.read_opml(file.read())
    except SourceUnreadable as error:
        problem = f"{explain(error.kind, detail=error.detail)} Choose an OPML file, as your feed reader exports it."
        return _page_of_all(request, status=422, problem=problem, wrong="list")
    offers = source_list.offers(found.feeds)
    sealed = [(offer.url, offer.name, offer.kind) for offer in offers]
    seal = signing.dumps({"offers": sealed, "by": request.user.pk}, salt=SALT_OF_LIST, compress=True)
    around = {"here": "dashboard_sources", "offers": offers, "notes": found.notes, "seal": seal}
    return page(request, "offered_sources", around)


@posted_from("dashboard_sources")
@staff_only(done_by=Role.CURATOR)
def add_list(request: HttpRequest) -> HttpResponse:
    """Add what was chosen of a list: the addresses are those that were shown, not what a form says."""
    try:
        seen = signing.loads(request.POST.get("seal", ""), salt=SALT_OF_LIST, max_age=GOOD_FOR)
    except signing.BadSignature:
        seen = {"by": None}
    if seen["by"] != request.user.pk:
        problem = "That list is over an hour old, or not yours: choose its file again."
        return _page_of_all(request, status=422, problem=problem, wrong="list")
    numbers = {int(one) for one in request.POST.getlist("take") if one.isdecimal() and len(one) < 5}
    offers = [Offer(url=url, name=name, kind=kind) for url, name, kind in seen["offers"]]
    with transaction.atomic():
        added, problems = source_list.take([offer for at, offer in enumerate(offers) if at in numbers])
        for source in added:
            audit_log.record(request.user, source, f"Added it from a list: {source.url}")
    if added:
        enqueue_task("digest.tasks.refresh", queue="ticks")
        messages.success(request, f"{plural(len(added), 'source')} added. They are read within the next minutes.")
    for problem in problems or ([] if added else ["Choose at least one feed of the list."]):
        messages.error(request, problem)
    return redirect("dashboard_sources")


@require_safe
@staff_only()
def export_opml(request: HttpRequest) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="broadsheet.opml"'}
    return HttpResponse(source_list.export(), content_type="text/x-opml; charset=utf-8", headers=headers)


# --- one source ------------------------------------------------------------------------------------------------------


@require_safe
@staff_only()
def one_source(request: HttpRequest, pk: int) -> HttpResponse:
    now = timezone.now()
    (health,) = health_of([get_object_or_404(Source, pk=pk)], now=now, today=current_time(now).date(), days=MONTH)
    return page(request, "source", _about(health))


def _about(health: SourceHealth) -> dict[str, Any]:
    source = health.source
    seen = Sighting.objects.filter(source=source).order_by("-seen_at", "-pk").values_list("paper_id", "seen_at")
    at = dict(reversed(seen[: 3 * LATEST]))  # a paper's latest sighting counts
    papers = sorted(Paper.objects.filter(pk__in=list(at)), key=lambda paper: at[paper.pk], reverse=True)[:LATEST]
    return {
        "here": "dashboard_sources",
        "faring": health,
        "source": source,
        "kind": KINDS.get(source.kind, source.kind),
        "chart": charts.bars(f"Papers per day, last {MONTH} days", **_numbers(health.days)),
        "troubled": [day for day in reversed(health.days) if day.why][:10],
        "refused": sorted(source.last_reading.get("refused", {}).items(), key=lambda one: -one[1]),
        "papers": [(paper, at[paper.pk]) for paper in papers],
        "history": audit_log.entries_about(source),
        "is_empty": not at,
    }


@require_POST
@staff_only(done_by=Role.CURATOR)
def refresh_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask one source now, in its host's turn; what came is told, and stays if the page is left meanwhile."""
    source, now = get_object_or_404(Source, pk=pk), timezone.now()
    if is_by_hand(source):
        messages.error(request, "It was given by hand, as a file, so there is nobody to ask.")
    elif not source.active:
        messages.error(request, "It is switched off: switch it on first.")
    elif too_many_by(request.user.pk or 0, "refresh", now=now):
        messages.error(request, TOO_MANY)
    else:
        reading = refresh.refresh(source, now=now, limits=PATIENCE)
        said = _in_words(reading)
        audit_log.record(
            request.user, source, f"Read it now. {said}"[:500]
        )  # requests take turns, which no transaction may hold
        (messages.error if reading.error_kind else messages.success)(request, said)
    return _back(request, source)


def _in_words(reading: refresh.Reading) -> str:
    if kind := reading.error_kind:
        return f"Nothing was read. {explain(kind, detail=reading.error)} {advice_for(kind)}"
    if not (reading.stored or reading.refused):
        return "There is nothing new since the last reading."
    left_out = f" {len(reading.refused):,} left out." if reading.refused else ""
    return f"Read {plural(reading.stored, 'paper')}: {reading.new:,} new, {reading.updated:,} changed.{left_out}"


@require_POST
@staff_only(done_by=Role.CURATOR)
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    source, on = get_object_or_404(Source, pk=pk), request.POST.get("to") == "on"
    if request.POST.get("to") not in ("on", "off"):
        messages.error(request, "Press one of the buttons: switch it on, or off.")
    elif on and is_by_hand(source):
        messages.error(request, "It was given by hand, as a file, so there is nobody to ask.")
    else:
        with transaction.atomic():
            changed = add_source.switch(source, on=on)
            if changed:
                audit_log.record(request.user, source, f"Switched it {'on' if on else 'off'}.")
        state = "on: it is read at the next check" if on else "off: what it brought stays"
        said = (
            f"“{source.name}” is {state}."
            if changed
            else f"“{source.name}” was switched {'on' if on else 'off'} already."
        )
        messages.success(request, said)
        if not Source.objects.filter(active=True).exists():
            messages.error(request, "No source is on now, so no edition will open and no digest leave.")
    return _back(request, source)


@require_POST
@staff_only(done_by=Role.CURATOR)
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    source = get_object_or_404(Source, pk=pk)
    before = source.name
    try:
        with transaction.atomic():
            add_source.rename(source, request.POST.get("name", ""))
            audit_log.record(request.user, source, f"Renamed it, from “{before}”.")
        messages.success(request, f"It is called “{source.name}” now, on the cards of the days to come.")
    except CannotAdd as refusal:
        messages.error(request, str(refusal))
    return redirect("dashboard_source", pk)


@require_POST
@staff_only(done_by=Role.CURATOR)
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    source = get_object_or_404(Source, pk=pk)
    try:
        with transaction.atomic():
            audit_log.record(request.user, source, f"Removed it: {source.url}")
            add_source.remove(source)
    except CannotAdd as refusal:
        messages.error(request, str(refusal))
        return redirect("dashboard_source", pk)
    messages.success(request, f"“{source.name}” is removed.")
    return redirect("dashboard_sources")


def _back(request: HttpRequest, source: Source) -> HttpResponseRedirect:
    """To the list, where the button was pressed there; else to the source."""
    return (
        redirect("dashboard_sources") if request.POST.get("from") == "list" else redirect("dashboard_source", source.pk)
    )


urlpatterns = [
    path("sources", sources, name="dashboard_sources"),
    path("sources/look", look, name="dashboard_source_look"),
    path("sources/file", look_at_file, name="dashboard_source_file"),
    path("sources/add", add, name="dashboard_source_add"),
    path("sources/list", offer_list, name="dashboard_source_list"),
    path("sources/list/add", add_list, name="dashboard_source_list_add"),
    path("sources.opml", export_opml, name="dashboard_source_export"),
    path("sources/<int:pk>", one_source, name="dashboard_source"),
    path("sources/<int:pk>/refresh", refresh_now, name="dashboard_source_refresh"),
    path("sources/<int:pk>/switch", switch, name="dashboard_source_switch"),
    path("sources/<int:pk>/rename", rename, name="dashboard_source_rename"),
    path("sources/<int:pk>/remove", remove, name="dashboard_source_remove"),
]
