"""Change, hand out and erase the rows of one reader: mute, export, erase, forget.

In: a subscriber and what they said. Out: preferences, a JSON export, rows without personal data.
"""
