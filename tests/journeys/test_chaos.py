"""The service under kill -9 at each line of the crash map: nobody gets a mail twice, and every row says what is so."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.faults import CRASH_MAP
from tests.chaos.reconciliation import Row, judge
from tests.chaos.scenario import Chaos
from tests.support.factories import NOON
from tests.support.smtp_sink import Taken


# The two providers that take many mails in one request share the map: the code is the same for both.
@pytest.mark.parametrize(
    ("provider", "blows"),
    [("smtp", list(CRASH_MAP)), ("postmark", list(CRASH_MAP)[::2]), ("resend", list(CRASH_MAP)[1::2])],
    ids=["smtp", "postmark", "resend"],
)
def test_a_crash_at_any_line_of_the_map_causes_no_duplicate_and_loses_nothing(
    tmp_path: Path, provider: str, blows: list[str]
) -> None:
    readers = 300 * len(blows) // len(CRASH_MAP)
    chaos = Chaos(readers=readers, kills=len(blows), only=blows, provider=provider, calm=True, logs=tmp_path)
    verdict = chaos.run(Console())
    assert verdict.is_clean, verdict.as_json()
    assert verdict.facts["ended by themselves"] == []
    assert verdict.mails == verdict.statuses["accepted"] + verdict.unknown_taken
    if chaos.missed or set(chaos.struck) != set(blows):
        pytest.skip(f"clean, but on this machine some blows came too late to strike: {chaos.missed}")


def test_what_is_wrong_is_seen() -> None:
    """A verdict that could not find a fault would prove nothing."""

    def row(reader: int, status: str) -> Row:
        return Row(reader, f"r{reader}", status, f"<{reader}>", NOON, "done", 1, "")

    readers = {number: f"r{number}" for number in range(1, 9)}
    rows = [row(1, "accepted"), row(2, "accepted"), row(3, "failed"), row(4, "unknown"), row(5, "unknown")]
    rows += [row(6, "ready"), row(7, "skipped")]
    taken = [Taken(0.0, f"<{number}>", [f"r{number}"]) for number in (1, 1, 3, 4, 99)]
    verdict = judge(readers, rows, taken, dict.fromkeys(readers, NOON), most_unknown=1)
    assert verdict.duplicates == ["r1"]
    assert verdict.lost == ["r2"]
    assert [fault.partition(" in a")[0] for fault in verdict.unexplained] == [
        "2 unknown, though the blows account for 1",
        "<99>: in the sink, of no row",
        "in the sink: r3: failed",
        "r8: 0 rows",
        "still open: r6: ready",
    ]
    assert (verdict.unknown, verdict.unknown_taken) == (2, 1)
