"""Read the daily papers of Hugging Face (JSON) with their votes, comments and stars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from digest.identifiers.canonical import canonical_identifier
from digest.identifiers.links import host_of
from digest.ingest.entry import Entry
from digest.ingest.parsers import arxiv
from digest.ingest.parsers.body import open_text
from digest.ingest.parsers.dates import moment_of
from digest.ingest.parsers.feed import Feed, Refused, assemble, count_of, plain, shorten_text
from digest.ingest.parsers.json_items import Items, items_in

KIND = "hugging_face"
LONGEST_ADDRESS = 300
_GITHUB = re.compile(
    r"(?:(?:https?://)?(?:www\.)?github\.com/)?([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}?)(?:\.git)?/?", re.A
)


def read(body: bytes) -> Feed:
    """Read ``https://huggingface.co/api/daily_papers``, of a search there, or of one paper.

    ``points`` are upvotes at the time of the reading; ``announced_on`` is the Daily Papers day (UTC), None where the
    answer does not tell it; ``published`` is arXiv's date. Raises SourceUnreadable.
    """
    return from_items(items_in(open_text(body)))


def recognises(found: Items) -> bool:
    """Return whether an answer is a bare list, or one paper."""
    return not found.head or "id" in found.head or "paper" in found.head


def from_items(found: Items) -> Feed:
    """Return the papers of a decoded answer."""
    notes = list(found.notes)
    return assemble(
        (*_entries(found.items, notes), *found.refused),
        kind=KIND,
        name="Hugging Face daily papers",
        url="https://huggingface.co/api/daily_papers",
        notes=notes,
        garbled=found.garbled,
    )


def _entries(items: list[Any], notes: list[str]) -> Iterator[Entry | Refused]:
    for number, item in enumerate(items, start=1):
        paper = item.get("paper", item) if isinstance(item, dict) else None
        if not isinstance(paper, dict):
            yield Refused(what=f"item {number}", why="not a paper")
            continue
        title = plain(paper.get("title")) or plain(item.get("title"))
        identifier = canonical_identifier(plain(paper.get("id")))
        if not identifier.startswith("arxiv:"):
            yield Refused(what=shorten_text(title or f"item {number}"), why="no arXiv id")
            continue
        featured = moment_of(paper.get("submittedOnDailyAt"), notes)
        yield Entry(
            identifiers=(identifier,),
            title=title,
            abstract=plain(paper.get("summary")) or plain(item.get("summary")),
            authors=_authors(paper.get("authors")),
            url=arxiv.page_of((identifier,)),
            published=moment_of(paper.get("publishedAt"), notes),
            announced_on=featured.date() if featured else None,
            withdrawn=bool(paper.get("withdrawnAt")),
            points=_first_count(paper.get("upvotes"), item.get("upvotes")),
            comments=_first_count(item.get("numComments"), paper.get("numComments")),
            stars=count_of(paper.get("githubStars")),
            summary=plain(paper.get("ai_summary")),
            code=_repository(plain(paper.get("githubRepo"))),
            project=_web_address(paper.get("projectPage")),
        )


def _repository(text: str) -> str:
    """Return the address of a repository at GitHub, given as a link or as ``owner/name``; ``""`` for anything else."""
    match = _GITHUB.fullmatch(text)
    return f"https://github.com/{match[1]}" if match else ""


def _authors(authors: Any) -> tuple[str, ...]:
    people = [person for person in authors if isinstance(person, dict)] if isinstance(authors, list) else []
    return tuple(name for person in people if not person.get("hidden") and (name := plain(person.get("name"))))


def _web_address(value: object) -> str:
    """Return an address that a submitter typed, empty unless it names a host and is short enough to be one."""
    address = plain(value)
    return address if len(address) <= LONGEST_ADDRESS and host_of(address) else ""


def _first_count(*values: object) -> int | None:
    return next((count for value in values if (count := count_of(value)) is not None), None)
