"""Check that suppressed addresses can still be recognised: their rows are hashes with SUPPRESSION_KEY.

The database keeps the fingerprint of each key that was ever in use. While one of these keys is neither SUPPRESSION_KEY
nor in SUPPRESSION_KEY_FALLBACKS, no mail leaves: it could go to somebody who must get none.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from django.conf import settings

from subscriptions.models import SuppressionKey

SHORTEST = 32  # characters
EMPTY = (
    "The suppression key is empty or shorter than 32 characters, so suppressed addresses cannot be recognised. "
    "Restore it from your backup: SUPPRESSION_KEY, or the file suppression_key."
)
LOST = (
    "The suppression key is not the one that this database was used with, so suppressed addresses cannot be "
    "recognised. "
    "Restore the old one from your backup, as SUPPRESSION_KEY or in SUPPRESSION_KEY_FALLBACKS."
)


def fault(stored: set[str] | None = None) -> str:
    """Return why suppressed addresses cannot be recognised, or "". One query, unless the ``stored`` ones are given."""
    if len(settings.SUPPRESSION_KEY) < SHORTEST:
        return EMPTY
    return LOST if (known() if stored is None else stored) - _ours() else ""


def check(stored: set[str] | None = None) -> str:
    """Return ``fault(stored)``; store the fingerprint of a key at its first use."""
    stored = known() if stored is None else stored
    if why := fault(stored):
        return why
    if (fingerprint := _fingerprint(settings.SUPPRESSION_KEY)) not in stored:
        SuppressionKey.objects.bulk_create([SuppressionKey(fingerprint=fingerprint)], ignore_conflicts=True)
    return ""


def forget_lost_keys() -> int:
    """Forget the fingerprints of keys that are lost for good; return how many there were."""
    return SuppressionKey.objects.exclude(fingerprint__in=_ours()).delete()[0]


def known() -> set[str]:
    """Return the fingerprints of the keys that were ever in use. One query."""
    return set(SuppressionKey.objects.values_list("fingerprint", flat=True))


def _ours() -> set[str]:
    return {_fingerprint(key) for key in (settings.SUPPRESSION_KEY, *settings.SUPPRESSION_KEY_FALLBACKS)}


# each chunk of mails asks for it
@lru_cache(maxsize=8)
def _fingerprint(key: str) -> str:
    return hmac.digest(key.encode(), b"broadsheet.suppression_key", "sha256").hex()[:32]
