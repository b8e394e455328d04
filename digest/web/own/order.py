"""Show a signed-in reader how the order of their latest digest came about, and let them turn parts down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from digest.compose.reasons import TERMS
from digest.editions.current_time import current_time
from digest.models import Delivery
from digest.preview import visitor
from digest.preview.visitor import Preview
from digest.stats.explained import ExplainedPaper, explained_papers
from digest.vectors import serving_key
from digest.web.expensive import expensive
from digest.web.papers.cards import path_of
from subscriptions.models import PARTS, TURNED_DOWN, Preference, Subscriber
from subscriptions.preferences import Choices, turn_down
from subscriptions.rate_limits import too_many
from subscriptions.schedule import local_date
from subscriptions.web.decorators import posted_from, see_other
from subscriptions.web.sessions import reader_page
from subscriptions.web.sign_up import TOO_MANY

# Part -> the kinds of reasons that it makes, by the first of which it is called, and a sentence about it
KINDS = {
    "topic": (("topic",), gettext_lazy("Each topic of yours that a paper has.")),
    "words": (("words", "keyword"), gettext_lazy("Your words in the paper, and papers like those that have them.")),
    "about": (("about", "meaning"), gettext_lazy("Titles that mean the same in other words.")),
    "category": (("category",), gettext_lazy("Each category of yours that a paper has.")),
    "author": (("author",), gettext_lazy("Papers by authors you follow, which come first.")),
    "like_this": (
        ("like", "taste"),
        gettext_lazy(
            "Words that it shares with papers that you like: those in your list, and those you asked for more of."
        ),
    ),
    "titles": (("like_title", "titles"), gettext_lazy("Titles that mean the same as those of papers that you like.")),
    "shared": (("shared",), gettext_lazy("Categories of papers that you like.")),
}
NAMES = {part: TERMS[kinds[0]] for part, (kinds, _about) in KINDS.items()}
FULL = 100
WEIGHTS = [
    (str(FULL), gettext_lazy("counts in full")),
    (str(TURNED_DOWN[0]), gettext_lazy("counts half")),
    (str(TURNED_DOWN[1]), gettext_lazy("does not count")),
]


class PartsForm(forms.Form):
    """How much each part counts, in percent; a field that is missing counts in full."""

    def __init__(self, data: Any = None, *, turned_down: dict[str, int]) -> None:
        super().__init__(data)
        for part in PARTS:
            self.fields[part] = forms.ChoiceField(
                choices=WEIGHTS, required=False, initial=str(turned_down.get(part, FULL))
            )

    def turned_down(self) -> dict[str, int]:
        """Return the parts that count less; one with a value that was not offered counts in full."""
        self.is_valid()
        given = {part: int(self.cleaned_data.get(part) or FULL) for part in PARTS}
        return {part: percent for part, percent in given.items() if percent != FULL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the ranking as the page shows it."""

    name: str
    label: str
    about: object
    field: forms.BoundField


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def own_order(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show the terms of each paper of the latest digest; save on a POST how much each part counts."""
    if request.method != "POST":
        return _page(request, reader, PartsForm(turned_down=reader.turned_down))
    form = PartsForm(request.POST, turned_down=reader.turned_down)
    if too_many(request, "preferences"):
        return _page(request, reader, form, problem=TOO_MANY, status=429)
    turn_down(reader, form.turned_down())
    return see_other("own_order", "?done=saved")


@posted_from("own_order")
@expensive
@reader_page
def own_order_preview(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show the latest edition in the order that these weights give; nothing is saved."""
    form = PartsForm(request.POST, turned_down=reader.turned_down)
    if too_many(request, "preview"):
        return _page(request, reader, form, problem=TOO_MANY, status=429)
    reader.turned_down = form.turned_down()
    now = timezone.now()
    choices = Choices.of(reader, today=local_date(reader.zone, now))
    return _page(request, reader, form, preview=visitor.preview(choices, now=current_time(now), reader=reader))


def _page(
    request: HttpRequest,
    reader: Subscriber,
    form: PartsForm,
    *,
    preview: Preview | None = None,
    problem: object = "",
    status: int = 200,
) -> HttpResponse:
    sent = reader.deliveries.digests().filter(status__in=Delivery.SENT).exclude(paper_count=0)
    row = sent.select_related("content").order_by("-issue_date").first()
    papers = [paper.rounded(2) for paper in explained_papers(row)] if row else []
    context = {
        "day": row.issue_date if row else None,
        "papers": [(one, path_of(one.paper) if one.paper else "") for one in papers],
        "is_forgotten": bool(papers) and not any(one.terms for one in papers),
        "parts": list(_parts(form, papers, _counting_now(reader))),
        "hype": reader.hype,
        "done": request.GET.get("done") == "saved",
        "preview": preview,
        "problem": problem,
    }
    return render(request, "own_order.html", context, status=status)


def _parts(form: PartsForm, papers: list[ExplainedPaper], counting: set[str]) -> Iterable[Part]:
    """Return the parts that counted in this digest or count now, and those that are turned down."""
    kinds = {kind for one in papers for kind in one.kinds}
    for part, (its, about) in KINDS.items():
        is_there = part in counting or not kinds.isdisjoint(its)
        if is_there or form[part].value() not in (None, str(FULL)):
            yield Part(name=part, label=NAMES[part], about=about, field=form[part])


def _counting_now(reader: Subscriber) -> set[str]:
    """Return the parts that the next digest can have by the reader's preferences, verdicts and list."""
    kinds = {*reader.preferences.filter(stance=Preference.Stance.WANT).values_list("kind", flat=True)}
    has_likes = reader.verdicts.exists() or reader.list_entries.filter(taken_back=False).exists()
    has_model = serving_key() is not None
    counts = {
        "topic": "topic" in kinds,
        "words": not kinds.isdisjoint({"topic", "keyword"}),
        "about": has_model and "keyword" in kinds,
        "category": "category" in kinds,
        "author": "author" in kinds,
        "like_this": has_likes,
        "titles": has_model and has_likes,
        "shared": has_likes,
    }
    return {part for part, is_there in counts.items() if is_there}
