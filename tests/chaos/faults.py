"""What is done to the service: a function for each line of the crash map, and what may strike at any time.

docs/sending.md has the lines. Each is brought about from outside (a lock that is held, a sink that does not
answer, a process that is stopped), and the one process that stands there is killed. What a blow returns is what it found
right afterwards; NotReached when that moment did not come.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress

from tests.chaos.cluster import Actor, Lock, NotReached, Stage
from tests.support.smtp_sink import read_log, stall

Blow = Callable[[Stage], str]


# --- the crash map ---------------------------------------------------------------------------------------------------


def during_plan(stage: Stage) -> str:
    """The rows are written, the readers' next instants are not yet: the lock lets them be read only."""
    stage.wait_for_a_tick()
    wave = stage.call_up(in_seconds=0.5)
    with stage.holding("LOCK TABLE subscriptions_subscriber IN SHARE MODE") as lock:
        _kill(stage, *_waiter(stage, lock, lambda actor, query: actor.name == "ticks"))
    return _found(stage.count("subscriber_id = ANY(%s)", wave) == 0, f"no row for {len(wave)} readers")


def before_lease(stage: Stage) -> str:
    """Planned, and the batch is about to be leased: the table of batches can be read only.

    Where all are busy with other batches, one of them dies, and this batch waits for the next.
    """
    stage.wait_for_a_tick()
    for actor in stage.deliverers():
        stage.freeze(actor)
    wave = stage.call_up()
    stage.wait_for(lambda: stage.is_planned(wave), "a wave to be planned")
    with stage.holding("LOCK TABLE digest_batch IN EXCLUSIVE MODE") as lock:
        stage.thaw()
        try:
            _kill(stage, *_waiter(stage, lock, _is_leasing, timeout=4))
        except NotReached:
            stage.kill(stage.dice.choice(stage.deliverers()), "group")
        ready = stage.count(
            "status = 'ready' AND subscriber_id = ANY(%s) AND batch_id IN (SELECT id FROM digest_batch WHERE status = 'open')",
            wave,
        )
    return _found(ready == len(wave), f"{ready} rows ready in an open batch")


def after_lease(stage: Stage) -> str:
    """The batch is leased, and the first rows are about to be taken: those that are ready are locked."""
    stage.have_work()
    with stage.holding("SELECT id FROM digest_delivery WHERE status = 'ready' FOR UPDATE SKIP LOCKED") as lock:
        _kill(stage, *_waiter(stage, lock, lambda actor, query: "SELECT delivery." in query))
        ((untouched,),) = stage.sql(
            "SELECT count(*) FROM digest_batch WHERE status = 'leased' AND id IN (SELECT batch_id FROM digest_delivery"
            " GROUP BY 1 HAVING bool_or(status = 'ready') AND NOT bool_or(status = 'handing_off'))"
        )
    return _found(untouched > 0, f"rows ready in {untouched} leased batches")


def before_connect(stage: Stage) -> str:
    """The first rows are marked, and the mail server does not even greet."""

    def marked_and_untouched() -> tuple[Actor, int, int] | None:
        marked = stage.sql("SELECT batch_id, message_id FROM digest_delivery WHERE status = 'handing_off'")
        taken = {mail.message_id for mail in read_log(stage.log)}
        begun = {batch for batch, name in marked if name in taken}
        left = [name for batch, name in marked if batch not in begun]
        waiting = _kept_waiting(stage, "greeting")
        return (*waiting[0], len(left)) if waiting and left else None

    stage.have_work()
    stage.tell(stall("greeting"))
    try:
        actor, pid, left = stage.wait_for(marked_and_untouched, "a mail server that does not greet", timeout=4)
    except NotReached:  # every worker has its connections still: one that is started again needs new ones
        stage.kill(stage.a_deliverer(), "group")
        stage.mend()
        stage.have_work()
        actor, pid, left = stage.wait_for(marked_and_untouched, "a mail server that does not greet", timeout=40)
    _kill(stage, actor, pid)
    return f"{left} rows handing_off, nothing of them left"


