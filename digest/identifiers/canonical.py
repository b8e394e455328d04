"""Recognise the identifiers of works: arXiv ids, DOIs, PMIDs, in links of any host too; hash their titles."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import parse_qsl, unquote, urlsplit

from digest.identifiers.links import clean_link, hash_of, host_of, link_name, page_version
from digest.identifiers.registrants import without_version
from digest.text.limits import MOST
from subscriptions.unicode_text import normalise

LONGEST = 2000  # characters of an identifier or a link as it is given

_ARXIV_NEW = re.compile(r"(\d{4}\.\d{4,5})(?:v(\d+))?$", re.I)
_ARXIV_OLD = re.compile(r"([a-z-]{2,9})(?:\.[a-z-]{2,9})?/(\d{7})(?:v(\d+))?$", re.I)
_OLD_ARCHIVES = re.compile(  # those that numbered their own papers, until March 2007
    r"acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga"
    r"|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph"
    r"|q-alg|q-bio|quant-ph|solv-int|stat|supr-con"
)
_UNUSABLE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")  # no name of anything, or none a database takes
_LABEL = re.compile(
    r"(?:urn:doi:|info:(?:doi|arxiv)[:/]|(?:arxiv|doi|oai:arxiv\.org):\s*/?)(?:(?:https?://)?(?:dx\.)?doi\.org/)?"
    r"|(?:dx\.|www\.)?doi\.org/",
    re.I,
)
_LABELLED = re.compile(r"(arxiv|doi|pmid)(?:\s*:\s*|\s+)(?=\S)", re.I)  # doi: 10.5555/1, DOI 10.5555/1
_DOI = re.compile(r"10\.\d{4,9}/\S+$", re.I)
_PMID = re.compile(r"(?:pmid|pubmed|info:pmid)[:/]0*([1-9]\d{0,8})", re.I)
_ARXIV_HOSTS = re.compile(r"(?:[a-z0-9-]+\.)*arxiv\.org$", re.I)
_BIORXIV_HOSTS = re.compile(r"(?:[a-z0-9-]+\.)*(?:bio|med)rxiv\.org$", re.I)
_PUBMED = re.compile(
    r"pubmed\.ncbi\.nlm\.nih\.gov/0*([1-9]\d{0,8})|(?:[a-z]+\.)?ncbi\.nlm\.nih\.gov/pubmed/0*([1-9]\d{0,8})"
    r"|europepmc\.org/(?:article|abstract)/med/0*([1-9]\d{0,8})",
    re.I,
)
# an id that has a segment of a path for itself, four digits after the point until the end of 2014 and five since
_ARXIV_IN_PATH = re.compile(
    r"/(?:(?:[\w-]{0,100}-)?arxiv[.:_-]?)?((?:(?:0[7-9]|1[0-4])(?:0[1-9]|1[0-2])\.\d{4}|(?:1[5-9]|[2-8]\d)(?:0[1-9]|1[0-2])\.\d{5})(?:v\d+)?)"
    r"(?:\.(?:pdf|html?|md))?(?=/|$)"
    r"|/(?:arxiv|abs|pdf|html)/([a-z-]{2,9}(?:\.[a-z-]{2,9})?/\d{7}(?:v\d+)?)(?:\.pdf)?(?=/|$)",
    re.I,
)
_DOI_IN_PATH = re.compile(r"/(10\.\d{4,9}/)([^/\s].*)$", re.I)
_PARAMETERS = re.compile(
    r"(?=.)(?:doi|arxiv|paper|article)?(?:[_-]?id)?|pid|url|u", re.I
)  # that name what a page is about
_RESOLVER = re.compile(r"https?://(?:(?:export\.|www\.)?arxiv\.org/(?:abs|pdf|html)|(?:dx\.|www\.)?doi\.org)/", re.I)
_FORM_OF_PAGE = re.compile(  # what a site appends to a DOI for one of its pages about the work
    r"[./](?:full|abstract|short|pdf|epdf|epub|pdfdirect|html?|xml|meta|summary|references|citations?|figures|fulltext"
    r"|full-text|article-info|article-metrics|metrics|supplementary-material)(?=[./+]|$).*$",
    re.I,
)


def canonical_identifier(text: str) -> str:
    """Return the one name of a work behind an id, DOI or link, or ``""`` when there is none.

    ``arxiv:2401.01234`` (no version, lower-case archive, class dropped: ``math.CA/0611800v2`` is
    ``arxiv:math/0611800``), ``doi:10.1101/2020.01.01.123456`` (lower case, no version), ``pmid:12345``, also where they
    stand in a link's path; else ``url:host/path``, of at most 500 characters. A link to a whole site names no work. An
    arXiv DOI (``10.48550/arXiv.…``) is the arXiv id.
    """
    return _named(text)[0]


def version_of(text: str) -> int:
    """Return the version that an arXiv id, a DOI of a registrant that numbers so, or a link to either names; else 1."""
    return _named(text)[1]


def _named(text: str) -> tuple[str, int]:
    if len(text) > LONGEST:
        return "", 1
    text = normalise("NFKC", text, limit=LONGEST).strip()
    text = f"{label[1]}:{text[label.end() :]}" if (label := _LABELLED.match(text)) else text
    if not text or _UNUSABLE.search(text):
        return "", 1
    bare = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    if found := _arxiv(bare) or _doi(bare):
        return found
    if match := _PMID.fullmatch(text):
        return f"pmid:{match[1]}", 1
    return _from_link(text)


def title_identifier(title: str) -> str:
    """Return ``title:<hash>`` of a clean title, for works that come without any other name."""
    return "title:" + hash_of(normalise_title(title) or title)


def normalise_title(title: str) -> str:
    """Return the letters and digits of a title, accents folded, so that two spellings of one title compare equal."""
    folded = normalise("NFKD", title, limit=MOST).casefold()
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c))))


def _arxiv(text: str) -> tuple[str, int] | None:
    if match := _ARXIV_NEW.fullmatch(text):
        return f"arxiv:{match[1]}", max(1, int(match[2] or 1))
    if (match := _ARXIV_OLD.fullmatch(text)) and _OLD_ARCHIVES.fullmatch(match[1].lower()):
        return f"arxiv:{match[1].lower()}/{match[2]}", max(1, int(match[3] or 1))
    return None


def _doi(text: str) -> tuple[str, int] | None:
    if not _DOI.fullmatch(text):
        return None
    doi = text.rstrip(".,;").lower()
    if (match := re.fullmatch(r"10\.48550/arxiv\.(.+)", doi)) and (found := _arxiv(match[1])):
        return found
    doi, version = without_version(doi)
    return f"doi:{doi}", version


def _from_link(text: str) -> tuple[str, int]:
    host = host_of(text)
    if not host:
        return "", 1
    path = unquote(urlsplit(clean_link(text)).path)
    if _ARXIV_HOSTS.fullmatch(host) and (match := re.match(r"/(?:abs|pdf|html|format)/(.+?)(?:\.pdf)?/?$", path)):
        return _arxiv(match[1]) or ("", 1)
    if host in ("doi.org", "dx.doi.org"):
        return _doi(path.lstrip("/")) or ("", 1)
    if _BIORXIV_HOSTS.fullmatch(host) and (
        match := re.search(r"/(?:content/short|cgi/content/\w+|early/\d{4}/\d\d/\d\d)/(\d[\d.]*?(?:v\d+)?)$", path)
    ):
        prefix = "10.64898" if match[1][:4] >= "2026" and match[1][4:5] == "." else "10.1101"  # its registrant changed
        return _doi(f"{prefix}/{match[1]}") or ("", 1)
    if match := _PUBMED.match(host + path.rstrip("/")):
        return f"pmid:{match[1] or match[2] or match[3]}", 1
    return _in_path(path) or _in_query(text) or (link_name(text), page_version(text))


def _in_query(link: str) -> tuple[str, int] | None:
    """Return the DOI or arXiv id that is the whole value of a link's parameter, by itself or as a link to it."""
    query = urlsplit(link).query
    if len(query) > 1000 or query.count("&") > 20:
        return None
    found = set()
    for name, value in parse_qsl(query):
        if _PARAMETERS.fullmatch(name):
            bare = _LABEL.sub("", _RESOLVER.sub("", value), count=1)
            found.add(_arxiv(bare) or _doi(bare))
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _in_path(path: str) -> tuple[str, int] | None:
    """Return the DOI or arXiv id in the path of any host's link; None where there is none, or more than one."""
    if match := _DOI_IN_PATH.search(path):
        return _doi(match[1] + _FORM_OF_PAGE.sub("", match[2].rstrip("/")))
    found = {name for match in _ARXIV_IN_PATH.finditer(path) if (name := _arxiv(match[1] or match[2]))}
    return found.pop() if len(found) == 1 else None
