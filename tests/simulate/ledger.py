"""Hold what the readers got, and what the database says of them, against the promises."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from rich.table import Table

from tests.simulate.promises import APART, MAIL, Promises
from tests.simulate.service import SentMail, StoredRow

TOLD = 10  # disagreements that are explained


@dataclass
class Verdict:
    reader_days: int = 0
    mails: int = 0
    days: Counter[str] = field(default_factory=Counter)  # kind -> reader-days with a row
    acts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, Any] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        # a Counter inside would become one of pairs
        return vars(self) | {"days": dict(self.days), "acts": dict(self.acts)}


class Ledger:
    """Every mail that the sink took, as it came, and every moment at which a reader was or was not to be written to."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self.mails: list[SentMail] = []
        self.wrong: list[str] = []

    def take(self, mails: list[SentMail], now: datetime) -> None:
        """Check the mails of one turn against the promised ones of that moment."""
        self.mails += mails
        for mail in mails:
            reader = self._promises.readers.get(mail.address)
            if reader is None or not reader.is_on_list or reader.is_suppressed:
                self._say(mail, "came to somebody who is not on the list")
            elif mail.day is None:
                self._say(mail, "came without a row in the database")
            elif (row := reader.rows.get(mail.day)) is None or row.kind != MAIL or row.at != now:
                self._say(mail, f"of {mail.day} came, but the promise is {row.kind if row else 'nothing'}")
            elif not mail.papers <= row.papers or len(mail.papers) != row.count:
                self._say(mail, f"of {mail.day} has {len(mail.papers)} papers; promised are {row.count} of others")
            if reader:
                reader.had |= mail.papers

    def _say(self, mail: SentMail, what: str) -> None:
        self.wrong.append(f"{mail.address}: a mail at {mail.at:%d %b %H:%M} UTC {what}")

    def judge(self, rows: dict[tuple[str, date], StoredRow]) -> Verdict:
        verdict = Verdict(mails=len(self.mails))
        expected = {(name, day): row for name, one in self._promises.readers.items() for day, row in one.rows.items()}
        first: dict[str, date] = {}
        last = max((day for _, day in expected), default=None)
        for name, day in expected:
            first[name] = min(day, first.get(name, day))
        verdict.reader_days = sum((last - day).days + 1 for day in first.values()) if last else 0
        for key in sorted(expected.keys() | rows.keys()):
            promised, found = expected.get(key), rows.get(key)
            kind = promised.kind if promised else "nothing"
            verdict.days[kind] += 1
            stored = found.kind if found else "nothing"
            if stored != kind:
                verdict.disagreements.append(f"{key[0]} on {key[1]}: promised {kind}, the database says {stored}")
            elif kind == MAIL and promised and found and promised.count and not found.papers <= promised.papers:
                verdict.disagreements.append(f"{key[0]} on {key[1]}: the database names other papers")
        verdict.disagreements += [*self._of_mails(), *self._of_readers(), *self.wrong]
        return verdict

    def _of_mails(self) -> list[str]:
        """Compare the mails themselves: each promised one came once, at its turn, and no other."""
        promised = Counter((mail.address, mail.day, mail.at) for mail in self._promises.mails)
        came = Counter((mail.address, mail.day, mail.at) for mail in self.mails)
        missing = [f"{name} on {day}: no mail came at {at:%d %b %H:%M} UTC" for name, day, at in promised - came]
        return missing + [
            f"{name} on {day}: one mail too many at {at:%d %b %H:%M} UTC" for name, day, at in came - promised
        ]

    def _of_readers(self) -> list[str]:
        """Check what holds of the mails whatever the schedule: once a day, half a day apart, each paper once."""
        of: dict[str, list[SentMail]] = defaultdict(list)
        for mail in self.mails:
            of[mail.address].append(mail)
        wrong = []
        for name, mails in of.items():
            wrong += [f"{name} on {day}: {n} mails" for day, n in Counter(m.day for m in mails).items() if n > 1]
            wrong += [
                f"{name}: two mails within half a day, at {one.at:%d %b %H:%M} and {two.at:%H:%M} UTC"
                for one, two in pairwise(mails)
                if two.at - one.at < APART
            ]
            papers = Counter(paper for mail in mails for paper in mail.papers)
            wrong += [f"{name}: {paper} came {n} times" for paper, n in papers.items() if n > 1]
        return wrong


def table(verdict: Verdict) -> Table:
    shown = Table(title="The ledger and the database", show_header=False, title_justify="left")
    shown.add_column(style="dim")
    shown.add_column()
    shown.add_row("reader-days checked", f"{verdict.reader_days:,}")
    shown.add_row("mails", f"{verdict.mails:,}")
    shown.add_row("rows", ", ".join(f"{count:,} {kind}" for kind, count in verdict.days.most_common()))
    shown.add_row("acts", ", ".join(f"{count:,} {kind}" for kind, count in verdict.acts.most_common()))
    for name, said in verdict.facts.items():
        shown.add_row(name, str(said))
    count = len(verdict.disagreements)
    shown.add_row("disagreements", f"[{'red' if count else 'green'}]{count}")
    for one in verdict.disagreements[:TOLD]:
        shown.add_row("", one)
    return shown
