"""Rank papers, without Django.

In: texts, categories, authors, votes and readers' wishes, as plain values or sparse matrices. Out: trending scores,
matches of rules and papers, and each reader's order with the contributions that add up to each score.
"""
