"""Pages about papers for everybody; ``own`` has those of one reader, ``papers`` what pages say of a paper.

In: requests of visitors and readers. Out: pages and JSON. Sign-up and preferences are in ``subscriptions.web``.
"""
