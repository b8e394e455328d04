"""Subscribers: their permission, preferences and schedule, and sending mail to them. Knows nothing of papers.

In: sign-ups, preferences, tokens from links, rendered mails. Out: consent events, due times, mails to a server or
provider.
"""
