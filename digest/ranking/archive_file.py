"""Keep an archive in one file, which processes map read-only, so that they share its memory.

The file is a line of JSON, filled up with spaces, then each array at a multiple of ALIGNMENT octets. The line says
which FORMAT, whose texts (``key``), where each array is, and the CRC-32 of its other values and all that follows.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.ranking.archive import Archive, Texts
from digest.ranking.sparse import csr_array
from digest.ranking.tokens import Tokens, Vocabulary

# To be raised with any change to how an archive is made or laid out.
FORMAT = f"broadsheet-archive-4-{sys.byteorder}"
HEAD = 4096  # octets
ALIGNMENT = 64
MATRICES = ("bm25", "tfidf", "postings")
VOCABULARIES = ("words", "token_words")
DTYPES = {
    "rarity": "f4",
    "grams": "i8",
    "idf": "f4",
    "mean": "f4",
    "hashes": "u8",
    "tokens": "i4",
    "token_starts": "i8",
}
PARTS = {"data": "f4", "indices": "i4", "indptr": "i4"}
DTYPES |= {f"{name}_{part}": dtype for name in MATRICES for part, dtype in PARTS.items()}
PARTS_OF_WORDS = {"octets": "u1", "hashes": "u8", "numbers": "i4"}
DTYPES |= {f"{name}_{part}": dtype for name in VOCABULARIES for part, dtype in PARTS_OF_WORDS.items()}


class Unusable(Exception):
    """The file is not the archive that was asked for; the message says why."""


def save(archive: Archive, path: Path, *, key: str) -> None:
    """Write the archive of the texts that ``key`` names, in one step. Raises OSError and leaves what was there."""
    arrays = _arrays_of(archive)
    places, end = {}, HEAD
    for name, values in arrays.items():
        places[name] = (end, values.nbytes)
        end += values.nbytes + _padding(values.nbytes)
    head = {
        "format": FORMAT,
        "key": key,
        "size": end,
        "average_length": archive.average_length,
        "texts": len(archive.texts),
        "arrays": places,
    }
    # piece by piece, since a body in one piece is another archive in memory
    body = [piece for values in arrays.values() for piece in (values.data.cast("B"), bytes(_padding(values.nbytes)))]
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(head | {"crc": _checksum(head, *body)}).encode().ljust(HEAD - 1) + b"\n")
            file.writelines(body)
        Path(draft).replace(path)
    except OSError:
        with suppress(OSError):
            Path(draft).unlink()
        raise


def load(path: Path, *, key: str) -> Archive:
    """Map the archive of the texts that ``key`` names. Raises Unusable for any other file, OSError without access."""
    with path.open("rb") as file:
        head = _head_of(file.read(HEAD))
        if head["format"] != FORMAT:
            raise Unusable("another version wrote it")
        if head["key"] != key:
            raise Unusable("it is of other texts")
        if os.fstat(file.fileno()).st_size != head["size"]:
            raise Unusable("it is cut")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if _checksum(head, memoryview(mapped)[HEAD:]) != head["crc"]:
        raise Unusable("it is damaged")
    return _archive_of(head, mapped)


def _padding(size: int) -> int:
    """Return how many octets lie between an array of this size and the next."""
    return -size % ALIGNMENT


def _checksum(head: dict[str, Any], *body: bytes | memoryview) -> int:
    others = {name: value for name, value in head.items() if name != "crc"}
    found = zlib.crc32(json.dumps(others, sort_keys=True).encode())
    for piece in body:
        found = zlib.crc32(piece, found)
    return found


def _head_of(line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or not {"format", "key", "size", "crc"} <= head.keys():
        raise Unusable("it is no archive")
    return head


def _arrays_of(archive: Archive) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "rarity": archive.rarity,
        "grams": archive.grams,
        "idf": archive.idf,
        "mean": archive.mean,
        "hashes": archive.hashes,
        "tokens": archive.tokens.numbers,
        "token_starts": archive.tokens.starts,
    }
    for name, words in zip(VOCABULARIES, (archive.vocabulary, archive.tokens.words), strict=True):
        arrays |= {f"{name}_{part}": getattr(Vocabulary.of(words), part) for part in PARTS_OF_WORDS}
    for name, matrix in (("bm25", archive.texts.bm25), ("tfidf", archive.texts.tfidf), ("postings", archive.postings)):
        matrix.sort_indices()
        arrays |= {f"{name}_{part}": getattr(matrix, part) for part in PARTS}
    return {name: np.ascontiguousarray(values, DTYPES[name]) for name, values in arrays.items()}


def _archive_of(head: dict[str, Any], mapped: mmap.mmap) -> Archive:
    arrays: dict[str, NDArray[Any]] = {
        name: np.frombuffer(mapped, DTYPES[name], count=octets // np.dtype(DTYPES[name]).itemsize, offset=offset)
        for name, (offset, octets) in head["arrays"].items()
    }
    vocabulary, token_words = (
        Vocabulary(*(arrays[f"{name}_{part}"] for part in PARTS_OF_WORDS)) for name in VOCABULARIES
    )
    texts, grams = head["texts"], len(arrays["grams"])
    shapes = {"bm25": (texts, len(vocabulary)), "tfidf": (texts, grams), "postings": (len(vocabulary), texts)}
    matrices = {}
    for name, shape in shapes.items():
        matrix = csr_array(tuple(arrays[f"{name}_{part}"] for part in PARTS), shape=shape)
        # else a product would sort them in place, and mapped memory is read-only
        matrix.has_canonical_format = True
        matrices[name] = matrix
    return Archive(
        vocabulary=vocabulary,
        rarity=arrays["rarity"],
        average_length=head["average_length"],
        grams=arrays["grams"],
        idf=arrays["idf"],
        mean=arrays["mean"],
        texts=Texts(matrices["bm25"], matrices["tfidf"]),
        postings=matrices["postings"],
        hashes=arrays["hashes"],
        tokens=Tokens(token_words, arrays["tokens"], arrays["token_starts"]),
    )
