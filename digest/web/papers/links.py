"""Links from a paper's page to the same work elsewhere: its abstract, its full text, its code, its discussion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from django.utils.translation import gettext as _

from digest.compose.card import safe_link
from digest.identifiers.links import PREPRINT_PAGE, host_of, hugging_face_page, pdf_of, repository_in

# arXiv offers HTML for most papers submitted since December 2023.
_HAS_HTML = re.compile(r"(?:231[2]|2[4-9]\d\d|[3-8]\d\d\d)\.\d{5}")


@dataclass(frozen=True, slots=True)
class Link:
    """A link and its words; ``kind`` tells templates and JSON-LD what it leads to."""

    kind: str
    url: str
    label: str


def links_of(
    *, url: str, names: Iterable[str], abstract: str, code: str = "", is_on_hugging_face: bool = False
) -> list[Link]:
    """Return the links of a work with these names, each address once, all of them absolute and safe to follow.

    ``code`` is its repository as a source gave it; else the one that its abstract names counts.
    """
    rest = {scheme: value for scheme, _, value in (name.partition(":") for name in reversed(list(names)))}
    found = {
        link.url: link
        for link in reversed(list(_links(url, rest, safe_link(code) or code_link(abstract), is_on_hugging_face)))
    }
    return [link for link in reversed(found.values()) if link.url]


def _links(url: str, rest: dict[str, str], code: str, is_on_hugging_face: bool) -> Iterator[Link]:
    arxiv, url = rest.get("arxiv", ""), safe_link(url)
    yield Link("abstract", url, _("Abstract on %(host)s") % {"host": _site(url)})
    yield Link("pdf", pdf_of(f"arxiv:{arxiv}" if arxiv else "", url), _("PDF"))
    if arxiv and _HAS_HTML.fullmatch(arxiv):
        yield Link("html", f"https://arxiv.org/html/{arxiv}", _("HTML"))
    elif not arxiv and (match := PREPRINT_PAGE.match(url)):
        yield Link("html", f"{match[0]}.full", _("HTML"))
    if doi := rest.get("doi"):
        yield Link("doi", safe_link(f"https://doi.org/{quote(doi, safe='/:;()')}"), _("DOI"))
    if pmid := rest.get("pmid"):
        yield Link("pubmed", f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/", "PubMed")
    if code:
        yield Link("code", code, _("Code"))
    if arxiv and is_on_hugging_face:
        page = hugging_face_page(f"arxiv:{arxiv}")
        yield Link("hugging_face", page, "Hugging Face")
        yield Link("discussion", f"{page}#community", _("Discussion"))


def code_link(abstract: str) -> str:
    """Return the first repository that an abstract names, ``""`` without one."""
    return safe_link(repository_in(abstract))


def _site(url: str) -> str:
    host = host_of(url)
    return {"arxiv.org": "arXiv", "biorxiv.org": "bioRxiv", "medrxiv.org": "medRxiv"}.get(host, host)
