"""What is made once for all processes: not again while the code is the same, anew when it changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kept as module
from tests.support.kept import kept


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tree of one file that tables are made from."""
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "models.py").write_text("one")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "KEPT", tmp_path / "kept")
    module._fingerprint.cache_clear()
    yield tmp_path
    module._fingerprint.cache_clear()


def made_of(tree: Path) -> Path:
    return kept("copy", lambda room: (room / "said").write_text((tree / "digest" / "models.py").read_text()))


def test_it_is_made_once(tree: Path) -> None:
    first = made_of(tree)
    (first / "said").write_text("still there")
    assert (made_of(tree) / "said").read_text() == "still there"


def test_it_is_made_anew_when_the_code_changed(tree: Path) -> None:
    made_of(tree)
    (tree / "digest" / "models.py").write_text("two")
    module._fingerprint.cache_clear()
    assert (made_of(tree) / "said").read_text() == "two"


def test_nothing_is_kept_of_what_could_not_be_made(tree: Path) -> None:
    def fail(room: Path) -> None:
        (room / "half").touch()
        raise OSError

    with pytest.raises(OSError):
        kept("copy", fail)
    assert [path.name for path in (tree / "kept").iterdir()] == ["lock"]
    assert (made_of(tree) / "said").read_text() == "one"


def test_what_was_unused_for_a_day_goes(tree: Path) -> None:
    old, recent = made_of(tree), tree / "kept" / "recent"
    recent.mkdir()
    os.utime(old, (0, 0))
    (tree / "digest" / "models.py").write_text("two")
    module._fingerprint.cache_clear()
    made_of(tree)
    assert not old.exists()
    assert recent.exists()
