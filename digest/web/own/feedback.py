"""More, less and mute: pages behind the links under each paper of a mail. Only a POST changes anything."""

from __future__ import annotations

from datetime import date

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from digest.compose.card import TITLE_LENGTH
from digest.compose.phrases import shorten
from digest.models import Delivery, Paper, Verdict
from digest.reader_data import verdicts
from digest.reader_data.mute import CannotMute, mute, mute_options, unmute, words_to_mute
from subscriptions import rate_limits
from subscriptions.models import Subscriber
from subscriptions.tokens import FEEDBACK, BadLink, read_day_token
from subscriptions.unicode_text import clean_text
from subscriptions.web.decorators import token_page
from subscriptions.web.fields import LONGEST_PHRASE

MUTE, UNDO = "mute", "undo"


@token_page
def feedback(request: HttpRequest, token: str, number: str, wish: str) -> HttpResponse:
    """Handle "more", "less" or "mute" for the paper of that number in a digest."""
    public_id, day = read_day_token(FEEDBACK, token)
    reader, paper = paper_of(public_id, day, int(number))
    page = {
        "title": shorten(paper.title, TITLE_LENGTH),
        "wish": wish,
        "gets_none": reader.status == Subscriber.Status.UNSUBSCRIBED,
        "mute_url": reverse("feedback", args=[token, number, MUTE]),
    }
    if request.method == "POST" and rate_limits.too_many(request, "feedback"):
        return render(request, "429.html", status=429)
    if wish == MUTE:
        return _mute(request, reader, paper, page, salt=f"mute|{token}|{number}")
    return _judge(request, reader, paper, page, wish=wish)


@token_page
@require_safe
def feedback_choices(request: HttpRequest, token: str, number: str) -> HttpResponse:
    """Show "more", "less" and "mute" for a paper: the one link that the text part of a mail has for them."""
    public_id, day = read_day_token(FEEDBACK, token)
    reader, paper = paper_of(public_id, day, int(number))
    page = {
        "title": shorten(paper.title, TITLE_LENGTH),
        "before": Verdict.objects.filter(subscriber=reader, paper=paper).values_list("value", flat=True).first() or "",
        "gets_none": reader.status == Subscriber.Status.UNSUBSCRIBED,
        **{f"{wish}_url": reverse("feedback", args=[token, number, wish]) for wish in (*Verdict.Value.values, MUTE)},
    }
    return render(request, "feedback_choices.html", page)


def paper_of(public_id: str, day: date, number: int) -> tuple[Subscriber, Paper]:
    """Return the reader and the paper of a link; raise BadLink if either is gone."""
    delivery = (
        Delivery.objects.filter(subscriber__public_id=public_id, issue_date=day)
        .exclude(subscriber__status=Subscriber.Status.ERASED)
        .select_related("subscriber", "content")
        .first()
    )
    if delivery is None or not 1 <= number <= len(delivery.paper_ids):
        raise BadLink("no paper of a digest")
    if (paper := Paper.objects.filter(pk=delivery.paper_ids[number - 1]).first()) is None:
        raise BadLink("a paper that is gone")
    return delivery.subscriber, paper


# More and less -------------------------------------------------------------------------------------------------------


def _judge(
    request: HttpRequest, reader: Subscriber, paper: Paper, page: dict[str, object], *, wish: str
) -> HttpResponse:
    """Ask, store or undo "more" or "less"; ``before`` is the earlier verdict, which Undo restores."""
    mine = Verdict.objects.filter(subscriber=reader, paper=paper)
    current = mine.values_list("value", flat=True).first() or ""
    if request.method != "POST":
        state = {"state": "done", "before": ""} if current == wish else {"state": "ask", "before": current}
        return render(request, "feedback.html", page | state)
    before, do = request.POST.get("before", ""), request.POST.get("do", "")
    if before not in Verdict.Value.values or before == wish:
        before = ""
    if do not in (wish, UNDO):
        return render(request, "feedback.html", page | {"state": "ask", "before": before}, status=400)
    if do == wish:
        if current != wish and not verdicts.give(reader, paper, wish, now=timezone.now()):
            raise BadLink("a reader who is gone")
        return render(request, "feedback.html", page | {"state": "done", "before": before})
    if before:
        mine.filter(value=wish).update(value=before)
    else:
        mine.filter(value=wish).delete()
    return render(request, "feedback.html", page | {"state": "undone", "before": before})


# Mute ----------------------------------------------------------------------------------------------------------------


def _mute(
    request: HttpRequest, reader: Subscriber, paper: Paper, page: dict[str, object], *, salt: str
) -> HttpResponse:
    choices = mute_options(paper)
    form = {"choices": choices, "chosen": [], "word": "", "problem": ""}
    do = request.POST.get("do", "")
    if do not in (MUTE, UNDO):
        status = 400 if request.method == "POST" else 200
        return render(request, "mute.html", page | form | {"state": "ask"}, status=status)
    if do == UNDO:
        try:
            made, turned = signing.loads(request.POST.get("undo", ""), salt=salt)
        except signing.BadSignature:
            raise BadLink("not what was muted here") from None
        unmute(reader, made=made, turned=turned)
        return render(request, "mute.html", page | form | {"state": "undone"})
    chosen = set(request.POST.getlist("what"))
    wishes = [choice for choice in choices if choice.name in chosen]
    try:
        wishes += words_to_mute(request.POST.get("word", ""))
        if not wishes:
            raise CannotMute(_("Choose what to mute, or type a word."))
        made, turned = mute(reader, wishes, now=timezone.now())
    except CannotMute as error:
        typed = clean_text(request.POST.get("word", "")[:LONGEST_PHRASE])
        again = {"chosen": [choice.name for choice in wishes], "word": typed, "problem": str(error)}
        return render(request, "mute.html", page | form | again | {"state": "ask"}, status=422)
    undo = signing.dumps([made, turned], salt=salt) if made or turned else ""
    return render(request, "mute.html", page | form | {"state": "done", "muted": wishes, "undo": undo})
