"""Mark the words of mails for translators, in packages that know no Django: ``makemessages`` finds the calls.

Mails are in English. The marks give back their text, so that they cost nothing where they stand at a module's top, and
next to nothing in what is cached for many mails.
"""

from __future__ import annotations


def gettext(text: str) -> str:
    return text


def ngettext(one: str, many: str, count: int) -> str:
    return one if count == 1 else many
