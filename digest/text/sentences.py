"""Split an abstract into sentences, and take the first of them that fit a length."""

from __future__ import annotations

import re

from digest.text.limits import MOST
from digest.text.symbols import names_in

# A full stop after one of these never ends a sentence.
_ABBREVIATIONS = frozenset(
    names_in(
        """e.g i.e al et vs cf viz resp approx ca fig figs eq eqs eqn sec secs ref refs tab tabs thm alg app no nos vol
        pp ch def prop lem cor ex dr prof mr mrs ms st jr sr inc ltd co corp univ dept w.r.t a.k.a s.t"""
    )
)
_STARTERS = frozenset(
    names_in(
        """We The This These Those Our In It Its They Their To For From With On At By As An A Here However Moreover
        Furthermore Finally First Second Third Then Thus Hence Therefore While When Although Since Because Such Each
        Both All Many Most Recent Existing Using Given If Despite Unlike Experiments Results"""
    )
)
_STOP = re.compile(r"(?<![.!?…؟।۔])[.!?…؟।۔]{1,9}[\"'”’)\]]{0,3}\s+(?=[\"'“‘(\[]{0,3}(\w+))|[。！？]+")
_LOOK_BACK = 120
# "1. We prove", "questions: 2. Is it"
_NUMBERED = re.compile(r"(?:\A|[:;] )\(?\d{1,2}\Z")
_LAST_WORD = re.compile(r"[\"'“‘(\[]*([\w.]+)\Z")


def sentences(text: str) -> list[str]:
    """Split one paragraph of clean text into sentences; joined by spaces they give it back.

    A stop ends a sentence if white space and a word without a small first letter follow, unless it belongs to an
    abbreviation ("e.g.", "et al.", "Fig. 3"), an initial ("J. Smith") or the number of an item ("1. We prove"), or
    stands within brackets.
    """
    text = " ".join(text[:MOST].split())
    found = []
    start = 0
    for match in _STOP.finditer(text):
        before = text[max(start, match.start() - _LOOK_BACK) : match.start()]
        if match[1] and not _ends(before, match[0].strip(), match[1]):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    found.append(text[start:])
    return [sentence for sentence in found if sentence]


def _ends(before: str, stop: str, following: str) -> bool:
    if following[0].islower():
        return False
    last = _LAST_WORD.search(before[-40:])
    if not stop.startswith(".") or stop.startswith("..") or not last:
        return True
    # "[SIAM J. Comput. 2009]"
    so_far = before + stop
    if any(so_far.rfind(opened) > so_far.rfind(closed) for opened, closed in ("()", "[]")):
        return False
    word = last[1]
    if word.lower() in _ABBREVIATIONS or _NUMBERED.search(before):
        return False
    # an initial, unless the next word seldom follows one
    if re.fullmatch(r"(?:[A-Z]\.)*[A-Z]", word):
        return following in _STARTERS
    return True


def snippet(text: str, *, limit: int) -> str:
    """Return the first whole sentences of clean ``text``, at most ``limit`` characters.

    A first sentence that is too long is cut after a word and ends in "…". ``limit`` is at least 2.
    """
    shown = ""
    for sentence in sentences(text):
        longer = f"{shown} {sentence}".strip()
        if len(longer) > limit:
            break
        shown = longer
    if shown or not text.strip():
        return shown
    cut = " ".join(text[:MOST].split())[:limit]
    cut = cut.rsplit(" ", 1)[0] if " " in cut else cut[:-1]
    return cut.rstrip(" ,;:.–—-(") + "…"
