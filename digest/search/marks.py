"""Mark the words of a text that a query asked for, and find the sentences that have them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from digest.search import analysis
from digest.search.query import Query
from digest.text.sentences import sentences

SHORTEST = 60  # characters of a part of a sentence that are worth showing


Span = tuple[int, int]


class _AskedRuns(dict[str, tuple[Span, ...]]):
    """Where a run has the wanted terms, kept for the next time: a page marks most of its words twice.

    It is the whole run, or else those of its parts between hyphens that are asked for by themselves.
    """

    def __init__(self, wanted: frozenset[str]) -> None:
        self.has = wanted.issuperset

    def __missing__(self, run: str) -> tuple[Span, ...]:
        whole = ((0, len(run)),)
        self[run] = found = whole if self._is_asked(run) else tuple(self._asked_parts(run))
        return found

    def _asked_parts(self, run: str) -> Iterator[Span]:
        for part in analysis.parts(run):
            if part[0] != run and self._is_asked(part[0]):
                yield part.span()

    def _is_asked(self, run: str) -> bool:
        return any(self.has(word.terms) or any(map(self.has, word.forms)) for word in analysis.words_of(run))


@lru_cache(maxsize=4)
def _asked_runs(wanted: frozenset[str]) -> _AskedRuns:
    return _AskedRuns(wanted)


def pieces(text: str, query: Query) -> Iterator[tuple[str, bool]]:
    """Return a text in pieces, each with whether it was asked for; common words are not unless there are no others."""
    wanted = frozenset(
        term
        for clause in (*query.required, *(clause for clause in query.clauses if clause.word is None))
        for form in clause.alternatives
        for term in form
    )
    done, asked = 0, _asked_runs(wanted)
    for run in analysis.runs(text):
        for start, end in asked[run[0]]:
            start, end = run.start() + start, run.start() + end
            if done < start:
                yield text[done:start], False
            yield text[start:end], True
            done = end
    if done < len(text):
        yield text[done:], False


def excerpt(text: str, query: Query, *, limit: int) -> str:
    """Return the sentences of clean ``text`` that have most of the words asked for, about ``limit`` characters.

    "…" stands for what is left out. Empty if no sentence has any, or the start of the text has as many.
    """
    whole = sentences(text)
    asked = [_asked(sentence, query) for sentence in whole]
    shown: dict[int, str] = {}
    found: set[str] = set()
    for number in sorted(filter(asked.__getitem__, range(len(whole))), key=lambda number: -len(asked[number])):
        left, new = limit - sum(map(len, shown.values())), asked[number].keys() - found
        if new and left >= SHORTEST:
            shown[number] = _around(whole[number], min(asked[number][word] for word in new), left)
            found |= new
    # what a phone shows of a folded text
    if len(_asked(text[: limit // 2], query)) >= len(found):
        return ""
    is_next = {number for number in shown if not number or number - 1 in shown or shown[number].startswith("…")}
    return " ".join(part if number in is_next else f"… {part}" for number, part in sorted(shown.items()))


def _asked(text: str, query: Query) -> dict[str, int]:
    """Return the words asked for, stemmed, each with the place where it stands first."""
    found: dict[str, int] = {}
    at = 0
    for piece, is_asked in pieces(text, query):
        if is_asked:
            found.setdefault(analysis.stem(piece.casefold()), at)
        at += len(piece)
    return found


def _around(sentence: str, at: int, limit: int) -> str:
    """Return a sentence, or of a long one at most ``limit`` characters around the place ``at``."""
    if len(sentence) <= limit:
        return sentence
    start = sentence.rfind(" ", 0, max(0, at - limit // 3)) + 1
    end = start + limit - 4
    end = len(sentence) if end >= len(sentence) else max(sentence.rfind(" ", start, end), start) or end
    return ("… " if start else "") + sentence[start:end] + ("…" if end < len(sentence) else "")
