"""The names that works are known by: what ingest stores and what a reader types into the search box.

In: an id, a DOI, a link or a title. Out: one canonical name such as ``arxiv:2401.01234``, or none.
"""
