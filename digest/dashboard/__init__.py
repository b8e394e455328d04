"""The curators' pages: today, preview, sources, topics, deliveries, readers.

In: requests of signed-in staff. Out: pages; each view reads a form, calls a package below and renders
``templates/staff``. Who may sign in, with which role, is in ``auth``.
"""
