"""Check the papers that a sign-up names, and keep them once it is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from digest.compose.card import TITLE_LENGTH
from digest.compose.phrases import shorten
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists import ReferenceList
from digest.models import ListSource
from digest.reading_lists import keep, libraries
from digest.reading_lists.match import Match, Outcome, match
from digest.reading_lists.texts import file_problem, flaw_text, not_a_library, not_found, nothing_read
from digest.source_errors import ErrorKind
from subscriptions.list_given import Kept
from subscriptions.models import Subscriber

MOST_LEFT_OUT = 20  # lines that the page after a sign-up shows


def list_problem(papers: str) -> str:
    """Return why nothing of ``papers`` can be read; empty if something can, or if other lists are being read.

    A receiver of ``list_checked``.
    """
    try:
        if libraries.library_in(papers):
            return ""
        found = keep.read_body(papers.encode("utf-8", "replace"))
    except (SourceUnreadable, libraries.NotALibrary) as error:
        is_busy = isinstance(error, SourceUnreadable) and error.kind is ErrorKind.HOST_BUSY
        return "" if is_busy else _why_unread(error)
    return "" if found.works else nothing_read(found)


def _why_unread(error: SourceUnreadable | libraries.NotALibrary) -> str:
    if isinstance(error, libraries.NotALibrary):
        return not_a_library(error.code)
    return file_problem(error.kind, detail=error.detail)


def keep_given(*, reader: Subscriber, papers: str, now: datetime, **_: Any) -> Kept:
    """Keep what can be read of ``papers`` as a part of the reader's list; a library is kept as soon as it is read.

    What cannot be read waits on the page of their list, and so does a list of which nothing can be kept. A receiver of
    ``list_given``.
    """
    try:
        if library := libraries.library_in(papers):
            libraries.add_library(reader, *library, now=now, is_kept=True)
            return Kept(is_library=True)
        found = keep.read_body(papers.encode("utf-8", "replace"))
        if not found.works:
            return Kept(problem=nothing_read(found))
        part = keep.draft(reader, found, kind=ListSource.Kind.PASTED, now=now)
        matches = match(found.works, reader=reader, apart_from=part.pk)
        if not any(one.outcome in keep.KEPT_OUTCOMES for one in matches):
            return Kept()
        part = keep.keep(part, now=now)
    except (SourceUnreadable, libraries.NotALibrary) as error:
        return Kept(problem=_why_unread(error))
    except (libraries.TooManyLibraries, keep.ListFull):
        return Kept()
    return _kept(part, found, matches)


def _kept(part: ListSource, found: ReferenceList, matches: Sequence[Match]) -> Kept:
    """Return what is kept of a list, and what is not: nothing else shows that once the rest is kept."""
    missing = [one for one in matches if one.outcome is Outcome.MISSING]
    left_out = [(one.what, flaw_text(one.flaw)) for one in found.unread]
    left_out += [(shorten(one.title, TITLE_LENGTH), not_found()) for one in missing]
    return Kept(
        works=part.entries.count(),
        unread=found.unread_total,
        missing=len(missing),
        left_out=tuple(left_out[:MOST_LEFT_OUT]),
    )
