"""What was read for a digest: whether the day was complete, as far as anybody can tell."""

from __future__ import annotations

from digest.compose.completeness import SourceCount, completeness_in_words


def test_the_receipt_says_what_is_missing_first_and_names_late_sources() -> None:
    sources = [
        SourceCount("arXiv cs.LG", 40, 40),
        SourceCount("arXiv cs.RO", 38, 40),
        SourceCount("bioRxiv", 1212),
        SourceCount("medRxiv", 0, late=True),
    ]

    assert completeness_in_words(sources) == (
        "Not complete: 2 announced papers are missing and 1 source is late.",
        "Read for this digest: arXiv cs.RO: 38 of 40 · arXiv cs.LG: 40 of 40 · bioRxiv: 1,212.",
        "Late: medRxiv. What a late source brings comes in a later digest.",
    )
    many = completeness_in_words([SourceCount(f"arXiv cs.{n}", 10, 10) for n in range(155)])
    assert many[0] == "All sources delivered."
    assert many[1].endswith(" · 143 other sources: 1,430.")


def test_a_day_is_called_complete_only_as_far_as_sources_say_what_they_had() -> None:
    silent, whole = SourceCount("bioRxiv", 1212), SourceCount("arXiv cs.LG", 40, 40)

    assert completeness_in_words([whole, silent])[0] == "All sources delivered, as far as they announce totals."
    assert completeness_in_words([silent]) == ("Read for this digest: bioRxiv: 1,212.",)
    assert completeness_in_words([]) == ()
