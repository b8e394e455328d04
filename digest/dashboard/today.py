"""What came in, what is missing, what will be sent; picks, boosts and hides."""

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
from django.views.decorators.http import require_http_methods, require_safe

from digest.compose.phrases import plural
from digest.dashboard import audit_log, overview, paper_list
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.dashboard.paper_list import JUDGED, Filters
from digest.editions import curation, reach
from digest.editions.curation import CannotJudge, ChangedMeanwhile, Judgement
from digest.editions.open_edition import current_time
from digest.models import CuratorPick, EditionPaper, Paper, Source
from subscriptions.models import Topic

SHOWN = 25
SHOWS = ("topic", "source", "words", "judged", "page", "find")  # of the query: what Today shows
DONE = {"pick": "Picked", "boost": "Boosted", "hide": "Hidden"}


class JudgementForm(forms.Form):
    """A judgement as it is posted; what it may hold is judging's to say."""

    verdict = forms.CharField(required=False)
    note = forms.CharField(required=False, strip=False)
    edition_date = forms.DateField(
        input_formats=["%Y-%m-%d"],
        error_messages=dict.fromkeys(("required", "invalid"), "Choose a day from the calendar, like 2027-01-31."),
    )
    embargo_until = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": "Write the end of the embargo as a date and a time (UTC), like 2027-01-31T09:00."},
    )
    seen = forms.CharField(required=False)

    @property
    def day(self) -> date:
        return self.cleaned_data["edition_date"]

    def judgement(self) -> Judgement:
        given = self.cleaned_data
        until = given["embargo_until"]
        return Judgement(given["verdict"], given["note"], until and until.astimezone(UTC))


@require_safe
@staff_only()
def today(request: HttpRequest) -> HttpResponse:
    """The morning, and the candidates of the newest edition."""
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
            "topics": Topic.objects.order_by("name"),
            "sources": Source.objects.all(),
            "judged": JUDGED,
            "typed": typed,
            "found": paper_list.rows_for_papers(paper_list.find_papers(typed), day=day, now=now)
            if typed.strip()
            else None,
            "to_come": paper_list.to_come(now)[:50],
            "latest": audit_log.latest(CuratorPick),
            "back": _back(request.GET),
            "others": _back(request.GET, without="page"),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(done_by=Role.CURATOR)
def paper(request: HttpRequest, paper_id: int) -> HttpResponse:
    """One paper and the form to judge it with; a POST judges, or takes back."""
    now = current_time(timezone.now())
    about = Paper.objects.filter(pk=paper_id).first()
    if about is None:
        messages.error(request, "This paper is not stored any more: look for it again.")
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
    """Judge or take back, and write the line of history; what is said of it afterwards."""
    assert isinstance(request.user, User)  # noqa: S101 (staff_only let nobody else in)
    day, seen = form.day, form.cleaned_data["seen"]
    if "take_back" in request.POST:
        row = curation.take_back(about.pk, day, seen=seen)
        audit_log.record(request.user, row, f"Took back the {row.get_verdict_display().partition(':')[0]} for {day}.")
        return f"Taken back for {day:%-d %B}: “{about}”. {_still_counts(day)}"
    said = form.judgement()
    row = curation.judge(about.pk, day, said, by=request.user, seen=seen, now=now)
    held = f", under embargo until {row.embargo_until:%Y-%m-%d %H:%M} UTC" if row.embargo_until else ""
    audit_log.record(request.user, row, f"{DONE[row.verdict]} for {day}{held}{f': {row.note}' if row.note else '.'}")
    return f"{DONE[row.verdict]} for {day:%-d %B}: “{about}”. {_still_counts(day)} {_who_have(about, row, now=now)}"


def _still_counts(day: date) -> str:
    return f"This still counts for {plural(reach.still_to_reach(day), 'reader')}."


def _who_have(about: Paper, row: CuratorPick, *, now: datetime) -> str:
    """Who is beyond the reach of the word, and what is to be known of several picks."""
    have = reach.who_have(about.pk, now=now)
    says = f"{plural(have, 'reader')} {'has' if have == 1 else 'have'} the paper already." if have else ""
    if row.verdict == CuratorPick.Verdict.PICK:
        picks = CuratorPick.objects.filter(edition_date=row.edition_date, verdict=row.verdict).count()
        if picks > curation.FEWEST_PAPERS:
            says += (
                f" {picks} papers are picked for that day: who asked for {curation.FEWEST_PAPERS} papers at most "
                "gets only so many of them."
            )
    return says.strip()


# --- what is shown ---------------------------------------------------------------------------------------------------


def _paper_page(
    request: HttpRequest, about: Paper, day: date, *, now: datetime, status: int = 200, **more: Any
) -> HttpResponse:
    (one,) = paper_list.rows_for_papers([about], day=day, now=now)
    back = _back(QueryDict(request.POST.get("back", ""))) or _back(request.GET)
    return page(request, "paper", {"one": one, "day": day, "back": back, **more}, status=status)


def _refused(request: HttpRequest, about: Paper, form: JudgementForm, problem: str, *, now: datetime) -> HttpResponse:
    """The form again with what was typed, and what is wrong with it."""
    day = form.cleaned_data.get("edition_date") or curation.first_day(now)
    typed = {name: form.data.get(name, "") for name in ("verdict", "note", "edition_date", "embargo_until", "seen")}
    return _paper_page(request, about, day, now=now, status=422, problem=problem, typed=typed)


def _changed(
    request: HttpRequest, about: Paper, form: JudgementForm, standing: CuratorPick | None, *, now: datetime
) -> HttpResponse:
    """Both words side by side: what stands, and what was to be written."""
    typed = {name: form.data.get(name, "") for name in ("verdict", "note", "edition_date", "embargo_until")}
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
    """The part of a query that says what Today shows."""
    kept = QueryDict(mutable=True)
    for name in SHOWS:
        if name != without and (value := query.get(name, "")):
            kept[name] = value[:200]
    return kept.urlencode()


urlpatterns = [
    path("", today, name="dashboard_today"),
    path("papers/<int:paper_id>", paper, name="dashboard_paper"),
]
