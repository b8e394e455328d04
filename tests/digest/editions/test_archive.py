"""The archive of an edition: made once, mapped by others, and never one of other texts whatever lies on the disk."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.editions import archive, candidate_pool
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Edition, Paper
from digest.ranking import archive_file
from digest.ranking.archive import Archive
from digest.ranking.matching import Rule
from tests.support.factories import NOON, entry, feed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.VAR = tmp_path
    monkeypatch.setattr(archive, "FEWEST", 2)
    new_process()
    yield
    new_process()


def new_process() -> None:
    """Forget what this process keeps."""
    archive._kept = None


@pytest.fixture
def edition() -> Edition:
    papers = [entry(number, title=f"Paper {number} on graphs", announced_on=NOON.date()) for number in range(6)]
    shown = feed(*papers, announced_on=NOON.date())
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    return open_edition(NOON.date(), now=NOON)[0]


@pytest.fixture
def makings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each archive that was made had."""
    made: list[int] = []

    def of(texts: object) -> Archive:
        found = list(texts)
        made.append(len(found))
        return Archive.of(found)

    monkeypatch.setattr(
        archive, "_make", lambda papers: of(archive.text_of(*row) for row in papers.values_list("title", "abstract"))
    )
    return made


def test_it_is_made_once_and_mapped_by_other_processes(edition: Edition, makings: list[int]) -> None:
    first = archive.archive_of(edition)
    assert archive.archive_of(edition) is first
    new_process()
    other = archive.archive_of(edition)
    assert makings == [6]
    assert other.vocabulary == first.vocabulary
    assert not other.postings.data.flags.writeable
    assert not first.postings.data.flags.writeable, "the maker maps it too"


def test_papers_are_matched_by_the_saved_tokens_as_by_their_words(
    edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [Rule("keyword", phrase) for phrase in ("paper 3", "graph", "graph we", "zebra")]
    archive.archive_of(edition)
    new_process()
    assert all(archive.archive_of(edition).tokens.of(row) is not None for row in range(6))
    by_tokens = CandidatePool.load(NOON).index.match(rules)
    monkeypatch.setattr(candidate_pool, "archive_of", lambda edition: Archive.of(["Another paper"]))
    by_words = CandidatePool.load(NOON).index.match(rules)
    assert by_words.nnz >= 7
    assert (by_tokens != by_words).nnz == 0


def test_papers_that_come_later_leave_it_and_a_changed_text_renews_it(edition: Edition, makings: list[int]) -> None:
    archive.archive_of(edition)
    late = feed(entry(9, title="A late paper"))
    store.store(store.source_named_in(late, "late.xml"), late, now=NOON + timedelta(hours=1))
    archive.archive_of(edition)
    assert makings == [6]
    Paper.objects.filter(title="Paper 3 on graphs").update(title="Paper 3 on zebras")
    assert "zebra" in archive.archive_of(edition).vocabulary
    new_process()
    assert "zebra" in archive.archive_of(edition).vocabulary
    assert makings == [6, 6]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (b"", "it is no archive"),
        (b"<html>", "it is no archive"),
        ("cut", "it is cut"),
        ("foreign", "it is of other texts"),
        ("old", "another version wrote it"),
    ],
)
def test_a_file_of_no_use_is_told_once_and_made_anew(
    left: bytes | str,
    told: str,
    edition: Edition,
    makings: list[int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("INFO", logger="digest.editions.archive")
    if left == "cut":
        archive.archive_of(edition)
        os.truncate(archive.path(), archive.path().stat().st_size // 2)
    elif left == "foreign":
        archive_file.save(Archive.of(["Another installation's paper on whales"]), archive.path(), key="others")
    elif left == "old":
        with monkeypatch.context() as before:
            before.setattr(archive_file, "FORMAT", "broadsheet-archive-0")
            archive.archive_of(edition)
    else:
        archive.path().write_bytes(left)
    makings.clear()
    new_process()
    assert "graph" in archive.archive_of(edition).vocabulary
    assert makings == [6]
    assert [told in line for line in caplog.messages] == [True]
    new_process()
    archive.archive_of(edition)
    assert makings == [6]


def test_without_a_disk_to_save_on_it_is_made_and_said(
    edition: Edition, makings: list[int], caplog: pytest.LogCaptureFixture, settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path / "gone"  # as a disk that takes no file, for root too
    first = archive.archive_of(edition)
    assert archive.archive_of(edition) is first
    assert "graph" in first.vocabulary
    assert makings == [6]
    assert caplog.messages == [
        "The archive of texts could not be saved (No such file or directory): this process keeps its own."
    ]


def test_a_full_disk_leaves_no_half_file(edition: Edition, caplog: pytest.LogCaptureFixture) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (archive_file.HEAD, before[1]))
    try:
        assert "graph" in archive.archive_of(edition).vocabulary
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(archive.path().parent.glob("*archive*.bin*"))
    assert caplog.messages == ["The archive of texts could not be saved (File too large): this process keeps its own."]


def test_few_texts_leave_no_file(edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FEWEST", 7)
    assert "graph" in archive.archive_of(edition).vocabulary
    assert not archive.path().exists()
