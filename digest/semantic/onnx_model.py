"""Run a sentence-transformer from a folder with model.onnx and tokenizer.json, as they are published."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from digest.ranking.meaning import Floats, unit_rows

MOST_TOKENS, BATCH_TOKENS = 128, 512  # of one title, and of one batch with its padding
MOST_OF_MEMORY = 0.5  # of the machine's memory that the model's file may be
KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class ModelUnusable(Exception):
    """The model cannot be used; the message is one sentence for the operator.

    ``pause`` is how long a busy endpoint asks to be left alone, None where it does not say.
    """

    def __init__(self, why: str, *, pause: timedelta | None = None) -> None:
        super().__init__(why)
        self.pause = pause


class OnnxModel:
    """A model on the processor, with one thread. ``name`` tells it from others by the hash of its files."""

    def __init__(self, folder: Path) -> None:
        """Load the model. Raises ModelUnusable."""
        files = [folder / "model.onnx", folder / "tokenizer.json"]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ModelUnusable(f"{folder} has no {' and no '.join(missing)}.")
        size = files[0].stat().st_size
        if size > MOST_OF_MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise ModelUnusable(f"model.onnx has {size / 2**30:.1f} GB, too much for this machine's memory.")
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError:
            raise ModelUnusable("onnxruntime and tokenizers are not installed; ./run installs them.") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._tokenizer = Tokenizer.from_file(str(files[1]))
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(MOST_TOKENS)
        # the library raises bare Exception
        except Exception as error:
            raise ModelUnusable(f"tokenizer.json cannot be read: {_short(error)}.") from error
        try:
            self._session = onnxruntime.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelUnusable(f"model.onnx cannot be read: {_short(error)}.") from error
        self._inputs = [one.name for one in self._session.get_inputs()]
        if "input_ids" not in self._inputs or not set(self._inputs) <= set(KNOWN_INPUTS):
            raise ModelUnusable(f"model.onnx wants {', '.join(self._inputs)}, not the input of a sentence model.")
        self.name = f"folder {_hash(files)}"

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (N, D): the mean of the tokens' outputs; NaN where the model gave no number.

        Raises ModelUnusable.
        """
        tokens = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        batches = _batches(tokens)
        try:
            found = np.concatenate([self._run([tokens[place] for place in batch]) for batch in batches])
        except Exception as error:
            raise ModelUnusable(f"model.onnx failed: {_short(error)}.") from error
        vectors = np.empty_like(found)
        vectors[[place for batch in batches for place in batch]] = found
        return vectors

    def _run(self, batch: Sequence[Sequence[int]]) -> Floats:
        ids = np.zeros((len(batch), max(map(len, batch))), np.int64)
        mask = np.zeros_like(ids)
        for row, its in enumerate(batch):
            ids[row, : len(its)], mask[row, : len(its)] = its, 1
        given: dict[str, Any] = dict(zip(KNOWN_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
        found = np.asarray(self._session.run(None, {name: given[name] for name in self._inputs})[0], np.float32)
        if found.ndim == 3:
            found = (found * mask[..., None]).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
        if found.ndim != 2 or len(found) != len(batch):
            raise ValueError(f"its output has the shape {found.shape}")
        return unit_rows(found.astype(np.float32))


def _batches(tokens: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return places of texts of like length, at most BATCH_TOKENS with the padding, one text at least."""
    batches: list[list[int]] = [[]]
    for place in sorted(range(len(tokens)), key=lambda one: len(tokens[one])):
        if batches[-1] and len(tokens[place]) * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(place)
    return [batch for batch in batches if batch]


def _hash(files: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as octets:
            whole.update(hashlib.file_digest(octets, "sha256").digest())
    return whole.hexdigest()[:32]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:150].rstrip(".")
