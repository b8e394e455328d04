"""Each failure that a source can have comes with something to do about it."""

from __future__ import annotations

import pytest

from digest.ingest.advice import UNREADABLE, advice_for


@pytest.mark.parametrize(
    ("trouble", "advice"),
    [
        ("example.org answered 404.", "switch this one off"),
        ("example.org answered 503.", "at their end"),
        ("example.org answered 403.", "refuses us"),
        ("example.org answered 429 and asked for a pause.", "Nothing to do"),
        ("intranet leads into a private network (10.0.0.1), where no source may lie.", "open internet"),
        ("The answer is larger than 32 MiB.", "smaller"),
        ("example.org took no connection within 10 s.", "slow or away"),
        ("This is an HTML page, not a feed.", "RSS or Atom"),
        ("It could not be stored; the log says why.", "fault of ours"),
        ("This is a damaged .gz file.", UNREADABLE),
    ],
)
def test_a_failure_comes_with_what_to_do(trouble: str, advice: str) -> None:
    assert advice in advice_for(trouble)


def test_where_nothing_is_wrong_there_is_nothing_to_do() -> None:
    assert advice_for("") == ""
