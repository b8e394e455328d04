from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.identifiers.canonical import canonical_identifier, normalise_title, title_identifier, version_of


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("2401.01234", "arxiv:2401.01234"),
        ("2401.01234v3", "arxiv:2401.01234"),
        ("arXiv:2401.01234v3", "arxiv:2401.01234"),
        ("oai:arXiv.org:2203.01250v3", "arxiv:2203.01250"),
        ("http://arxiv.org/abs/2401.01234v2", "arxiv:2401.01234"),
        ("https://arxiv.org/pdf/2401.01234v2.pdf", "arxiv:2401.01234"),
        ("https://export.arxiv.org/abs/2401.01234?context=cs.LG", "arxiv:2401.01234"),
        ("https://www.alphaxiv.org/abs/2401.01234", "arxiv:2401.01234"),
        ("https://huggingface.co/papers/2401.01234", "arxiv:2401.01234"),
        ("https://doi.org/10.48550/arXiv.2401.01234", "arxiv:2401.01234"),
        ("10.48550/ARXIV.2401.01234", "arxiv:2401.01234"),
        ("0704.0001", "arxiv:0704.0001"),
        ("math.CA/0611800v2", "arxiv:math/0611800"),
        ("MATH/0611800", "arxiv:math/0611800"),
        ("https://arxiv.org/abs/hep-th/9901001v1", "arxiv:hep-th/9901001"),
        ("doi:10.1000/Bee.7", "doi:10.1000/bee.7"),
        ("https://dx.doi.org/10.1000/Bee%287%29", "doi:10.1000/bee(7)"),
        ("10.1101/2020.01.01.123456v2", "doi:10.1101/2020.01.01.123456"),
        ("https://www.biorxiv.org/content/10.1101/2020.01.01.123456v2.full.pdf", "doi:10.1101/2020.01.01.123456"),
        ("https://www.medrxiv.org/content/10.64898/2026.01.01.123456v1?rss=1", "doi:10.64898/2026.01.01.123456"),
        ("http://biorxiv.org/cgi/content/short/857789v1?rss=1", "doi:10.1101/857789"),
        ("https://www.Bees.example/A/7/?utm_source=mail&id=3#top", "url:bees.example/A/7?id=3"),
        ("https://bees.example/a?rss=yes", "url:bees.example/a"),
        ("https://bees.example/a?reference=1", "url:bees.example/a?reference=1"),
    ],
)
def test_one_work_has_one_name_however_it_is_written(text: str, identifier: str) -> None:
    assert canonical_identifier(text) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Counting bees",
        "issue/1234567",  # no archive of arXiv
        "https://arxiv.org/abs/bees",
        "https://bees.example",  # a site is no work
        "https://bees.example/?utm_source=mail",
        "https://localhost/a",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://[::1",
        "2401.01234 v2",
        "https://bees.example/a\x00",
        "https://bees.example/\ud800",
        "x" * 3000,
    ],
)
def test_what_names_no_work_has_no_name(text: str) -> None:
    assert canonical_identifier(text) == ""


def test_two_long_links_stay_two_names_of_bounded_length() -> None:
    one, other = (canonical_identifier(f"https://bees.example/{'b' * 900}{end}") for end in "12")
    assert one != other
    assert max(len(one), len(other)) <= 500


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2401.01234v3", 3),
        ("https://arxiv.org/pdf/2401.01234v12.pdf", 12),
        ("2401.01234", 1),
        ("2401.01234v0", 1),
        ("", 1),
    ],
)
def test_the_version_is_what_the_name_ends_in(text: str, version: int) -> None:
    assert version_of(text) == version


def test_two_spellings_of_a_title_are_one() -> None:
    assert normalise_title("Schrödinger’s  BEES: counting…") == normalise_title("Schrodinger's bees - Counting")
    assert title_identifier("Bees_count!") == title_identifier("bees count")
    assert title_identifier("Bees count") != title_identifier("Wasps count")


def test_titles_without_letters_do_not_fall_together() -> None:
    assert title_identifier("???") != title_identifier("!!!")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(max_size=60)
    | st.text(max_size=40).map("https://bees.example/".__add__)
    | st.text(max_size=20).map("10.1000/".__add__)
)
def test_a_name_of_any_text_is_its_own_name_or_none(text: str) -> None:
    name = canonical_identifier(text)
    assert name == "" or name.partition(":")[0] in ("arxiv", "doi", "url")
    name.encode()
    if name.startswith(("arxiv:", "doi:")):
        assert canonical_identifier(name) == name
