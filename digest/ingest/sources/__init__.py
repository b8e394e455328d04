"""The sources: add them and export their list, what they missed, how they do and what to do about it."""
