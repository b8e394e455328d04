"""Run all checks of ``doctor`` in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from dns.resolver import Resolver

from digest.compose.phrases import join_words, plural
from digest.diagnostics import dns_records, mail_server
from digest.diagnostics.check_result import CheckResult, Severity
from digest.diagnostics.clock import examine_clock
from digest.diagnostics.databases import examine_databases
from digest.diagnostics.last_tick import last_tick
from digest.diagnostics.queue import examine_queue
from digest.diagnostics.semantic import examine_vectors
from digest.diagnostics.staff_accounts import examine_staff_accounts
from digest.diagnostics.summaries import examine_summaries
from digest.ingest.sources.advice import explain
from digest.models import Source
from subscriptions import suppression_key
from subscriptions.models import Subscriber

SOURCE_QUIET = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Environment:
    """The outside of the service: the clock and the DNS."""

    clock: Callable[[], datetime]
    names: Resolver


def examine(now: datetime, *, environment: Environment | None = None) -> list[CheckResult]:
    """Return all results in the order in which to fix them; clock, DNS and web need an ``environment``."""
    database, broker, mail = list(_database()), list(_broker()), [*_mail(), *_outside(environment)]
    if any(finding.severity == Severity.BROKEN for finding in database):
        return [*_names(), *database, *broker, *mail]
    clock = examine_clock(environment.clock) if environment else []
    return [
        *_names(),
        *database,
        *examine_databases(),
        *_keys(),
        *clock,
        *broker,
        _beat(now),
        *_sources(now),
        *mail,
        *examine_queue(now),
        *examine_summaries(now),
        *examine_vectors(now),
        *examine_staff_accounts(),
        *_readers(),
    ]


def _names() -> Iterator[CheckResult]:
    for name, near in settings.MISSPELT_SETTINGS:
        seen = f"the file .env sets {name}, which is no setting, so it does nothing"
        yield CheckResult(Severity.ATTENTION, "settings", seen, f"If {near} is meant, correct the name.")


def _database() -> Iterator[CheckResult]:
    kind = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        said = str(error).splitlines()[0]
        yield CheckResult(
            Severity.BROKEN, "database", f"{kind} does not answer: {said}", "Start it, or fix DATABASE_URL."
        )
        return
    if waiting:
        seen = f"{kind} answers, but lacks {plural(len(waiting), 'migration')}"
        yield CheckResult(Severity.BROKEN, "database", seen, "Run: ./run manage migrate")
    else:
        yield CheckResult(Severity.WELL, "database", f"{kind} answers and is up to date")


def _keys() -> Iterator[CheckResult]:
    if fault := suppression_key.fault():
        do = "Nothing is sent until then. docs/operators.md, Keys, says what to do if it is lost for good."
        yield CheckResult(Severity.BROKEN, "suppression key", fault, do)
    else:
        yield CheckResult(Severity.WELL, "suppression key", "suppressed addresses can be recognised")
    if settings.VAR.stat().st_mode & 0o077:
        seen = f"others than its owner may look into {settings.VAR}, where readers, mails and keys lie"
        yield CheckResult(Severity.ATTENTION, "files", seen, f"Run: chmod -R go= {settings.VAR}")


def _broker() -> Iterator[CheckResult]:
    if not settings.REDIS_URL:
        yield CheckResult(Severity.WELL, "broker", "files are used, Redis is not needed")
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3) as broker:
            broker.ping()
            try:
                policy = broker.info("memory").get("maxmemory_policy", "noeviction")
            except redis.ResponseError:  # a user who may not ask
                policy = "noeviction"
        if policy == "noeviction":
            yield CheckResult(Severity.WELL, "broker", "Redis answers")
        else:
            seen = f"Redis may delete messages when its memory is full: its maxmemory-policy is {policy}"
            yield CheckResult(Severity.ATTENTION, "broker", seen, "Set it to noeviction in the configuration of Redis.")
    except redis.RedisError as error:
        seen = f"Redis does not answer: {str(error)[:120]}"
        yield CheckResult(Severity.BROKEN, "broker", seen, "Start it, or fix REDIS_URL. Nothing is lost.")


def _beat(now: datetime) -> CheckResult:
    last, is_recent = last_tick(now)
    if is_recent:
        return CheckResult(Severity.WELL, "timetable", f"ran last at {last:%Y-%m-%d %H:%M} UTC")
    seen = f"has not run since {last:%Y-%m-%d %H:%M} UTC" if last else "has never run"
    return CheckResult(Severity.ATTENTION, "timetable", seen, "Run: ./run serve (or the Procfile's worker and beat).")


def _sources(now: datetime) -> Iterator[CheckResult]:
    active = Source.objects.filter(active=True)
    if not active.exists():
        yield CheckResult(
            Severity.ATTENTION, "sources", "none is switched on", "Switch some on on the dashboard, under Sources."
        )
        return
    ill = defaultdict[str, list[Source]](list)
    for source in active:
        if source.failures or _is_quiet(source, now):
            ill[source.last_error_kind].append(source)
    for kind, sources in ill.items():
        yield _ill(kind, sources)
    if not ill:
        yield CheckResult(Severity.WELL, "sources", f"all {active.count()} answer")


def _ill(kind: str, sources: list[Source]) -> CheckResult:
    """Return the result for all sources with one kind of error: without a network each of them has it."""
    details = dict.fromkeys(source.last_error.strip() for source in sources if source.last_error.strip())
    why = explain(kind, detail=join_words(list(details), limit=3)) or "no answer for two days"
    last = max((source.last_success_at for source in sources if source.last_success_at), default=None)
    seen = (
        f"{why} (last good reading: {f'{last:%Y-%m-%d %H:%M} UTC' if last else 'never'}; "
        f"failures in a row: {max(source.failures for source in sources)})"
    )
    names = [source.name for source in sources]
    what = f"source {names[0]}" if len(names) == 1 else f"{len(names)} sources ({join_words(names)})"
    do = "It is fetched again automatically. If the error stays, check its address on the dashboard, under Sources."
    if len(names) > 1:
        do = (
            "They are fetched again automatically. If the error stays, check this machine's network and DNS, then "
            "their addresses on the dashboard, under Sources."
        )
    return CheckResult(Severity.ATTENTION, what, seen, do)


def _is_quiet(source: Source, now: datetime) -> bool:
    return source.last_success_at is not None and now - source.last_success_at > SOURCE_QUIET


def _mail() -> Iterator[CheckResult]:
    if settings.MAIL_PROVIDER == "outbox":
        seen = "is written to files and not sent"
        yield CheckResult(Severity.ATTENTION, "mail", seen, "Set MAIL_PROVIDER to send mail: docs/operators.md.")
        return
    if settings.MAIL_PROVIDER == "smtp":
        yield from mail_server.examine_mail_server(list(dict.fromkeys(mail_server.our_senders())))
    else:
        yield CheckResult(
            Severity.WELL, "mail", f"goes through {settings.MAIL_PROVIDER}, whose key is set (not tried here)"
        )
    if settings.SECURE and not settings.PROXIES:
        seen = "SITE_URL is https, which needs a reverse proxy, but PROXIES is 0: all visitors count as one"
        yield CheckResult(Severity.ATTENTION, "visitors", seen, "Set PROXIES to the number of proxies, usually 1.")
    if urlsplit(settings.SITE_URL).scheme != "https":
        seen = f"SITE_URL is {settings.SITE_URL}"
        yield CheckResult(Severity.ATTENTION, "links", seen, "Use https, which one-click unsubscribe needs.")


def _outside(environment: Environment | None) -> Iterator[CheckResult]:
    if environment is None:
        return
    if mail_server.is_reachable():
        yield mail_server.examine_one_click()
    if settings.MAIL_PROVIDER != "outbox":
        yield from dns_records.examine_dns(
            [sender.rpartition("@")[2] for sender in mail_server.our_senders()],
            selectors=settings.DKIM_SELECTORS,
            names=environment.names,
            server=settings.EMAIL_HOST if settings.MAIL_PROVIDER == "smtp" else "",
        )


def _readers() -> Iterator[CheckResult]:
    counts = {status: Subscriber.objects.filter(status=status).count() for status in ("active", "paused", "pending")}
    yield CheckResult(Severity.WELL, "readers", ", ".join(f"{count:,} {status}" for status, count in counts.items()))
