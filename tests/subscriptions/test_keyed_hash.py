"""Our HMAC is HMAC-SHA256, whatever the lengths of the key and the message."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.keyed_hash import BLOCK, KeyedHash, keyed_hash


@pytest.mark.parametrize(
    ("key", "message", "expected"),
    [  # test cases 1, 2 and 6 of RFC 4231
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_the_vectors_of_the_rfc(key: bytes, message: bytes, expected: str) -> None:
    assert KeyedHash(key).digest(message).hex() == expected


@given(st.binary(max_size=2 * BLOCK + 1), st.lists(st.binary(max_size=200), max_size=3))
def test_each_message_has_the_hash_that_the_standard_library_gives(key: bytes, messages: list[bytes]) -> None:
    keyed = KeyedHash(key)
    for message in messages:
        assert keyed.digest(message) == hmac.digest(key, message, "sha256")


def test_two_keys_give_two_hashes() -> None:
    assert keyed_hash("one").digest(b"") != keyed_hash("two").digest(b"")
    assert keyed_hash("one").digest(b"") == hmac.digest(b"one", b"", "sha256")
