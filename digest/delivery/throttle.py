"""Whether digests may leave through the mail provider, and how fast: pause, breaker and rate, one row for all workers.

The rows of deliveries and batches wait by their ``not_before``; no worker sleeps for it (docs/sending.md).
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from digest.delivery.statements import OF_PROVIDER, SELECT_PROVIDER, instance
from digest.models import Delivery, Provider
from subscriptions import suppression_key
from subscriptions.mail.mailer import Pace
from subscriptions.mail.outcomes import Scope, SendResult, SendStatus
from subscriptions.mail.providers import IN_TURN
from subscriptions.mail.session_history import IN_A_ROW, SessionHistory

logger = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
BREAK = timedelta(minutes=15)
LAST, MOST_REFUSED = 500, 25  # of so many mails, more refused than this open the breaker: 5 %
EQUAL = 10  # answers in a row that say the same of our reputation
PATIENCE = timedelta(seconds=5)  # that a worker waits for its turn; for longer, the batch does
BURST = 2  # seconds of the rate that one chunk may hold
FASTEST_SLOWED = 20.0  # mails a second, where no rate is set and the provider says that we are too fast
WINDOW = timedelta(minutes=1)  # in which mail servers commonly count a client's mails
BELOW = 0.95  # of the mails that a server accepted in a window: so many are sent to it in the next
RECOVERY, SLOW_FOR = 1.25, timedelta(minutes=5)  # the rate grows by this factor after each such time
SLOWEST = 0.1
RESTORING = (
    "A backup was restored, and ./run manage after_restore has not ended well yet: run it again before you resume."
)
RESTORED = "Restored from a backup. Look at docs/operators.md before you resume."
OF_RESTORES = (RESTORING, RESTORED)
LATELY = timedelta(hours=1)  # a mail that was accepted since then shows that our set-up is right


class RestoreUnfinished(Exception):
    """Raised where mail must not leave yet, since a restored database does not know what has left; says what to do."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit for a number of mails and their pace; where it is for none, ``again`` says when to ask next."""

    mails: int
    pace: Pace = field(default_factory=Pace)
    again: datetime | None = None


def acquire(limit: int, *, now: datetime) -> Permit:
    """Leave for up to ``limit`` mails; where there is a rate, their time is taken from everybody else's."""
    provider, known = _provider_and_keys()
    if held := _held_until(provider, now, fault=suppression_key.check(known)):
        return Permit(0, again=held)
    rate = rate_of(provider, now=now)
    if rate is None:
        return Permit(limit)
    with transaction.atomic():
        provider = Provider.objects.select_for_update().get(pk=provider.pk)
        begin = max(provider.next_at or now, now)
        if begin > now + timedelta(hours=1):  # taken by a clock that has since been put right
            begin = now
        if begin > now + PATIENCE:
            return Permit(0, again=begin)
        mails = max(1, min(limit, math.floor(rate * BURST)))
        provider.next_at = begin + timedelta(seconds=mails / rate)
        provider.save(update_fields=["next_at"])
    return Permit(mails, Pace(wait=(begin - now).total_seconds(), gap=1 / rate))


@dataclass(frozen=True, slots=True)
class State:
    """The state of sending: paused by somebody, or held by the breaker until a moment, and its pace.

    ``rate`` is mails a second, None without a limit; ``is_slowed`` where the provider found us too fast of late.
    """

    is_paused: bool
    held_until: datetime | None
    why: str
    by: str
    since: datetime | None
    rate: float | None
    is_slowed: bool

    @property
    def is_open(self) -> bool:
        return not self.is_paused and self.held_until is None


def state(now: datetime) -> State:
    """Return the state of sending. Two queries; writes nothing."""
    fault = suppression_key.fault()
    provider = _stored_or_new()
    is_paused = provider.status == Provider.Status.PAUSED
    held = None if is_paused else _held_until(provider, now, fault=fault)
    rate = rate_of(provider, now=now)
    return State(
        is_paused=is_paused,
        held_until=held,
        why=provider.why if is_paused else fault or provider.why if held else "",
        by=provider.paused_by,
        since=provider.paused_at,
        rate=rate,
        is_slowed=rate != settings.MAIL_RATE,
    )


def paused_until(now: datetime) -> datetime | None:
    """Until when nothing leaves, as far as that is known; None when the gate is open."""
    provider, known = _provider_and_keys()
    return _held_until(provider, now, fault=suppression_key.fault(known))


