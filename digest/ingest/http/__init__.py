"""Fetch politely: conditional GET, one request per host at a time, and never from a private network."""

from __future__ import annotations

import functools
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.utils import timezone

from digest import lease
from digest.ingest.http.request import Answer, Limits, address, ask, post
from digest.ingest.http.ssrf_guard import NoAnswer
from digest.source_errors import ErrorKind

if TYPE_CHECKING:
    import httpx2

__all__ = ["USUAL", "Fetched", "Limits", "NoAnswer", "asked_pause", "back_off", "get", "post"]

MOST_REDIRECTS = 5
REST = timedelta(seconds=1)
ARXIV_REST = timedelta(seconds=3)  # its terms: one request in three seconds, one connection, over all its hosts
MARGIN = timedelta(seconds=60)  # a turn outlasts its request by this much, for a slow look-up of the name
LONGEST_RETRY_AFTER = timedelta(days=1)
USUAL = Limits()
FIRST_BACK_OFF, LONGEST_BACK_OFF = timedelta(minutes=5), timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The result of one fetch, and what is to be written to the source's row.

    ``fresh`` brings a ``body`` to read, ``unchanged`` none; both bring the ``etag`` and ``last_modified`` to send next
    time. ``later`` is no failure: the host asked for a pause, or others have its turn. ``later`` and ``failed`` say
    when to come again (``next_check_at``) and why (``error_kind``, with ``error`` as its detail).
    """

    status: Literal["fresh", "unchanged", "later", "failed"]
    body: bytes = b""
    etag: str = ""
    last_modified: str = ""
    next_check_at: datetime | None = None
    error_kind: ErrorKind | None = None
    error: str = ""


def get(
    url: str,
    *,
    now: datetime,
    etag: str = "",
    last_modified: str = "",
    accept: str = "",
    failures: int = 0,
    spread: int = 0,
    limits: Limits = USUAL,
    clock: Callable[[], datetime] = timezone.now,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch ``url`` and what it redirects to, each host in its turn; ``next_check_at`` counts from ``now``.

    After ``failures`` in a row the next check is 5 minutes x 2^failures away, at most 6 hours, and up to a tenth more
    by ``spread``, so that sources which failed together do not come back together. ``clock`` (aware) and ``sleep``
    (seconds) are those by which processes take turns. ``accept`` is the media type to ask for where there are several.

    A 400 of arXiv is passed on as ``fresh``, without an ETag: it is a feed that says what is wrong with the query.
    """
    asked = {"Accept": accept} if accept else {}
    before = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    conditions = {name: value for name, value in before.items() if value}
    headers = {"User-Agent": _user_agent(), **asked, **conditions}
    in_a_while = now + back_off(failures, spread)
    left = limits.total
    try:
        here = address(url)
        for _ in range(MOST_REDIRECTS + 1):
            answer = _ask_in_turn(here, headers, limits=limits, left=left, clock=clock, sleep=sleep)
            left -= answer.seconds
            if answer.status not in (301, 302, 303, 307, 308):
                break
            here = address(_readdressed(answer), here)
        else:
            raise NoAnswer(ErrorKind.BAD_REDIRECT, f"more than {MOST_REDIRECTS} redirects")
    except NoAnswer as error:
        return Fetched(status="failed", next_check_at=in_a_while, error_kind=error.kind, error=error.detail[:500])
    except _NotNow as wait:
        at = now + (wait.until - clock())
        return Fetched(status="later", next_check_at=at, error_kind=ErrorKind.HOST_BUSY, error=wait.host)

    is_arxiv = _turn_of(here.host) == _turn_of("arxiv.org")
    if answer.status == 200 or (answer.status == 400 and is_arxiv):
        marks = answer.headers if answer.status == 200 else {}
        return Fetched(
            status="fresh",
            body=answer.body,
            etag=_fitting(marks.get("etag", ""), 200),
            last_modified=_fitting(marks.get("last-modified", ""), 100),
        )
    if answer.status == 304 and conditions:
        return Fetched(status="unchanged", etag=etag, last_modified=last_modified)
    said = f"{here.host} answered {answer.status}"
    if pause := asked_pause(answer, clock()):
        return Fetched(status="later", next_check_at=now + pause, error_kind=ErrorKind.RATE_LIMITED, error=said)
    return Fetched(status="failed", next_check_at=in_a_while, error_kind=_kind_of(answer.status), error=said)


