"""Describe the completeness of a day and the count of each source in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digest.compose.card import NAME_LENGTH
from digest.compose.phrases import join_words, plural, shorten

RECEIPT_SOURCES = 12


@dataclass(frozen=True, slots=True)
class SourceCount:
    """Papers stored from a source; ``expected`` is the total it announced, None without one."""

    name: str
    stored: int
    expected: int | None = None
    late: bool = False


def completeness_in_words(sources: Sequence[SourceCount]) -> tuple[str, ...]:
    """Return a line about completeness, then the counts, sources with a gap first, then the late sources."""
    on_time = sorted((s for s in sources if not s.late), key=lambda s: s.expected is None or s.stored >= s.expected)
    shown, others = on_time[:RECEIPT_SOURCES], on_time[RECEIPT_SOURCES:]
    counts = [
        f"{shorten(s.name, NAME_LENGTH)}: {s.stored:,}{'' if s.expected is None else f' of {s.expected:,}'}"
        for s in shown
    ]
    if others:
        counts.append(f"{plural(len(others), 'other source')}: {sum(s.stored for s in others):,}")
    late = [shorten(s.name, NAME_LENGTH) for s in sources if s.late]
    lines = (
        _verdict(sources),
        f"Read for this digest: {' · '.join(counts)}." if counts else "",
        f"Late: {join_words(late)}. What a late source brings comes in a later digest." if late else "",
    )
    return tuple(line for line in lines if line)


def _verdict(sources: Sequence[SourceCount]) -> str:
    """Return what is missing, as far as the sources announced totals."""
    missing = sum(max(0, (s.expected or 0) - s.stored) for s in sources if not s.late)
    late = sum(s.late for s in sources)
    gaps = [f"{plural(missing, 'announced paper')} {'is' if missing == 1 else 'are'} missing"] if missing else []
    gaps += [f"{plural(late, 'source')} {'is' if late == 1 else 'are'} late"] if late else []
    if gaps:
        return f"Not complete: {join_words(gaps)}."
    said = [s.expected is not None for s in sources]
    if all(said):
        return "All sources delivered." if said else ""
    return "All sources delivered, as far as they announce totals." if any(said) else ""
