"""The bundled day of invented papers, as the files its sources would have sent, moved to any date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from digest.ingest import parsers
from digest.ingest.parsers import Feed

DAY = date(2026, 1, 30)  # that all files are dated


def feeds(day: date) -> dict[str, Feed]:
    """File name -> what it holds, with every date moved as far as ``day`` is from the files' own."""
    files = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".xml", ".rdf", ".json", ".txt"))
    return {path.name: _moved(parsers.read(path.read_bytes()), day - DAY) for path in files}


def _moved(feed: Feed, by: timedelta) -> Feed:
    return replace(
        feed,
        announced_on=feed.announced_on and feed.announced_on + by,
        entries=tuple(
            replace(
                entry,
                published=entry.published and entry.published + by,
                announced_on=entry.announced_on and entry.announced_on + by,
            )
            for entry in feed.entries
        ),
    )
