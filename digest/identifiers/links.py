"""Links without what says who follows them, how and when; the names that links give to works."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(?:(?:utm|mc|rss|pk|mtm|hsa)_[^=]*|rss|af|ref|source|s?sid|j?sessionid|phpsessid|aspsessionid[^=]*|dgcid|cmpid|xtor"
    r"|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|igshid|mkt_tok|_hsenc|_hsmi|wt\.mc_id)(?:=.*)?"
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
_SESSION = re.compile(r";(?:j?sessionid|phpsessid|sid)=[^/;]*", re.I)


def clean_link(link: str) -> str:
    """Return a web address without the parameters of tracking and sessions; anything else as it is."""
    if (parts := _split(link)) is None:
        return link
    fragment = "" if _TRACKING.fullmatch(parts.fragment) else parts.fragment
    cleaned = parts._replace(path=_SESSION.sub("", parts.path), query=_lasting(parts.query), fragment=fragment)
    return link if cleaned == parts else urlunsplit(cleaned)


def link_name(link: str) -> str:
    """Return ``url:host/path?query`` without fragment and tracking; ``""`` for a link to a whole site, or no link."""
    parts = _split(clean_link(link))
    return _name(parts) if parts else ""


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
