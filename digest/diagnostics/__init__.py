"""Examine the installation for ``doctor``: database, broker, mail server, DNS, clock, queue, staff accounts.

In: settings, rows and, if an ``Environment`` is given, the clock, the DNS and the mail server. Out: a list of
``CheckResult``.
"""
