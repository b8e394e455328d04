"""Bounds of texts, in characters; the rest is cut off before any work is done."""

MOST = 20_000
"""Longest text in characters; the rest is cut off before any work is done on it."""
MOST_OF_NAMES = 100_000
"""The same of all authors in one string; the longest lists name some five thousand."""
