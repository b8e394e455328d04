"""The readers' pages about papers: the public list, the preview, feedback from a mail, the web copy, a reader's own
data.

In: requests of visitors and readers. Out: pages and JSON. Sign-up and preferences are in ``subscriptions.web``.
"""
