"""Change, export and erase the data of one reader.

In: a subscriber and their choices. Out: preferences, a JSON export, rows without personal data.
"""
