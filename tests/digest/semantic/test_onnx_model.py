"""A sentence model in a folder: the real one where BROADSHEET_MODEL names it, and folders that hold something else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from digest.semantic.onnx_model import ModelUnusable, OnnxModel


@pytest.fixture(scope="module")
def model() -> OnnxModel:
    pytest.importorskip("onnxruntime", reason="requirements-semantic.txt is not installed")
    pytest.importorskip("tokenizers", reason="requirements-semantic.txt is not installed")
    folder = os.environ.get("BROADSHEET_MODEL", "")
    if not folder:
        pytest.skip("no model: set BROADSHEET_MODEL to a folder with model.onnx and tokenizer.json")
    return OnnxModel(Path(folder))


def test_titles_of_one_meaning_are_nearer_than_others(model: OnnxModel) -> None:
    vectors = model.embed(["Graph neural networks for molecules", "Message passing on chemical graphs", "Soil carbon"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_a_title_has_the_same_vector_alone_as_among_others(model: OnnxModel) -> None:
    titles = ["Bees", "A very long title " * 60, "", "量子", "ٱلْعَرَبِيَّة", *["On soil and ice"] * 70]
    together = model.embed(titles)
    assert np.isfinite(together).all()
    for place in range(5):
        assert np.allclose(model.embed([titles[place]])[0], together[place], atol=2e-3)


def test_a_folder_without_the_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"has no model\.onnx and no tokenizer\.json"):
        OnnxModel(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ModelUnusable, match=r"has no tokenizer\.json"):
        OnnxModel(tmp_path)


def test_a_model_larger_than_memory_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with (tmp_path / "model.onnx").open("wb") as sparse:
        sparse.truncate(1 << 42)
    with pytest.raises(ModelUnusable, match="too much for this machine's memory"):
        OnnxModel(tmp_path)


def test_wrong_files_are_told(model: OnnxModel, tmp_path: Path) -> None:
    real = Path(os.environ["BROADSHEET_MODEL"])
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json cannot be read"):
        OnnxModel(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((real / "tokenizer.json").read_bytes())
    with pytest.raises(ModelUnusable, match=r"model\.onnx cannot be read"):
        OnnxModel(tmp_path)
