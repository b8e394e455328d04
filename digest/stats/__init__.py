"""Count deliveries, editions and days, and tell what happened to one digest.

In: ``Delivery``, ``Edition`` and ``DayTally`` rows. Out: counts and series; the dashboard and commands show them.
"""
