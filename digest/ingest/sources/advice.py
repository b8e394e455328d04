"""What each kind of error means to a curator, in a sentence, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from digest.source_errors import ErrorKind


class Meaning(NamedTuple):
    """``reason`` has no full stop: the detail of an error follows it."""

    reason: str | Promise
    advice: str | Promise


WAIT = _("Nothing to do: it is asked again at the next check.")
SLOW_OR_AWAY = _("Their site is slow or away. It is tried again; look here once more if it lasts a day.")
UNREADABLE = _("What came cannot be read. Open the address in a browser and see what lies there.")

MEANINGS = {
    ErrorKind.HOST_BUSY: Meaning(_("The host is busy, or rests between two requests"), WAIT),
    ErrorKind.RATE_LIMITED: Meaning(_("The site asked for a pause"), WAIT),
    ErrorKind.NOT_FOUND: Meaning(
        _("There is nothing at this address"),
        _("Nothing lies there any more. Look on its site for the new address, add that, and switch this one off."),
    ),
    ErrorKind.FORBIDDEN: Meaning(
        _("The site does not let us read it"),
        _("The site refuses us. Open the address in a browser, and ask the people who run it for a feed we may read."),
    ),
    ErrorKind.SERVER_ERROR: Meaning(
        _("The site has an error"),
        _("The trouble is at their end. It is tried again; look here once more if it lasts a day."),
    ),
    ErrorKind.UNEXPECTED_STATUS: Meaning(
        _("The site gave an unexpected answer"), _("Open the address in a browser and see what it says.")
    ),
    ErrorKind.BAD_REDIRECT: Meaning(
        _("The address redirects, and leads nowhere"),
        _("Open the address in a browser, and use the one that it ends at."),
    ),
    ErrorKind.INVALID_URL: Meaning(_("The address cannot be used"), _("Check the address, and paste it again.")),
    ErrorKind.HOST_NOT_FOUND: Meaning(
        _("No IP address is known for the host"),
        _("Check how the host is spelled; if it is right, their site is away for now."),
    ),
    ErrorKind.PRIVATE_ADDRESS: Meaning(
        _("The host is in a private network, where no source may be"),
        _("A source must lie in the open internet: use its public address."),
    ),
    ErrorKind.TIMEOUT: Meaning(_("The site is too slow"), SLOW_OR_AWAY),
    ErrorKind.CONNECTION_FAILED: Meaning(_("The host could not be reached"), SLOW_OR_AWAY),
    ErrorKind.INVALID_RESPONSE: Meaning(_("The answer broke off or is not HTTP"), SLOW_OR_AWAY),
    ErrorKind.FILE_UNREADABLE: Meaning(
        _("The file cannot be read"), _("Check the path of the file, and who may read it.")
    ),
    ErrorKind.BAD_COMPRESSION: Meaning(_("What came cannot be decompressed"), UNREADABLE),
    ErrorKind.TOO_LARGE: Meaning(
        _("It is too large"), _("No feed of a day is that large: ask its site for one that is smaller.")
    ),
    ErrorKind.EMPTY: Meaning(_("The body is empty"), UNREADABLE),
    ErrorKind.ARCHIVE: Meaning(_("It is an archive, which has to be unpacked first"), UNREADABLE),
    ErrorKind.BINARY: Meaning(_("It is binary data, not a feed"), UNREADABLE),
    ErrorKind.WEB_PAGE: Meaning(
        _("It is a web page, not a feed"),
        _("It is a page for people. Look on it for a link called RSS or Atom, and use that."),
    ),
    ErrorKind.UNKNOWN_FORMAT: Meaning(_("Its format is not known here"), UNREADABLE),
    ErrorKind.UNDECODABLE: Meaning(_("Its text cannot be decoded"), UNREADABLE),
    ErrorKind.TRUNCATED: Meaning(_("It is cut in the middle or damaged"), UNREADABLE),
    ErrorKind.MALFORMED: Meaning(_("It cannot be parsed"), UNREADABLE),
    ErrorKind.SOURCE_ERROR: Meaning(_("The source sends a message in place of papers"), UNREADABLE),
    ErrorKind.PARSER_ENDED: Meaning(
        _("Reading what came was stopped"),
        _("It needs more time or memory than a feed may take. It is asked again, later each time; switch it off."),
    ),
    ErrorKind.NOT_STORED: Meaning(
        _("Not all of it could be stored; the log says why"),
        _("This is a fault of ours: show the service’s log to whoever runs it."),
    ),
    ErrorKind.OTHER: Meaning(_("It failed"), UNREADABLE),
}
# a kind that a later version wrote, or a hand
UNKNOWN = Meaning(_("Unknown reason"), UNREADABLE)


def explain(kind: str, *, detail: str) -> str:
    """Return the sentence about an error of this kind, with its detail; empty for no error."""
    if not kind:
        return ""
    reason, detail = str(_meaning(kind).reason), detail.strip()
    if not detail:
        return gettext("%(reason)s.") % {"reason": reason}
    end = "" if detail.endswith((".", "!", "?", "…")) else "."
    return gettext("%(reason)s: %(detail)s") % {"reason": reason, "detail": f"{detail}{end}"}


def advice_for(kind: str) -> str:
    """Return what a curator can do about an error of this kind; empty for no error."""
    return str(_meaning(kind).advice) if kind else ""


def _meaning(kind: str) -> Meaning:
    return MEANINGS[ErrorKind(kind)] if kind in set(ErrorKind) else UNKNOWN
