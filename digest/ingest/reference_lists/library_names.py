"""Tell the names of public libraries, Zotero's and ORCID's, from other lines; also those that are mistyped. Pure."""

from __future__ import annotations

import re

ORCID = re.compile(
    r"(?:https?://)?(?:www\.)?(?:orcid\.org/|orcid(?:\s*id)?[:\s]\s*)?((?:\d{4}-){3}\d{3}[\dX])(?:[/?#]\S*)?", re.I
)
ZOTERO = re.compile(
    r"(?:(?:https?://)?(?:www\.|api\.)?zotero\.org/|zotero[:\s]+)?(?P<kind>users?|groups?)[/:\s]+(?P<number>[1-9]\d{0,11})(?:/\S*)?",
    re.I,
)
# a person's or a group's page by its name, which is not its number
ZOTERO_NAME = re.compile(
    r"(?:https?://)?(?:www\.|api\.)?zotero\.org/(?!(?:support|settings)(?:[/?#]|$))[^\s/]+(?:/\S*)?", re.I
)
# four groups of figures, one of which may be too long or too short, or have a letter that looks like a figure
LIKE_ORCID = re.compile(
    r"(?:https?://)?(?:www\.)?(?:orcid\.org/|orcid(?:\s*id)?[:\s]\s*)?(?=\S*\d)[\dOIlX]{3,5}(?:-[\dOIlX]{3,5}){3}(?:[/?#]\S*)?",
    re.I,
)


def looks_like_a_library(line: str) -> bool:
    """Return whether a line is nothing but the name of a library, right or mistyped."""
    return any(shape.fullmatch(line) for shape in (LIKE_ORCID, ZOTERO, ZOTERO_NAME))
