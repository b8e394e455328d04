"""Page that previews the digest of a reader, or of made-up choices."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from digest.compose.size_limit import HTML_BYTES
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role, roles_of
from digest.dashboard.mail_frames import MAIL_POLICY, POLICY, in_colours
from digest.dashboard.pages import page, staff_only
from digest.editions.current_time import current_time
from digest.preview.staff import Draft, for_reader, for_taste
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.outcomes import SendStatus
from subscriptions.models import Subscriber, email_key
from subscriptions.rate_limits import PERSON, too_many_by
from subscriptions.sample_readers import examples, is_invented
from subscriptions.tokens import message_id
from subscriptions.web.forms import ChoicesForm

SHOWS = {
    "html": gettext_lazy("HTML"),
    "text": gettext_lazy("Text"),
    "source": gettext_lazy("Source"),
    "why": gettext_lazy("Reasons"),
}
WIDTHS = ("600", "375")
LAYOUTS = {
    Subscriber.Layout.COMPACT.value: gettext_lazy("Compact"),
    Subscriber.Layout.FULL.value: gettext_lazy("Full, with abstracts"),
}
COLOURS = {"light": gettext_lazy("Light"), "dark": gettext_lazy("Dark")}
TASTE = ("topics", "keywords", "authors", "categories", "muted", "muted_authors", "muted_categories", "muted_topics")
MAY_SEND = {Role.CURATOR, Role.SENDER}


class TasteForm(ChoicesForm):
    """The form of a reader's choices without the schedule."""

    # None takes a field out of a subclass of a form; the stubs expect another field
    rhythm = weekdays = send_hour = zone = quiet_days = also_trending = None  # type: ignore[assignment]


@require_safe
@staff_only()
def preview(request: HttpRequest) -> HttpResponse:
    """Show the mail of a reader or of made-up choices: HTML, text, source and the reasons of each paper."""
    form = _taste(request.GET)
    draft, missing = _draft(request, request.GET, form)
    show = request.GET.get("show", "") if request.GET.get("show") in SHOWS else "html"
    addresses = staff_addresses() if draft and draft.email and MAY_SEND & roles_of(request.user) else []
    context: dict[str, Any] = {
        "form": form,
        "groups": form.topic_groups(),
        "reader": request.GET.get("reader", "")[:40],
        "missing": missing,
        "draft": draft,
        "show": show,
        "shows": SHOWS.items(),
        "width": request.GET.get("width") if request.GET.get("width") in WIDTHS else WIDTHS[0],
        "widths": WIDTHS,
        "colours": _colours(request.GET),
        "all_colours": COLOURS.items(),
        "query": _query(request.GET),
        "examples": examples(real=_may_see_readers(request)),
        "texts": [name for name in TASTE if "topics" not in name],
        "layouts": LAYOUTS.items(),
        "source": draft.octets.decode("ascii", "replace") if draft and show == "source" else "",
        "most_octets": HTML_BYTES,
        "addresses": addresses,
    }
    answer = page(request, "preview", context, status=404 if missing else 200)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@require_safe
@staff_only()
@xframe_options_sameorigin
def mail(request: HttpRequest) -> HttpResponse:
    """Return the HTML of the mail for the frame, without links."""
    draft, _missing = _draft(request, request.GET, _taste(request.GET))
    html = in_colours(draft.email.html, _colours(request.GET)) if draft and draft.email else ""
    return HttpResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"})


@require_POST
@staff_only(done_by=Role.PRIVACY)
def find_reader(request: HttpRequest) -> HttpResponse:
    """Find a reader's number by address; by POST, so that the address is in no log."""
    typed = request.POST.get("address", "")[:254]
    found = Subscriber.objects.filter(email_key=email_key(typed)).first() if "\0" not in typed else None
    if found is None:
        messages.error(request, _("No reader has this address. Check the spelling."))
        return HttpResponseRedirect(reverse("dashboard_preview"))
    return HttpResponseRedirect(f"{reverse('dashboard_preview')}?reader={found.public_id}")


