"""Subscribers: who is written to, with which permission, when, and how a mail leaves. It never hears of papers.

In: sign-ups, preferences, tokens from links, rendered mails. Out: consent events, due times, mails to a server or
provider.
"""
