"""Requirement 63 of docs/requirements.md: a pause takes effect within a chunk, and neither resuming nor trying again sends anybody a mail twice."""

from __future__ import annotations

import json

from tests.support.pause_race import DELIVERERS, REFUSED
from tests.support.processes import SET_UP
from tests.support.services import AN_EDITION, Installation, free_port

ROUNDS = 50
CHUNK = 4


def test_email_63_pausing_takes_effect_within_a_chunk_and_resuming_sends_nobody_twice(
    installation: Installation,
) -> None:
    installation.environment.update(
        MAIL_PROVIDER="smtp",
        SMTP_URL=f"smtp://127.0.0.1:{free_port()}",
        SITE_URL="https://papers.example.org",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
        POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
        MAILS_AT_ONCE=str(CHUNK),
    )
    installation.prepare()
    installation.run("-c", AN_EDITION)

    seen = json.loads(
        installation.run("-c", f"{SET_UP}from tests.support import pause_race; pause_race.main({ROUNDS})")
    )

    assert len(seen) == ROUNDS
    assert max(one["after"] for one in seen) <= DELIVERERS * CHUNK  # one chunk for each of the two deliverers
    assert {one["while paused"] for one in seen} == {0}
    assert [address for one in seen for address in one["twice"]] == []
    assert [address for one in seen for address in one["without"]] == []
    assert {one["failed"] for one in seen} == {REFUSED}
    assert {one["tried again"] for one in seen} == {REFUSED}  # by one of the two who pressed, never by both
    assert {state for one in seen for state in one["states"]} == {"accepted"}
    assert len({one["before the pause"] for one in seen}) > 1  # the race was a race
