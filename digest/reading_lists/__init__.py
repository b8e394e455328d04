"""A reader's own list of papers: read from files, text and public libraries, shown, kept and taken back.

In: bytes, or the name of a library. Out: ``ListSource`` and ``ListEntry`` rows, which the ranking counts as likes.
"""
