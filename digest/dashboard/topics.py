"""Pages of topics: their rules, their readers, and the effect of a change before it is saved."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from digest.compose.phrases import plural
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.dashboard.topic_form import TopicForm, in_words
from digest.editions.current_time import current_time
from digest.ingest.papers import retag
from digest.ingest.papers.retag import Change, ChangedMeanwhile, change_of, mark_of
from digest.models import Paper
from subscriptions import topic_counts
from subscriptions.models import Topic

SHOWN = 20  # papers added, and papers removed


@require_safe
@staff_only()
def topics(request: HttpRequest) -> HttpResponse:
    rows = list(Topic.objects.all())
    limit = max((topic.wanted for topic in rows), default=0) or 1
    shares = [(topic, round(100 * topic.wanted / limit)) for topic in rows]
    groups = [(group, list(some)) for group, some in groupby(shares, key=lambda row: row[0].group)]
    return page(request, "topics", {"groups": groups, "count": len(rows)})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def one_topic(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a topic and its form; a POST shows what would change (``look``) or saves it."""
    topic = get_object_or_404(Topic, pk=pk)
    if request.method != "POST":
        return _page_of(request, topic, TopicForm(row=topic))
    return _taken(request, topic, TopicForm(request.POST, row=topic))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def new_topic(request: HttpRequest) -> HttpResponse:
    """Show the form of a new topic; a POST works as in :func:`one_topic`."""
    last = Topic.objects.order_by("-position").first()
    topic = Topic(offered=True, position=min(last.position + 1, 9999) if last else 0)
    if request.method != "POST":
        return _page_of(request, topic, TopicForm(row=topic))
    return _taken(request, topic, TopicForm(request.POST, row=topic))


def _taken(request: HttpRequest, topic: Topic, form: TopicForm) -> HttpResponse:
    if not form.is_valid():
        return _page_of(request, topic, form, status=422)
    if "look" in request.POST:
        change = change_of(form.topic(), now=current_time(timezone.now()))
        return _page_of(request, topic, form, change=change, seen=request.POST.get("seen", ""))
    return _saved(request, topic, form)


def _saved(request: HttpRequest, topic: Topic, form: TopicForm) -> HttpResponse:
    wished, said = form.topic(), in_words(topic, form.topic())
    if topic.pk and not said:
        messages.success(request, _("Nothing was changed."))
        return redirect("dashboard_topic", topic.pk)
    try:
        with transaction.atomic():
            change = retag.save(wished, seen=request.POST.get("seen", ""), now=current_time(timezone.now()))
            moved = f"{plural(len(change.entering), 'paper')} added, {len(change.leaving):,} removed."
            what = f"Changed {said}." if topic.pk else "Created it."
            audit_log.record(request.user, wished, f"{what} {moved}")
    except ChangedMeanwhile:
        topic.refresh_from_db()
        return _page_of(request, topic, form, status=409, told=_who_was_quicker(topic))
    except (IntegrityError, Topic.DoesNotExist):
        messages.error(request, _("Somebody else has just added or removed this topic. Check the list and try again."))
        return redirect("dashboard_topics")
    saved = _("Saved “%(name)s”. %(moved)s The change applies to all digests planned from now on.")
    messages.success(request, saved % {"name": wished.name, "moved": moved})
    return redirect("dashboard_topic", wished.pk)


def _who_was_quicker(topic: Topic) -> str:
    last = next(iter(audit_log.entries_about(topic, limit=1)), None)
    who = (last.user.get_full_name() or last.user.get_username()) if last else _("Somebody")
    return _("%(who)s changed this topic while you were writing.") % {"who": who}


@require_POST
@staff_only(done_by=Role.CURATOR)
def offer(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer a topic to readers, or stop offering it; readers who chose it keep it."""
    offered = request.POST.get("to") == "yes"
    if request.POST.get("to") not in ("yes", "no"):
        messages.error(request, _("Choose one of the buttons."))
        return redirect("dashboard_topic", pk)
    with transaction.atomic():
        topic = get_object_or_404(Topic.objects.select_for_update(), pk=pk)
        if topic.offered != offered:
            topic.offered = offered
            topic.save(update_fields=["offered"])
            what = "Offered it again." if offered else "Stopped offering it."
            audit_log.record(request.user, topic, what)
    count = topic_counts.readers_who_want(topic)
    kept = ngettext(
        "“%(name)s” is no longer offered. %(count)s reader keeps it.",
        "“%(name)s” is no longer offered. %(count)s readers keep it.",
        count,
    )
    state = _("“%(name)s” is offered to readers.") if offered else kept
    messages.success(request, state % {"name": topic.name, "count": f"{count:,}"})
    return redirect("dashboard_topic", pk)


def _page_of(
    request: HttpRequest,
    topic: Topic,
    form: TopicForm,
    *,
    change: Change | None = None,
    seen: str = "",
    told: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the form with the effect of a change; ``told`` describes an edit conflict and shows the saved row too."""
    ids = [pk for some in (change.entering, change.leaving) for pk in some[:SHOWN]] if change else []
    papers = Paper.objects.in_bulk(ids) if ids else {}
    around: dict[str, Any] = {
        "here": "dashboard_topics",
        "topic": topic,
        "form": form,
        "seen": seen or (mark_of(topic) if topic.pk else ""),
        "told": told,
        "change": change,
        "entering": [papers[pk] for pk in change.entering[:SHOWN] if pk in papers] if change else [],
        "leaving": [papers[pk] for pk in change.leaving[:SHOWN] if pk in papers] if change else [],
        "unknown": form.unknown_categories() if form.is_bound and form.is_valid() else [],
        "groups": Topic.objects.order_by("group").values_list("group", flat=True).distinct(),
        "history": audit_log.entries_about(topic) if topic.pk else [],
    }
    return page(request, "topic", around, status=status)


urlpatterns = [
    path("topics", topics, name="dashboard_topics"),
    path("topics/new", new_topic, name="dashboard_new_topic"),
    path("topics/<int:pk>", one_topic, name="dashboard_topic"),
    path("topics/<int:pk>/offer", offer, name="dashboard_topic_offer"),
]
