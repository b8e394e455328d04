"""Links without what says who follows them, how and when; the names that links give to works."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(?:(?:utm|mc|rss|pk|mtm|hsa|at|ns|itm|piwik|matomo|vero|oly|__cf|__?hs)_[^=]*|_hsenc|_hsmi|rss|from_?rss|af|ref|ref_src"
    r"|referr?er|source|s?sid|s_cid|j?session_?id|phpsessid|aspsessionid[^=]*|cfid|cftoken|dgcid|cmp|cmpid|icid|ocid|xtor"
    r"|campaign(?:_?id)?|fbclid|gclid|dclid|gbraid|wbraid|gad_source|srsltid|msclkid|yclid|twclid|ttclid|igshid|li_fat_id|_ga|_gl"
    r"|mkt_tok|et_[cr]id|elqtrackid|trk|wt[._]mc(?:_id)?|casa_token|needaccess|cookieset|wprov|spm|ck_subscriber_id"
    r"|redirectedfrom)(?:=.*)?"
    r"|(?:fc|ff|v)=[\d.]*",  # the moment of a fetch and the version of a site; a film's “v” has letters
    re.I,
)
# A page of bioRxiv or medRxiv about one version
PREPRINT_PAGE = re.compile(r"https?://(?:www\.)?(?:bio|med)rxiv\.org/content/10\.\d{4,9}/[\w.]+v\d+")
_REPOSITORY = re.compile(
    r"(?:https?://)?(?<![\w.@-])(?:www\.)?(?:github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)"
    r"/[A-Za-z0-9._-]+/[A-Za-z0-9._-]*[A-Za-z0-9_-]",
    re.A,
)
# the pages of servers that number the versions of a work in their addresses
_VERSIONED_PAGE = re.compile(
    r"(url:(?:osf\.io/(?:preprints/[\w-]+/)?[a-z\d]{5}(?=_)|(?:preprints\.org/manuscript|researchsquare\.com/article)/[\w.-]+(?=/)"
    r"|(?:(?:f1000research|routledgeopenresearch)\.com|(?:wellcome|gates|hrb)openresearch\.org|openresearch\.nihr\.ac\.uk"
    r"|open-research-europe\.ec\.europa\.eu)/articles/[\d-]+(?=/)|authorea\.com/(?:users/\d+/articles|doi/full)/[\w.-]+(?=/)"
    r"|elifesciences\.org/reviewed-preprints/\d+|peerj\.com/preprints/\d+))[/_]?v(\d{1,3})"
)
_SESSION = re.compile(r";(?:j?sessionid|phpsessid|sid)=[^/;]*", re.I)


def clean_link(link: str) -> str:
    """Return a web address without the parameters of tracking and sessions; anything else as it is."""
    if (parts := _split(link)) is None:
        return link
    fragment = "" if _TRACKING.fullmatch(parts.fragment) else parts.fragment
    cleaned = parts._replace(path=_SESSION.sub("", parts.path), query=_lasting(parts.query), fragment=fragment)
    return link if cleaned == parts else urlunsplit(cleaned)


def link_name(link: str) -> str:
    """Return ``url:host/path?query`` without fragment, tracking, version; ``""`` for a link to a site, or no link."""
    return _versioned(link)[0]


def page_version(link: str) -> int:
    """Return the version that the address of a preprint server's page names, else 1."""
    return _versioned(link)[1]


def _versioned(link: str) -> tuple[str, int]:
    parts = _split(clean_link(link))
    name = _name(parts) if parts else ""
    match = _VERSIONED_PAGE.fullmatch(name)
    return (match[1], max(1, int(match[2]))) if match else (name, 1)


def fuller_link_names(link: str) -> list[str]:
    """Return the names that tell a link from others with its plain name: with the fragment, then with all it has."""
    found = [_name(parts, parts.fragment) for text in (clean_link(link), link) if (parts := _split(text))]
    plain = link_name(link)
    return [name for name in dict.fromkeys(found) if name and name != plain]


def host_of(link: str) -> str:
    """Return the host of a web address, without ``www.``, or ``""``."""
    parts = _split(link)
    return (parts.hostname or "").removeprefix("www.") if parts else ""


def pdf_of(identifier: str, page: str) -> str:
    """Return the address of a work's PDF where its site forms it from the name or the page, else ``""``."""
    if identifier.startswith("arxiv:"):
        return "https://arxiv.org/pdf/" + identifier.removeprefix("arxiv:")
    match = PREPRINT_PAGE.match(page)
    return f"{match[0]}.full.pdf" if match else ""


def hugging_face_page(identifier: str) -> str:
    """Return the address of the page of an arXiv paper on Hugging Face, with its discussion; ``""`` for other works."""
    scheme, _, rest = identifier.partition(":")
    return f"https://huggingface.co/papers/{rest}" if scheme == "arxiv" else ""


def repository_in(text: str) -> str:
    """Return the first code repository that a text names, with its scheme; ``""`` without one."""
    match = _REPOSITORY.search(text)
    return "" if match is None else match[0] if "://" in match[0] else f"https://{match[0]}"


def bounded_name(scheme: str, text: str) -> str:
    """Return ``scheme:text``, or with a hash in place of a text that no column would hold."""
    return f"{scheme}:{text}" if len(scheme) + len(text) < 500 else f"{scheme}:{hash_of(text)}"


def hash_of(text: str) -> str:
    """Return a short hash, the same everywhere."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _split(link: str) -> SplitResult | None:
    try:
        parts = urlsplit(link)
        usable = parts.scheme.lower() in ("http", "https") and "." in (parts.hostname or "")
    except ValueError:
        return None
    return parts if usable else None


def _lasting(query: str) -> str:
    return "&".join(part for part in query.split("&") if part and not _TRACKING.fullmatch(part))


def _name(parts: SplitResult, fragment: str = "") -> str:
    host = (parts.hostname or "").removeprefix("www.")
    page = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "") + (f"#{fragment}" if fragment else "")
    name = f"url:{host}{page}"
    return "" if not page else name if len(name) <= 500 else f"url:{host}/{hash_of(name)}"
