"""The curators' pages: today, preview, sources, topics, deliveries, readers.

In: requests of signed-in staff. Out: pages; each view reads a form, calls a lower package and renders
``templates/staff``. ``auth`` has members, roles and sign-in.
"""
