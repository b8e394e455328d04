"""Page of merges and claims: what sources said of papers, for a curator to apply, dismiss or undo."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.ingest.papers.changes import ACTS, CannotUndo, read_anew, settle
from digest.models import PaperChange

SHOWN = 50  # changes of each state


@require_safe
@staff_only()
def changes(request: HttpRequest) -> HttpResponse:
    """Show the open claims, then what was applied and can be undone, the latest first. Two queries."""
    rows = PaperChange.objects.select_related("paper", "source").defer("before")
    lists = [
        (_("To decide"), rows.filter(state=PaperChange.State.CLAIMED)[:SHOWN], ["apply", "dismiss"]),
        (_("Applied"), rows.filter(state=PaperChange.State.APPLIED)[:SHOWN], ["undo"]),
    ]
    labels = {"apply": _("Apply"), "dismiss": _("Dismiss"), "undo": _("Undo")}
    shown = [
        (name, [(row, _what(row), _names(row)) for row in some], [(act, labels[act]) for act in acts])
        for name, some, acts in lists
    ]
    around = {"here": "dashboard_sources", "lists": shown, "history": audit_log.latest(PaperChange)}
    return page(request, "changes", around)


def _what(row: PaperChange) -> str:
    """Return what a change is, in the words of the page."""
    is_claim = row.state == PaperChange.State.CLAIMED
    match row.kind:
        case PaperChange.Kind.MERGE:
            return _("The same work, by an entry that names both?") if is_claim else _("Joined with another paper")
        case PaperChange.Kind.VERSION:
            return _("Version %(version)s") % {"version": row.said.get("version", "?")}
        case PaperChange.Kind.WITHDRAWAL:
            return _("Withdrawn?") if is_claim else _("Marked as withdrawn")
    return _("An abstract for a paper without one")


def _names(row: PaperChange) -> list[str]:
    """Return the names that brought a merge, those that tell people something: no hashes of titles."""
    return [name for name in row.said.get("names", ()) if not name.startswith(("title:", "guid:"))]


@require_POST
@staff_only(done_by=Role.CURATOR)
def settle_change(request: HttpRequest, pk: int) -> HttpResponse:
    act = request.POST.get("act", "")
    said = {"apply": _("Applied."), "dismiss": _("Dismissed."), "undo": _("Undone.")}
    if act not in ACTS:
        messages.error(request, _("Press one of the buttons: apply, dismiss or undo."))
        return redirect("dashboard_changes")
    try:
        with transaction.atomic():
            change = settle(pk, act, now=timezone.now())
            what = f"{said[act]} {change.get_kind_display().capitalize()}: {change.paper}"
            audit_log.record(request.user, change, what)
    except CannotUndo as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said[act])
    return redirect("dashboard_changes")


@require_POST
@staff_only(done_by=Role.CURATOR)
def take_anew(request: HttpRequest) -> HttpResponse:
    """Let the source that speaks for a paper replace its text, whatever was stored before."""
    with transaction.atomic():
        paper = read_anew(request.POST.get("name", "")[:2000])
        if paper:
            audit_log.record(request.user, paper, "Its text is taken anew at the next reading.")
    if paper:
        messages.success(
            request, _("The next reading of its own source replaces the text of “%(title)s”.") % {"title": paper}
        )
    else:
        messages.error(request, _("No paper has this identifier, DOI or link."))
    return redirect("dashboard_changes")


urlpatterns = [
    path("changes", changes, name="dashboard_changes"),
    path("changes/take-anew", take_anew, name="dashboard_take_anew"),
    path("changes/<int:pk>", settle_change, name="dashboard_change"),
]
