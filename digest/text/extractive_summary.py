"""Choose the sentence of an abstract that says what was done or found.

An extractive summary of one sentence by cue phrases (Edmundson, "New methods in automatic extracting", 1969). Each
sentence gets the weight of the first act in ``ACTS`` that it has ("we propose", "results show"), and the weights of all
its ``SIGNS``. The highest sum wins, and the earlier of two equal sentences. The weights were set by hand on 100
labelled abstracts; ``./run bench sentences`` measures the choice on 100 others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from digest.text.sentences import sentences

# Only a book's blurb or a hostile text has more.
_MOST_SENTENCES = 60
# Characters of a sentence that are searched; the cues of real ones come before.
_SEARCHED = 600

_ADVERBS = r"(?:(?:also|then|here|further|first|thus|therefore|formally|now|next|empirically|theoretically) )*"
_WORK = r"(?:paper|work|article|study|note|thesis|report|book|chapter|survey|review|research)\b"
_AUTHORS = rf"\b(?:we|I|the authors?|(?:this|the|our|the present) {_WORK}) {_ADVERBS}"
_MADE = (
    r"(?:propos|introduc|present|develop|design|devis|describ|construct|implement|provid|releas|creat|contribut|advanc"
    r"|giv|offer|formulat|deriv|build|built)(?:e[sd]?|s|ed)?\b"
)
_FOUND = (
    r"(?:show|prov|establish|find|found|demonstrat|reveal|discover|identif|conclud|argu|observ|report|confirm|resolv"
    r"|criticis|criticiz)(?:e[sd]?|s|n|ed|ies|y|ied)?\b"
)
_STUDIED = (
    r"(?:study|studie[sd]|investigat|examin|explor|analy[sz]|consider|reconsider|review|survey|compar|address|evaluat"
    r"|assess|determin|us|extend|generali[sz]|revisit|attempt|discuss)(?:e[sd]?|s|ed)?\b"
)
_RESULTS = (
    r"\b(?:results?|experiments?|evaluations?|analys[ie]s|findings?|simulations?|theory|observations?|comparisons?"
    r"|conclusions?)\b[^.;]{0,120}?\b"
)

_Cues = tuple[tuple[re.Pattern[str], float], ...]


def _cues(*pairs: tuple[str, float]) -> _Cues:
    return tuple((re.compile(pattern), weight) for pattern, weight in pairs)


ACTS: Final[_Cues] = _cues(
    (rf"(?i){_AUTHORS}{_MADE}", 4.0),
    (rf"(?i){_AUTHORS}{_FOUND}", 3.5),
    (rf"(?i){_RESULTS}(?:{_FOUND}|indicat|suggest|impl(?:y|ies)\b)", 2.5),
    (r"\b(?:is|are) (?:proposed|presented|introduced|developed|described|derived|proved|proven|shown|given)\b", 2.5),
    (rf"(?i){_AUTHORS}{_STUDIED}", 2.0),
)
"""What the authors did, and its weight. A sentence has the first of these that occurs."""

SIGNS: Final[_Cues] = _cues(
    (r"(?i)\b(?:outperform|surpass|achiev|improv|reduc|exceed|speed-?up|state-of-the-art)", 0.5),
    (r"\d ?(?:%|[x×]|times\b|percent|points)", 0.7),
    (r"(?i)\b(?:novel|new|first|simple|efficient|unified)\b", 0.5),
    # headings of a structured abstract
    (r"^(?:RESULTS?|CONCLUSIONS?|FINDINGS|Results?|Conclusions?|Findings)\b ?:", 2.0),
    (r"(?i)^(?:Motivation|Background|Objectives?|Methods?|Introduction|Aims?|Purpose|Context)\b ?:", -2.0),
    # where the code is, and what follows the abstract
    (r"(?i)https?://|\bgithub\b|\bopen-source[ds]?\b|\b(?:is|are|be|publicly|freely|made) available\b", -3.0),
    (r"(?i)^availability\b|^\d+\.\d+/|copyright|^contact\b", -3.0),
    # about something that another sentence names
    (r"^(?:It|They|He|She|Each|Both|Most of them)\b", -2.0),
    (rf"^(?:This|These|Those|Such|The former|The latter)\b(?! (?:{_WORK}|text\b))", -2.0),
    # one thing more, after the main one
    (r"^(?:Furthermore|Moreover|Additionally|In addition|Also|Finally|Second|Third|Lastly|Next)\b", -1.5),
    (r"(?i)\b(?:we|paper|work|article) (?:also|further|then|additionally|finally)\b", -1.5),
    (r"^(?:Specifically|In particular|Therefore|Thus|Hence|For instance|For example)\b", -0.5),
    # says that there are results, or what they may lead to, but not which they are
    (r"(?i)\bpresent(?:s|ed)? (?:[\w-]+ ){0,2}(?:results|simulations|experiments|examples)\b", -1.5),
    (r"(?i)\b(?:new|novel) (?:direction|paradigm|era|perspective|insight)s?\b|\bpav(?:es|ing) the way\b", -1.5),
    (r"\b[Ww]e (?:hope|believe|plan)\b|\?$", -1.5),
    # background
    (r"(?i)\b(?:has|have) (?:been|become|shown|emerged|achieved|demonstrated|made|attracted|received)\b", -1.0),
    (r"(?i)\b(?:recent(?:ly)?|remains?|existing|ago)\b", -0.7),
    (r"^(?:However|But|Yet|While|Although|Despite|Unfortunately)\b", -0.7),
)
"""What speaks for or against a sentence. The weights of all that occur are added."""


# What can begin a clause after such words.
_CLAUSE = rf"(?=(?:we|I|our|it is|here|this|the authors?|(?:in|with) this {_WORK}|(?:this|the present) {_WORK})\b)"
# "a new rule is proposed", and not "a lasting one, we propose", which would belong to the words before
_IS_DONE = r"(?=an? [^,]*\b(?:is|are) )"
_REFERS = rf"\b(?:this|these|those|such(?! as\b))\b(?! (?:{_WORK}))"
_ADDS = (
    r"then|next|afterwards?|subsequently|moreover|furthermore|further|additionally|in addition|also|besides|as well"
    r"|however|nonetheless|nevertheless|instead|in contrast|by contrast|conversely|on the other hand|therefore|thus"
    r"|hence|consequently|accordingly|finally|lastly"
)
_JOINS = (
    rf"{_ADDS}|second(?:ly)?|third(?:ly)?|but|and|yet|so|as such|as a result|so motivated|in response"
    r"|in particular|speciall?y|(?:more )?(?:specifically|precisely|concretely|formally|generally|importantly)|namely"
    r"|indeed|in fact|in turn|for (?:example|instance)|meanwhile|here(?:in)?|(?:to do|in doing|by doing) so"
    r"|in th(?:is|ese) (?:context|respect|regard|way)s?"
)
# Of purpose or motive. What limits a claim stays: "Under these conditions, ", "For such graphs, ".
_OPENS = (
    r"to|towards?|motivated|inspired|guided|driven|based|building|drawing|addressing|recogni[sz]ing|in response"
    r"|in light"
)
_LIMITS = (
    r"(?![^,]*\b(?:assum|condition|conjectur|hypothes|setting|case|regime|restrict|constrain|framework|model|class))"
)
_LEADS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        # "Results: "
        (r"\A(?:results?|conclusions?|findings) ?: ?(?=\w)", ""),
        # "If, moreover, "
        (rf"\A(if|when|where|while|since|because|although), (?:{_ADDS}), ", r"\1 "),
        # "In this paper, ", "To this end "
        (rf"\A(?:(?:in|with) (?:this|the present) (?:[\w-]+ )?{_WORK}|to th(?:is|at) end),? {_CLAUSE}", ""),
        # "To address this issue, ", "Motivated by these findings, ", "To bridge this gap "
        (rf"\A{_LIMITS}(?:{_OPENS})\b[^,;:.()]{{0,80}}?{_REFERS}[^,;:.()]{{0,60}}, (?:{_CLAUSE}|{_IS_DONE})", ""),
        (rf"\Ato [a-z]+ (?:this|these|those|such)(?: [\w-]+){{0,3}} {_CLAUSE}", ""),
        # "Moreover, ", "But we "; "First, " stays where a second follows
        (rf"\A(?:{_JOINS})(?:, (?!(?:and|but|or|not|if)\b)(?=\S)| {_CLAUSE})", ""),
        (r"\Afirst(?:ly)?, (?!.*\b(?:second|then|next|finally)(?:ly)?\b)", ""),
        # "We also ", but not "We further the state of the art"
        (rf"\A(we|I) (?:{_ADDS}) (?!(?:the|our|an?|this|these|that|their|its|of|to|on|in|for)\b)(?=\w)", r"\1 "),
        (r"\A(we|I) first (?!.*\b(?:then|second|secondly|next|finally|before|subsequently|later)\b)", r"\1 "),
    )
)
"""What leads over from a sentence that is not shown, and what stands for it instead."""
_MOST_LEADS = 4  # "Moreover, to address this issue, in this paper we first "


def key_sentence(abstract: str) -> str:
    """Return the sentence of a clean abstract that says what was done or found; empty where there is no sentence.

    It is without what leads over from the sentence before ("To address this, ", "Moreover, "). In a language without
    known cues it is the first sentence. Takes linear time.
    """
    found = sentences(abstract)[:_MOST_SENTENCES]
    if not found:
        return ""
    return standing_alone(found[best(found)])


def standing_alone(sentence: str) -> str:
    """Return a sentence without what leads over from the one before it."""
    for _ in range(_MOST_LEADS):
        shorter = sentence
        for lead, instead in _LEADS:
            shorter = lead.sub(instead, shorter, count=1)
        if shorter == sentence:
            break
        sentence = shorter
    return _capitalised(sentence)


def _capitalised(sentence: str) -> str:
    """Begin with a capital, unless the first word is a symbol or a name: ``pH``, ``mRNA``, ``p < 0.05``."""
    word = re.match(r"[^\W\d_]+(?![\w^])", sentence)
    is_word = word is not None and word[0].islower() and (len(word[0]) > 1 or word[0] == "a")
    return sentence[:1].upper() + sentence[1:] if is_word else sentence


def best(found: Sequence[str]) -> int:
    """Return the index of the best of these sentences, at least one."""
    scores = [score(sentence) for sentence in found]
    return scores.index(max(scores))


def score(sentence: str) -> float:
    """Return the weight of a sentence: its act, its signs, and a little less where it is very short or long."""
    text = sentence[:_SEARCHED]
    act = next((weight for cue, weight in ACTS if cue.search(text)), 0.0)
    signs = sum(weight for cue, weight in SIGNS if cue.search(text))
    length = -0.7 * (len(sentence) < 80) - 0.7 * (len(sentence) < 50) - 0.5 * (len(sentence) > 350)
    return act + signs + length
