"""Result of one check of ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    WELL = 0
    ATTENTION = 1
    BROKEN = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The subject of a check (``what``), its result (``seen``), and for anything but WELL what to ``do``."""

    severity: Severity
    what: str
    seen: str
    do: str = ""


def shorten_text(text: str, limit: int = 80) -> str:
    """Make foreign text safe for a terminal: printable and short."""
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
