"""One run: set the stage, strike while it delivers, wait until all is quiet, judge."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tests.chaos import faults
from tests.chaos.cluster import CHILDREN, NotReached, Stage, actors, bad_weather, installation_at
from tests.chaos.reconciliation import OPEN, Row, Verdict, judge
from tests.support.services import empty_database, free_port, postgres, postgres_binaries
from tests.support.smtp_sink import read_log, sink

LEASE, TICK = 8, 2  # seconds
TRIES = 3  # to strike at one moment
PATIENCE = 400.0  # seconds without anything happening; a row waits for another try for one minute, then for three
CHUNK = {"smtp": 20, "postmark": 8, "resend": 8}  # mails that a process hands over together; by HTTP, at once
MOST_PACE = {"smtp": 0.08, "postmark": 1.5, "resend": 1.5}  # a chunk's mails must get their answers well within a lease


@dataclass
class Chaos:
    readers: int
    kills: int
    workers: int = 2
    seed: int = 1
    provider: str = "smtp"
    only: list[str] | None = None
    calm: bool = False
    lease: int = LEASE
    ahead: float = 0  # seconds that the clock of one worker is ahead of all others
    logs: Path | None = None  # where what the processes say is kept
    struck: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def run(self, out: Console) -> Verdict:
        began = time.monotonic()
        with ExitStack() as stack:
            out.print(f"{self.readers:,} readers, {self.kills} blows, seed {self.seed}: setting the stage …")
            stage, addresses = self._set(stack)
            progress = stack.enter_context(_progress(out))
            stage.watch = _Watcher(stage, progress, progress.add_task("closed", total=self.readers, words=""))
            stage.mend()
            stage.wait_for(lambda: all(actor.is_up for actor in stage.actors), "the service to be up")
            stage.call_up()
            self._strike(stage, progress, progress.add_task("blows", total=self.kills, words=""))
            self._wait_until_quiet(stage)
            stage.stop()
            return self._judge(stage, addresses, seconds=time.monotonic() - began)

    def _set(self, stack: ExitStack) -> tuple[Stage, dict[int, str]]:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="broadsheet-chaos-")))
        log, redis_port = var / "sink.log", free_port()
        log.touch()
        for old in self.logs.glob("*.log") if self.logs else []:
            old.unlink()
        # commits must outlive a crash of PostgreSQL itself, which is among the blows
        server_url = stack.enter_context(postgres(postgres_binaries(), keeps_commits=True))
        database_url = stack.enter_context(empty_database(server_url))
        module = "tests.support.smtp_sink" if self.provider == "smtp" else "tests.support.http_sink"
        mail = stack.enter_context(sink(log=log, module=module))
        installation = installation_at(
            var,
            database_url=database_url,
            redis_port=redis_port,
            provider=self.provider,
            mail_port=mail.port,
            LEASE_SECONDS=str(self.lease),
            TICK_SECONDS=str(TICK),
            MAILS_AT_ONCE=str(CHUNK[self.provider]),
        )
        installation.prepare()
        installation.run("-m", "tests.chaos.population", str(self.readers), str(self.seed))
        stage = Stage(
            installation=installation,
            sink=mail,
            log=log,
            redis_port=redis_port,
            chunk=CHUNK[self.provider],
            on_the_wire=1 if self.provider == "smtp" else CHUNK[self.provider],
            lease=self.lease,
            tick=TICK,
            dice=random.Random(self.seed),
            actors=actors(self.workers, self.logs or var, ahead=self.ahead),
            weather=[] if self.calm else bad_weather(self.provider),
        )
        stack.callback(stage.end)
        stage.start_redis()
        addresses = dict(stage.sql("SELECT id, email FROM subscriptions_subscriber ORDER BY id"))
        stage.waves = _waves(list(addresses), self.kills)
        return stage, addresses

    def _strike(self, stage: Stage, progress: Progress, bar: TaskID) -> None:
        began = time.monotonic()
        names = faults.drawn(self.kills, stage.dice)
        if self.only:
            names = list(islice(cycle(self.only), self.kills))
        for number, name in enumerate(names):
            each = (time.monotonic() - began) / number if number else 5.0
            stage.reserved = sum(name in faults.NEED_A_WAVE for name in names[number:])
            self._set_pace(stage, seconds=each * (len(names) - number))
            stage.tell()
            for attempt in range(TRIES):
                if self._blow(stage, name, progress):
                    break
                if attempt == TRIES - 1:
                    self.missed.append(name)
            progress.advance(bar)
            stage.pause(stage.dice.uniform(0, 1.5))
        stage.pace = 0.0
        stage.weather = []
        stage.tell()

    def _blow(self, stage: Stage, name: str, progress: Progress) -> bool:
        began = time.monotonic()
        try:
            found, is_struck = faults.ALL[name](stage), True
        except NotReached as error:
            found, is_struck = str(error), False
        finally:
            stage.thaw()
            stage.tell(release=True)
            stage.mend()
        self.struck[name] += is_struck
        self.told.append(
            {"blow": name, "struck": is_struck, "found": found, "seconds": round(time.monotonic() - began, 2)}
        )
        progress.console.print(f"[{'bold' if is_struck else 'dim'}]{name}[/]: {found}", highlight=False)
        return is_struck

    def _set_pace(self, stage: Stage, *, seconds: float) -> None:
        """So slow an answer to each mail that what is left lasts for the blows that are left."""
        closed = sum(count for status, count in stage.statuses().items() if status not in ("ready", "handing_off"))
        lanes = self.workers * CHILDREN * (1 if self.provider == "smtp" else stage.chunk)
        stage.pace = min(seconds * lanes / max(1, self.readers - closed), MOST_PACE[self.provider])

    def _wait_until_quiet(self, stage: Stage) -> None:
        """Every reader has a row, none of them is open, and none moves any more; or nothing could ever move again."""
        while stage.waves:
            stage.call_up()
        last, since = None, time.monotonic()
        while (still := time.monotonic() - since) < PATIENCE + self.lease:
            now = stage.statuses()
            if now != last:
                last, since = now, time.monotonic()
            is_planned = now.total() >= self.readers
            if is_planned and still > self.lease + 3 * TICK and not (now["retry_wait"] or self._has_batches(stage)):
                return
            stage.pause(1)
            stage.mend()

    @staticmethod
    def _has_batches(stage: Stage) -> bool:
        return bool(stage.sql("SELECT 1 FROM digest_batch WHERE status <> 'done' LIMIT 1"))

    def _judge(self, stage: Stage, addresses: dict[int, str], *, seconds: float) -> Verdict:
        rows = [
            Row(*values)
            for values in stage.sql(
                "SELECT subscriber_id, email, d.status, message_id, accepted_at, b.status, d.attempts, d.status_reason"
                " FROM digest_delivery d JOIN subscriptions_subscriber s ON s.id = subscriber_id"
                " LEFT JOIN digest_batch b ON b.id = batch_id"
            )
        ]
        ((commits, rollbacks),) = stage.sql(
            "SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        taken, counts = read_log(stage.log), stage.sink.counts()
        refused = sum(counts["struck"].values()) - counts["struck"].get("stall end", 0)
        # a worker to which every lease seems over takes what the others have in hand
        exposed = self.readers if self.ahead >= self.lease else stage.exposed + refused
        verdict = judge(addresses, rows, taken, stage.due, most_unknown=exposed)
        span = taken[-1].at - taken[0].at if len(taken) > 1 else 0.0
        repeats = counts.get("repeats", {})
        if other := repeats.get("other"):
            verdict.unexplained.append(f"{other} mails were handed over again under one key with other contents")
        verdict.facts = {
            "blows": dict(sorted(self.struck.items())),
            "not struck": self.missed,
            "mails a second (the sink slows it, so that there is work)": round(len(taken) / span, 1) if span else 0.0,
            "most MB of a process": dict(sorted(stage.memory.items())),
            "ended by themselves": stage.ended_by_itself,
            "the sink's misdeeds": dict(counts["struck"]),
            "handed over again under one key": repeats.get("same", 0),
            "transactions": {"committed": commits, "rolled back": rollbacks},
            "seconds": round(seconds),
        }
        return verdict


class _Watcher:
    """Called whenever something is waited for: twice a second it looks how far all is, and how much memory it takes."""

    def __init__(self, stage: Stage, progress: Progress, bar: TaskID) -> None:
        self._stage, self._progress, self._bar, self._next = stage, progress, bar, 0.0

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.5
        self._stage.measure()
        now = self._stage.statuses()
        still = sum(now[status] for status in OPEN)
        words = ", ".join(f"{count} {status}" for status, count in sorted(now.items()))
        self._progress.update(self._bar, completed=now.total() - still, words=words)


@contextmanager
def _progress(out: Console) -> Iterator[Progress]:
    columns = [TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, TextColumn("{task.fields[words]}"), console=out, disable=not out.is_terminal) as progress:
        yield progress


def _waves(readers: list[int], kills: int) -> list[list[int]]:
    """A third of them at first, the others in twice as many waves as there are blows."""
    first = len(readers) // 3
    size = max(1, (len(readers) - first) // max(1, 2 * kills))
    return [readers[:first], *(readers[start : start + size] for start in range(first, len(readers), size))]
