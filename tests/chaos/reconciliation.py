"""What the rows say, against what the sink has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from rich.table import Table

from tests.support.smtp_sink import Taken

SAYS_SENT = ("accepted", "delivered")
OPEN = ("ready", "handing_off", "retry_wait")
EXPLAINED = (*SAYS_SENT, "bounced", "complained", "unknown")  # statuses a mail that the sink has may be in


@dataclass(frozen=True, slots=True)
class Row:
    reader: int
    address: str
    status: str
    message_id: str | None
    accepted_at: datetime | None
    batch: str | None  # its status
    attempts: int
    status_reason: str

    def __str__(self) -> str:
        told = f" ({self.status_reason})" if self.status_reason else ""
        return f"{self.address}: {self.status}{told} in a batch that is {self.batch}, {self.attempts} attempts"


@dataclass
class Verdict:
    """Three lists must be empty: they name readers by their addresses."""

    readers: int
    duplicates: list[str]  # who got more than one mail
    lost: list[str]  # said to be sent, and not in the sink
    unexplained: list[str]  # with why
    statuses: dict[str, int]
    unknown: int
    unknown_taken: int
    most_unknown: int  # what the blows account for, and one mail for each misdeed of the sink
    mails: int
    late_p95: float  # seconds from due to accepted
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not (self.duplicates or self.lost or self.unexplained)

    def as_json(self) -> dict[str, Any]:
        return {"is_clean": self.is_clean, **asdict(self)}


def judge(
    readers: Mapping[int, str],
    rows: Sequence[Row],
    taken: Sequence[Taken],
    due: Mapping[int, datetime],
    *,
    most_unknown: int,
) -> Verdict:
    """``readers`` are all of them with their addresses; ``due`` is when each was; more unknown than that are a fault."""
    ids = Counter(mail.message_id for mail in taken)
    people = Counter(address for mail in taken for address in mail.recipients)
    unexplained = []
    for row in rows:
        if row.status in OPEN:
            unexplained.append(f"still open: {row}")
        elif row.message_id in ids and row.status not in EXPLAINED:
            unexplained.append(f"in the sink: {row}")
    with_row = Counter(row.reader for row in rows)
    unexplained += [
        f"{address}: {with_row[reader]} rows" for reader, address in readers.items() if with_row[reader] != 1
    ]
    known = {row.message_id for row in rows}
    unexplained += [f"{name}: in the sink, of no row" for name in ids if name not in known]
    waits = sorted((row.accepted_at - due[row.reader]).total_seconds() for row in rows if row.accepted_at)
    unknown = [row for row in rows if row.status == "unknown"]
    if len(unknown) > most_unknown:
        unexplained.append(f"{len(unknown)} unknown, though the blows account for {most_unknown}")
    return Verdict(
        readers=len(readers),
        duplicates=sorted(
            {one for mail in taken for one in mail.recipients if ids[mail.message_id] > 1 or people[one] > 1}
        ),
        lost=sorted(row.address for row in rows if row.status in SAYS_SENT and row.message_id not in ids),
        unexplained=sorted(unexplained),
        statuses=dict(Counter(row.status for row in rows)),
        unknown=len(unknown),
        unknown_taken=sum(row.message_id in ids for row in unknown),
        most_unknown=most_unknown,
        mails=len(taken),
        late_p95=waits[int(len(waits) * 0.95)] if waits else 0.0,
    )


def table(verdict: Verdict) -> Table:
    shown = Table(title="What became of it", show_header=False, title_justify="left")
    shown.add_column(style="dim")
    shown.add_column()
    for name in ("duplicates", "lost", "unexplained"):
        found = getattr(verdict, name)
        some = "" if not found else ": " + "; ".join(found[:5]) + (" …" if len(found) > 5 else "")
        shown.add_row(name, f"[{'red' if found else 'green'}]{len(found)}{some}")
    shown.add_section()
    shown.add_row("readers", f"{verdict.readers:,}")
    shown.add_row("rows", ", ".join(f"{count:,} {status}" for status, count in sorted(verdict.statuses.items())))
    shown.add_row(
        "unknown",
        f"{verdict.unknown} (the blows account for {verdict.most_unknown}): the sink has {verdict.unknown_taken}, "
        f"and {verdict.unknown - verdict.unknown_taken} never left",
    )
    shown.add_row("mails in the sink", f"{verdict.mails:,}")
    shown.add_row("late, 95 of 100 by less", f"{verdict.late_p95:.0f} s")
    for name, said in verdict.facts.items():
        if isinstance(said, dict):
            said = ", ".join(f"{key} {value}" for key, value in said.items())
        elif isinstance(said, list):
            said = "; ".join(map(str, said)) or "none"
        shown.add_row(name, str(said))
    return shown
