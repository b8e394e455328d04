"""Print what a run did: sources, edition, deliveries."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from digest.compose.phrases import plural
from digest.delivery.plan import Planned
from digest.delivery.staff_texts import delivery_text
from digest.editions.open_edition import WINDOW, Candidate
from digest.ingest.sources.advice import explain
from digest.ingest.store import Reading
from digest.models import Delivery, Edition, Paper
from digest.record import DigestRecord
from digest.two_factor import DEMONSTRATION

MOST_LINES = 8
T = TypeVar("T")


def console() -> Console:
    """Return a console with colour and the terminal's width, or with plain lines of 120 columns without a terminal."""
    shown = Console(highlight=False)
    return shown if shown.is_terminal else Console(highlight=False, width=120)


def progress(
    what: str, steps: Iterable[T], *, total: int | None, name: Callable[[T], str] = lambda step: ""
) -> Iterator[T]:
    """Yield the steps with a progress bar on standard error if it is a terminal; ``name`` names the current step."""
    watching = Console(stderr=True)
    with Progress(console=watching, transient=True, disable=not watching.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        for step in steps:
            bar.update(task, description=f"{what}: {escape(name(step))}" if name(step) else what)
            yield step
            bar.advance(task)


def print_readings(out: Console, readings: Sequence[Reading], *, day: date) -> None:
    table = Table(title="Sources", title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold")
    for name in ("expected", "stored", "new", "updates", "refused"):
        table.add_column(name, justify="right")
    table.add_column("announced")
    for reading in readings:
        counts = (reading.stored, reading.new, reading.updated, len(reading.refused))
        table.add_row(
            escape(reading.source),
            "?" if reading.expected is None else f"{reading.expected:,}",
            *(["-"] * 4 if reading.error_kind else [f"{count:,}" for count in counts]),
            str(reading.announced_on or ""),
        )
    out.print(table)
    lines = [line for reading in readings if not reading.error_kind for line in _remarks(reading, day)]
    for line in [*lines, *_errors(readings)]:
        out.print(f"  {escape(line)}", soft_wrap=True)


def _errors(readings: Sequence[Reading]) -> Iterator[str]:
    """Yield a line for each error; sources of one host with the same error share one."""
    failed: dict[tuple[str, str], list[str]] = {}
    for reading in readings:
        if reading.error_kind:
            why = explain(reading.error_kind, detail=reading.error)
            failed.setdefault((reading.host or reading.source, why), []).append(reading.source)
    for (host, why), sources in failed.items():
        name = sources[0] if len(sources) == 1 else f"{host} ({len(sources)} sources)"
        yield f"{name}: refused. {why}"


def _remarks(reading: Reading, day: date) -> list[str]:
    lines = [f"{reading.source}: {note}" for note in reading.notes]
    if reading.announced_on and day - reading.announced_on > WINDOW:
        lines.append(f"{reading.source}: announced more than a week before {day}, so no paper is new for that day")
    if not (reading.stored or reading.refused or reading.notes):
        lines.append(f"{reading.source}: no papers")
    reasons = Counter(refused.why for refused in reading.refused)
    for why, count in reasons.most_common(MOST_LINES):
        first = next(refused.what for refused in reading.refused if refused.why == why)
        lines.append(f"{reading.source}: refused {count}, {why} ({first}{', …' if count > 1 else ''})")
    return lines


def print_edition(out: Console, edition: Edition, *, opened: bool) -> None:
    state = "opened now" if opened else "already open and unchanged; newer papers go to the next one"
    rows = edition.candidates.select_related("paper").most_trending_first()
    count = plural(len(rows), "candidate")
    out.print(f"\n[bold]Edition of {edition.date}[/bold] ({state}): {count}", soft_wrap=True)
    _print_top(out, [(row.trending, row.inputs, row.paper.title) for row in rows])


def print_draft(out: Console, day: date, candidates: Sequence[Candidate]) -> None:
    out.print(f"[bold]Edition of {day}[/bold] (not opened, dry run): {plural(len(candidates), 'candidate')}")
    _print_top(out, [(one.trending, one.inputs, one.paper.title) for one in candidates])


def _print_top(out: Console, rows: Sequence[tuple[float | None, dict[str, Any], str]]) -> None:
    voted = [(score, inputs, title) for score, inputs, title in rows if score is not None]
    if rows and not voted:
        out.print("  Nothing is trending: no source has votes.")
    for place, (score, inputs, title) in enumerate(voted[:5], 1):
        listed = f"{inputs['hours']:.0f} h" if inputs["hours"] >= 1 else "under an hour"
        made_of = f"{plural(inputs['points'], 'point')} in {listed} on {inputs['source']}"
        out.print(f"  {place}. {score:7.2f}  {escape(title)} ({escape(made_of)})", soft_wrap=True)


def print_plan(out: Console, rows: Sequence[Delivery], *, planned: Planned) -> None:
    out.print(f"[bold]Plan[/bold] (dry run, nothing was saved): {_counted(planned)}")
    print_digests(out, rows)


def print_digests(out: Console, rows: Sequence[Delivery]) -> None:
    """Print the papers of each digest with their scores."""
    for row in rows:
        out.print(f"\n{escape(row.subscriber.email)}: {escape(row.subject or delivery_text(row))}", soft_wrap=True)
        papers = Paper.objects.in_bulk(row.paper_ids)
        record = row.record or DigestRecord()
        for place, (paper_id, reasons) in enumerate(zip(row.paper_ids, record.explained, strict=True), 1):
            score = sum(contribution for _, _, contribution in reasons)
            out.print(f"  {place:2}. {score:7.2f}  {escape(papers[paper_id].title)}", soft_wrap=True)


def print_deliveries(out: Console, deliveries: Sequence[Delivery], *, planned: Planned) -> None:
    out.print(f"\n[bold]Deliveries[/bold] of this date: {len(deliveries):,} ({_counted(planned)} by this run)")
    counts = Counter((Delivery.Status(row.status).label, delivery_text(row)) for row in deliveries)
    for (status, reason), count in sorted(counts.items()):
        out.print(f"  {count:,} {status}{f': {escape(reason)}' if reason else ''}", soft_wrap=True)
    if not planned.ready:
        out.print(f"  Nothing was sent by this run: {_why_nothing(deliveries, planned)}.")


def _why_nothing(deliveries: Sequence[Delivery], planned: Planned) -> str:
    if planned.skipped:
        return "there was nothing to send"
    if planned.held:
        return "its readers wait for an edition newer than their last digest"
    return "each reader already has a digest of this date" if deliveries else "there are no readers"


def print_outbox(out: Console) -> None:
    """Say where the mails are, if there are any."""
    if not any(settings.OUTBOX.glob("*.eml")):
        return
    serve = _serve()
    index = settings.OUTBOX / "index.html"
    shown = str(index.relative_to(Path.cwd()) if index.is_relative_to(Path.cwd()) else index)
    out.print(
        f"\nThe mails are in {escape(os.path.dirname(shown))}: open {escape(shown)} in a browser.", soft_wrap=True
    )
    out.print(f"The links in them work while {serve} runs.", soft_wrap=True)


def print_login(out: Console, password: str) -> None:
    """Print the demonstration login; its password is stored nowhere, so this is the only time."""
    out.print(
        f"\nThe curators' dashboard: {escape(settings.SITE_URL)}/dashboard/ while {_serve()} runs.", soft_wrap=True
    )
    out.print(f"Sign in as {DEMONSTRATION} with the password {password} (shown only now, all roles).", soft_wrap=True)
    if settings.MODE == "live":
        real = "./run manage staff ADDRESS --role owner"
        out.print(f"Before real use, create your own login: {real}; remove this one: --remove.", soft_wrap=True)


def _serve() -> str:
    serve = "./run serve"
    if settings.MODE == "rehearsal" or (settings.MODE == "sample" and (settings.VAR / "broadsheet.sqlite3").exists()):
        serve += f" --{settings.MODE}"
    return serve


def _counted(planned: Planned) -> str:
    parts = [f"{planned.ready:,} planned", f"{planned.skipped:,} skipped"]
    return ", ".join([*parts, f"{planned.held:,} waiting for a new edition"] if planned.held else parts)
