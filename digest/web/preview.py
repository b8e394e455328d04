"""Preview of a visitor's digest: a fragment for htmx, or the whole page without JavaScript."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from digest.editions.current_time import current_time
from digest.preview import visitor
from digest.preview.visitor import Preview
from digest.web.expensive import expensive
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.web.decorators import posted_from, see_other
from subscriptions.web.forms import ChoicesForm, SignUpForm
from subscriptions.web.preferences import preferences_page
from subscriptions.web.sessions import reader_of
from subscriptions.web.sign_up import TOO_MANY, sign_up_page


def _page_of_form(request: HttpRequest) -> str:
    return "preferences" if reader_of(request) else "sign_up"


@never_cache
@posted_from(_page_of_form)
@expensive
def preview(request: HttpRequest) -> HttpResponse:
    """Show the latest edition for the choices of an unsent form; invalid fields are left out and listed."""
    now = timezone.now()
    is_readers = request.POST.get("page") == "preferences"
    form = ChoicesForm(request.POST) if is_readers else SignUpForm.posted(request.POST, now=now)
    reader = reader_of(request) if is_readers else None
    refused = too_many(request, "preview")
    made = None if refused else _preview_of(form, reader)
    status, problem = (429, TOO_MANY) if refused else (200, "")
    _forgive(form)
    if "HX-Request" in request.headers:
        return render(request, "preview.html", {"preview": made, "problem": problem}, status=status)
    if not is_readers:
        return sign_up_page(request, form, now=now, preview=made, problem=problem, status=status)
    if reader:
        return preferences_page(request, reader, form=form, preview=made, problem=problem, status=status)
    return see_other("sign_in")


def _preview_of(form: ChoicesForm, reader: Subscriber | None) -> Preview:
    made = visitor.preview(form.choices(), now=current_time(timezone.now()), reader=reader)
    wrong = [(name, " ".join(map(str, form.errors[name]))) for name in ChoicesForm.base_fields if name in form.errors]
    return replace(made, left_out=tuple(wrong))


def _forgive(form: ChoicesForm) -> None:
    """Remove errors that only matter when the form is sent: the missing address, and the traps for programs."""
    for name in {*form.errors} - {*ChoicesForm.base_fields} | {NON_FIELD_ERRORS}:
        form.errors.pop(name, None)
