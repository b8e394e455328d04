"""Say what was read of a list, and why something was not, in sentences for its reader."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from digest.ingest.reference_lists import Flaw, ReferenceList
from digest.models import ListSource
from digest.source_errors import ErrorKind

FORMATS = gettext_lazy("BibTeX, RIS, CSL-JSON, PubMed (nbib) or Zotero RDF")
_FILES: dict[ErrorKind, str | Promise] = {
    ErrorKind.EMPTY: gettext_lazy("There is nothing in it."),
    ErrorKind.BINARY: gettext_lazy(
        "This is not a text file. Export your references as %(formats)s and upload that file."
    ),
    ErrorKind.ARCHIVE: gettext_lazy("This is a packed file. Unpack it first, and upload the file inside."),
    ErrorKind.BAD_COMPRESSION: gettext_lazy(
        "This packed file is damaged. Unpack it first, and upload the file inside."
    ),
    ErrorKind.WEB_PAGE: gettext_lazy("This is a web page. Export your references as %(formats)s and upload that file."),
    ErrorKind.TOO_LARGE: gettext_lazy(
        "This file is too large. Export a part of your references: the newest 500 works count."
    ),
    ErrorKind.PARSER_ENDED: gettext_lazy(
        "Reading this took too long. Export a part of your references: the newest 500 works count."
    ),
    ErrorKind.UNKNOWN_FORMAT: gettext_lazy("This format is not known. Export your references as %(formats)s."),
    ErrorKind.MALFORMED: gettext_lazy("This file is damaged, and nothing in it can be read. Export it again."),
    ErrorKind.TRUNCATED: gettext_lazy("This file is cut before its first work. Export it again."),
    ErrorKind.HOST_BUSY: gettext_lazy("Other lists are being read just now. Try again in a minute."),
    ErrorKind.SOURCE_ERROR: gettext_lazy("This file holds an error message of another service. Export it again."),
}
_LIBRARIES: dict[ErrorKind, str | Promise] = {
    ErrorKind.FORBIDDEN: gettext_lazy(
        "This library is private. Make it public in its settings, or upload a file. It is tried again next week."
    ),
    ErrorKind.NOT_FOUND: gettext_lazy(
        "There is no public library with this number. Check it, or upload a file. It is tried again next week."
    ),
    ErrorKind.RATE_LIMITED: gettext_lazy("Its service asked for a pause. It is tried again later."),
    ErrorKind.HOST_BUSY: gettext_lazy("Other libraries are being read there. It is tried again soon."),
    ErrorKind.TIMEOUT: gettext_lazy("Its service is too slow. It is tried again later."),
    ErrorKind.SERVER_ERROR: gettext_lazy("Its service has an error. It is tried again later."),
    ErrorKind.NOT_STORED: gettext_lazy("Your list is full, so nothing was added. Take another part of it back first."),
}
_NOT_LIBRARIES: dict[str, str | Promise] = {
    "orcid": gettext_lazy("This ORCID has a wrong digit. Check it: an ORCID ends in a check digit."),
    "name": gettext_lazy(
        "Zotero knows libraries by number. Yours is on zotero.org, in Settings, Security, as “your user ID”: write "
        "users/ and the number. The address of a group holds its number."
    ),
}
_FLAWS: dict[str, str | Promise] = {
    Flaw.BROKEN: gettext_lazy("damaged"),
    Flaw.NO_TITLE: gettext_lazy("neither a title nor an identifier"),
    Flaw.TOO_LONG: gettext_lazy("too long for a title"),
    Flaw.GARBLED: gettext_lazy("not UTF-8: save the file in UTF-8"),
    Flaw.OUTSIDE: gettext_lazy("outside the BibTeX entries: enter it on its own"),
    Flaw.LIBRARY: gettext_lazy("an ORCID or a library: enter it alone, without other lines"),
    Flaw.ADDRESS: gettext_lazy("an address that names no paper: enter the paper’s DOI or title"),
}


def file_problem(kind: ErrorKind, *, detail: str = "") -> str:
    """Return why a file or a pasted text gave nothing, and what to do."""
    if kind is ErrorKind.BINARY and detail == "PDF":
        said: str | Promise = gettext_lazy("This is a PDF. Export your references as %(formats)s and upload that file.")
    else:
        said = _FILES.get(kind, gettext_lazy("This cannot be read. Export your references as %(formats)s."))
    return str(said) % {"formats": FORMATS}


def library_problem(kind: str) -> str:
    """Return why a library gave nothing, and what happens next; empty for no problem."""
    if not kind:
        return ""
    known = ErrorKind(kind) if kind in set(ErrorKind) else ErrorKind.OTHER
    return str(_LIBRARIES.get(known, gettext_lazy("Its service could not be read. It is tried again later.")))


def not_a_library(code: str) -> str:
    """Return why a text that looks like the name of a library names none."""
    return str(_NOT_LIBRARIES[code])


def nothing_read(found: ReferenceList) -> str:
    """Return why a list without works has none."""
    if not found.unread:
        return _("There is no work in it.")
    first = found.unread[0]
    values = {"what": first.what, "why": flaw_text(first.flaw)}
    return _("None of its entries can be read. The first is “%(what)s”: %(why)s.") % values


def flaw_text(flaw: str) -> str:
    return str(_FLAWS.get(flaw, _FLAWS[Flaw.BROKEN]))


def not_found() -> str:
    """Return why a work that was read is not kept."""
    return _("not stored here: enter its title")


def name_of_part(part: ListSource) -> str:
    """Return what a reader calls a part of their list."""
    named = {
        # that of a version before has no name
        ListSource.Kind.PASTED: _("Pasted text: %(name)s") if part.name else _("Pasted text"),
        ListSource.Kind.ZOTERO_USER: _("Zotero library %(name)s"),
        ListSource.Kind.ZOTERO_GROUP: _("Zotero group %(name)s"),
        ListSource.Kind.ORCID: _("ORCID %(name)s"),
    }
    return named.get(ListSource.Kind(part.kind), "%(name)s") % {"name": part.name}