def paused_reason(now: datetime) -> str:
    """Return why nothing leaves now, as a sentence for the staff; empty when mail may leave. Writes nothing."""
    provider = _stored_or_new()
    if fault := suppression_key.fault():
        return fault
    if _held_until(provider, now, fault="") is None:
        return ""
    held = "paused" if provider.status == Provider.Status.PAUSED else f"held until {provider.held_until:%H:%M} UTC"
    return f"Sending is {held}{f': {provider.why}' if provider.why else '.'}"


def rate_of(provider: Provider, *, now: datetime) -> float | None:
    """Return mails a second: as set, or less since the provider found us too fast; None is no limit."""
    as_set: float | None = settings.MAIL_RATE
    if provider.slow_rate is None or provider.slowed_at is None:
        return as_set
    steps = max(0, (now - provider.slowed_at) // SLOW_FOR)
    rate = provider.slow_rate * RECOVERY ** min(steps, 100)
    return max(SLOWEST, rate) if rate < (as_set or 2 * FASTEST_SLOWED) else as_set


def session_history(now: datetime) -> SessionHistory:
    """Return what other workers know of the mail server's answers: whether it accepted a mail lately, and too fast.

    Two queries.
    """
    provider = _provider()
    is_slowed = rate_of(provider, now=now) != settings.MAIL_RATE
    history = SessionHistory(has_accepted=_accepted(now - LATELY).exists())
    if is_slowed and provider.slow_answer:  # the same refusal again says the same
        history.answer, history.equal = provider.slow_answer, IN_A_ROW
        history.has_accepted = True
    return history


def _accepted(since: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(provider=settings.MAIL_PROVIDER, handed_over_at__gt=since, accepted_at__isnull=False)


def record_results(results: Iterable[SendResult], *, now: datetime) -> None:
    """Make of what became of a chunk's mails what it says of all others; call it once their rows are written."""
    results = [result for result in results if result.status not in (SendStatus.NOT_TRIED, SendStatus.REFUSED)]
    scopes = Counter(result.scope for result in results)
    if scopes[Scope.TOO_FAST]:
        _slow_down(next(result.answer for result in results if result.scope == Scope.TOO_FAST), now=now)
    if scopes[Scope.OURS]:
        first = next(result for result in results if result.scope == Scope.OURS)
        trip(BREAK, f"{first.text} Every other mail would fail too.", now=now)
    elif results and all(map(_tells_nothing, results)):
        trip(MINUTE, results[0].text, now=now)
    elif any(result.status in (SendStatus.FAILED, SendStatus.NO_SUCH_ADDRESS) and result.answer for result in results):
        _look_back(now)


def _tells_nothing(result: SendResult) -> bool:
    """Nobody was there, or nobody said what became of the mail: each further one would be lost sight of, too."""
    return result.scope == Scope.UNREACHABLE or result.status == SendStatus.UNKNOWN


def pause(why: str, *, by: str = "", now: datetime | None = None) -> bool:
    """Stop sending after the chunks in hand, until somebody resumes. ``by`` is the member; empty for a command.

    Return False where sending is paused already because of a restore: that pause stays as it is.
    """
    rows = Provider.objects.filter(pk=_provider().pk)
    # it also holds the providers that have no row yet
    rows = rows.exclude(status=Provider.Status.PAUSED, why__in=OF_RESTORES)
    return rows.update(status=Provider.Status.PAUSED, why=why[:300], paused_by=by[:150], paused_at=now) > 0


def pause_for_restore(*, is_finished: bool, now: datetime) -> None:
    """Pause sending for a restore, through whatever provider; until it is finished, nobody can resume."""
    _provider()
    rows = Provider.objects.filter(status=Provider.Status.PAUSED, why=RESTORING) if is_finished else Provider.objects
    rows.update(status=Provider.Status.PAUSED, why=RESTORED if is_finished else RESTORING, paused_by="", paused_at=now)


def resume(*, now: datetime) -> None:
    """Let mail leave again, whether somebody paused it or the breaker holds it; old refusals count no more.

    After a restore, which holds every provider, all of them are let go.

    Raise RestoreUnfinished as long as papers could come twice.
    """
    provider = _provider()
    if provider.status == Provider.Status.PAUSED and provider.why == RESTORING:
        raise RestoreUnfinished(RESTORING)
    Provider.objects.filter(Q(pk=provider.pk) | Q(status=Provider.Status.PAUSED, why=RESTORED)).update(
        status=Provider.Status.RUNNING, held_until=None, counted_since=now, why="", paused_by="", paused_at=None
    )


def trip(time: timedelta, why: str, *, now: datetime) -> None:
    """Open the breaker for so long."""
    rows = Provider.objects.filter(pk=_provider().pk)
    rows.update(held_until=now + time, counted_since=now)
    rows.exclude(status=Provider.Status.PAUSED).update(why=why[:300])  # who paused said why
    logger.error("No digest leaves through %s before %s: %s", settings.MAIL_PROVIDER, f"{now + time:%H:%M} UTC", why)


def _provider() -> Provider:
    return _provider_and_keys()[0]


def _provider_and_keys() -> tuple[Provider, set[str]]:
    """Return the row of the provider, and the fingerprints of the suppression keys. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT_PROVIDER, [settings.MAIL_PROVIDER])
        rows = cursor.fetchall()
    if not rows:
        Provider.objects.bulk_create([_stored_or_new()], ignore_conflicts=True)
        return _provider_and_keys()
    *provider, _ = rows[0]
    return instance(Provider, OF_PROVIDER, provider), {row[-1] for row in rows if row[-1] is not None}


def _stored_or_new() -> Provider:
    """Return the row of the provider, or one that is not saved, which a restore holds like the others. One query."""
    held = Q(status=Provider.Status.PAUSED, why__in=OF_RESTORES)
    rows = {row.name: row for row in Provider.objects.filter(Q(name=settings.MAIL_PROVIDER) | held)}
    if row := rows.pop(settings.MAIL_PROVIDER, None):
        return row
    row = Provider(name=settings.MAIL_PROVIDER)
    for other in rows.values():
        row.status, row.why, row.paused_at = other.status, other.why, other.paused_at
    return row


def _held_until(provider: Provider, now: datetime, *, fault: str) -> datetime | None:
    if provider.status == Provider.Status.PAUSED or fault:
        return now + MINUTE
    held = provider.held_until
    # one further ahead than anything is held was written by a clock that has since been put right
    return held if held and now < held <= now + BREAK else None


def _slow_down(answer: str, *, now: datetime) -> None:
    """Lower the rate: to what a mail server accepted in the last minute, or to half with a provider's API.

    Answers to one burst lower it once.
    """
    is_server = settings.MAIL_PROVIDER in IN_TURN
    burst = WINDOW if is_server else timedelta(seconds=5)
    with transaction.atomic():
        provider = Provider.objects.select_for_update().get(pk=_provider().pk)
        if provider.slowed_at and timedelta() <= now - provider.slowed_at < burst:
            return
        rate = rate_of(provider, now=now) or 2 * FASTEST_SLOWED
        if is_server:
            rate = min(BELOW * _accepted(now - WINDOW).count() / WINDOW.total_seconds(), 0.9 * rate)
        else:
            rate /= 2
        provider.slow_rate, provider.slow_answer, provider.slowed_at = max(rate, SLOWEST), answer[:20], now
        provider.save(update_fields=["slow_rate", "slow_answer", "slowed_at"])
    logger.warning("%s finds us too fast; %.2g mails a second from now on.", settings.MAIL_PROVIDER, provider.slow_rate)


def _look_back(now: datetime) -> None:
    """Open the breaker when too many of the last mails were refused."""
    provider = _provider()
    since = max(provider.counted_since or now - timedelta(days=1), now - timedelta(days=1))
    answered = Delivery.objects.filter(provider=provider.name, handed_over_at__gt=since).exclude(
        status=Delivery.Status.HANDING_OFF
    )
    last = list(answered.order_by("-handed_over_at", "-pk").values_list("status", "answer")[:LAST])
    refused = sum(status in (Delivery.Status.FAILED, Delivery.Status.BOUNCED) for status, _ in last)
    if refused > MOST_REFUSED:
        trip(BREAK, f"{refused} of the last {len(last)} mails were refused.", now=now)
        return
    answers = {answer for _, answer in last[:EQUAL]}
    if len(last) >= EQUAL and len(answers) == 1 and (answer := answers.pop()).startswith("5.7."):
        trip(BREAK, f"The last {EQUAL} mails were refused with {answer}, which is about our reputation.", now=now)