def after_the_dot(stage: Stage) -> str:
    """The mail is taken, and nobody was told so."""
    stage.have_work()
    stage.tell(stall("end", next=1))
    _kill(stage, *stage.wait_for(lambda: _kept_waiting(stage, "end"), "a mail without its answer", timeout=30)[0])
    return _taken(stage, stage.sql("SELECT id FROM digest_delivery WHERE status = 'handing_off'"))


def before_commit(stage: Stage) -> str:
    """The mails are taken and the worker was told so: the rows that are to say it are locked."""

    def recording(actor: Actor, query: str) -> bool:
        return actor in stage.deliverers() and "UPDATE digest_delivery SET status = 'accepted'" in query

    for _ in range(5):  # what a dead worker was handing over is recorded by nobody
        stage.have_work()
        with (
            stage.holding("SELECT id FROM digest_delivery WHERE status = 'handing_off' FOR UPDATE SKIP LOCKED") as lock,
            suppress(NotReached),
        ):
            _kill(stage, *_waiter(stage, lock, recording, timeout=5 if lock.rows else 0))
            return _taken(stage, [(row,) for row in lock.rows])
        stage.pause(0.2)
    raise NotReached("nobody recorded what was handed over")


def redis_lost(stage: Stage) -> str:
    stage.a_deliverer()
    stage.kill_redis()
    return "killed, and started again with nothing in it"


def redis_flushed(stage: Stage) -> str:
    stage.a_deliverer()
    stage.flush_redis()
    return "every message gone"


# --- at any time -----------------------------------------------------------------------------------------------------


def a_worker(stage: Stage) -> str:
    actor = stage.a_deliverer()
    stage.kill(actor, "group")
    return f"{actor.name} with its children"


def a_child(stage: Stage) -> str:
    actor = stage.a_deliverer()
    stage.kill(actor, "child")
    return f"a child of {actor.name}"


def a_parent(stage: Stage) -> str:
    """Its children finish what they have in hand, while another worker of the same name starts."""
    actor = stage.a_deliverer()
    stage.kill(actor, "parent")
    return f"{actor.name} without its children"


def the_ticks(stage: Stage) -> str:
    manner = stage.dice.choice(("group", "child"))
    stage.kill(stage.named("ticks"), manner)
    return f"whoever plans and sweeps ({manner})"


def the_beat(stage: Stage) -> str:
    stage.kill(stage.named("beat"), "group")
    return "the timetable"


def connections(stage: Stage) -> str:
    """Some of the service's connections to the database are cut by the server."""
    pids = _connected(stage)
    chosen = stage.dice.sample(pids, stage.dice.randint(1, len(pids)))
    stage.exposed += len(chosen) * stage.chunk
    for pid in chosen:
        stage.sql("SELECT pg_terminate_backend(%s)", pid)
    return f"{len(chosen)} of {len(pids)} connections"


def the_database(stage: Stage) -> str:
    """kill -9 of one process of PostgreSQL's: it cuts everybody off and recovers from its log."""
    pids = _connected(stage)
    stage.exposed += len(pids) * stage.chunk
    with suppress(ProcessLookupError):
        os.kill(stage.dice.choice(pids), signal.SIGKILL)
    stage.pause(0.5)
    return f"crashed with {len(pids)} connections; {stage.count('true')} rows are there again"


def a_freeze(stage: Stage) -> str:
    """A worker stands still for longer than its lease, as on a machine that is paused, and goes on as if nothing was."""
    actor = stage.a_deliverer()
    stage.freeze(actor)
    stage.pause(stage.lease * 1.2 + 2 * stage.tick)
    stage.thaw()
    return f"{actor.name}, until its lease was over"


def a_cut_journal(stage: Stage) -> str:
    """A worker is killed, and the journals that its children leave behind are cut: the end of the lease decides."""
    actor = stage.a_deliverer()
    stage.freeze(actor)
    journals = stage.journals_of(actor)
    if not journals:
        raise NotReached("no child of that worker had a journal")
    for path in journals:
        os.truncate(path, stage.dice.randrange(path.stat().st_size))
    stage.kill(actor, "group")
    return f"{actor.name}, with {len(journals)} journals cut"


