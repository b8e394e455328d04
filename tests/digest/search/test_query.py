"""How a typed query is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.search.query import AUTHORS, LONGEST, MOST_WORDS, TITLE, identifier_in, parse


def read(typed: str) -> list[tuple[str, str]]:
    return [(clause.typed, clause.field) for clause in parse(typed).clauses]


def test_words_phrases_and_fields_are_told_apart() -> None:
    assert read('diffusion "graph networks" title:robots author:"Yann LeCun" au:hinton') == [
        ("diffusion", ""),
        ('"graph networks"', ""),
        ("robots", TITLE),
        ('"Yann LeCun"', AUTHORS),
        ("hinton", AUTHORS),
    ]


def test_a_minus_leaves_out_and_a_dash_does_not() -> None:
    query = parse('robots -vision -"deep learning" - self-supervised')
    assert [clause.typed for clause in query.excluded] == ["vision", '"deep learning"']
    assert [clause.typed for clause in query.clauses] == ["robots", "self-supervised"]


def test_common_words_need_not_be_there_unless_there_are_no_others() -> None:
    assert [clause.typed for clause in parse("attention is all you need").required] == ["attention", "need"]
    assert [clause.typed for clause in parse("to be or not to be").required] == ["to", "be", "or", "not"]


def test_a_name_is_looked_for_in_either_order_and_by_its_initial() -> None:
    (clause,) = parse('author:"LeCun, Yann"').clauses
    assert clause.alternatives == (("yann", "lecun"), ("lecun", "yann"), ("y", "lecun"))
    (clause,) = parse('author:"Y. LeCun"').clauses
    assert ("y·", "lecun") in clause.alternatives


@pytest.mark.parametrize("typed", ["Power et al", "power et al. 2022", "Power et al. (2022)", "Power, et al., [2022b]"])
def test_a_citation_is_a_search_for_its_author(typed: str) -> None:
    ((name, field),) = read(typed)
    assert (name.lower(), field) == ("power", AUTHORS)


def test_only_a_citation_loses_its_year_and_a_phrase_is_none() -> None:
    assert read("author:O'Brien et al. 2022 grokking") == [("obrien", AUTHORS), ("grokking", "")]
    assert read("power et al. 2022b-3")[1:] == [("2022b-3", "")]
    assert read('"power et al" 2022') == [('"power et al"', ""), ("2022", "")]


def test_what_is_over_the_limit_is_cut_and_said() -> None:
    assert parse("x" * (LONGEST + 1)).is_cut
    assert len(parse("x " * LONGEST).typed) <= LONGEST
    many = parse(" ".join(f"w{number}" for number in range(MOST_WORDS + 1)))
    assert many.is_cut
    assert len(many.clauses) == MOST_WORDS
    assert not parse("short").is_cut


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("2401.01234", "arxiv:2401.01234"),
        ("2401.01234v3", "arxiv:2401.01234"),
        ("arXiv:2401.01234v2 [cs.LG]", "arxiv:2401.01234"),
        ("arXiv 2401.01234", "arxiv:2401.01234"),
        ("  (arXiv: 2401.01234). ", "arxiv:2401.01234"),
        ("hep-th/9711200v3", "arxiv:hep-th/9711200"),
        ("math.CA/0611800", "arxiv:math/0611800"),
        ("https://arxiv.org/pdf/2401.01234v3.pdf", "arxiv:2401.01234"),
        ("arxiv.org/abs/2401.01234", "arxiv:2401.01234"),
        ("alphaxiv.org/overview/2401.01234", "arxiv:2401.01234"),
        ("https://huggingface.co/papers/2401.01234", "arxiv:2401.01234"),
        ("2401.01234.pdf", "arxiv:2401.01234"),
        ("doi:10.1038/S41586-021-03819-2", "doi:10.1038/s41586-021-03819-2"),
        ("DOI 10.1038/s41586-021-03819-2", "doi:10.1038/s41586-021-03819-2"),
        ("https://doi.org/10.1038/s41586-021-03819-2", "doi:10.1038/s41586-021-03819-2"),
        ("www.biorxiv.org/content/10.1101/2020.01.01.123456v2.full", "doi:10.1101/2020.01.01.123456"),
        ("PMID: 12345678", "pmid:12345678"),
        ("pmid 12345678", "pmid:12345678"),
        ("12345678", "pmid:12345678"),
        ("https://pubmed.ncbi.nlm.nih.gov/12345678/", "pmid:12345678"),
        ("openreview.net/forum?id=abc", "url:openreview.net/forum?id=abc"),
        ("graph networks", ""),
        ("2401.01234 diffusion", ""),
        ("GPT-4", ""),
        ("1234", ""),
        ("", ""),
    ],
)
def test_an_identifier_or_address_is_recognised(typed: str, name: str) -> None:
    assert identifier_in(typed) == name


@given(st.text(max_size=400))
def test_anything_can_be_read(typed: str) -> None:
    query = parse(typed)
    assert len(query.typed) <= LONGEST
    assert all(clause.alternatives for clause in (*query.clauses, *query.excluded))
    identifier_in(typed)
