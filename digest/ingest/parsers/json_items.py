"""Read JSON answers that are or contain a list of papers; of a cut answer, the items that are whole."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from digest.ingest.parsers.body import Text
from digest.ingest.parsers.feed import Refused, SourceUnreadable
from digest.source_errors import ErrorKind

_LISTS = ("collection", "items")  # bioRxiv's API, JSON Feed
_BEFORE_FIRST_ITEM = re.compile(
    r"\[|\{(?:(?!\"(?:collection|items)\").){0,2000}\"(?P<key>collection|items)\"\s*:\s*\[", re.S
)
_BETWEEN_ITEMS = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The papers of an answer as they came, and what else it says (``head``, empty for a bare list)."""

    items: list[Any]
    head: dict[str, Any]
    notes: tuple[str, ...]
    refused: tuple[Refused, ...]
    garbled: str


def items_in(opened: Text) -> Items:
    """Return the list in an answer. Raises SourceUnreadable for what is no JSON, an error, or cut before its first
    item.
    """
    if opened.text[0] not in "[{":
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "not JSON")
    cut: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    try:
        value = json.loads(opened.text)
    except RecursionError as error:
        raise SourceUnreadable(ErrorKind.MALFORMED, "JSON nested too deep") from error
    except ValueError as error:
        key, whole = _whole_items(opened.text)
        if not whole:
            raise SourceUnreadable(ErrorKind.TRUNCATED, f"damaged JSON, {str(error)[:100]}") from error
        value = {key: whole} if key else whole
        cut = ("cut in the middle: every whole item was kept",)
        refused = (Refused(what=f"item {len(whole) + 1}", why="cut in the middle"),)
    head = value if isinstance(value, dict) else {}
    if "error" in head:
        raise SourceUnreadable(ErrorKind.SOURCE_ERROR, str(head["error"])[:200])
    items = next((head[key] for key in _LISTS if key in head), [head]) if head else value
    if not isinstance(items, list):
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "JSON without a list of papers")
    return Items(items=items, head=head, notes=(*opened.notes, *cut), refused=refused, garbled=opened.garbled)


def _whole_items(text: str) -> tuple[str, list[Any]]:
    """Return the name of the list in a cut answer, "" for a bare list, and its items that are whole."""
    start = _BEFORE_FIRST_ITEM.match(text)
    decoder, items = json.JSONDecoder(), []
    at = start.end() if start else len(text)
    while match := _BETWEEN_ITEMS.match(text, at):
        try:
            item, at = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            break
        items.append(item)
    return (start["key"] or "") if start else "", items