def a_late_answer(stage: Stage) -> str:
    """The mail is taken at once, and the answer comes when the lease is over."""
    stage.have_work()
    stage.exposed += stage.chunk
    stage.tell(stall("end", stage.lease * 1.2 + 2 * stage.tick, next=1))
    stage.pause(stage.lease * 1.2 + 2 * stage.tick)
    return "an answer came after the lease"


CRASH_MAP: dict[str, Blow] = {
    "during plan": during_plan,
    "after plan, before lease": before_lease,
    "after the lease": after_lease,
    "after handing_off, before connect": before_connect,
    "after the final dot, before the answer": after_the_dot,
    "after the answer, before commit": before_commit,
    "Redis lost": redis_lost,
    "Redis flushed": redis_flushed,
}
ANY_TIME: dict[str, Blow] = {
    "a worker": a_worker,
    "a worker's child": a_child,
    "a worker's parent": a_parent,
    "the minute's steps": the_ticks,
    "the beat": the_beat,
    "connections to PostgreSQL": connections,
    "PostgreSQL": the_database,
    "a frozen worker": a_freeze,
    "a worker and its journals": a_cut_journal,
    "an answer after the lease": a_late_answer,
}
ALL = CRASH_MAP | ANY_TIME
NEED_A_WAVE = ("during plan", "after plan, before lease")


def drawn(kills: int, dice: random.Random) -> list[str]:
    """So many blows: each line of the crash map, then each of the others, then any; in any order."""
    lines, others = list(CRASH_MAP), dice.sample(list(ANY_TIME), len(ANY_TIME))
    chosen = [*lines, *others, *(dice.choice(dice.choice((lines, others))) for _ in range(kills))][:kills]
    return dice.sample(chosen, len(chosen))


# --- aim -------------------------------------------------------------------------------------------------------------


def _connected(stage: Stage) -> list[int]:
    """PostgreSQL's processes that serve the service, at a moment at which mails are being handed over."""
    served = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'chaos'"
    stage.a_deliverer()
    return stage.wait_for(lambda: [pid for (pid,) in stage.sql(served)], "a connection")


def _kill(stage: Stage, actor: Actor, pid: int) -> None:
    stage.kill(actor, stage.dice.choice(("group", "child")), pid)


def _waiter(
    stage: Stage, lock: Lock, is_meant: Callable[[Actor, str], bool], *, timeout: float = 30
) -> tuple[Actor, int]:
    """Who waits for the lock with a statement that is meant."""

    def found() -> list[tuple[Actor, int]]:
        return [(actor, pid) for actor, pid, query in stage.waiters(lock) if is_meant(actor, query)]

    return stage.wait_for(found, "somebody to wait for the lock", timeout=timeout)[0]


def _is_leasing(actor: Actor, query: str) -> bool:
    takes = "SKIP LOCKED" in query or """SET "status" = 'leased'""" in query
    return actor.name.startswith("digests") and takes


def _kept_waiting(stage: Stage, at: str) -> list[tuple[Actor, int]]:
    """Whom the sink keeps waiting there until it is told otherwise."""
    waiting = [one for one in stage.sink.counts()["waiting"] if one["at"] == at and one["is_for_good"]]
    return [owner for one in waiting if (owner := stage.owner_of(one["port"], server=stage.sink.port))]


def _taken(stage: Stage, rows: list[tuple[int]]) -> str:
    """How many of these rows' mails the sink has, which they do not say."""
    names = stage.sql("SELECT message_id FROM digest_delivery WHERE id = ANY(%s)", [row for (row,) in rows])
    taken = {name for (name,) in names} & {mail.message_id for mail in read_log(stage.log)}
    return _found(bool(taken), f"{len(taken)} of {len(rows)} rows handing_off are taken")


def _found(is_so: bool, what: str) -> str:
    if not is_so:
        raise NotReached(f"found other than: {what}")
    return what
