"""Page of the day: the overview, the candidates, and the forms to pick, boost and hide papers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from digest.dashboard import audit_log, overview, paper_list
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.dashboard.paper_list import JUDGED, Filters
from digest.editions import curation, reach
from digest.editions.curation import CannotJudge, ChangedMeanwhile, Judgement
from digest.editions.current_time import current_time
from digest.models import CuratorPick, EditionPaper, Paper, PaperSummary, Source
from subscriptions.models import Topic

SHOWN = 25
SHOWS = ("topic", "source", "words", "judged", "page", "find")  # parameters of the query
DONE = {"pick": "Picked", "boost": "Boosted", "hide": "Hidden"}
WRONG_DAY = gettext_lazy("Choose a day from the calendar, like 2027-01-31.")
WRONG_EMBARGO = gettext_lazy("Write the end of the embargo as a date and a time (UTC), like 2027-01-31T09:00.")


class JudgementForm(forms.Form):
    """A posted judgement; ``curation`` checks its content."""

    verdict = forms.CharField(required=False)
    note = forms.CharField(required=False, strip=False)
    edition_date = forms.DateField(
        input_formats=["%Y-%m-%d"],
        error_messages=dict.fromkeys(("required", "invalid"), WRONG_DAY),
    )
    embargo_until = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": WRONG_EMBARGO},
    )
    topic = forms.CharField(required=False)
    seen = forms.CharField(required=False)

    @property
    def day(self) -> date:
        return self.cleaned_data["edition_date"]

    def judgement(self) -> Judgement:
        given = self.cleaned_data
        until = given["embargo_until"]
        return Judgement(given["verdict"], given["note"], until and until.astimezone(UTC), given["topic"])


@require_safe
@staff_only()
def today(request: HttpRequest) -> HttpResponse:
    """Show the overview and the candidates of the newest edition."""
    now = current_time(timezone.now())
    seen = overview.overview_at(now)
    day = curation.first_day(now)
    wanted = _wanted(request.GET)
    rows = paper_list.candidates(seen.edition, wanted, now=now) if seen.edition else EditionPaper.objects.none()
    shown = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    typed = request.GET.get("find", "")
    return page(
        request,
        "today",
        {
            "morning": seen,
            "day": day,
            "shown": shown,
            "papers": paper_list.rows_for(list(shown), day=day, now=now),
            "wanted": wanted,
            "is_filtered": wanted != Filters(),
            **_topics(),
            "sources": Source.objects.all(),
            "judged": JUDGED,
            "typed": typed,
            "found": paper_list.rows_for_papers(paper_list.find_papers(typed, now=now), day=day, now=now)
            if typed.strip()
            else None,
            "picks": paper_list.picks_of(day),
            "to_come": paper_list.to_come(now)[:50],
            "latest": audit_log.latest(CuratorPick, PaperSummary),
            "back": _back(request.GET),
            "others": _back(request.GET, without="page"),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def paper(request: HttpRequest, paper_id: int) -> HttpResponse:
    """Show one paper and its form; a POST saves or deletes the judgement."""
    now = current_time(timezone.now())
    about = Paper.objects.filter(pk=paper_id).first()
    if about is None:
        messages.error(request, _("This paper is no longer stored. Search for it again."))
        return HttpResponseRedirect(reverse("dashboard_today"))
    if request.method != "POST":
        return _paper_page(request, about, _day_of(request.GET.get("day", ""), now), now=now)
    form = JudgementForm(request.POST)
    if not form.is_valid():
        return _refused(request, about, form, " ".join(str(said[0]) for said in form.errors.values()), now=now)
    try:
        with transaction.atomic():
            says = _act(request, about, form, now=now)
    except CannotJudge as refused:
        return _refused(request, about, form, str(refused), now=now)
    except ChangedMeanwhile as late:
        return _changed(request, about, form, late.standing, now=now)
    messages.success(request, says)
    back = _back(QueryDict(request.POST.get("back", "")))
    return HttpResponseRedirect(f"{reverse('dashboard_today')}{f'?{back}' if back else ''}#p{paper_id}")


# --- what is done ----------------------------------------------------------------------------------------------------


def _act(request: HttpRequest, about: Paper, form: JudgementForm, *, now: datetime) -> str:
    """Save or delete a judgement, record it, and return the message for the curator."""
    assert isinstance(request.user, User)  # noqa: S101 (staff_only admits nobody else)
    day, seen = form.day, form.cleaned_data["seen"]
    if "take_back" in request.POST:
        row = curation.take_back(about.pk, day, seen=seen)
        audit_log.record(request.user, row, f"Removed the {row.get_verdict_display().partition(':')[0]} for {day}.")
        removed = _("Removed for %(day)s: “%(paper)s”.") % {"day": f"{day:%-d %B}", "paper": about}
        return f"{removed} {_still_counts(day)}"
    said = form.judgement()
    row = curation.judge(about.pk, day, said, by=request.user, seen=seen, now=now)
    held = f", under embargo until {row.embargo_until:%Y-%m-%d %H:%M} UTC" if row.embargo_until else ""
    audit_log.record(
        request.user, row, f"{DONE[row.verdict]} for {day}{_for_topic(row)}{held}{f': {row.note}' if row.note else '.'}"
    )
    says = f"{DONE[row.verdict]} for {day:%-d %B}{_for_topic(row)}: “{about}”."
    return f"{says} {_still_counts(day, row.topic)} {_who_have(about, row, now=now)}"


def _for_topic(row: CuratorPick) -> str:
    return f", for readers of {row.topic.name}" if row.topic else ""


def _still_counts(day: date, topic: Topic | None = None) -> str:
    count = reach.still_to_reach(day, topic)
    affects = ngettext("This affects %(count)s reader.", "This affects %(count)s readers.", count)
    return affects % {"count": f"{count:,}"}


def _who_have(about: Paper, row: CuratorPick, *, now: datetime) -> str:
    """Return how many readers have the paper already, and a warning about too many picks."""
    have = reach.who_have(about.pk, now=now)
    already = ngettext("%(count)s reader has the paper already.", "%(count)s readers have the paper already.", have)
    says = already % {"count": f"{have:,}"} if have else ""
    if row.verdict == CuratorPick.Verdict.PICK:
        picks = CuratorPick.objects.filter(edition_date=row.edition_date, verdict=row.verdict).count()
        if picks > curation.FEWEST_PAPERS:
            many = _("%(picks)s papers are picked for that day. Readers who chose %(limit)s papers get only that many.")
            says += " " + many % {"picks": picks, "limit": curation.FEWEST_PAPERS}
    return says.strip()


# --- what is shown ---------------------------------------------------------------------------------------------------


def _paper_page(
    request: HttpRequest, about: Paper, day: date, *, now: datetime, status: int = 200, **more: Any
) -> HttpResponse:
    (one,) = paper_list.rows_for_papers([about], day=day, now=now)
    back = _back(QueryDict(request.POST.get("back", ""))) or _back(request.GET)
    shown = {"one": one, "day": day, "back": back, **_topics()}
    return page(request, "paper", {**shown, **more}, status=status)


def _topics() -> dict[str, Any]:
    """Return all topics, and the options by which each form of the page says which readers a judgement is for."""
    topics = list(Topic.objects.order_by("name"))
    said = ((topic.slug, _("readers of %(name)s") % {"name": topic.name}) for topic in topics)
    return {"topics": topics, "topic_options": format_html_join("", '<option value="{}">{}</option>', said)}


def _refused(request: HttpRequest, about: Paper, form: JudgementForm, problem: str, *, now: datetime) -> HttpResponse:
    """Render the form again with the typed values and the error."""
    day = form.cleaned_data.get("edition_date") or curation.first_day(now)
    typed = {
        name: form.data.get(name, "") for name in ("verdict", "note", "edition_date", "embargo_until", "topic", "seen")
    }
    return _paper_page(request, about, day, now=now, status=422, problem=problem, typed=typed)


def _changed(
    request: HttpRequest, about: Paper, form: JudgementForm, standing: CuratorPick | None, *, now: datetime
) -> HttpResponse:
    """Render an edit conflict: the saved judgement and the typed one."""
    typed = {name: form.data.get(name, "") for name in ("verdict", "note", "edition_date", "embargo_until", "topic")}
    typed["seen"] = standing.version if standing else ""
    more = {
        "typed": typed,
        "changed": True,
        "now_stands": standing,
        "taking_back": "take_back" in request.POST,
        "meanwhile": audit_log.latest(CuratorPick, limit=1) if standing is None else [],
    }
    return _paper_page(request, about, form.day, now=now, status=409, **more)


def _wanted(query: QueryDict) -> Filters:
    source = query.get("source", "")
    return Filters(
        topic=query.get("topic", "")[:60].replace("\0", ""),
        source=int(source) if source.isascii() and source.isdecimal() and len(source) < 10 else None,
        words=query.get("words", "")[:200],
        judged=query.get("judged", "") if query.get("judged") in JUDGED else "",
    )


def _day_of(typed: str, now: datetime) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return curation.first_day(now)


def _back(query: QueryDict, *, without: str = "") -> str:
    """Return the part of a query that selects what Today shows."""
    kept = QueryDict(mutable=True)
    for name in SHOWS:
        if name != without and (value := query.get(name, "")):
            kept[name] = value[:200]
    return kept.urlencode()


@require_POST
@staff_only(done_by=Role.CURATOR)
def move(request: HttpRequest, pick_id: int) -> HttpResponse:
    """Move a pick up or down among those of its day."""
    up = request.POST.get("to") == "up"
    with transaction.atomic():
        row = curation.move(pick_id, up=up)
        if row:
            audit_log.record(
                request.user, row, f"Moved {'up' if up else 'down'} among the picks for {row.edition_date}."
            )
    if row is None:
        messages.error(request, _("This pick cannot be moved there: it was removed, or it stands there already."))
    return HttpResponseRedirect(reverse("dashboard_today") + "#picks")


@require_POST
@staff_only(done_by=Role.CURATOR)
def drop_summary(request: HttpRequest, summary_id: int) -> HttpResponse:
    """Show no digest that is planned later the summary of a paper; its own sentence takes the place."""
    with transaction.atomic():
        row = curation.drop_summary(summary_id, now=timezone.now())
        if row:
            audit_log.record(request.user, row, f"Dropped the summary: {row.text}")
    if row is None:
        messages.error(request, _("Somebody has dropped this summary already."))
        return HttpResponseRedirect(reverse("dashboard_today"))
    done = _("Dropped the summary of “%(paper)s”. Digests that are already planned keep it.") % {"paper": row.paper}
    messages.success(request, done)
    back = _back(QueryDict(request.POST.get("back", "")))
    return HttpResponseRedirect(f"{reverse('dashboard_today')}{f'?{back}' if back else ''}#p{row.paper_id}")


urlpatterns = [
    path("", today, name="dashboard_today"),
    path("papers/<int:paper_id>", paper, name="dashboard_paper"),
    path("picks/<int:pick_id>/move", move, name="dashboard_move_pick"),
    path("summaries/<int:summary_id>/drop", drop_summary, name="dashboard_drop_summary"),
]
