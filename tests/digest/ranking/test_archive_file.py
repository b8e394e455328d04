"""A saved archive: mapped, it ranks as the one that was made; a file of any other kind is refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digest.ranking import archive_file
from digest.ranking.archive import Archive
from digest.ranking.archive_file import HEAD, Unusable, load, save
from digest.ranking.features import Day
from digest.ranking.matching import Rule
from digest.ranking.tokens import Tokens

TEXTS = [
    f"Graph networks for molecules {word}. We train graph networks and {other} transformers on naïve molecules."
    for word, other in zip(
        "alpha beta gamma delta epsilon zeta".split() * 5, "one two three four five".split() * 6, strict=True
    )
]
RULES = [Rule("keyword", "graph networks"), Rule("keyword", "alpha"), Rule("keyword", "quantum")]


@pytest.fixture
def made() -> Archive:
    return Archive.of(TEXTS)


@pytest.fixture
def file(made: Archive, tmp_path: Path) -> Path:
    save(made, tmp_path / "archive.bin", key="texts")
    return tmp_path / "archive.bin"


def test_a_mapped_archive_gives_what_the_made_one_gives(made: Archive, file: Path) -> None:
    mapped = load(file, key="texts")
    assert mapped.vocabulary == made.vocabulary
    assert mapped.average_length == made.average_length
    found = []
    for archive in (made, mapped):
        day = Day.of(archive.read(TEXTS[:7]), archive=archive)
        matches = archive.texts.bm25[:7, : len(RULES)] * 0
        papers = day.against(RULES, matches)
        found.append(
            [papers.words.toarray(), papers.echo, day.texts.tfidf.toarray(), archive.texts[[3, 1]].bm25.toarray()]
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[0][0].any()
    assert found[0][1].any()


def test_the_tokens_of_texts_are_saved_too(made: Archive, tmp_path: Path) -> None:
    tokens = Tokens({"": 0, "graph": 1, "größe": 2}, np.array([1, 0, 0, 2, 1, 0, 0], np.int32), np.array([0, 3, 7]))
    save(replace(made, tokens=tokens), tmp_path / "archive.bin", key="texts")
    mapped = load(tmp_path / "archive.bin", key="texts").tokens
    assert (mapped.words, len(mapped)) == (tokens.words, 2)
    for row in (-1, 0, 1, 2):
        np.testing.assert_array_equal(mapped.of(row), tokens.of(row))
    assert not mapped.numbers.flags.writeable


def test_what_is_mapped_is_read_only_and_its_indices_are_short(file: Path) -> None:
    mapped = load(file, key="texts")
    for matrix in (mapped.texts.bm25, mapped.texts.tfidf, mapped.postings):
        assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
        for part in (matrix.data, matrix.indices, matrix.indptr):
            assert not part.flags.writeable
            assert not part.flags.owndata


@pytest.mark.parametrize("texts", [[], ["", ""], ["of the"]], ids=["no text", "empty texts", "no telling word"])
def test_an_archive_without_words_is_saved_too(texts: list[str], tmp_path: Path) -> None:
    save(Archive.of(texts), tmp_path / "archive.bin", key="none")
    mapped = load(tmp_path / "archive.bin", key="none")
    assert (mapped.vocabulary, len(mapped.texts)) == ({}, len(texts))


def changed_head(octets: bytes, **values: object) -> bytes:
    head = json.loads(octets[:HEAD])
    return json.dumps(head | values).encode().ljust(HEAD - 1) + b"\n" + octets[HEAD:]


SPOILT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut": ("it is cut", lambda octets: octets[:-1]),
    "cut in its first line": ("it is no archive", lambda octets: octets[:50]),
    "empty": ("it is no archive", lambda octets: b""),
    "longer": ("it is cut", lambda octets: octets + b"x"),
    "another kind of file": ("it is no archive", lambda octets: b"\x89PNG" + octets),
    "JSON of something else": ("it is no archive", lambda octets: b"[1]"),
    "of another version": (
        "another version wrote it",
        lambda octets: changed_head(octets, format="broadsheet-archive-0"),
    ),
    "of other texts": ("it is of other texts", lambda octets: changed_head(octets, key="others")),
    "damaged": ("it is damaged", lambda octets: octets[:-100] + b"damaged!" + octets[-92:]),
    "damaged in its first line": ("it is damaged", lambda octets: changed_head(octets, average_length=3.0)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_any_other_file_is_refused_with_the_reason(how: str, file: Path) -> None:
    why, spoil = SPOILT[how]
    before = file.read_bytes()
    file.write_bytes(spoil(before))
    assert file.read_bytes() != before
    with pytest.raises(Unusable, match=why):
        load(file, key="texts")


def test_a_failed_save_leaves_what_was_there(made: Archive, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_file.Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        save(made, file, key="others")
    assert [one.name for one in file.parent.iterdir()] == ["archive.bin"]
    load(file, key="texts")
