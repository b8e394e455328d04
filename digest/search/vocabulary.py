"""What is known of words: how many papers have a term, and which known word stands for one that no paper has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_lowercase

from django.db import connection

from digest.models import Paper, SearchWord
from digest.search.query import Clause

FEWEST = 2  # papers that have a word, for it to be offered
SHORTEST, LONG = 4, 8  # letters of a word that is corrected, and of one in which two may be wrong
SCANNED = 3  # letters that a word shares with those among which two wrong letters are looked for
MOST_SCANNED = 20_000
MISTAKEN = 100  # a rare word is taken for a mistake if another is this many times as common
KEPT_UNTIL, MOST_KEPT = 0.02, 100_000  # share of new papers until which counts are kept, and how many are

_DOUBLED = re.compile(r"(.)\1+")


def paper_count() -> int:
    """Return about how many papers there are: the newest one's number. One query."""
    newest = Paper.objects.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def papers_having(terms: Iterable[str]) -> dict[str, int]:
    """Return about how many papers have each of the known terms. One query."""
    wanted = sorted(set(terms))
    if not wanted:
        return {}
    # more like this asks for a thousand terms: the ORM takes longer to prepare them than the database to find them
    places = ", ".join(["%s"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT term, SUM(papers) FROM digest_searchword WHERE term IN ({places}) GROUP BY term",  # noqa: S608 (values are bound)
            wanted,
        )
        return dict(cursor.fetchall())


# papers when they were counted, and term -> papers that have it; of this process
_kept: tuple[int, dict[str, int]] = (0, {})


def kept_counts(terms: Iterable[str], papers: int) -> dict[str, int]:
    """Return about how many papers have each of the terms, as this process knows it. One query, none if it knows all.

    What it knows is dropped when there are a fiftieth more papers.
    """
    global _kept
    counted_at, known = _kept
    if not counted_at <= papers <= counted_at * (1 + KEPT_UNTIL) or len(known) > MOST_KEPT:
        known = {}
        _kept = (papers, known)
    wanted = set(terms)
    if new := wanted - known.keys():
        known.update(dict.fromkeys(new, 0) | papers_having(new))
    return {term: known[term] for term in wanted}


def forget_counts() -> None:
    """Ask for all counts again, of another database."""
    global _kept
    _kept = (0, {})


def having(clauses: Sequence[Clause], known: dict[str, int]) -> dict[Clause, int]:
    """Return about how many papers meet each clause: those of the rarest term of its commonest alternative."""
    return {
        clause: max(min((known.get(term, 0) for term in terms), default=0) for terms in clause.alternatives)
        for clause in clauses
    }


def correction_of(word: str, *, count: int) -> str:
    """Return the known word or two words that are likely meant by one that ``count`` papers have; empty if none are.

    One letter is wrong, missing, too many or swapped with the next, or the space between two words is missing; in a
    word of eight letters or more two letters may be wrong. One query, or two for a long word.
    """
    if len(word) < SHORTEST or not (word.isascii() and word.isalpha()):
        return ""
    fewest = max(FEWEST, MISTAKEN * count)
    pairs = [(word[:place], word[place:]) for place in range(2, len(word) - 1)]
    near = _one_edit_away(word)
    names = near.union(*pairs)
    papers = dict(SearchWord.objects.filter(word__in=names, papers__gte=FEWEST).values_list("word", "papers"))
    found = [(papers[one] * _likelihood(word, one), one) for one in near if papers.get(one, 0) >= fewest]
    if found:
        return max(found)[1]
    split = [
        (min(papers[one], papers[other]), f"{one} {other}")
        for one, other in pairs
        if min(papers.get(one, 0), papers.get(other, 0)) >= fewest
    ]
    if split:
        return max(split)[1]
    return _two_edits_away(word, fewest) if len(word) >= LONG else ""


def _likelihood(typed: str, meant: str) -> int:
    """Return how many times as likely this mistake is as a wrong first letter: one letter for two is the likeliest."""
    if _DOUBLED.sub(r"\1", typed) == _DOUBLED.sub(r"\1", meant):
        return 16
    return 4 if typed[0] == meant[0] else 1


def _one_edit_away(word: str) -> set[str]:
    """Return the words that one mistake makes of a word, after Norvig (2007)."""
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    deleted = {left + right[1:] for left, right in cuts if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    replaced = {left + letter + right[1:] for left, right in cuts if right for letter in ascii_lowercase}
    inserted = {left + letter + right for left, right in cuts for letter in ascii_lowercase}
    return (deleted | swapped | replaced | inserted) - {word}


def _two_edits_away(word: str, fewest: int) -> str:
    """Return the commonest word with the same beginning that at most two mistakes away."""
    beginning = word[:SCANNED]
    after = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    alike = SearchWord.objects.filter(word__gte=beginning, word__lt=after, papers__gte=fewest)
    rows = alike.values_list("papers", "word")[:MOST_SCANNED]
    letters = set(word)
    near = [
        (papers, other)
        for papers, other in rows
        if abs(len(other) - len(word)) <= 2 and len(letters ^ set(other)) <= 4 and edits(word, other, most=2) <= 2
    ]
    return max(near)[1] if near else ""


def edits(one: str, other: str, *, most: int) -> int:
    """Return the edit distance of two words, swapped neighbours being one edit; ``most + 1`` if it is greater."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, its in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return most + 1
        before, last = last, now
    return last[-1]
