"""Open an edition, curate it, select from it.

In: stored papers and curators' judgements. Out: ``Edition`` and ``EditionPaper`` rows, frozen when the edition opens;
the pool of a week's candidates; a reader's papers in order with reasons.
"""
