"""Short names of works: each is read back as its work, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.identifiers.addresses import ACTS, named_work, short_name


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("arxiv:2601.22153", "2601.22153"),
        ("arxiv:hep-th/9901001", "hep-th/9901001"),
        ("doi:10.1101/2026.01.02.123456", "10.1101/2026.01.02.123456"),
        ("doi:10.1016/s0140-6736(26)00001-2", "10.1016/s0140-6736(26)00001-2"),
        ("pmid:12345", "pmid:12345"),
    ],
)
def test_a_work_with_a_name_of_its_own_keeps_it(identifier: str, name: str) -> None:
    assert short_name(identifier, 7) == name
    assert named_work(name) == identifier


@pytest.mark.parametrize(
    "identifier",
    [
        "url:example.org/papers/1",
        "title:abcdef",
        "guid:3:abc",
        "doi:10.1002/(sici)1097-4636(199823)43:4<338::aid-jbm2>3.0.co;2-q",
        "doi:10.1000/a?b#c",
        "doi:10.1000/../x",
        "doi:10.1000/x//y",
        "doi:10.1000/ä",
        *(f"doi:10.1000/{act}" for act in ACTS),
    ],
)
def test_any_other_work_has_its_number(identifier: str) -> None:
    assert short_name(identifier, 7) == "7"
    assert named_work("7") == 7


@pytest.mark.parametrize(
    "written",
    [
        "2601.22153v3",
        "arXiv:2601.22153",
        "ARXIV:2601.22153V2",
        "10.48550/arXiv.2601.22153",
        "https://arxiv.org/abs/2601.22153v1",
    ],
)
def test_versions_and_labels_make_no_difference(written: str) -> None:
    assert named_work(written) == "arxiv:2601.22153"


def test_an_old_id_loses_its_class() -> None:
    assert named_work("math.CA/0611800v2") == "arxiv:math/0611800"


@pytest.mark.parametrize(
    "written", ["", "0", "٣", "12x", "hello", "example.org/x", "https://example.org/x", "\x00", "9" * 19]
)
def test_what_names_no_work_is_none(written: str) -> None:
    assert named_work(written) is None


@given(st.text(max_size=80), st.integers(1, 10**17))
@example(";", 1)
@example("a.", 1)
@example("a/b,;", 1)
def test_a_short_name_is_read_back_as_its_work(rest: str, number: int) -> None:
    for scheme in ("arxiv:2601.22153", f"doi:10.1000/{rest}", f"url:{rest}"):
        assert named_work(short_name(scheme, number)) in (scheme.lower(), number)