def _kind_of(status: int) -> ErrorKind:
    """Return what a status means that brings nothing to read."""
    if status in (404, 410):
        return ErrorKind.NOT_FOUND
    if status in (401, 403, 451):
        return ErrorKind.FORBIDDEN
    return ErrorKind.SERVER_ERROR if 500 <= status < 600 else ErrorKind.UNEXPECTED_STATUS


class _NotNow(Exception):
    def __init__(self, host: str, until: datetime) -> None:
        super().__init__(host)
        self.host, self.until = host, until


def _ask_in_turn(
    url: httpx2.URL,
    headers: dict[str, str],
    *,
    limits: Limits,
    left: float,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Answer:
    """Make one exchange in the turn of its host; raise NoAnswer, or _NotNow if the host is busy."""
    name, holder = _turn_of(url.host), lease.new_holder()
    hold, timeout = timedelta(seconds=left) + MARGIN, timedelta(seconds=limits.wait)
    if until := lease.wait_for(name, holder=holder, hold=hold, timeout=timeout, clock=clock, sleep=sleep):
        raise _NotNow(url.host, until)
    cooldown = ARXIV_REST if name == _turn_of("arxiv.org") else REST
    try:
        answer = ask(url, headers, limits=limits, seconds=left, loopback=settings.FETCH_LOOPBACK)
        cooldown = max(cooldown, asked_pause(answer, clock()) or cooldown, _backoff(answer))
        return answer
    finally:
        lease.release(name, holder=holder, now=clock(), cooldown=cooldown)


def _turn_of(host: str) -> str:
    host = host.rstrip(".")
    return "host:arxiv.org" if f".{host}".endswith(".arxiv.org") else f"host:{host[-190:]}"


def _readdressed(answer: Answer) -> str:
    if not answer.headers.get("location"):
        raise NoAnswer(ErrorKind.BAD_REDIRECT, "it does not say where to")
    return answer.headers["location"].encode("latin-1").decode("utf-8", "replace")


def asked_pause(answer: Answer, now: datetime) -> timedelta | None:
    """Return the pause that a busy host asks for, in seconds or as a date, at most a day; None where it names none."""
    told = answer.headers.get("retry-after", "").strip()
    if answer.status not in (429, 503) or not told:
        return None
    if (pause := _seconds(told)) is None:
        try:
            at = parsedate_to_datetime(told)
            pause = at.replace(tzinfo=at.tzinfo or UTC) - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(pause, REST), LONGEST_RETRY_AFTER)


def _backoff(answer: Answer) -> timedelta:
    """Return the pause that Zotero's API asks for in any answer, also with what was asked for; at most a day."""
    return min(_seconds(answer.headers.get("backoff", "").strip()) or timedelta(), LONGEST_RETRY_AFTER)


def _seconds(told: str) -> timedelta | None:
    return timedelta(seconds=int(told[:9])) if told.isascii() and told.isdigit() else None


def back_off(failures: int, spread: int) -> timedelta:
    """Return the pause after so many failures in a row (see ``get``)."""
    pause: timedelta = min(FIRST_BACK_OFF * 2 ** min(failures, 10), LONGEST_BACK_OFF)
    return pause + pause / 10 * (spread * 0.618 % 1)  # multiples of the golden ratio lie evenly between 0 and 1


def _fitting(mark: str, longest: int) -> str:
    """Return a validator that its column can hold; a cut one would never match."""
    return mark if len(mark) <= longest and mark.isprintable() else ""


@functools.cache
def _version() -> str:
    return str(tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"])


def _user_agent() -> str:
    said = f"Broadsheet/{_version()} (+{'; '.join(filter(None, (settings.SITE_URL, settings.CONTACT)))})"
    return "".join(character for character in said if " " <= character <= "~")
