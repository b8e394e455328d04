"""Open an edition, curate it, select from it, search it.

In: stored papers and curators' judgements. Out: ``Edition`` and ``EditionPaper`` rows, frozen at the opening; the
pool of a week's candidates; a reader's papers in their order with reasons.
"""
