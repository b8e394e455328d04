"""``./run digest --to ADDRESS --library FILE``: take a file of references into the reader's own list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.core.management.base import CommandError
from rich.console import Console
from rich.markup import escape

from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists import ReferenceList
from digest.models import ListEntry, ListSource
from digest.reading_lists import keep
from digest.reading_lists.match import Match, Outcome, match
from digest.reading_lists.texts import file_problem, flaw_text
from subscriptions.models import Subscriber

WRONG = 2  # exit code
LARGEST = 32 << 20  # octets
LABELS = {
    Outcome.KNOWN: "known here",
    Outcome.TEXT: "kept as text",
    Outcome.MISSING: "not found",
    Outcome.LISTED: "listed already",
}


def read(path: Path) -> ReferenceList:
    """Return the works of a file. Raises CommandError with the reason when there are none."""
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"--library: {path} cannot be read ({error.strerror}).", returncode=WRONG) from None
    try:
        found = keep.read_body(body)
    except SourceUnreadable as error:
        problem = file_problem(error.kind, detail=error.detail)
        raise CommandError(f"--library: {path}: {problem}", returncode=WRONG) from None
    if not found.works:
        first = f" The first: {found.unread[0].what}." if found.unread else ""
        raise CommandError(f"--library: {path}: no work in it can be read.{first}", returncode=WRONG)
    return found


def take(out: Console, reader: Subscriber, path: Path, found: ReferenceList, *, now: datetime) -> None:
    """Keep the works of a file in place of those of the last run, and print what became of each new line."""
    name = path.name[:100]
    same = ListSource.objects.filter(subscriber=reader, kind=ListSource.Kind.FILE, name=name)
    part = same.filter(state=ListSource.State.KEPT).first()
    before = {*ListEntry.objects.filter(source=part).values_list("name", flat=True)} if part else set()
    matches = match(found.works, reader=reader, apart_from=part.pk if part else None)
    try:
        keep.keep(keep.draft(reader, found, kind=ListSource.Kind.FILE, name=name, now=now), now=now)
    except keep.ListFull:
        raise CommandError(
            f"--library: the list of {reader.email} would have more than {keep.MOST_ENTRIES:,} works. Take a part "
            "of it back on its page.",
            returncode=WRONG,
        ) from None
    for line in _lines(name, found, matches, before):
        out.print(escape(line), soft_wrap=True)


def _lines(name: str, found: ReferenceList, matches: list[Match], before: set[str]) -> Iterator[str]:
    counts = Counter(one.outcome for one in matches)
    counted = ", ".join(f"{counts[outcome]:,} {label}" for outcome, label in LABELS.items() if counts[outcome])
    yield f"\n{name} ({found.format}): {found.total:,} read, {found.unread_total:,} not read; {counted}"
    if found.total > len(found.works):
        yield f"  The newest {len(found.works)} count; the others are not kept."
    if found.is_cut:
        yield "  The file is damaged or too long: what stands before that was read."
    for unread in found.unread:
        yield f"  not read      {unread.what} ({flaw_text(unread.flaw)})"
    for one in matches:
        if one.work.name not in before:
            yield f"  {LABELS[one.outcome]:<14}{one.title}"
    if known := sum(one.work.name in before for one in matches):
        yield f"  {known:,} as in the last run"