@require_POST
@staff_only()
def send(request: HttpRequest) -> HttpResponse:
    """Send the mail as a test to a verified address of the staff."""
    if not MAY_SEND & roles_of(request.user):
        raise PermissionDenied(_("You need the role curator or sender."))
    user, now = cast(User, request.user), timezone.now()
    query = QueryDict(request.POST.get("query", "")[:20_000])
    back = HttpResponseRedirect(f"{reverse('dashboard_preview')}?{_query(query)}")
    chosen = next((one for one in staff_addresses() if str(one.pk) == request.POST.get("address")), None)
    draft, _missing = _draft(request, query, _taste(query))
    if chosen is None:
        messages.error(request, _("Choose an address from the list. Tests go to verified staff only."))
    elif draft is None or draft.email is None or draft.edition is None:
        messages.error(request, _("There is no mail to send. Choose a reader or choices that get one."))
    elif too_many_by(user.pk, "test mail", now=now):
        limit = _("You sent %(count)s test mails within this hour. Wait for the next full hour.")
        messages.error(request, limit % {"count": PERSON["test mail"].count})
    else:
        # Recorded before sending: a mail without its line is worse than a line without its mail.
        audit_log.record(user, draft.edition, f"Sends a test of a digest to number {chosen.user_id} of the staff.")
        with Mailer() as mailer:
            its_id = message_id("preview", f"{user.pk}|{now.isoformat()}")
            done = mailer.send_to_staff(draft.email, address=chosen.email, message_id=its_id, dated_at=now)
        if done.status == SendStatus.ACCEPTED:
            messages.success(request, _("Sent a test mail to %(address)s.") % {"address": chosen.email})
        else:
            messages.error(request, _("The test mail was not sent. %(reason)s") % {"reason": done.text})
    return back


def _taste(query: QueryDict) -> TasteForm:
    return TasteForm(query) if "taste" in query else TasteForm()


def _may_see_readers(request: HttpRequest) -> bool:
    """Return whether this user may see what real readers like; all of the staff see invented ones."""
    return Role.PRIVACY in roles_of(request.user)


def _draft(request: HttpRequest, query: QueryDict, form: TasteForm) -> tuple[Draft | None, str]:
    """Return the requested draft, if any, and an error if there is no such reader; raise PermissionDenied.

    Without the role privacy, numbers of real readers and of nobody are refused alike.
    """
    now = current_time(timezone.now())
    if number := query.get("reader", ""):
        reader = Subscriber.objects.filter(public_id=number).first() if "\0" not in number else None
        if not _may_see_readers(request) and not (reader and is_invented(reader)):
            raise PermissionDenied(_("You need the role privacy to see what a reader gets. Try made-up choices."))
        if reader is None:
            return None, _("No reader has this number. Choose an example, or copy a number from Readers.")
        return for_reader(reader, now=now), ""
    return (for_taste(form.choices(), now=now), "") if form.is_bound else (None, "")


def _colours(query: QueryDict) -> str:
    return query.get("colours", "") if query.get("colours") in COLOURS else "light"


def staff_addresses() -> list[EmailAddress]:
    verified = EmailAddress.objects.filter(verified=True, user__is_staff=True, user__is_active=True)
    return list(verified.order_by("email"))


def _query(query: QueryDict) -> str:
    """Return the part of a query that selects the mail."""
    kept = QueryDict(mutable=True)
    if query.get("reader"):
        kept["reader"] = str(query["reader"])[:40]
    elif "taste" in query:
        kept["taste"] = "1"
        for name in TASTE:
            if values := [str(value) for value in query.getlist(name) if str(value).strip()]:
                kept.setlist(name, values)
        for name in ("max_papers", "hype", "layout"):
            kept[name] = str(query.get(name, ""))
    return kept.urlencode()


urlpatterns = [
    path("preview", preview, name="dashboard_preview"),
    path("preview/mail", mail, name="dashboard_preview_mail"),
    path("preview/find", find_reader, name="dashboard_preview_find"),
    path("preview/send", send, name="dashboard_preview_send"),
]
