"""Make known-item queries: what somebody types who looks for one paper that they know of."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from digest.ranking.words import STOP_WORDS

A_KIND = 100  # items of each kind
FEWEST_WORDS = 4  # in a title of which words are taken


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded paper; ``arxiv`` is its id, or empty."""

    key: str
    title: str
    abstract: str
    authors: tuple[str, ...]
    categories: tuple[str, ...] = ()

    @property
    def arxiv(self) -> str:
        return self.key.removeprefix("arxiv:") if self.key.startswith("arxiv:") else ""


@dataclass(frozen=True, slots=True)
class Item:
    """A query of one ``kind`` and the ``key`` of the paper that it is meant to find."""

    kind: str
    typed: str
    key: str


def known_items(papers: Sequence[Recorded], *, seed: int) -> list[Item]:
    """Draw A_KIND items of each kind. The same papers and seed give the same items."""
    dice = random.Random(seed)
    counts = Counter(word for paper in papers for word in {*telling(paper.title), *telling(paper.abstract)})
    titles = Counter(paper.title.casefold() for paper in papers)
    written = defaultdict(set)
    for paper in papers:
        for name in paper.authors:
            written[name].add(paper.key)
    once = [paper for paper in papers if titles[paper.title.casefold()] == 1 and len(telling(paper.title)) >= 4]
    makers: dict[str, Callable[[Recorded], str]] = {
        "exact title": lambda paper: paper.title,
        "words dropped": partial(_dropped, dice),
        "three rare words": lambda paper: " ".join(sorted(telling(paper.title), key=counts.__getitem__)[:3]),
        "one typo": partial(_with, dice, partial(_typo, dice)),
        "other number": partial(_with, dice, _other_number),
        "hyphen": partial(_other_hyphen, dice),
        "author": lambda paper: _author(dice, paper, written),
        "arXiv id": lambda paper: _address(dice, paper.arxiv),
    }
    return [item for kind, make in makers.items() for item in _draw(dice, kind, make, once)]


def telling(text: str) -> list[str]:
    """Return the distinct plain words of a text, without common ones, in order."""
    found = re.findall(r"[A-Za-z][A-Za-z-]{2,}", text)
    return list(dict.fromkeys(word for word in found if word.lower() not in STOP_WORDS))


def _draw(
    dice: random.Random, kind: str, make: Callable[[Recorded], str], papers: Sequence[Recorded]
) -> Iterable[Item]:
    found = 0
    for paper in dice.sample(papers, len(papers)):
        if found < A_KIND and (typed := make(paper)):
            found += 1
            yield Item(kind, typed, paper.key)


def _dropped(dice: random.Random, paper: Recorded) -> str:
    """Leave out a third of a title's words."""
    words = paper.title.split()
    left = max(3, len(words) - max(1, len(words) // 3))
    return " ".join(words[at] for at in sorted(dice.sample(range(len(words)), min(left, len(words)))))


def _with(dice: random.Random, change: Callable[[str], str], paper: Recorded) -> str:
    """Return four telling words of a title, one of which is changed."""
    words = telling(paper.title)
    some = [words[at] for at in sorted(dice.sample(range(len(words)), 4))]
    changed = {at: change(word) for at, word in enumerate(some) if len(word) > 4 and word.isalpha()}
    places = [at for at, word in changed.items() if word not in words]
    if not places:
        return ""
    at = dice.choice(places)
    return " ".join([*some[:at], changed[at], *some[at + 1 :]])


def _typo(dice: random.Random, word: str) -> str:
    """Swap two letters, leave one out, double one, or replace one; the first stays."""
    at = dice.randrange(1, len(word) - 1)
    return dice.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + dice.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :],
        )
    )


def _other_number(word: str) -> str:
    lower = word.lower()
    if lower.endswith(("ing", "ed", "ly", "al", "ic", "ive", "ous", "ful", "able", "less", "ss", "us", "is")):
        return word
    if lower.endswith("ies"):
        return word[:-3] + "y"
    if lower.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    if lower.endswith("s"):
        return word[:-1]
    if lower.endswith("y") and lower[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if lower.endswith(("ch", "sh", "x")) else "s")


def _other_hyphen(dice: random.Random, paper: Recorded) -> str:
    """Open or close the hyphen of a word, among three other words of the title."""
    words = telling(paper.title)
    hyphened = [word for word in words if re.fullmatch(r"[A-Za-z]{2,}-[A-Za-z]{2,}", word)]
    others = [word for word in words if "-" not in word]
    if not hyphened or len(others) < 2:
        return ""
    word = dice.choice(hyphened).replace("-", dice.choice(("", " ")))
    return " ".join([word, *dice.sample(others, min(3, len(others)))])


def _author(dice: random.Random, paper: Recorded, written: dict[str, set[str]]) -> str:
    """Return an author who has few papers here."""
    few = [name for name in paper.authors if len(written[name]) <= 3 and " " in name]
    return dice.choice(few) if few else ""


def _address(dice: random.Random, arxiv: str) -> str:
    if not arxiv:
        return ""
    forms = (
        "{}",
        "{}v2",
        "arXiv:{}",
        "https://arxiv.org/abs/{}v1",
        "arxiv.org/pdf/{}.pdf",
        "https://huggingface.co/papers/{}",
    )
    return dice.choice(forms).format(arxiv)
