"""Describe the completeness of a day and the count of each source in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digest.compose.card import NAME_LENGTH
from digest.compose.phrases import join_words, shorten
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.marks import ngettext

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
        f"{shorten(s.name, NAME_LENGTH)}: {s.stored:,}"
        if s.expected is None
        else _("%(source)s: %(stored)s of %(expected)s")
        % {"source": shorten(s.name, NAME_LENGTH), "stored": f"{s.stored:,}", "expected": f"{s.expected:,}"}
        for s in shown
    ]
    if others:
        rest = ngettext("%(count)s other source: %(stored)s", "%(count)s other sources: %(stored)s", len(others))
        counts.append(rest % {"count": len(others), "stored": f"{sum(s.stored for s in others):,}"})
    late = [shorten(s.name, NAME_LENGTH) for s in sources if s.late]
    lines = (
        _verdict(sources),
        _("Read for this digest: %(counts)s.") % {"counts": " · ".join(counts)} if counts else "",
        _("Late: %(sources)s. What a late source brings comes in a later digest.") % {"sources": join_words(late)}
        if late
        else "",
    )
    return tuple(line for line in lines if line)


def _verdict(sources: Sequence[SourceCount]) -> str:
    """Return what is missing, as far as the sources announced totals."""
    missing = sum(max(0, (s.expected or 0) - s.stored) for s in sources if not s.late)
    late = sum(s.late for s in sources)
    gaps = []
    if missing:
        gaps.append(
            ngettext("%(missing)s announced paper is missing", "%(missing)s announced papers are missing", missing)
        )
    if late:
        gaps.append(ngettext("%(late)s source is late", "%(late)s sources are late", late))
    if gaps:
        return _("Not complete: %(gaps)s.") % {
            "gaps": join_words(gaps) % {"missing": f"{missing:,}", "late": f"{late:,}"}
        }
    said = [s.expected is not None for s in sources]
    if all(said):
        return _("All sources delivered.") if said else ""
    return _("All sources delivered, as far as they announce totals.") if any(said) else ""
