"""Leaving while the mail is on its way: who left at T gets nothing that was not being handed over at T."""

from __future__ import annotations

import json

from digest.delivery.send import CHUNK
from tests.support.processes import SET_UP
from tests.support.services import AN_EDITION, Installation, free_port

ROUNDS = 12


def test_nothing_is_handed_over_to_who_left_that_was_not_being_handed_over_then(installation: Installation) -> None:
    installation.environment.update(
        MAIL_PROVIDER="smtp",
        SMTP_URL=f"smtp://127.0.0.1:{free_port()}",
        SITE_URL="https://papers.example.org",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
        POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
    )
    installation.prepare()
    installation.run("-c", AN_EDITION)

    seen = json.loads(
        installation.run("-c", f"{SET_UP}from tests.support import unsubscribe_race; unsubscribe_race.main({ROUNDS})")
    )

    left = {state: sum(one["left"][state] for one in seen) for state in seen[0]["left"]}
    late = max(one["after T"] for one in seen)
    print(
        f"\n{sum(left.values())} readers left: {left['ready']} before their digest was taken up, "
        f"{left['handing_off']} while it was handed over, {left['accepted']} after. "
        f"After T at most {late} mails a round arrived, the last {max(one['longest'] for one in seen):.2f} s after."
    )
    assert [address for one in seen for address in one["wrongly"]] == []
    assert [address for one in seen for address in one["stayed without"]] == []  # who stays gets theirs
    assert left["ready"] > 0  # the race was a race
    assert left["accepted"] + left["handing_off"] > 0
    assert late <= 2 * CHUNK  # one chunk for each of the two deliverers
    assert {state for one in seen for state in one["states"]} <= {"accepted", "skipped"}
