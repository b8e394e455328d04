"""The words that people agree to. A consent event records their version, so each version stays here."""

from __future__ import annotations

import hashlib

SIGN_UP = (
    "Send me a digest of new research papers by e-mail, on weekdays or on the days I choose, and now and then an "
    "announcement of its editors. I can change what I get or leave at any time, with a link in every e-mail."
)
# Replaced texts and the months in which they came into use
ON_DAYS_CHOSEN = (
    "Send me a digest of new research papers by e-mail on the days I chose, and now and then an announcement of its "
    "editors. I can change what I get or leave at any time, with a link in every e-mail."
)
DIGEST_ONLY = (
    "Send me a digest of new research papers by e-mail on the days I chose. "
    "I can change what I get or leave at any time, with a link in every digest."
)


def version_of(text: str, month: str) -> str:
    """Return the month in which this text came into use and 12 hexadecimal digits of its hash: ``2026-11 0123...``."""
    return f"{month} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


VERSION = version_of(SIGN_UP, "2026-12")
EVER_USED = {
    VERSION: SIGN_UP,
    version_of(ON_DAYS_CHOSEN, "2026-12"): ON_DAYS_CHOSEN,
    version_of(DIGEST_ONLY, "2026-11"): DIGEST_ONLY,
}
COVERS_ANNOUNCEMENTS = frozenset({VERSION, version_of(ON_DAYS_CHOSEN, "2026-12")})


def words(version: str) -> str:
    """Return the words of that version; empty for one that was never in use."""
    return EVER_USED.get(version, "")
