"""List the sources of a new installation, and the address of each on a given day.

arXiv is read by category where a field is large and by archive where it is small: a feed ends at 2,000 rows and loses
its *new* papers first, and all of cs comes near that on a busy day, while the largest archive here (math) stays far
below it. cs.IT, cs.NA and cs.SY are other names of math.IT, math.NA and eess.SY, so they come with these archives;
categories without a feed of their own come as far as their papers are cross-listed. Each feed costs three seconds,
because arXiv wants one request at a time, so small neighbours share one: a first run is ready within two minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from digest.ingest.parsers import arxiv_rss, biorxiv_api, hugging_face, journal

ARXIV = (
    "cs.AI cs.CL cs.CR cs.CV cs.CY+cs.HC cs.DB+cs.IR cs.DC+cs.NI cs.DS cs.LG cs.RO cs.SE+cs.SI"
    " astro-ph cond-mat econ+q-fin eess gr-qc hep-ph hep-th math physics q-bio quant-ph stat"
).split()


@dataclass(frozen=True, slots=True)
class DefaultSource:
    """A source as its row is laid down; name and address are those that its own readings give it."""

    kind: str  # one of digest.ingest.parsers.KINDS
    name: str
    url: str


SOURCES = (
    *(DefaultSource(arxiv_rss.KIND, f"arXiv {spec}", f"https://rss.arxiv.org/rss/{spec}") for spec in ARXIV),
    DefaultSource(journal.KIND, "bioRxiv: All", "https://connect.biorxiv.org/biorxiv_xml.php?subject=all"),
    DefaultSource(hugging_face.KIND, "Hugging Face daily papers", "https://huggingface.co/api/daily_papers"),
    DefaultSource(journal.KIND, "medRxiv: All", "https://connect.medrxiv.org/medrxiv_xml.php?subject=all"),
)


def request_urls(source_url: str, kind: str, day: date) -> tuple[str, ...]:
    """Return the addresses that show that UTC day; most sources have one address for all days."""
    before = day - timedelta(days=1)
    if kind == hugging_face.KIND:  # in the morning the day is nearly empty, and the one before still gathers votes
        return tuple(f"{source_url}?date={one}&limit=100" for one in (before, day))
    if kind == biorxiv_api.KIND:
        return (f"{source_url}/{before}/{day}/0/json",)  # its days are not UTC's
    return (source_url,)
