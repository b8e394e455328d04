"""What several answers of one mail server tell together."""

from __future__ import annotations

import pytest

from subscriptions.mail.outcomes import Scope, SendReason, SendResult, SendStatus
from subscriptions.mail.session_history import SessionHistory

TAKEN = SendResult(SendStatus.ACCEPTED)
NOT_TRIED = SendResult(SendStatus.NOT_TRIED)
GONE = SendResult(SendStatus.NO_SUCH_ADDRESS, answer="5.1.1", reason=SendReason.NO_SUCH_ADDRESS)
SETUP = SendResult(SendStatus.LATER, answer="5.7.1", scope=Scope.OURS, reason=SendReason.SETUP_REFUSED)
LATER = SendResult(SendStatus.LATER, answer="451", reason=SendReason.DEFERRED)
OTHER = SendResult(SendStatus.LATER, answer="4.2.0", reason=SendReason.DEFERRED)
PACE = SendResult(SendStatus.LATER, answer="4.7.1", reason=SendReason.TOO_FAST)
FULL = SendResult(SendStatus.LATER, answer="4.2.2", reason=SendReason.MAILBOX_FULL)
OURS, NONE, FAST = Scope.OURS, Scope.NONE, Scope.TOO_FAST


def scopes(results: list[SendResult], *, has_accepted: bool = False) -> list[Scope]:
    history = SessionHistory(has_accepted)
    for result in results:
        history.add(result)
    return [result.scope for result in history.judge(results)]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([SETUP], [OURS]),  # the first mail of a connection
        ([SETUP, SETUP, SETUP], [OURS, OURS, OURS]),
        ([SETUP, NOT_TRIED], [OURS, NONE]),
        ([SETUP, TAKEN], [NONE, NONE]),  # it was about one recipient
        ([TAKEN, SETUP, TAKEN], [NONE, NONE, NONE]),
        ([TAKEN, SETUP, SETUP], [NONE, NONE, NONE]),
        ([TAKEN, SETUP, SETUP, SETUP], [NONE, OURS, OURS, OURS]),  # three in a row
        ([TAKEN, SETUP, GONE, SETUP, GONE, SETUP], [NONE] * 6),
        ([TAKEN, LATER, LATER, LATER], [NONE, FAST, FAST, FAST]),
        ([TAKEN, LATER, LATER, LATER, NOT_TRIED], [NONE, FAST, FAST, FAST, NONE]),
        ([TAKEN, LATER, LATER], [NONE, NONE, NONE]),
        ([LATER, LATER, LATER, LATER], [NONE] * 4),  # nothing was accepted, so nothing was too fast
        ([TAKEN, LATER, OTHER, LATER, OTHER], [NONE] * 5),
        ([TAKEN, FULL, FULL, FULL], [NONE] * 4),
        ([LATER, LATER, LATER, TAKEN], [NONE] * 4),
        ([PACE, PACE, PACE], [FAST, FAST, FAST]),
        ([TAKEN, PACE], [NONE, NONE]),
        ([TAKEN, GONE, LATER, LATER, LATER], [NONE, NONE, FAST, FAST, FAST]),
    ],
)
def test_the_row_of_answers_says_whom_they_are_about(results: list[SendResult], expected: list[Scope]) -> None:
    assert scopes(results) == expected


def test_after_a_mail_that_another_worker_handed_over_one_refusal_is_not_ours() -> None:
    assert scopes([SETUP], has_accepted=True) == [NONE]
    assert scopes([LATER] * 3, has_accepted=True) == [FAST] * 3


def test_a_server_that_knows_no_address_suppresses_nobody() -> None:
    assert scopes([GONE] * 3) == [OURS] * 3
    assert scopes([GONE] * 2) == [NONE] * 2
    assert scopes([GONE] * 3 + [TAKEN]) == [NONE] * 4
    assert scopes([GONE] * 3, has_accepted=True) == [NONE] * 3


def test_a_row_may_begin_in_an_earlier_chunk() -> None:
    history = SessionHistory()
    judged = []
    for result in (TAKEN, LATER, LATER, LATER, LATER):
        history.add(result)
        judged += history.judge([result])
    assert [result.scope for result in judged] == [NONE, NONE, NONE, FAST, FAST]
    assert {result.reason for result in judged[3:]} == {SendReason.TOO_FAST}
    assert history.is_hopeless
    history.add(TAKEN)
    assert not history.is_hopeless
