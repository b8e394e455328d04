"""The service as it runs in earnest (workers, beat, PostgreSQL, Redis, a mail sink), and the hands that strike at it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

from tests.support.running_service import session_of
from tests.support.services import ROOT, Installation, redis_server
from tests.support.smtp_sink import Sink, refuse, stall

T = TypeVar("T")
CELERY = [sys.executable, "-m", "celery", "-q", "-A", "digest.config.celery"]
WORKER = [*CELERY, "worker", "-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
CHILDREN = 2  # of each worker that delivers
PROVIDERS = {
    "smtp": {},
    "postmark": {"POSTMARK_SERVER_TOKEN": "token"},
    "resend": {"RESEND_API_KEY": "key"},
}


class NotReached(Exception):
    """What was to be struck at did not come about in time."""


@dataclass
class Actor:
    """One process of the service, started again each time it is found dead."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    said_before: int = 0  # length of its log when it was started last
    is_struck: bool = False

    @property
    def is_up(self) -> bool:
        return b"ready" in self.log.read_bytes()[self.said_before :]


@dataclass
class Stage:
    """What runs, and what was seen of it.

    Readers are called up in waves: each is due in the moment of its call. ``watch`` is called while anything is waited
    for, so that somebody can see how far it is.
    """

    installation: Installation
    sink: Sink
    log: Path  # of the sink
    redis_port: int
    chunk: int  # mails that a process hands over together
    lease: float  # seconds
    tick: float
    dice: random.Random
    actors: list[Actor]
    weather: list[dict[str, Any]]
    watch: Callable[[], None] = lambda: None
    waves: list[list[int]] = field(default_factory=list)
    due: dict[int, datetime] = field(default_factory=dict)  # reader -> when they were called up
    memory: Counter[str] = field(default_factory=Counter)  # actor -> most MB that one of its processes ever held
    ended_by_itself: list[str] = field(default_factory=list)
    reserved: int = 0  # waves that only blows which need one may call up
    exposed: int = 0  # mails that the blows may leave unknown
    on_the_wire: int = 1  # mails that one process may have in transit, which are unknown when it is killed
    pace: float = 0.0  # seconds that the sink takes for an answer, so that there is work while there are blows
    _sessions: set[int] = field(default_factory=set)
    _frozen: set[int] = field(default_factory=set)
    _redis: ExitStack = field(default_factory=ExitStack)
    _connection: psycopg.Connection[Any] | None = None

    # --- processes

    def mend(self) -> None:
        """Start whatever is dead."""
        for actor in self.actors:
            if actor.process is None or actor.process.poll() is not None:
                if actor.process is not None and not actor.is_struck:
                    last = actor.log.read_text(errors="replace").splitlines()[-1:]
                    self.ended_by_itself.append(f"{actor.name} ({actor.process.returncode}): {''.join(last)}")
                actor.is_struck = False
                with actor.log.open("ab") as log:
                    actor.said_before = log.tell()
                    actor.process = subprocess.Popen(
                        actor.command,
                        cwd=ROOT,
                        env=self.installation.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                self._sessions.add(actor.process.pid)

    def stop(self) -> None:
        """Kill every process that was ever started here, orphans too."""
        for session in self._sessions:
            for pid in processes_of(session):
                _signal(pid, signal.SIGKILL)
        for actor in self.actors:
            if actor.process:
                actor.process.wait()
        while any(processes_of(session) for session in self._sessions):
            time.sleep(0.02)

    def end(self) -> None:
        self.stop()
        if self._connection:
            self._connection.close()
        self._redis.close()

    def deliverers(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.name.startswith("digests")]

    def a_deliverer(self) -> Actor:
        """One that runs, at a moment at which mails are being handed over."""
        self.have_work()
        self.wait_for(lambda: self.count("status = 'handing_off'"), "mails to be handed over", timeout=20)
        running = self.wait_for(lambda: [actor for actor in self.deliverers() if actor.is_up], "a worker")
        return self.dice.choice(running)

    def named(self, name: str) -> Actor:
        actor = next(actor for actor in self.actors if actor.name == name)
        self.wait_for(lambda: actor.is_up, name)
        return actor

    def kill(self, actor: Actor, manner: str, child: int | None = None) -> None:
        """kill -9: the whole ``group``, one ``child`` of it, or the ``parent``, whose orphans go on for a while."""
        assert actor.process is not None
        assert child != actor.process.pid, "a parent was taken for one of its children"
        everyone = processes_of(actor.process.pid)
        children = [pid for pid in everyone if pid != actor.process.pid]
        self.exposed += self.on_the_wire * (1 if manner == "child" else len(children))
        if manner == "child":
            for pid in [child] if child else self.dice.sample(children, min(1, len(children))):
                _signal(pid, signal.SIGKILL)
            return
        actor.is_struck = True
        for pid in everyone if manner == "group" else [actor.process.pid]:
            _signal(pid, signal.SIGKILL)
        actor.process.wait()

    def freeze(self, actor: Actor) -> None:
        """Stop it where it stands, as a machine that is paused does."""
        assert actor.process is not None
        self.exposed += CHILDREN * self.chunk
        for pid in processes_of(actor.process.pid):
            self._frozen.add(pid)
            _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._frozen:
            _signal(pid, signal.SIGCONT)
        self._frozen.clear()

    def journals_of(self, actor: Actor) -> list[Path]:
        """The journals that its processes hold open."""
        assert actor.process is not None
        files: set[Path] = set()
        for pid in processes_of(actor.process.pid):
            with suppress(OSError):
                files |= {path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()}
        return sorted(path for path in files if path.suffix == ".journal")

    def owner_of(self, port: int, *, server: int) -> tuple[Actor, int] | None:
        """Who of the service is connected from this local port to that port of a server: the actor and the process."""
        inode = inode_of(port, server)
        for actor in self.actors:
            for pid in processes_of(actor.process.pid) if actor.process and inode else []:
                with suppress(OSError):
                    if any(
                        os.readlink(f"/proc/{pid}/fd/{number}") == inode for number in os.listdir(f"/proc/{pid}/fd")
                    ):
                        return actor, pid
        return None

    # --- Redis

    def start_redis(self) -> None:
        self._redis.enter_context(redis_server(self.redis_port))

    def kill_redis(self) -> None:
        """kill -9, and start it again with nothing in it."""
        with redis.Redis(port=self.redis_port) as client:
            pid = client.info("server")["process_id"]
        os.kill(pid, signal.SIGKILL)
        self._redis.close()
        self.start_redis()

    def flush_redis(self) -> None:
        with redis.Redis(port=self.redis_port) as client:
            client.flushall()

    # --- the database

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        for _ in range(200):
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg.connect(
                        self.installation.environment["DATABASE_URL"], autocommit=True, application_name="chaos"
                    )
                done = self._connection.execute(statement, values)
                return done.fetchall() if done.description else []
            except psycopg.OperationalError:  # a blow may have struck this connection too
                if self._connection:
                    self._connection.close()
                time.sleep(0.1)
        raise NotReached("the database does not come back")

    def count(self, condition: str, *values: Any) -> int:
        return int(self.sql(f"SELECT count(*) FROM digest_delivery WHERE {condition}", *values)[0][0])

    def statuses(self) -> Counter[str]:
        return Counter(dict(self.sql("SELECT status, count(*) FROM digest_delivery GROUP BY status")))

    @contextmanager
    def holding(self, statement: str, *values: Any) -> Iterator[Lock]:
        """A transaction that holds what this statement locks, and is rolled back in the end."""
        with psycopg.connect(self.installation.environment["DATABASE_URL"], application_name="chaos") as connection:
            connection.execute("SET lock_timeout = '3s'")
            try:
                done = connection.execute(statement, values)
            except psycopg.errors.LockNotAvailable as error:
                raise NotReached("the lock is somebody else's") from error
            rows = done.fetchall() if done.description else []
            try:
                yield Lock(connection.info.backend_pid, [row[0] for row in rows])
            finally:
                connection.rollback()

    def waiters(self, lock: Lock) -> list[tuple[Actor, int, str]]:
        """Who of the service waits for this lock: actor, process, statement."""
        found = self.sql(
            "SELECT client_port, inet_server_port(), query FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))",
            lock.backend,
        )
        owned = [(self.owner_of(port, server=server), query) for port, server, query in found]
        return [(*owner, query) for owner, query in owned if owner]

    # --- readers and mail

    def call_up(self, *, in_seconds: float = 0) -> list[int]:
        """The next wave of readers is due now, or soon."""
        if not self.waves:
            raise NotReached("every reader was called up already")
        wave = self.waves.pop(0)
        ((due,),) = self.sql("SELECT now() + %s * interval '1 second'", in_seconds)
        self.sql("UPDATE subscriptions_subscriber SET next_send_at = %s WHERE id = ANY(%s)", due, wave)
        self.due |= dict.fromkeys(wave, due)
        return wave

    def is_planned(self, wave: list[int]) -> bool:
        return self.count("subscriber_id = ANY(%s)", wave) == len(wave)

    def have_work(self) -> None:
        """Call up another wave when less than a chunk is left to hand over, and wait until it is planned."""
        if self.count("status = 'ready'") < self.chunk and len(self.waves) > self.reserved:
            wave = self.call_up()
            self.wait_for(lambda: self.is_planned(wave), "a wave to be planned")

    def wait_for_a_tick(self) -> None:
        """Until the minute's steps have gone well once more: nobody holds their turn then."""
        ((now,),) = self.sql("SELECT now()")
        ticked = "SELECT 1 FROM digest_lease WHERE name = 'tick' AND last_ok_at > %s"
        self.wait_for(lambda: self.sql(ticked, now), "a tick")

    def tell(self, *rules: dict[str, Any], release: bool = False) -> None:
        """The sink is to follow these rules, before those of the weather."""
        pace = [stall("end", self.pace)] if self.pace else []
        weather = [{**rule, "seed": self.dice.randrange(1 << 30)} for rule in self.weather]
        self.sink.tell(*rules, *weather, *pace, clear=True, release=release)

    # --- time

    def wait_for(self, what: Callable[[], T], name: str, *, timeout: float = 60) -> T:
        """What ``what`` gives as soon as it gives anything; raises NotReached."""
        deadline = time.monotonic() + timeout
        while not (found := what()):
            if time.monotonic() > deadline:
                raise NotReached(f"waited in vain for {name}")
            self.pause(0.03)
        return found

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self.watch()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.3))

    def measure(self) -> None:
        """Remember the most memory that any process of each actor has held."""
        for actor in self.actors:
            for pid in processes_of(actor.process.pid) if actor.process else []:
                with suppress(OSError, StopIteration):
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                    self.memory[actor.name] = max(self.memory[actor.name], peak // 1024)


@dataclass(frozen=True)
class Lock:
    backend: int  # PostgreSQL's process id of who holds it
    rows: list[Any]  # first column of what was locked


def actors(workers: int, logs: Path, *, ahead: float = 0) -> list[Actor]:
    """The Procfile's processes but the web's: one for the minute's steps, ``workers`` that deliver, one beat.

    The clock of the first worker that delivers is ``ahead`` by so many seconds.
    """
    commands = {
        "ticks": [*WORKER, "-Q", "mail,ticks", "-n", "ticks@%h", "-P", "prefork", "-c", "1"],
        "beat": [*CELERY, "beat", "-l", "warning", "--pidfile="],
    }
    for number in range(1, workers + 1):
        name = f"digests{number}"
        commands[name] = [*WORKER, "-Q", "digests", "-n", f"{name}@%h", "-P", "prefork", "-c", str(CHILDREN)]
    if ahead:
        start = ["-m", "tests.chaos.shifted_clock", str(ahead)]
        commands["digests1"][1:2] = start
    return [Actor(name, command, logs / f"{name}.log") for name, command in commands.items()]


def installation_at(
    var: Path, *, database_url: str, redis_port: int, provider: str, mail_port: int, **more: str
) -> Installation:
    """An installation that mails through the sink on this port."""
    where = {"SMTP_URL": f"smtp://127.0.0.1:{mail_port}"}
    if provider != "smtp":
        where = PROVIDERS[provider] | {"MAIL_API_URL": f"http://127.0.0.1:{mail_port}/"}
    return Installation.at(
        var,
        DATABASE_URL=database_url,
        REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
        SITE_URL="https://papers.example.org",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@mail.example.org>",
        POSTAL_ADDRESS="Example Institute, 1 Reading Lane",
        MAIL_PROVIDER=provider,
        MAIL_RATE="",  # as fast as the sink answers
        **where,
        **more,
    )


def bad_weather(provider: str) -> list[dict[str, Any]]:
    """A mail server as the world has them: now and then it refuses for a while, for good, or hangs up."""
    if provider == "smtp":
        return [
            refuse("rcpt", 451, "4.7.1 Greylisted", share=0.005),
            refuse("rcpt", 550, "5.1.1 No such user", share=0.003),
            refuse("mail", 421, "4.3.2 Shutting down", share=0.003),
            refuse("end", 452, "4.3.1 No space", share=0.003),
            {"do": "cut", "at": "mail", "share": 0.003},
            {"do": "cut", "at": "content", "share": 0.002},
            {"do": "cut", "at": "end", "share": 0.002},
            {"do": "cut", "at": "end", "share": 0.001, "taken": False},
        ]
    return [
        refuse("end", 429, "Too many requests", headers={"Retry-After": "2"}, share=0.0005),
        refuse("end", 503, "Service unavailable", share=0.002),
        refuse("end", 500, "Internal error", share=0.003, taken=True),
        refuse(
            "end",
            422,
            '{"ErrorCode": 300, "Message": "Invalid \'To\' address", "statusCode": 422, "name": "validation_error", "message": "Invalid `to` field"}',
            share=0.003,
        ),
        {"do": "cut", "at": "content", "share": 0.002},
        {"do": "cut", "at": "end", "share": 0.003},
    ]


def processes_of(session: int) -> list[int]:
    """Every process of this session, its head first."""
    return sorted(
        (pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if session_of(pid) == session),
        key=lambda pid: pid != session,
    )


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def inode_of(port: int, server: int) -> str:
    """The name in /proc of the socket that is connected from this local port to that one; empty when there is none."""
    # Both ports, because the kernel gives one local port to connections with different servers at the same time.
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, near, far, _, _, _, _, _, _, inode, *_ = line.split()
        if (_port(near), _port(far)) == (port, server) and inode != "0":
            return f"socket:[{inode}]"
    return ""


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
