from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from subscriptions.unicode_text import clean_text
from subscriptions.web.fields import Address, CategoryList, NameList, PhraseList


def said(field: object, typed: str) -> str:
    """What the field says is wrong."""
    with pytest.raises(ValidationError) as error:
        field.clean(typed)
    return " ".join(error.value.messages)


# Phrases -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "phrases"),
    [
        ("", []),
        (" \n ,, ; \r\n", []),
        ("grasping\nsmall  language model", ["grasping", "small language model"]),
        ("grasping, tactile; sim-to-real", ["grasping", "tactile", "sim-to-real"]),
        ("Robot\nrobot, ROBOT", ["Robot"]),
        ("e\u0301lan\nélan", ["élan"]),
        ("nul\x00l\u202eeft\ud800", ["nulleft"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("量子", ["量子"]),
    ],
)
def test_phrases_are_taken_one_by_one_cleaned_and_only_once(typed: str, phrases: list[str]) -> None:
    assert PhraseList().clean(typed) == phrases


def test_a_hundred_phrases_are_taken_and_one_more_is_not() -> None:
    hundred = [f"phrase {number}" for number in range(100)]
    assert PhraseList().clean("\n".join(hundred)) == hundred
    assert said(PhraseList(), ",".join([*hundred, "one more"])) == "There are 101 entries. Keep at most 100."


def test_a_phrase_has_at_most_200_characters() -> None:
    assert PhraseList().clean("x" * 200) == ["x" * 200]
    assert "has 201 characters. Shorten it to 200" in said(PhraseList(), "x" * 201)


def test_a_pasted_book_is_refused_without_repeating_it() -> None:
    message = said(PhraseList(), "word, " * 100_000)
    assert "Shorten it" in message
    assert len(message) < 200


@pytest.mark.parametrize("typed", ["—", "!!!", "___", "“”"])
def test_what_nothing_can_match_is_said(typed: str) -> None:
    assert "has no letter or digit" in said(PhraseList(), typed)


def test_line_breaks_stay_and_what_cannot_be_seen_goes() -> None:
    assert clean_text("a\r\nb\rc\td\x07\u2066\ufeff\u200b") == "a\nb\nc d"


# Names and categories ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("Ingrid Solheim-Vargas\nYuki Ono", ["Ingrid Solheim-Vargas", "Yuki Ono"]),
        ("Ingrid Solheim-Vargas, Yuki Ono", ["Ingrid Solheim-Vargas", "Yuki Ono"]),
        ("Solheim-Vargas, Ingrid", ["Solheim-Vargas, Ingrid"]),
        ("Ono, Y.; Haddad, Noor", ["Ono, Y.", "Haddad, Noor"]),
        ("佐藤 花子,", ["佐藤 花子"]),
    ],
)
def test_a_name_with_its_surname_first_stays_one_name(typed: str, names: list[str]) -> None:
    assert NameList().clean(typed) == names


def test_a_number_is_nobodys_name() -> None:
    assert "not a name" in said(NameList(), "12345")


@pytest.mark.parametrize(
    ("typed", "categories"),
    [
        ("cs.LG math", ["cs.LG", "math"]),
        ("CS.lg,Math.co", ["cs.LG", "math.CO"]),
        ("cond-mat.mes-hall\nphysics.AO-PH", ["cond-mat.mes-hall", "physics.ao-ph"]),
        ("cs.LG cs.lg", ["cs.LG"]),
    ],
)
def test_categories_are_written_as_arxiv_does(typed: str, categories: list[str]) -> None:
    assert CategoryList().clean(typed) == categories


@pytest.mark.parametrize("typed", ["cs.", ".LG", "cs.LG.AI", "machine_learning", "cs/0101", "42"])
def test_what_is_no_category_is_said(typed: str) -> None:
    assert "is not an arXiv category" in said(CategoryList(), typed)


# Addresses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" ada@example.org ", "ada@example.org"),
        ("Ada.B+news@EXAMPLE.org", "Ada.B+news@example.org"),
        ("ada@bücher.example.org", "ada@xn--bcher-kva.example.org"),
        ("ada@faß.de", "ada@xn--fa-hia.de"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ],
)
def test_an_address_is_stored_with_its_domain_in_ascii(typed: str, address: str) -> None:
    assert Address().clean(typed) == address


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Enter your e-mail address."),
        ("ada", "An e-mail address has an @. Write it like ada@example.org."),
        ("ada@", "Something is missing after the @."),
        ("@example.org", "Something is missing before the @."),
        ("ada okafor@example.org", "An e-mail address has no spaces."),
        ("ada.@example.org", "A dot in an e-mail address stands between letters or digits."),
        ("ada@example..org", "A dot in an e-mail address stands between letters or digits."),
        ("ada@example.org, bea@example.org", "Enter one e-mail address, with one @."),
        ("ada,b@example.org", "The e-mail address contains invalid characters"),
        ("x" * 65 + "@example.org", "at most 64 characters; here it has 65"),
        ("ada@" + "x" * 63 + "." + "y" * 63 + "." + "z" * 63 + "." + "w" * 63 + ".org", "at most 254 characters"),
        ("ada@" + "bücher." * 30 + "example.org", "too long after the @-sign"),
        ("x" * 10_000, "this one has 10,000"),
        ("jürgen@example.org", "Use an address with plain letters there"),
        ("ada@localhost", "The part after the @ has no dot."),
        ("ada@[127.0.0.1]", "IP address"),
        ("ada@127.0.0.1", "not within a valid top-level domain"),
        ("ada@readers.invalid", "special-use or reserved"),
        ("ada@installation.local", "special-use or reserved"),
        ("Ada <ada@example.org>", "display name"),
        ("ada@example.org\r\nBcc: eve@example.org", "Enter one e-mail address"),
        ("ada\x00@example.org", "invalid"),
        ("ada@example.org\u202e", "unsafe"),
        ("ada\ud800@example.org", "Write it like ada@example.org"),
        ("ada@exa\ud800mple.org", "Write it like ada@example.org"),
        ('"ada b"@example.org', "Quoting"),
        ("ada@-.org", "Write it like ada@example.org"),
        ("a@b@example.org", "Write it like ada@example.org"),
    ],
)
def test_an_address_that_mail_cannot_reach_is_refused_with_a_sentence(typed: str, sentence: str) -> None:
    problem = said(Address(), typed)
    assert sentence in problem
    assert "email" not in problem  # the library's word
