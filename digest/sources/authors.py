"""Author lists that sources write as one string, or each name with the surname first."""

from __future__ import annotations

import re

from digest.text import split_authors

_INITIALS = re.compile(r"(?:[^\W\d_]\.?[ -]?){1,5}")


def one_string(authors: str) -> tuple[str, ...]:
    """The names in one string: ``Smith, J.; Doe, A.``, ``Smith, J., Doe, A.`` or ``Jane Smith, Ann Doe (MIT)``."""
    if ";" in authors:
        return tuple(in_reading_order(name) for part in authors.split(";") if (name := part.strip()))
    parts = [part for part in map(str.strip, authors.split(",")) if part]
    if len(parts) > 1 and len(parts) % 2 == 0 and all(_INITIALS.fullmatch(given) for given in parts[1::2]):
        return tuple(f"{given} {surname}" for surname, given in zip(parts[::2], parts[1::2], strict=True))
    return split_authors(authors)


def in_reading_order(name: str) -> str:
    """``Smith, Jane`` as Jane Smith; other names as they are."""
    surname, comma, given = (part.strip() for part in name.partition(","))
    return f"{given} {surname}" if comma and given and "," not in given else name.strip()
