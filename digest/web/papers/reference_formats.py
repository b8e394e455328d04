"""The formats in which pages give references to reference managers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digest.citations.bibtex import bibtex
from digest.citations.csl import csl_json
from digest.citations.reference import Reference
from digest.citations.ris import ris


@dataclass(frozen=True, slots=True)
class Format:
    """A format of references: how some are written, its media type and the ending of its files."""

    write: Callable[[Sequence[Reference]], str]
    media_type: str
    ending: str


FORMATS = {
    "bibtex": Format(lambda some: "\n".join(map(bibtex, some)), "application/x-bibtex", "bib"),
    "ris": Format(lambda some: "\r\n".join(map(ris, some)), "application/x-research-info-systems", "ris"),
    "csl": Format(lambda some: csl_json(*some), "application/vnd.citationstyles.csl+json", "json"),
}
