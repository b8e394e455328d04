"""Mark the words of a text that a query asked for."""

from __future__ import annotations

from collections.abc import Iterator

from digest.search import analysis
from digest.search.query import Query


def pieces(text: str, query: Query) -> Iterator[tuple[str, bool]]:
    """Return a text in pieces, each with whether it was asked for; common words are not unless there are no others."""
    wanted = frozenset(
        term
        for clause in (*query.required, *(clause for clause in query.clauses if clause.word is None))
        for form in clause.alternatives
        for term in form
    )
    done = 0
    for start, end, word in analysis.runs(text):
        if start >= done and any(wanted.issuperset(form) for form in word.alternatives):
            if done < start:
                yield text[done:start], False
            yield text[start:end], True
            done = end
    if done < len(text):
        yield text[done:], False
