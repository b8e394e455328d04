"""Links from a paper's page to the same work elsewhere: its abstract, its full text, its code, its discussion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from django.utils.translation import gettext as _

from digest.compose.card import safe_link
from digest.identifiers.links import host_of

# arXiv offers HTML for most papers submitted since December 2023.
_HAS_HTML = re.compile(r"(?:231[2]|2[4-9]\d\d|[3-8]\d\d\d)\.\d{5}")
_PREPRINT_PAGE = re.compile(r"https?://(?:www\.)?(?:bio|med)rxiv\.org/content/10\.\d{4,9}/[\w.]+v\d+")
_CODE = re.compile(
    r"(?:https?://)?(?<![\w.@-])(?:www\.)?(?:github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)"
    r"/[A-Za-z0-9._-]+/[A-Za-z0-9._-]*[A-Za-z0-9_-]",
    re.A,
)


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
    if arxiv:
        yield Link("pdf", f"https://arxiv.org/pdf/{arxiv}", _("PDF"))
        if _HAS_HTML.fullmatch(arxiv):
            yield Link("html", f"https://arxiv.org/html/{arxiv}", _("HTML"))
    elif match := _PREPRINT_PAGE.match(url):
        yield Link("pdf", f"{match[0]}.full.pdf", _("PDF"))
        yield Link("html", f"{match[0]}.full", _("HTML"))
    if doi := rest.get("doi"):
        yield Link("doi", safe_link(f"https://doi.org/{quote(doi, safe='/:;()')}"), _("DOI"))
    if pmid := rest.get("pmid"):
        yield Link("pubmed", f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/", "PubMed")
    if code:
        yield Link("code", code, _("Code"))
    if arxiv and is_on_hugging_face:
        page = f"https://huggingface.co/papers/{arxiv}"
        yield Link("hugging_face", page, "Hugging Face")
        yield Link("discussion", f"{page}#community", _("Discussion"))


def code_link(abstract: str) -> str:
    """Return the first repository that an abstract names, ``""`` without one."""
    match = _CODE.search(abstract)
    return "" if match is None else safe_link(match[0] if "://" in match[0] else f"https://{match[0]}")


def _site(url: str) -> str:
    host = host_of(url)
    return {"arxiv.org": "arXiv", "biorxiv.org": "bioRxiv", "medrxiv.org": "medRxiv"}.get(host, host)
