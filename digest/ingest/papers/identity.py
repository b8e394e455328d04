"""Which names say that two things are one work: those of the items of one fetch, and those of an entry and a paper.

Names have ranks: DOI, arXiv id and PMID, which are one work's everywhere; then the source's own guid; then the link;
then the title.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from digest import text
from digest.identifiers.canonical import normalise_title, title_identifier
from digest.identifiers.links import bounded_name, clean_link, fuller_link_names, link_name
from digest.ingest.entry import Entry

STRONG = ("arxiv", "doi", "pmid")
PREFERRED = (*STRONG, "url", "guid", "title")  # the first of these stands for a paper where only one name is shown
# their items are records of one database each, and the first identifier is the record's key
RECORD_KINDS = {"arxiv_rss", "arxiv_rdf", "arxiv_api", "arxiv_oai", "hugging_face", "biorxiv_api"}


def scheme_of(name: str) -> str:
    return name.partition(":")[0]


def is_strong(name: str) -> bool:
    return scheme_of(name) in STRONG


def is_title(name: str) -> bool:
    return name.startswith("title:")


def rank(name: str) -> int:
    return PREFERRED.index(scheme_of(name))


def are_two_works(some: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether the names tell two works: their first DOIs, arXiv ids or PMIDs differ, and neither bears the
    other's.
    """
    one, other = list(some), list(others)
    for scheme in STRONG:
        mine = [name for name in one if scheme_of(name) == scheme]
        its = [name for name in other if scheme_of(name) == scheme]
        if mine and its and mine[0] not in its and its[0] not in mine:
            return True
    return False


def same_authors(some: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether two lists may be of one work: one is empty, or they share a surname."""
    one, other = surnames(some), surnames(others)
    return not one or not other or bool(one & other)


def surnames(names: Iterable[str]) -> set[str]:
    return {words[-1] for name in names if (words := text.fold(name).split())}


# --- the names of one entry -------------------------------------------------------------------------------------------


def guid_name(entry: Entry, source_id: int) -> str:
    """Return the name that one source gives an entry, ``""`` where it gives none: ``guid:<source>:<guid>``."""
    guid = clean_link(entry.guid.strip())
    return bounded_name(f"guid:{source_id}", guid) if guid else ""


def own_names(entry: Entry, source_id: int) -> tuple[str, ...]:
    """Return the names that no other work bears, by rank; of a work known by its title alone, title and surnames
    together.
    """
    guid = guid_name(entry, source_id)
    named = [name for name in entry.identifiers if not is_title(name)]
    by_rank = [*filter(is_strong, named), *filter(None, [guid]), *(name for name in named if not is_strong(name))]
    if by_rank or not entry.title or not entry.authors:
        return tuple(by_rank)
    return (title_identifier(" ".join([entry.title, *sorted(surnames(entry.authors))])),)


def all_names(entry: Entry, source_id: int) -> tuple[str, ...]:
    """Return every name of a work, its title too: how a bare title and the identified work find each other."""
    titles = (title_identifier(entry.title),) if entry.title else ()
    return tuple(dict.fromkeys((*entry.identifiers, *own_names(entry, source_id), *titles)))


# --- the items of one fetch -------------------------------------------------------------------------------------------


def tell_apart(
    entries: Iterable[Entry], *, kind: str, better: Callable[[Entry, Entry], Entry]
) -> tuple[list[Entry], list[Entry]]:
    """Return each work of one fetch once, with names that are its own, and the entries that listed one again.

    A name that two works of the fetch bear is nobody's. Where that was a link, its fragment and parameters count.
    """
    works, again = _works(entries, keyed=kind in RECORD_KINDS, better=better)
    borne = Counter(name for work in works for name in _names_within(work))
    shared = {name for name, count in borne.items() if count > 1}
    if kind in RECORD_KINDS:
        shared -= {work.identifiers[0] for work in works}
    lost = [work for work in works if not shared.isdisjoint(work.identifiers)]
    instead = Counter(name for work in lost for name in _link_names(work))
    free = {name for name, count in instead.items() if count == 1 and borne[name] < 2}
    return [_with_own_names(work, shared, free) for work in works], again


def _works(
    entries: Iterable[Entry], *, keyed: bool, better: Callable[[Entry, Entry], Entry]
) -> tuple[list[Entry], list[Entry]]:
    works: list[Entry] = []
    again: list[Entry] = []
    place_of: dict[object, int] = {}
    for entry in entries:
        keys = [entry.identifiers[0]] if keyed else list(_keys(entry))
        place = next((place_of[key] for key in keys if key in place_of), None)
        if place is not None and (keyed or _is_same_item(works[place], entry)):
            again.append(entry)
            works[place] = better(works[place], entry)
        else:
            place = len(works)
            works.append(entry)
        for key in keys:
            place_of.setdefault(key, place)
    return works, again


def _keys(entry: Entry) -> Iterable[object]:
    """Return what an item listed twice has twice: a name with its title, or a DOI or arXiv id in two versions."""
    title = normalise_title(entry.title) or entry.title
    for name in _names_within(entry):
        yield name, title
    yield from filter(is_strong, entry.identifiers)


def _is_same_item(one: Entry, other: Entry) -> bool:
    if are_two_works(one.identifiers, other.identifiers):
        return False
    strong = set(filter(is_strong, one.identifiers)) & set(other.identifiers)
    if strong and one.version != other.version:
        return True
    same_title = normalise_title(one.title) == normalise_title(other.title)
    if strong or not same_title:
        return same_title
    details = [(one.guid, other.guid), tuple(clean_link(entry.url).partition("#")[2] for entry in (one, other))]
    return next((mine == its for mine, its in details if mine and its), True)


def _names_within(entry: Entry) -> list[str]:
    guid = guid_name(entry, 0)
    return [*entry.identifiers, *filter(None, [guid])]


def _link_names(entry: Entry) -> list[str]:
    return [*filter(None, [link_name(entry.url)]), *fuller_link_names(entry.url)]


def _with_own_names(entry: Entry, shared: Collection[str], free: Collection[str]) -> Entry:
    kept = [name for name in entry.identifiers if name not in shared]
    instead = [] if len(kept) == len(entry.identifiers) else [name for name in _link_names(entry) if name in free]
    # of links that differ only in what is left out elsewhere, readers get all
    is_whole = bool(instead) and instead[0] == (fuller_link_names(entry.url) or [""])[-1]
    return dataclasses.replace(
        entry,
        identifiers=tuple(dict.fromkeys((*kept, *instead[:1]))) or (title_identifier(entry.title),),
        guid="" if guid_name(entry, 0) in shared else entry.guid,
        url=entry.url if is_whole else clean_link(entry.url),
    )
