"""Explain a digest: the terms of each paper's score, as long as its record keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from digest.compose.card import TITLE_LENGTH
from digest.compose.phrases import shorten
from digest.compose.reasons import TERMS, Reason, reason_in_words, reasons_as_text, terms_in_words
from digest.models import Delivery, Paper
from digest.record import DigestRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPaper:
    """A paper of a digest. ``why`` and ``terms`` are empty after its reasons were deleted.

    ``terms`` are words and numbers that add up to the ``score``, the weightiest first; ``paper`` is None if deleted.
    """

    paper: Paper | None
    title: str
    why: str
    terms: list[tuple[str, float]]
    kinds: frozenset[str]

    @property
    def score(self) -> float:
        return sum(value for _words, value in self.terms)

    def rounded(self, places: int) -> ExplainedPaper:
        """Round its terms to so many decimals, so that they still add up to the score, as rounded.

        Those that lose most by rounding down are rounded up.
        """
        unit = 10**places
        exact = [value * unit for _words, value in self.terms]
        whole = [math.floor(value) for value in exact]
        by_loss = sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])
        for place in by_loss[: round(sum(exact)) - sum(whole)]:
            whole[place] += 1
        return replace(
            self, terms=[(words, number / unit) for (words, _value), number in zip(self.terms, whole, strict=True)]
        )


def explained_papers(row: Delivery) -> list[ExplainedPaper]:
    """Return the papers of a digest in its order. One query."""
    papers = Paper.objects.only("title", "identifier").in_bulk(row.paper_ids)
    record = row.record or DigestRecord()
    return [
        _explained(papers.get(paper_id), [Reason(*one) for one in reasons])
        for paper_id, reasons in zip(row.paper_ids, record.explained_of(len(row.paper_ids)), strict=True)
    ]


def _explained(paper: Paper | None, why: list[Reason]) -> ExplainedPaper:
    return ExplainedPaper(
        paper=paper,
        title=shorten(paper.title if paper else _("A deleted paper"), TITLE_LENGTH),
        why=(reason_in_words(reasons_as_text(why)) or TERMS["pick"]) if why else "",
        terms=sorted(terms_in_words(why), key=lambda term: -abs(term[1])),
        kinds=frozenset(reason.kind for reason in why),
    )
