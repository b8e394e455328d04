"""Read the answers of one mail server together: what a single answer cannot tell.

A refusal that speaks of our set-up may be about one recipient; the first mails of a connection, or three in a row, are
about us. A server that knows none of the addresses may be a wrong one. And "too fast" is no code but a pattern: some
mails accepted, then the same temporary refusal for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from subscriptions.mail.outcomes import Scope, SendReason, SendResult, SendStatus

IN_A_ROW = 3  # equal answers that make a pattern
SETUP = "set-up"  # as an answer: refusals of our set-up are alike whatever their codes


@dataclass(slots=True)
class SessionHistory:
    """The results of one mailer's mails over SMTP, in order.

    ``has_accepted`` is also set where the server accepted a mail of another worker a short time ago.
    """

    has_accepted: bool = False
    answer: str = ""  # the last refusal, comparable; empty after any other result
    equal: int = 0  # so many results in a row have it
    is_of_pace: bool = False  # each of these says in words that we are too fast
    dead: int = 0  # so many mails in a row went to an address that does not exist

    def add(self, result: SendResult) -> None:
        """Add the result of the next mail."""
        if result.status == SendStatus.NOT_TRIED:
            return
        answer = _comparable(result)
        is_of_pace = result.reason == SendReason.TOO_FAST
        self.is_of_pace = is_of_pace and (self.is_of_pace or answer != self.answer)
        self.equal = self.equal + 1 if answer and answer == self.answer else int(bool(answer))
        self.answer = answer
        self.dead = self.dead + 1 if result.status == SendStatus.NO_SUCH_ADDRESS else 0
        self.has_accepted |= result.status == SendStatus.ACCEPTED

    @property
    def is_too_fast(self) -> bool:
        is_pattern = self.equal >= IN_A_ROW and self.answer != SETUP
        return is_pattern and (self.has_accepted or self.is_of_pace)

    @property
    def is_hopeless(self) -> bool:
        """Return whether the next mails would get the same answer, so that they should not be tried."""
        return self.is_too_fast or (self.answer == SETUP and self.equal >= IN_A_ROW)

    @property
    def _is_doubtful(self) -> bool:
        """Whether the server knows no address at all, so that it may be the wrong one: then nobody is suppressed."""
        return self.dead >= IN_A_ROW and not self.has_accepted

    def judge(self, results: Sequence[SendResult]) -> list[SendResult]:
        """Return the last results that were added, each with the scope that all of them together show."""
        tried = [result for result in results if result.status != SendStatus.NOT_TRIED]
        tail = len(tried) - self.equal  # the first result of the row that lasts until now; negative: of an earlier call
        is_ours = self.answer == SETUP and (self.equal >= IN_A_ROW or not self.has_accepted)
        judged = []
        for number, result in enumerate(tried):
            if number >= tail and self.is_too_fast:
                judged.append(replace(result, scope=Scope.TOO_FAST, reason=SendReason.TOO_FAST))
            elif result.status == SendStatus.NO_SUCH_ADDRESS and self._is_doubtful:
                judged.append(
                    replace(result, status=SendStatus.LATER, scope=Scope.OURS, reason=SendReason.SETUP_REFUSED)
                )
            elif _comparable(result) == SETUP and not (number >= tail and is_ours):
                judged.append(replace(result, scope=Scope.NONE))
            else:
                judged.append(result)
        waiting = iter(judged)
        return [result if result.status == SendStatus.NOT_TRIED else next(waiting) for result in results]


def _comparable(result: SendResult) -> str:
    """Return a refusal that may be a pattern in a comparable form, or an empty string."""
    if result.status != SendStatus.LATER or result.reason in (SendReason.MAILBOX_FULL, SendReason.NO_CONNECTION):
        return ""
    return SETUP if result.scope == Scope.OURS else result.answer
