"""Split authors as journals and preprint servers list them: singly or in one string, surname first or last."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from digest.text import fold, split_authors
from digest.text.limits import MOST_OF_NAMES

_INITIALS = re.compile(r"(?:[^\W\d_][^\W\d_]?\.[ -]?|[^\W\d_a-z][ -]?){1,5}")  # J.-M., JM, Yu. V.; never "Li Fen"
_PARTICLES = frozenset(
    "de del della der den des di do dos da das du el al la le van von vom zu ten ter bin ibn st".split()
)
_AND = re.compile(r"\s(?:and|&)\s", re.I)
_BESIDE_NAMES = re.compile(r"(?<!\S)[^\s@]+@\S+|\bauthor affiliations?\b.*", re.I | re.S)
_BETWEEN_NAMES = re.compile(r"<br\b[^<>]*>|\s[|/\u00b7\u2022]\s", re.I)
# of affiliations and notes
_MARKS = re.compile(
    r"<sup\b[^<>]*>[^<>]{0,100}</sup>|<[^<>]*>|https?://orcid\.org/[\dX-]*|[*\u2020\u2021\u00b9\u00b2\u00b3\u2070-\u2079]",
    re.I,
)
_IN_BRACKETS = re.compile(r"\A\(([^()]*)\)\Z")  # RSS: an address, then the name


def authors_of(listed: Sequence[str]) -> tuple[str, ...]:
    """Return the names in reading order, each once, from one string of all of them or from a list of names.

    ``Smith, J., Doe, A.`` is J. Smith and A. Doe, like ``Smith, J.; Doe, A.`` and a list of both; what has no initials
    after its commas is a list of whole names: ``Jane Smith, Ann Doe (MIT)``. Lines, bars and dots part names too. One
    comma with a single word on either side parts surname and given names. The marks of affiliations are left out.
    """
    names: list[str] = []
    alone = {fold(one) for one in listed if "," not in one}
    for one in listed:
        one = _MARKS.sub("", _BETWEEN_NAMES.sub("\n", html.unescape(one[:MOST_OF_NAMES])))
        one = _IN_BRACKETS.sub(r"\1", _BESIDE_NAMES.sub("", one).strip())
        parts = list(_names_in(one))
        if len(parts) < 2 and "," in one and alone and all(fold(part) in alone for part in one.split(",")):
            continue  # named once more, all together
        names += parts
    kept: dict[str, str] = {}
    for name in names:
        kept.setdefault(fold(name), name)
    return tuple(kept.values())


def _names_in(text: str) -> Iterator[str]:
    """Return the names of one string, each as it is read."""
    if "(" in text:
        yield from split_authors(text)
        return
    lines = [line for line in (line.strip(" ,;\t") for line in text.splitlines()) if line]
    if len(lines) > 1 and all(line.count(",") < 2 for line in lines):
        for line in lines:
            yield from _names_in(line)
        return
    parts = [part for part in map(str.strip, text.split(";")) if part]
    if len(parts) > 1:
        if _are_whole_names(parts):
            parts = [name for part in parts for name in part.split(",")]
        yield from split_authors("".join(f"{part};" for part in parts))
        return
    words = [part for part in map(str.strip, text.split(",")) if part]
    if len(words) == 2 and not _AND.search(text) and not all(" " in part for part in words):
        yield from split_authors(text + ";")  # with a semicolon, a comma parts surname and given names
    elif not words or len(words) % 2 or not all(_INITIALS.fullmatch(given) for given in words[1::2]):
        yield from split_authors(" ".join(text.split()))
    else:
        pairs = zip(words[::2], words[1::2], strict=True)
        yield from split_authors("".join(f"{surname}, {given};" for surname, given in pairs))


def _are_whole_names(parts: Sequence[str]) -> bool:
    """Return whether commas part whole names as semicolons do: ``Ann Lee, Bo Chen; Cy Day``."""
    pairs = [part.split(",") for part in parts if "," in part]
    return bool(pairs) and all(
        len(pair) == 2 and all(" " in name.strip() for name in pair) and pair[0].split()[0].lower() not in _PARTICLES
        for pair in pairs
    )
