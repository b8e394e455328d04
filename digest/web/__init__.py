"""Pages about papers for readers: the public list, preview, feedback from a mail, web copy, a reader's own data.

In: requests of visitors and readers. Out: pages and JSON. Sign-up and preferences are in ``subscriptions.web``.
"""
