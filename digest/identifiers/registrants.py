"""Registrants of DOIs that number the versions of a work, each in its own form; all others' DOIs stay as they are."""

from __future__ import annotations

import re

_SLASH, _DOT, _BARE = r"(.+)/v(\d{1,3})", r"(.+)\.v(\d{1,3})", r"(.+\d)v(\d{1,3})"
_NUMBERED: dict[str, str] = {  # by prefix: the DOI's suffix without and with its version
    "10.1101": _BARE,  # bioRxiv and medRxiv, as is the next
    "10.64898": _BARE,
    "10.26434": r"(.+)[/.-]v(\d{1,3})",  # ChemRxiv
    "10.33774": r"(.+)[/.-]v(\d{1,3})",  # Cambridge Open Engage
    "10.21203": _SLASH,  # Research Square
    "10.22541": _SLASH,  # Authorea
    "10.36227": r"(.+)[/.]v(\d{1,3})",  # TechRxiv
    "10.20944": _DOT,  # Preprints.org
    "10.31124": _DOT,  # Advance
    "10.6084": _DOT,  # figshare
    "10.14293": _DOT,  # ScienceOpen
    "10.7287": _BARE,  # PeerJ Preprints
    "10.3762": r"(bxiv\.[\d.]+)\.v(\d{1,3})",  # Beilstein Archives
    "10.1099": r"(acmi\.[\d.]+)\.v(\d{1,3})",  # Access Microbiology
    "10.17504": _SLASH,  # protocols.io
    "10.3310": r"(nihropenres\.\d+)\.(\d{1,2})",  # NIHR Open Research
    "10.12688": r"(\w+\.[\d-]+)\.v?(\d{1,2})",  # F1000 and its sisters
    "10.7554": r"(elife\.\d{5,6})\.([1-9]\d?)",  # eLife; its parts of a paper have three digits
    "10.32388": r"([a-z\d]{6})\.(\d{1,2})",  # Qeios
    "10.1002": r"(essoar\.\d+)\.(\d{1,2})",  # ESSOAr
}
_OSF = re.compile(r"(osf\.io/[a-z\d]+)_v(\d{1,3})")  # under the prefixes of all its communities
_SITES: dict[str, tuple[str, ...]] = {
    "10.1101": ("biorxiv.org", "medrxiv.org"),
    "10.64898": ("biorxiv.org", "medrxiv.org"),
    "10.26434": ("chemrxiv.org",),
    "10.21203": ("researchsquare.com",),
    "10.22541": ("authorea.com",),
    "10.36227": ("techrxiv.org",),
    "10.20944": ("preprints.org",),
    "10.12688": ("f1000research.com",),
    "10.7554": ("elifesciences.org",),
}
_OTHERS = {
    "10.12688",
    "10.7554",
    "10.6084",
    "10.1002",
    "10.3762",
    "10.1099",
    "10.17504",
    "10.3310",
}  # of those above, the ones that register more than preprints


def is_preprint(doi: str) -> bool:
    """Return whether a DOI is of a preprint server, as far as the registrants are known here."""
    prefix, _, suffix = doi.partition("/")
    return suffix.startswith(("osf.io/", "essoar.")) or prefix in _NUMBERED.keys() - _OTHERS


def without_version(doi: str) -> tuple[str, int]:
    """Return a lower-case DOI without its version, and the version: 1 where it has none."""
    prefix, _, suffix = doi.partition("/")
    form = _NUMBERED.get(prefix)
    found = _OSF.fullmatch(suffix) or (re.fullmatch(form, suffix) if form else None)
    return (f"{prefix}/{found[1]}", max(1, int(found[2]))) if found else (doi, 1)


def sites_of(doi: str) -> tuple[str, ...]:
    """Return the sites of the registrant of a DOI, none where they are not known."""
    return _SITES.get(doi.partition("/")[0], ())
