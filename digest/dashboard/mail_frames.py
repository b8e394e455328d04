"""Show mails in frames: the policies of the page around and of the mail, and one mail in light and in dark.

A mail in a frame runs nothing, and its links lead nowhere. The two frames of light and dark are ``srcdoc`` documents,
which inherit the policy of the document around.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext

from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail

# As for every page (digest/config/headers.py), with frames of this site allowed.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; frame-src 'self'"
)
# A mail has inline styles; it must not run scripts, load anything, send forms or navigate.
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
DARK = "@media (prefers-color-scheme:dark){"
LINK = re.compile(r' href="[^"]*"')  # quotes within values are escaped


def mail_frames(
    request: HttpRequest, email: RenderedEmail | JoinedEmail | None, *, notes: Iterable[str] = (), status: int = 200
) -> HttpResponse:
    """Return a document with the mail in light and in dark, and the notes above; without a mail only these."""
    html = email.html if email else ""
    context = {
        "light": in_colours(html, "light"),
        "dark": in_colours(html, "dark"),
        "notes": list(notes),
    }
    answer = render(request, "dashboard/mail_frames.html", context, status=status, using="django")
    answer.headers["Content-Security-Policy"] = MAIL_POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def in_colours(html: str, colours: str) -> str:
    """Return a mail without links, in ``light`` or ``dark`` colours, whatever the browser's are."""
    return LINK.sub("", html).replace(DARK, "@media all{" if colours == "dark" else "@media not all{", 1)


def notes_on(left_out: Iterable[str]) -> list[str]:
    """Return a sentence for each kind of thing that a letter does not show."""
    counts = Counter(left_out)
    notes = []
    if count := counts["image"]:
        said = ngettext(
            "%(count)s image is left out; its words stay.", "%(count)s images are left out; their words stay.", count
        )
        notes.append(said % {"count": count})
    if count := counts["link"]:
        said = ngettext(
            "%(count)s link is left out; its words stay. Links begin with https://, http:// or mailto:.",
            "%(count)s links are left out; their words stay. Links begin with https://, http:// or mailto:.",
            count,
        )
        notes.append(said % {"count": count})
    return notes
