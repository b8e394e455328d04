"""Tell the terms of many scores at once: columns of the ranking in, the texts of a DigestRecord out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digest.editions.candidate_pool import CandidatePool
from digest.ranking.features import PaperMatrix
from digest.ranking.matching import Rule
from digest.ranking.personal import TERMS, Ranking
from digest.ranking.sparse import csr_array
from digest.record import as_line

# Deviations above the day's mean from which "trending" is a reason, and a paper is named although it was not asked for
STANDS_OUT = 1.0
# Kind of a rule -> the term of a score that it raises
TERM_OF_RULE = {"topic": "topic", "keyword": "words", "category": "category", "author": "author"}
Ints = NDArray[np.intp]


class ToldTerms:
    """The terms of the C papers in all digests of a batch; ``starts`` is where each of S readers begins (S + 1).

    A term is divided among the rules that the reader wants and the paper matches. ``likes`` (S,) counts the papers
    that each reader likes.
    """

    def __init__(
        self, rules: Sequence[Rule], wants: csr_array, papers: PaperMatrix, pool: CandidatePool, *, likes: Ints
    ) -> None:
        self._rules, self._wants, self._papers, self._pool, self._likes = rules, wants, papers, pool, likes
        self._lines = [as_line(rule.kind, label(rule)) for rule in rules]
        self._term_of_rule = np.array([TERMS.index(TERM_OF_RULE[rule.kind]) for rule in rules], np.intp)

    def tell(self, ranking: Ranking, notes: dict[int, dict[int, str]]) -> list[tuple[list[str], bytes]]:
        """Return the reasons of each reader's papers and their terms, as a DigestRecord has them.

        ``notes`` are those of picks for some readers alone, by reader.
        """
        readers, places = np.nonzero(ranking.order >= 0)
        chosen = ranking.order[readers, places]
        values = ranking.contributions[readers, places]
        cells, matched = self._matches(readers, chosen)
        terms = self._term_of_rule[matched]
        rules_of_term = np.zeros(values.shape, np.intp)
        np.add.at(rules_of_term, (cells, terms), 1)
        others, other_terms = np.nonzero((rules_of_term == 0) & (values != 0))
        likeness = values[:, TERMS.index("like_this")] + values[:, TERMS.index("titles")]
        alike = ranking.alike[readers, places] & (likeness > 0)
        is_about = ranking.close[readers, places] & (values[:, TERMS.index("about")] > 0)
        unruly = self._unruly(
            readers[others], chosen[others], other_terms, alike=alike[others], is_about=is_about[others], notes=notes
        )
        lines = [self._lines[rule] for rule in matched.tolist()] + unruly
        shares = np.concatenate((values[cells, terms] / rules_of_term[cells, terms], values[others, other_terms]))
        of_cell = np.concatenate((cells, others))
        order = np.lexsort((np.concatenate((terms, other_terms)), of_cell))
        ends = np.cumsum(np.bincount(of_cell, minlength=len(chosen)))
        return self._by_reader(readers, [lines[one] for one in order.tolist()], shares[order], ends)

    def _matches(self, readers: Ints, chosen: Ints) -> tuple[Ints, Ints]:
        """Return each match of a chosen paper and a rule that its reader wants, as places in ``chosen`` and rules."""
        wants = self._wants
        counts = np.diff(wants.indptr)[readers]
        cells = np.repeat(np.arange(len(chosen)), counts)
        within = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
        rules = wants.indices[wants.indptr[readers][cells] + within]
        # numpy's unique would sort them
        is_used = np.zeros(wants.shape[1], bool)
        is_used[rules] = True
        columns = np.cumsum(is_used) - 1
        found = self._papers.matches[np.flatnonzero(is_used)].toarray().astype(bool)[columns[rules], chosen[cells]]
        return cells[found], rules[found]

    def _unruly(
        self,
        readers: Ints,
        chosen: Ints,
        terms: Ints,
        *,
        alike: NDArray[np.bool_],
        is_about: NDArray[np.bool_],
        notes: dict[int, dict[int, str]],
    ) -> list[str]:
        """Return the lines of terms that come from no rule of the reader; likeness is told with the number of likes."""
        likes = self._likes[readers].tolist()
        stands_out = (self._pool.popularity[chosen] >= STANDS_OUT).tolist()
        names = {
            "trending": ["trending" if one else "popularity" for one in stands_out],
            "about": ["about" if one else "meaning" for one in is_about.tolist()],
            "like_this": [f"like {n}" if one else "taste" for one, n in zip(alike.tolist(), likes, strict=True)],
            "titles": [f"like_title {n}" if one else "titles" for one, n in zip(alike.tolist(), likes, strict=True)],
        }
        lines = [TERMS[term] for term in terms.tolist()]
        for place, (name, reader, paper) in enumerate(zip(lines, readers.tolist(), chosen.tolist(), strict=True)):
            if name == "pick":
                note = notes.get(reader, {}).get(paper, self._pool.notes.get(paper))
                lines[place] = "boost" if note is None else as_line("pick", note)
            elif name in names:
                lines[place] = names[name][place]
        return lines

    def _by_reader(
        self, readers: Ints, lines: list[str], terms: NDArray[np.float64], ends: Ints
    ) -> list[tuple[list[str], bytes]]:
        count = self._wants.shape[0]
        packed = terms.astype(np.float32).tobytes()
        last = np.searchsorted(readers, np.arange(count), side="right")
        bounds = [0, *ends.tolist()]
        texts = ["\n".join(lines[a:b]) for a, b in pairwise(bounds)]
        found, start = [], 0
        for end in last.tolist():
            found.append((texts[start:end], packed[4 * bounds[start] : 4 * bounds[end]]))
            start = end
        return found


def label(rule: Rule) -> str:
    """Return what a rule is called: a topic's name, a word, a code."""
    return rule.label or rule.key
