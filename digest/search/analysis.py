"""Split texts into the terms that search compares; one analysis for papers and queries, on both databases.

A word is a run of letters and digits that ``' . - _`` may join. Its parts are terms: folded to small letters without
accents, in one spelling of English, stemmed (Snowball English). A joined word adds the term of all its parts together,
``gpt4`` adds ``gpt 4``; these forms follow a text, so that its phrases stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import local

import Stemmer

from digest.ranking.words import IRREGULAR, LONGEST_WORD, fold

Terms = tuple[str, ...]
# a term that no query has: phrases do not reach over it
BREAK = "·"

_SIGNS = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘﹣－", "-") | dict.fromkeys("’ʼ′‘`´", "'"))
_RUN = re.compile(r"[^\W_]+(?:['.\-_][^\W_]+)*(?:\+\+(?!\w)|#(?!\w))?")
_PART = re.compile(r"[^.\-_]+")
_ARXIV_VERSION = re.compile(r"(\d{4}\.\d{4,5})v\d+")
_OF_LETTERS_AND_DIGITS = re.compile(r"[a-z]+\d+[a-z]?|\d+[a-z]+")
_LETTERS_OR_DIGITS = re.compile(r"[a-z]+|\d+")
# scripts that put no space between words: each character is a term
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρςστυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma sigma tau"
        " upsilon phi chi psi omega".split(),
        strict=True,
    )
)
_LANGUAGES = {"c++": "cpp", "c#": "csharp", "f#": "fsharp"}

# --- British and American spellings ----------------------------------------------------------------------------------

_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^analy[sz](?:is|es|e|ed|ing|er|ers)$", "analyz"),
        (
            r"^(.*(?:arm|behavi|cand|clam|col|demean|endeav|fav|ferv|flav|glam|harb|hon|hum|lab|neighb|od|parl|rig|rum"
            r"|sav|splend|tum|vap|vig))our",
            r"\1or",
        ),
        (r"(calib|cent|fib|lit|lust|met|somb|spect|theat)re(s|d)?$", r"\1er\2"),
        (
            r"^((?:re|un|mis|pre)?(?:cancel|channel|counsel|equal|fuel|initial|label|level|marshal|model|panel|pedal"
            r"|signal|spiral|total|travel|tunnel))l(ed|ing|ings|er|ers|able)$",
            r"\1\2",
        ),
        (r"ys(e|es|ed|er|ers|ing)$", r"yz\1"),
        (
            r"(?<!ar)(?<!conc)(?<!prec)(?<!prom)(?<!prem)(?<!exerc)(?<!surpr)(?<!compr)(?<!enterpr)(?<!expert)(?<!treat)"
            r"(?<!dem)(?<!exc)(?<!inc)(?<!circumc)(?<!advert)(?<!^r)(?<![aeiouvwq])is(e|es|ed|ing|er|ers|ation|ations|able)$",
            r"iz\1",
        ),
        (r"(anal|catal|dial|epil|monol|prol)ogue", r"\1og"),
        (r"^(def|lic|off|pret)ence", r"\1ense"),
        (r"^grey", "gray"),
        (r"^programme(s?)$", r"program\1"),
        (r"^artefact", "artifact"),
        (r"^aluminium", "aluminum"),
        (r"^age(ing)$", r"ag\1"),
        (r"(judg|acknowledg)ement", r"\1ment"),
        (r"sulph", "sulf"),
        (r"aem", "em"),
        (r"^(p)aed|^(o)rthopaed", r"\1\2ed"),
        (r"anaesth", "anesth"),
        (r"gynaec", "gynec"),
        (r"oestr", "estr"),
        (r"^oed", "ed"),
        (r"^oesoph", "esoph"),
        (r"foet", "fet"),
        (r"^caesium", "cesium"),
    )
)
_HAS_SPELLINGS = re.compile(
    r"our|re[sd]?$|ll(?:ed|ing|er|able)|ys(?:e|i)|analy[sz]|is(?:e|i|ation|able)|ogue|ence|^gr?[ae]|^prog|^art|^alum|ement"
    r"|sulph|ae|oe"
)

_stemmers = local()


def stem(word: str) -> str:
    """Return the term of one folded part of a word."""
    if word in _GREEK:
        return _GREEK[word]
    if not (word.isascii() and word.isalpha()):
        return word[:LONGEST_WORD]
    word = IRREGULAR.get(word, word)
    if _HAS_SPELLINGS.search(word):
        for pattern, replacement in _SPELLINGS:
            word = pattern.sub(replacement, word)
    if not hasattr(_stemmers, "english"):
        # a stemmer must not be shared by threads; the cache of words is the one below
        _stemmers.english = Stemmer.Stemmer("english", 0)
    return str(_stemmers.english.stemWord(word))[:LONGEST_WORD]


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its ``terms`` in order, and further ``forms``, each a phrase of terms that means the same.

    ``spoken`` are its parts as they are written, folded, with the joined one: what corrections offer.
    """

    terms: Terms
    forms: tuple[Terms, ...]
    spoken: tuple[tuple[str, str], ...]

    @property
    def alternatives(self) -> tuple[Terms, ...]:
        return (self.terms, *self.forms)


