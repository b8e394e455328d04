"""Authors as journals and preprint servers list them: each by itself or all in one string, surname first or last."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digest.text import split_authors

_INITIALS = re.compile(r"(?:[^\W\d_]\.?[ -]?){1,5}")


def authors_of(listed: Sequence[str]) -> tuple[str, ...]:
    """The names in reading order, from one string of all of them or from a list of names.

    ``Smith, J., Doe, A.`` is J. Smith and A. Doe, like ``Smith, J.; Doe, A.`` and a list of both; what has no initials
    after its commas is a list of whole names: ``Jane Smith, Ann Doe (MIT)``.
    """
    if len(listed) == 1:
        parts = [part for part in map(str.strip, listed[0].split(",")) if part]
        if len(parts) % 2 or not all(_INITIALS.fullmatch(given) for given in parts[1::2]):
            return split_authors(listed[0])
        listed = [f"{surname}, {given}" for surname, given in zip(parts[::2], parts[1::2], strict=True)]
    return split_authors("".join(f"{name};" for name in listed))  # with a semicolon, a comma parts surname and given
