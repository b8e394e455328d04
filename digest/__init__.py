"""Papers and digests: ingest papers, open an edition, deliver it.

What comes in: bytes from sources, readers' preferences (``subscriptions``), curators' judgements. What goes out: one
e-mail a reader and day, public pages, the curators' dashboard.
"""
