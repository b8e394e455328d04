"""A reader's own pages: their day, digests on the web, verdicts, saved papers, list, order, data.

In: requests with a reader's session, or with a token from a mail. Out: pages, and what the reader chose, stored.
"""
