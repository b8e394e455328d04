"""Mark words in texts of a page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString, mark_safe


def marked(pieces: Iterable[tuple[str, bool]]) -> SafeString:
    """Return pieces of a text, escaped, those that are asked for in ``<mark>``."""
    parts = [f"<mark>{escape(piece)}</mark>" if is_asked else escape(piece) for piece, is_asked in pieces]
    return mark_safe("".join(parts))  # noqa: S308 (each piece is escaped)
