"""The archive of an edition: made once by the process that needs it first, saved, and mapped by all others."""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Length

from digest import memory
from digest.models import Edition, Paper
from digest.ranking import archive_file
from digest.ranking.archive import Archive
from digest.ranking.tokens import TokenBuilder, Tokens

# The papers that the rarity of words is counted in
DAYS, MOST = 45, 10_000
# A smaller archive is made anew in less time than it takes to tell why its file is of no use.
FEWEST = 500
READ_AT_ONCE = 500  # rows of a query

logger = logging.getLogger(__name__)
_kept: tuple[str, Archive] | None = None


def archive_of(edition: Edition) -> Archive:
    """Return the archive of the latest texts first seen until the edition opened.

    It is this process's while the texts stay the same, else the saved one. Where that is missing or of no use, it is
    made and saved, while other processes of this machine wait for it.
    """
    global _kept
    papers = Paper.objects.filter(
        first_seen_at__range=(edition.opened_at - timedelta(days=DAYS), edition.opened_at)
    ).order_by("-first_seen_at", "-pk")[:MOST]
    count, key = _key_of(papers)
    if not (_kept and _kept[0] == key):
        _kept = None  # never two of them in memory
        _kept = key, _make(papers) if count < FEWEST else _saved(papers, key)
        memory.give_back()
    return _kept[1]


def text_of(title: str, abstract: str) -> str:
    return f"{title}.\n{abstract}"


def path() -> Path:
    """Return the file; each mode has a database, and so papers, of its own."""
    return Path(settings.VAR) / f"archive-{settings.MODE}.bin"


def _key_of(papers: QuerySet[Paper]) -> tuple[int, str]:
    """Return the number of these papers, and a hash that is another where one of them is."""
    rows, count, key = papers.annotate(length=Length("abstract")), 0, hashlib.blake2b(digest_size=16)
    for row in rows.values_list("pk", "version", "length", "title").iterator(READ_AT_ONCE):
        count += 1
        key.update(repr(row).encode())
    return count, key.hexdigest()


def _make(papers: QuerySet[Paper]) -> Archive:
    words = TokenBuilder({})

    def texts() -> Iterator[str]:
        for title, abstract in papers.values_list("title", "abstract").iterator(READ_AT_ONCE):
            words.add(title, abstract)
            yield text_of(title, abstract)

    made = Archive.of(texts())
    return replace(made, tokens=Tokens(words.own, words.close(), np.array(words.starts, np.int64)))


def _saved(papers: QuerySet[Paper], key: str) -> Archive:
    if found := _load(key):
        return found
    with _one_at_a_time():
        # perhaps another process has made it meanwhile; if not, this one says why
        if found := _load(key, tell=True):
            return found
        made = _make(papers)
        try:
            archive_file.save(made, path(), key=key)
        except OSError as error:
            logger.warning("The archive of texts could not be saved (%s): this process keeps its own.", error.strerror)
            return made
    return _load(key) or made


def _load(key: str, *, tell: bool = False) -> Archive | None:
    """Return the saved archive if it is of these texts; else ``tell`` in one line what is there."""
    try:
        return archive_file.load(path(), key=key)
    except FileNotFoundError:
        return None
    except archive_file.Unusable as error:
        why = str(error)
    except OSError as error:
        why = f"it cannot be read ({error.strerror})"
    if tell:
        logger.info("The saved archive of texts is not used: %s.", why)
    return None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait until no other process of this machine makes the archive; where no file can be locked, do not wait."""
    with ExitStack() as stack:
        with suppress(OSError):
            lock = stack.enter_context(path().with_suffix(".lock").open("a"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
