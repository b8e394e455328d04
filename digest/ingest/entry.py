"""What every source's reader ends in, and the names a work is known by."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import unquote, urlsplit

from digest.text.limits import MOST
from subscriptions.unicode_text import normalise

NEW, CROSS, REPLACE, REPLACE_CROSS, UNANNOUNCED = "new", "cross", "replace", "replace_cross", ""
DAY, MONTH, YEAR = "day", "month", "year"  # how much of a date its source gives

LONGEST = 2000  # characters of an identifier or a link as it is given
LONGEST_NAME = 500  # as it is stored

_ARXIV_NEW = re.compile(r"(\d{4}\.\d{4,5})(?:v(\d+))?$", re.I)
_ARXIV_OLD = re.compile(r"([a-z-]{2,9})(?:\.[a-z-]{2,9})?/(\d{7})(?:v(\d+))?$", re.I)
_OLD_ARCHIVES = re.compile(  # those that numbered their own papers, until March 2007
    r"acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|dg-ga"
    r"|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|physics|plasm-ph"
    r"|q-alg|q-bio|quant-ph|solv-int|stat|supr-con"
)
_UNUSABLE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")  # no name of anything, or none a database takes
_DOI = re.compile(r"10\.\d{4,9}/\S+$", re.I)
_ARXIV_HOSTS = re.compile(r"(?:[a-z0-9-]+\.)*arxiv\.org$", re.I)
_BIORXIV_HOSTS = re.compile(r"(?:[a-z0-9-]+\.)*(?:bio|med)rxiv\.org$", re.I)
_TRACKING = re.compile(r"(?:utm_[^=]*|rss|rss_[^=]*|af|ref|source)(?:=|$)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One work as one source showed it, with its text as the source wrote it (TeX, HTML and all).

    ``identifiers`` are canonical (see :func:`canonical_identifier`), the preferred one first. ``published`` is aware;
    only its parts up to ``precision`` (``day month year``) are known.
    ``announced`` is one of ``new cross replace replace_cross`` or empty for a source that announces nothing.
    ``points``, ``comments`` and ``stars`` are None where the source does not vote. ``title`` is empty only for a record
    that its source deleted, which is then ``withdrawn``.
    """

    identifiers: tuple[str, ...]
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # the primary one first
    url: str = ""
    published: datetime | None = None
    precision: str = DAY
    announced_on: date | None = None
    announced: str = UNANNOUNCED
    version: int = 1
    withdrawn: bool = False
    points: int | None = None
    comments: int | None = None
    stars: int | None = None


def canonical_identifier(text: str) -> str:
    """The one name of a work behind an id, DOI or link, or ``""`` when there is none.

    ``arxiv:2401.01234`` (no version, lower-case archive, class dropped: ``math.CA/0611800v2`` is
    ``arxiv:math/0611800``), ``doi:10.1101/2020.01.01.123456`` (lower case, no version of bioRxiv's), else
    ``url:host/path``, of at most 500 characters; a link to a whole site names no work. An arXiv DOI
    (``10.48550/arXiv.…``) is the arXiv id.
    """
    if len(text) > LONGEST:
        return ""
    text = normalise("NFKC", text, limit=LONGEST).strip()
    if not text or _UNUSABLE.search(text):
        return ""
    bare = re.sub(r"^(?:arxiv|doi|oai:arxiv\.org|info:doi|info:arxiv):\s*/?", "", text, flags=re.I)
    name = _arxiv(bare) or _doi(bare) or _from_link(text)
    return name if len(name) <= LONGEST_NAME else ""


def version_of(text: str) -> int:
    """The version an arXiv id, guid or link ends in (``…v3`` is 3); 1 where it says none."""
    match = re.search(r"v(\d{1,4})(?:\.pdf)?$", text.strip(), re.I)
    return max(1, int(match[1])) if match else 1


def title_identifier(title: str) -> str:
    """``title:<hash>`` of a clean title, for works that come without any other name."""
    return "title:" + _hash(normalise_title(title) or title)


def normalise_title(title: str) -> str:
    """A title down to its letters and digits, accents folded, so that two spellings of one title compare equal."""
    folded = normalise("NFKD", title, limit=MOST).casefold()
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in folded if not unicodedata.combining(c))))


def _arxiv(text: str) -> str:
    if match := _ARXIV_NEW.fullmatch(text):
        return f"arxiv:{match[1]}"
    if (match := _ARXIV_OLD.fullmatch(text)) and _OLD_ARCHIVES.fullmatch(match[1].lower()):
        return f"arxiv:{match[1].lower()}/{match[2]}"
    return ""


def _doi(text: str) -> str:
    if not _DOI.fullmatch(text):
        return ""
    doi = text.rstrip(".,;").lower()
    if match := re.fullmatch(r"10\.48550/arxiv\.(.+)", doi):
        return _arxiv(match[1]) or f"doi:{doi}"
    if doi.startswith(("10.1101/", "10.64898/")):  # bioRxiv and medRxiv append the version
        doi = re.sub(r"v\d+$", "", doi)
    return f"doi:{doi}"


def _from_link(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or "." not in host:
        return ""
    path = unquote(parts.path)
    if _ARXIV_HOSTS.fullmatch(host) and (match := re.match(r"/(?:abs|pdf|html|format)/(.+?)(?:\.pdf)?/?$", path)):
        return _arxiv(match[1])
    if host in ("huggingface.co", "hf.co", "alphaxiv.org") and (
        match := re.match(r"/(?:papers|abs)/(.+?)(?:\.md)?/?$", path)
    ):
        return _arxiv(match[1])
    if host in ("doi.org", "dx.doi.org"):
        return _doi(path.lstrip("/"))
    if _BIORXIV_HOSTS.fullmatch(host):
        if match := re.search(r"/(10\.(?:1101|64898)/[^/?#]+?)(?:v\d+)?(?:\.(?:full|abstract|short).*)?$", path):
            return _doi(match[1])
        if match := re.search(r"/(?:content/short|cgi/content/\w+)/(\d[\d.]*?)(?:v\d+)?$", path):
            return _doi(f"10.1101/{match[1]}")
    query = "&".join(p for p in parts.query.split("&") if p and not _TRACKING.match(p))
    page = parts.path.rstrip("/") + (f"?{query}" if query else "")
    if not page:
        return ""
    name = f"url:{host}{page}"
    return name if len(name) <= LONGEST_NAME else f"url:{host}/{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
