"""Rank papers: numbers in, numbers out.

In: texts, categories, authors, votes and what readers asked for, as plain values or sparse matrices. Out: trending
scores, which rule matches which paper, and each reader's order with the contributions that add up to it. No Django
here.
"""
