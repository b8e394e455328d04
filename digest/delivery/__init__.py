"""Deliver digests: plan, send, record, apply providers' events, pause and resume.

In: due subscribers and open editions. Out: one ``Delivery`` row a reader and issue date, and at most one mail for it.
``plan`` writes rows, ``send`` hands them to the mail server, ``apply_events`` records what became of them.
"""
