"""Build parts of sentences: shortened text, counts, lists."""

from __future__ import annotations

from collections.abc import Sequence

from subscriptions.mail.marks import gettext as _
from subscriptions.mail.rendering import one_line


def shorten(text: str, limit: int) -> str:
    """Return one line of at most ``limit`` characters, cut after a word (inside a very long one) and ended by ``…``."""
    text = one_line(text)
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    words = cut if text[limit - 1] == " " else cut.rpartition(" ")[0]
    return (words if 2 * len(words) >= limit else cut).rstrip(" ,;:.–—-(\u200d") + "…"


def plural(count: int, one: str) -> str:
    """Return ``1 paper`` or ``1,212 papers``."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


AND = _("and")


def join_words(parts: Sequence[str], limit: int = 4) -> str:
    """Return ``a, b and c``; beyond ``limit`` parts ``a, b, c and 5 more``; empty without parts."""
    if len(parts) > limit:
        parts = [*parts[: limit - 1], _("%(count)s more") % {"count": f"{len(parts) - limit + 1:,}"}]
    return f" {AND} ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
