"""Back-fill the papers of an announced day from arXiv's query API, since its feeds show one day only.

The API knows submissions, not announcements, so a day's papers are found like this: its batch holds what was submitted
between two closings (``arxiv_calendar.submitted_within``), and what moderation held back from the days before. Ids are
given out at the announcement: of the older papers, those came that day or later whose ids follow the lowest of the
batch. The others were announced before and are left out. Replacements and later cross-lists cannot be had this way.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from digest.ingest import arxiv_calendar, parsers
from digest.ingest.entry import CROSS, NEW, Entry
from digest.ingest.parsers import Feed, Refused, SourceUnreadable, arxiv_api
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.source_errors import ErrorKind

API = "https://export.arxiv.org/api/query"
HELD = timedelta(days=2)  # how long before its batch a paper that moderation held back may have been submitted
TRIES = 3  # for each page
MOST_RESULTS = 30_000  # the API refuses to page further
MOST_REQUESTS = 100  # five minutes at arXiv's pace


def backfill(
    specs: Sequence[str],
    day: date,
    *,
    get: Callable[[str], bytes],
    read: Callable[[bytes], Feed] = parsers.read,
    page_size: int = 500,
) -> tuple[Feed, ...]:
    """Return the papers that were new in arXiv's feeds of that day, as one Feed for each of ``specs``, in their order.

    A spec is what stands at the end of a feed's address: ``cs.LG``, ``math``, ``econ+q-fin``. All are asked for in one
    query, ``page_size`` papers (at most 2,000) at a time. Each Feed bears the name and address of its RSS source, so
    that its sightings and its line in the completeness report are that source's. As in the RSS, a paper is ``new``
    where its primary category was asked for, else ``cross``; one that was held back is ``""``, for its day is not
    certain. ``stated_total`` exceeds the entries by all papers that are missing, since nobody knows from which
    category; what was refused is told by the first Feed alone.

    Empty, short and unreadable pages are asked for again and never taken for the end. ``get`` keeps arXiv's pace, and
    raises SourceUnreadable to stop (no answer; a pause was asked for): what has come until then is the result. Raises
    SourceUnreadable when nothing came at all, ValueError for a day on which arXiv announces nothing.
    """
    since, until = arxiv_calendar.submitted_within(day)
    listing = _Listing(parse=read)
    listing.read(_query(specs, since - HELD, until), get=get, page_size=page_size)
    announced = list(_announced(listing.entries.values(), day, since=since, until=until))
    feeds = []
    for spec in specs:
        entries = tuple(_as_seen_by(spec, announced))
        feeds.append(
            Feed(
                kind=arxiv_api.KIND,
                name=f"arXiv {spec}",
                url=f"https://rss.arxiv.org/rss/{spec}",
                entries=entries,
                stated_total=len(entries) + listing.missing,
                announced_on=day,
                refused=tuple(listing.refused) if spec == specs[0] else (),
                notes=listing.notes(),
            )
        )
    return tuple(feeds)


@dataclass(slots=True)
class _Listing:
    """The answer to one query, from however many pages, each paper once."""

    parse: Callable[[bytes], Feed]
    entries: dict[str, Entry] = field(default_factory=dict)
    refused: dict[Refused, None] = field(default_factory=dict)
    stated: int = 0  # the highest number of matches that a page stated
    trouble: SourceUnreadable | None = None

    @property
    def missing(self) -> int:
        return max(0, self.stated - len(self.entries) - len(self.refused))

    def notes(self) -> tuple[str, ...]:
        if not self.missing:
            return ()
        short = f"back-filled, but {self.missing:,} of {self.stated:,} papers of these days did not come"
        return (short, str(self.trouble)) if self.trouble else (short,)

    def read(self, query: str, *, get: Callable[[str], bytes], page_size: int) -> None:
        start = requests = 0
        try:
            while start < min(self.stated or 1, MOST_RESULTS) and requests < MOST_REQUESTS:
                tries = limit = 0
                while tries < TRIES and limit < max(1, min(page_size, self.stated - start)):
                    tries += 1
                    limit = max(limit, self._add(get(f"{API}?{query}&start={start}&max_results={page_size}")))
                requests += tries
                start += limit or page_size
        except SourceUnreadable as error:
            self.trouble = error
        if self.trouble and not self.stated:
            raise self.trouble

    def _add(self, body: bytes) -> int:
        """Take in a page; how many entries, good or bad, were on it."""
        try:
            page = self.parse(body)
            if page.kind != arxiv_api.KIND:
                raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "no answer of arXiv's API")
        except SourceUnreadable as error:
            self.trouble = error
            return 0
        self.stated = max(self.stated, page.list_total or 0)
        self.entries |= {entry.identifiers[0]: entry for entry in page.entries}
        self.refused |= dict.fromkeys(page.refused)
        return len(page.entries) + len(page.refused)


def _query(specs: Sequence[str], since: datetime, until: datetime) -> str:
    names = dict.fromkeys(name for spec in specs for name in spec.split("+"))
    categories = " OR ".join(f"cat:{name}.*" if _has_classes(name) else f"cat:{name}" for name in names)
    submitted = f"submittedDate:[{since:%Y%m%d%H%M} TO {until:%Y%m%d%H%M}]"
    # oldest first: what is added meanwhile comes after what was read
    order = {"sortBy": "submittedDate", "sortOrder": "ascending"}
    return urlencode({"search_query": f"({categories}) AND {submitted}", **order}, safe=":*")


def _has_classes(name: str) -> bool:
    return any(category.startswith(f"{name}.") for category in CATEGORIES)


def _announced(entries: Iterable[Entry], day: date, *, since: datetime, until: datetime) -> Iterator[Entry]:
    """Return the batch of that day, as new, and the papers that were held back until then or longer."""
    batch: list[Entry] = []
    others: list[Entry] = []
    for entry in entries:
        (batch if entry.published and since <= entry.published < until else others).append(entry)
    yield from (dataclasses.replace(entry, announced=NEW, announced_on=day) for entry in batch)
    first = min(map(_place, batch), default=None)
    yield from (entry for entry in others if first and _place(entry) > first)


def _place(entry: Entry) -> tuple[int, int]:
    """Return where a paper stands in the order of announcement; before all others with an id of the kind used until
    2007.
    """
    match = re.fullmatch(r"arxiv:(\d{4})\.(\d{4,5})", entry.identifiers[0])
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _as_seen_by(spec: str, announced: Iterable[Entry]) -> Iterator[Entry]:
    """Return the papers that a feed of this spec shows, ``cross`` where their primary category is another's."""
    asked = set(spec.split("+"))

    def covers(category: str) -> bool:
        return category in asked or category.partition(".")[0] in asked

    for entry in announced:
        if any(map(covers, entry.categories)):
            is_cross = entry.announced == NEW and not covers(entry.categories[0])
            yield dataclasses.replace(entry, announced=CROSS) if is_cross else entry
