"""Split, clean and fold authors' names."""

from __future__ import annotations

import re
import unicodedata

from digest.text.limits import MOST_OF_NAMES
from digest.text.reading import clean_repeatedly
from subscriptions.unicode_text import normalise

MOST_OF_ONE = 1000  # characters of one name, with its TeX

_SUFFIX = re.compile(r"(?:jr|sr|[IVX]{2,4}|ph\.?\s?d|md|esq)\.?", re.I)
_GROUP = re.compile(r"\b(?:collaborations?|consortium|consortia|groups?|teams?|project|initiative)\b", re.I)
_AFTER_GROUP = re.compile(r"(?<=[a-z])\s*:(?=\s)")  # "LHCb collaboration: R. Aaij"
_ET_AL = re.compile(r"(?:^|\s)(?:et\.? al\.?|and others)$", re.I)
_AND = re.compile(r"\s+(?:and|&)\s+|^(?:and|&)\s+", re.I)
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t", "ŋ": "ng"}
    | dict.fromkeys("’‘ʼʻ`´", "'")
    | dict.fromkeys("‐‑–", "-")
)


def clean_name(text: str) -> str:
    """Return the name of one person or group in readable Unicode, without commas around it."""
    return clean_repeatedly(text, html=True, limit=MOST_OF_ONE).strip(" ,;")


def split_authors(text: str) -> tuple[str, ...]:
    """Split one string of all authors into names, in order: "Ann Lee (MIT, USA), Bo Chen and Cy Day, Jr.".

    TeX is converted first. Names end at commas outside parentheses, at semicolons if there are any ("Smith, J.; Doe,
    A." is "J. Smith", "A. Doe"), and at an "and" before the last. Text in parentheses is an affiliation and is removed;
    an unmatched parenthesis counts as a comma, so that nothing after it is lost.
    """
    text = _without_affiliations(clean_repeatedly(text, html=True, limit=MOST_OF_NAMES))
    parts = [_first_name_first(part) for part in text.split(";")] if ";" in text else _by_commas(text)
    names = (_ET_AL.sub("", " ".join(part.split())).strip(" ,:") for part in parts)
    return tuple(name for name in names if any(map(str.isalnum, name)))


def _without_affiliations(text: str) -> str:
    opened: list[int] = []
    pairs: list[tuple[int, int]] = []
    lone: set[int] = set()
    for match in re.finditer(r"[()]", text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            pairs.append((opened.pop(), match.end()))
        else:
            lone.add(match.start())
    lone.update(opened)
    kept = []
    end = 0
    for start, stop in sorted(pairs):
        if start >= end:
            kept += ["".join("," if at in lone else text[at] for at in range(end, start)), " "]
            end = stop
    kept.append("".join("," if at in lone else text[at] for at in range(end, len(text))))
    return "".join(kept)


def _by_commas(text: str) -> list[str]:
    parts: list[list[str]] = []
    for part in _AFTER_GROUP.sub(",", text).split(","):
        if parts and _SUFFIX.fullmatch(part.strip()):
            parts[-1].append(part)
        elif not _ET_AL.fullmatch(part.strip()):
            parts.append([part])
    names = ["".join(name) for name in parts]
    # "the ATLAS and CMS Collaborations" stays one name
    if names and not _GROUP.search(names[-1]):
        names[-1:] = _AND.split(names[-1])
    return names


def _first_name_first(name: str) -> str:
    surname, *given = (part.strip() for part in name.split(","))
    before: list[str] = []
    suffixes: list[str] = []
    for part in given:
        (suffixes if _SUFFIX.fullmatch(part) else before).append(part)
    return " ".join([*before, surname, *suffixes])


def fold(text: str) -> str:
    """Fold ``text`` for comparison: small letters, no accents, ø as o, ß as ss, æ as ae, plain apostrophes, hyphens."""
    decomposed = normalise("NFKD", text.casefold().translate(_PLAIN), limit=MOST_OF_NAMES)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.casefold().translate(_PLAIN).split())
