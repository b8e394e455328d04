"""Keep the papers that a sign-up named, once it is confirmed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from digest.ingest.parsers.feed import SourceUnreadable
from digest.models import ListSource
from digest.reading_lists import keep, libraries
from digest.reading_lists.match import match
from subscriptions.list_given import Kept
from subscriptions.models import Subscriber


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
            return Kept()
        part = keep.draft(reader, found, kind=ListSource.Kind.PASTED, now=now)
        matches = match(found.works, reader=reader, apart_from=part.pk)
        if not any(one.outcome in keep.KEPT_OUTCOMES for one in matches):
            return Kept()
        part = keep.keep(part, now=now)
    except (SourceUnreadable, libraries.NotALibrary, libraries.TooManyLibraries, keep.ListFull):
        return Kept()
    return Kept(works=part.entries.count())
