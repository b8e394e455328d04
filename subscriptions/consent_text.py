"""The words that people agree to. Consent is on record with the version of these words, so each version stays here."""

from __future__ import annotations

import hashlib

SIGN_UP = (
    "Send me a digest of new research papers by e-mail on the days I chose. "
    "I can change what I get or leave at any time, with a link in every digest."
)


def version_of(text: str, month: str) -> str:
    """``2026-11 `` and 12 hexadecimal digits: the month in which these words went into use, and their hash."""
    return f"{month} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


VERSION = version_of(SIGN_UP, "2026-11")
EVER_USED = {VERSION: SIGN_UP}  # words that are replaced go on being listed here


def words(version: str) -> str:
    """The words of that version; empty for one that was never in use."""
    return EVER_USED.get(version, "")