def plain(text: str) -> str:
    """Fold a text: small letters, no accents, plain hyphens and apostrophes."""
    return fold(text if text.isascii() else text.translate(_SIGNS)).translate(_SIGNS)


def words(text: str) -> Iterator[Word]:
    """Return the words of a text in order."""
    return map(_word, _RUN.findall(plain(text)))


def runs(text: str) -> Iterator[re.Match[str]]:
    """Find the runs of signs in a text that words stand in."""
    return _RUN.finditer(text)


def parts(run: str) -> Iterator[re.Match[str]]:
    """Find the parts of a run that ``. - _`` join, each of which has terms of its own."""
    return _PART.finditer(run)


@lru_cache(maxsize=20_000)
def words_of(run: str) -> tuple[Word, ...]:
    """Return the words of a run."""
    # texts repeat their words, and to fold one takes longer than to look it up
    return tuple(words(run))


@lru_cache(maxsize=200_000)
def _word(run: str) -> Word:
    if run in _LANGUAGES:
        run = _LANGUAGES[run]
    run = run.rstrip("+#").removesuffix("'s")
    if version := _ARXIV_VERSION.fullmatch(run):
        run = version[1]
    parts = [part for part in re.split(r"[.\-_]", run.replace("'", "")) if part]
    terms: list[str] = []
    forms: list[Terms] = []
    spoken: list[tuple[str, str]] = []
    for part in parts:
        made = list(_UNSPACED.sub(r" \g<0> ", part).split()) if _UNSPACED.search(part) else [part]
        terms += map(stem, made)
        spoken += [(one[:LONGEST_WORD], stem(one)) for one in made]
        if _OF_LETTERS_AND_DIGITS.fullmatch(part):
            forms.append(tuple(stem(piece) for piece in _LETTERS_OR_DIGITS.findall(part)))
    if len(parts) > 1:
        whole = "".join(parts)
        forms.append((stem(whole),))
        spoken.append((whole[:LONGEST_WORD], stem(whole)))
    return Word(tuple(terms), tuple(dict.fromkeys(forms)), tuple(spoken))


# --- fields of a paper ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Analysed:
    """A field's terms, parted by spaces, as the index keeps them, and its written words with their terms."""

    terms: str
    spoken: frozenset[tuple[str, str]]


def field(text: str) -> Analysed:
    """Analyse a title or an abstract: its terms, then the further forms of its words."""
    found = list(words(text))
    forms = dict.fromkeys(form for word in found for form in word.forms)
    return _analysed([term for word in found for term in word.terms], forms, found)


def names(authors: Iterable[str]) -> Analysed:
    """Analyse authors: each name whole, then first and last name, then initial and last name.

    An initial that the name does not have is a term of its own (``y·``), so that *Y. LeCun* finds *Yann LeCun* and
    *Yann LeCun* finds *Y. LeCun*, but not *Yves LeCun*.
    """
    terms: list[str] = []
    forms: dict[Terms, None] = {}
    found: list[Word] = []
    for author in authors:
        name = list(words(author))
        found += name
        parts = [term for word in name for term in word.terms]
        terms += [*parts, BREAK]
        forms.update(dict.fromkeys(form for word in name for form in word.forms))
        if len(parts) > 2:
            forms[(parts[0], parts[-1])] = None
        if len(parts) > 1 and len(parts[0]) > 1:
            forms[(initial_of(parts[0]), parts[-1])] = None
    return _analysed(terms, forms, found)


def initial_of(name: str) -> str:
    """Return the term of an initial that was derived from a name."""
    return f"{name[0]}{BREAK}"


def categories(codes: Iterable[str]) -> str:
    """Return the term of each category: ``cs.LG`` is ``cslg``."""
    return " ".join(dict.fromkeys(term for code in codes if (term := category(code))))


def category(code: str) -> str:
    """Return the term of one category, empty where it has no letter."""
    return "".join(char for char in plain(code) if char.isalnum())[:LONGEST_WORD]


def _analysed(terms: list[str], forms: Iterable[Terms], found: Iterable[Word]) -> Analysed:
    further = [term for form in forms for term in (BREAK, *form)]
    return Analysed(" ".join(terms + further), frozenset(one for word in found for one in word.spoken))
