"""Rank papers, without Django.

In: texts, categories, authors, votes and readers' wishes, as plain values or sparse matrices. Out: trending scores,
matches of rules and papers, and each reader's order with the contributions that add up to each score.
"""

from digest.ranking import sparse  # noqa: F401 (scipy is first imported there, by whichever module it is needed)
