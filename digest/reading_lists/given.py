"""Check the papers that a sign-up names, and keep them once it is confirmed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from digest.ingest.parsers.feed import SourceUnreadable
from digest.models import ListSource
from digest.reading_lists import keep, libraries
from digest.reading_lists.match import match
from digest.reading_lists.texts import file_problem, not_a_library, nothing_read
from digest.source_errors import ErrorKind
from subscriptions.list_given import Kept
from subscriptions.models import Subscriber


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
    return Kept(works=part.entries.count())
