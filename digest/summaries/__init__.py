"""Ask an operator's model for one-line summaries of papers, if a chat endpoint is set.

In: papers that can be in a digest. Out: ``PaperSummary`` rows, shown by the digests that are planned after them, and
``SummaryDay`` rows, the account of each day's calls.
"""
