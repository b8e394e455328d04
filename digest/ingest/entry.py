"""What every source's reader ends in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

NEW, CROSS, REPLACE, REPLACE_CROSS, UNANNOUNCED = "new", "cross", "replace", "replace_cross", ""
DAY, MONTH, YEAR = "day", "month", "year"  # how much of a date its source gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One work as one source showed it, with its text as the source wrote it (TeX, HTML and all).

    ``identifiers`` are canonical (as ``digest.identifiers`` makes them), the preferred one first. ``published`` is
    aware; only its parts up to ``precision`` (``day month year``) are known.
    ``announced`` is one of ``new cross replace replace_cross`` or empty for a source that announces nothing.
    ``points``, ``comments`` and ``stars`` are None where the source does not vote. ``title`` is empty only for a record
    that its source deleted, which is then ``withdrawn``.
    """

    identifiers: tuple[str, ...]
    title: str
    guid: str = ""  # the source's own name of it, which counts only there
    related: tuple[str, ...] = ()  # names of other works that stand beside it, as they were written
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # the primary one first
    url: str = ""
    published: datetime | None = None
    precision: str = DAY
    announced_on: date | None = None
    announced: str = UNANNOUNCED
    version: int = 1
    withdrawn: bool = False
    points: int | None = None
    comments: int | None = None
    stars: int | None = None
    summary: str = ""  # one sentence by the source itself
    code: str = ""  # the address of its repository
    project: str = ""  # the address of its project's page
