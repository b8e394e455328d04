"""Examine the installation for ``doctor``: database, broker, mail server, DNS, clock, queue, staff accounts.

In: settings and rows; outside the service the DNS and the mail server, where they are given. Out: a list of
``CheckResult``.
"""
