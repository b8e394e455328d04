"""Texts as numbers of their words, in order, and what the numbers mean; both can lie in memory that processes share."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digest.ranking.words import WordNumbers

END = 0  # the number of the empty word, which follows each text


class Vocabulary(Mapping[str, int]):
    """Words and their numbers, 0 to V - 1, in arrays: a dict of 40,000 words takes 6 MB of each process.

    ``octets`` are the words in order, one a line, in UTF-8. ``hashes`` (V,) are theirs in rising order, and ``numbers``
    (V,) belong to the hashes.
    """

    def __init__(self, octets: NDArray[np.uint8], hashes: NDArray[np.uint64], numbers: NDArray[np.int32]) -> None:
        self.octets, self.hashes, self.numbers = octets, hashes, numbers

    @staticmethod
    def of(words: Mapping[str, int]) -> Vocabulary:
        """Return the same words and numbers, which must be in order."""
        hashes = np.fromiter(map(hash_of, words), np.uint64, len(words))
        order = np.argsort(hashes)
        octets = np.frombuffer("\n".join(words).encode(), np.uint8)
        return Vocabulary(octets, hashes[order], order.astype(np.int32))

    def __getitem__(self, word: str) -> int:
        found = np.uint64(hash_of(word))
        place = self.hashes.searchsorted(found)
        if place == len(self.hashes) or self.hashes[place] != found:
            raise KeyError(word)
        return int(self.numbers[place])

    def __iter__(self) -> Iterator[str]:
        return iter(self.octets.tobytes().decode().split("\n") if len(self) else ())

    def __len__(self) -> int:
        return len(self.hashes)


class TokenBuilder:
    """The words of papers in order, as ``numbers``. Those of ``known`` words are kept; others get the next ones.

    ``starts`` says where each paper begins, and at last where the next would.
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        self.own: dict[str, int] = {}
        self.numbers, self.starts = array("i"), array("q", [0])
        if not known:
            self.own[""] = END
        self._numbers_of = WordNumbers(self._add_word, every=True)

    def __len__(self) -> int:
        """Return the number of different words."""
        return len(self._known) + len(self.own)

    def add(self, *texts: str) -> None:
        """Add a paper of these texts."""
        for text in texts:
            self.numbers.extend(self._numbers_of.of(text))
            self.numbers.append(END)
        self.starts.append(len(self.numbers))

    def add_numbers(self, numbers: NDArray[np.int32]) -> None:
        """Add a paper by the numbers of its words, which must be known ones; an END follows each text."""
        self.numbers.frombytes(numbers.tobytes())
        self.starts.append(len(self.numbers))

    def close(self) -> NDArray[np.int32]:
        """Return the numbers of all papers and forget them; no paper can be added any more."""
        numbers = np.array(self.numbers, np.int32)
        del self.numbers, self._numbers_of
        return numbers

    def number(self, word: str) -> int:
        """Return the number of a word, -1 if it is in no text."""
        found = self._known.get(word)
        return self.own.get(word, -1) if found is None else found

    def _add_word(self, word: str) -> int:
        found = self._known.get(word)
        return self.own.setdefault(word, len(self)) if found is None else found


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of N papers: ``numbers[starts[n]:starts[n + 1]]`` are title and abstract, each with its END."""

    words: Mapping[str, int] = field(default_factory=dict)
    numbers: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, paper: int) -> NDArray[np.int32] | None:
        """Return a paper's words, None for -1 or one that is not here."""
        if not 0 <= paper < len(self):
            return None
        return self.numbers[self.starts[paper] : self.starts[paper + 1]]


def hash_of(text: str) -> int:
    """Return 64 bits that no other text has, as far as can be expected of some ten thousand."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())
