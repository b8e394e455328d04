"""How texts become terms, the same for papers and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.search import analysis


def terms(text: str) -> list[str]:
    return [term for word in analysis.words(text) for term in word.terms]


def forms(text: str) -> set[str]:
    return {" ".join(form) for word in analysis.words(text) for form in word.alternatives}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("GPT-4", ["gpt", "4"]),
        ("C++ and C#, F#", ["cpp", "and", "csharp", "fsharp"]),
        ("CPU/GPU", ["cpu", "gpu"]),
        ("O'Brien’s", ["obrien"]),
        ("CO₂ and B⁰", ["co2", "and", "b0"]),
        ("Łukasz Kaiser", ["lukasz", "kaiser"]),
        ("self‑supervised", ["self", "supervis"]),
        ("2401.01234v3", ["2401", "01234"]),
        ("β-VAE", ["beta", "vae"]),
        ("把持学習", ["把", "持", "学", "習"]),
        ("  ,.;-- ' ", []),
    ],
)
def test_a_text_becomes_terms(text: str, found: list[str]) -> None:
    assert terms(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPT-4", "GPT4"),
        ("GPT 4", "gpt4"),
        ("t-SNE", "tSNE"),
        ("self-supervised", "selfsupervised"),
        ("colour", "color"),
        ("neighbourhood", "neighborhood"),
        ("modelling", "modeling"),
        ("labelled", "labeled"),
        ("centre", "center"),
        ("organisation", "organization"),
        ("optimiser", "optimizer"),
        ("generalisations", "generalization"),
        ("analyse", "analysis"),
        ("analyses", "analyzing"),
        ("haematology", "hematology"),
        ("tumour", "tumors"),
        ("matrices", "matrix"),
        ("networks", "network"),
        ("naïve", "naive"),
        ("β", "beta"),
        ("precise", "precisely"),
    ],
)
def test_two_spellings_of_a_word_have_a_form_in_common(one: str, other: str) -> None:
    whole = {" ".join(terms(text)) for text in (one, other)}
    assert whole & forms(one) & forms(other) or forms(one) & whole or forms(other) & whole
    assert (forms(one) | {" ".join(terms(one))}) & (forms(other) | {" ".join(terms(other))})


@pytest.mark.parametrize(("one", "other"), [("promise", "prom"), ("four", "for"), ("noise", "noiz"), ("raise", "raiz")])
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert not forms(one) & forms(other)


def test_the_forms_of_a_field_follow_its_text_so_that_phrases_stay_whole() -> None:
    assert analysis.field("Self-supervised GPT-4 at sea").terms == "self supervis gpt 4 at sea · selfsupervis · gpt4"


def test_a_name_is_known_whole_by_first_and_last_and_by_its_initial() -> None:
    known = analysis.names(["Geoffrey E. Hinton", "Y. LeCun"]).terms
    assert known == "geoffrey e hinton · y lecun · · geoffrey hinton · g· hinton"


def test_a_category_is_one_term() -> None:
    assert analysis.categories(["cs.LG", "cs.LG", "q-bio.NC", "§"]) == "cslg qbionc"


@given(st.text(max_size=200))
def test_terms_hold_letters_and_digits_only_whatever_the_text(text: str) -> None:
    for word in analysis.words(text):
        for form in word.alternatives:
            assert form
            assert all(term.isalnum() and len(term) <= 40 for term in form)
