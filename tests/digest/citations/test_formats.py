"""References as other programs read them: pybtex, rispy and a JSON parser get back what was written."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st
from pybtex.database import parse_string

from digest.citations.bibtex import bibtex
from digest.citations.csl import csl_json
from digest.citations.reference import Name, Reference, names_of, one_line
from digest.citations.ris import ris

WORK = Reference(
    title="GPT-4 & friends: 100% of {everything} in R^2_k, a \\LaTeX tale of ~5 #tags for $5",
    authors=names_of(["Ada Okafor", "Ludwig van der Berg", "John Doe Jr.", "LHCb collaboration", "Sukarno"]),
    published=date(2026, 3, 2),
    abstract="We {show} it.\nTwice \u202eover.",
    url="https://arxiv.org/abs/2603.00001",
    arxiv="2603.00001",
    primary_class="cs.LG",
    doi="10.1000/some_thing",
)
UNESCAPED = {
    r"{\textbackslash}": "\\",
    r"{\textbraceleft}": "{",
    r"{\textbraceright}": "}",
    r"{\textasciitilde}": "~",
    r"{\textasciicircum}": "^",
    **{f"\\{character}": character for character in "%&$#_"},
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
NAME = st.builds(Name, st.text("Aab ,&{}\\-é", min_size=1).filter(str.strip), st.text("Ab .,{}\\ and"))


def said(value: str) -> str:
    """What TeX prints of a field."""
    tokens = re.split(r"(\{\\text\w+\}|\\[%&$#_]|[{}])", value)
    return "".join(UNESCAPED.get(token, "" if token in "{}" else token) for token in tokens)


def entry_of(text: str):
    (entry,) = parse_string(text, "bibtex").entries.values()
    return entry


def test_bibtex_is_read_back_whole() -> None:
    entry = entry_of(bibtex(WORK))
    assert entry.key == "okafor2026gpt"
    assert said(entry.fields["title"]) == WORK.title
    assert said(entry.fields["abstract"]) == "We {show} it. Twice over."
    assert "{GPT-4}" in entry.fields["title"]
    names = {
        name: entry.fields[name] for name in ("year", "month", "eprint", "archiveprefix", "primaryclass", "doi", "url")
    }
    assert names == {
        "year": "2026", "month": "March", "eprint": "2603.00001", "archiveprefix": "arXiv", "primaryclass": "cs.LG",
        "doi": "10.1000/some_thing", "url": "https://arxiv.org/abs/2603.00001",
    }  # fmt: skip
    people = entry.persons["author"]
    assert [said(" ".join(one.prelast_names + one.last_names)) for one in people] == [
        "Okafor", "van der Berg", "Doe", "LHCb collaboration", "Sukarno",
    ]  # fmt: skip
    assert people[2].lineage_names == ["Jr."]
    assert people[1].first_names == ["Ludwig"]


def test_ris_is_read_back_whole() -> None:
    text = ris(WORK)
    (entry,) = rispy.loads(text)
    assert entry["type_of_reference"] == "UNPB"
    assert entry["title"] == WORK.title
    assert entry["authors"] == [
        "Okafor, Ada",
        "van der Berg, Ludwig",
        "Doe, John, Jr.",
        "LHCb collaboration",
        "Sukarno",
    ]
    assert entry["year"] == "2026"
    assert entry["date"] == "2026/03/02/"
    assert entry["doi"] == "10.1000/some_thing"
    assert entry["urls"] == ["https://arxiv.org/abs/2603.00001"]
    assert entry["abstract"] == "We {show} it. Twice over."
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]  - .*", line) for line in text.split("\r\n")[:-1])


def test_csl_json_has_the_names_in_parts_and_the_date_as_far_as_it_is_known() -> None:
    (item,) = json.loads(csl_json(WORK))
    assert item["type"] == "article"
    assert item["title"] == WORK.title
    assert item["author"] == [
        {"family": "Okafor", "given": "Ada"},
        {"family": "Berg", "given": "Ludwig", "non-dropping-particle": "van der"},
        {"family": "Doe", "given": "John", "suffix": "Jr."},
        {"literal": "LHCb collaboration"},
        {"literal": "Sukarno"},
    ]
    assert item["issued"] == {"date-parts": [[2026, 3, 2]]}
    assert (item["number"], item["publisher"], item["DOI"]) == ("arXiv:2603.00001", "arXiv", "10.1000/some_thing")


@pytest.mark.parametrize(
    ("precision", "parts", "ris_date"),
    [("day", [2026, 3, 2], "2026/03/02/"), ("month", [2026, 3], "2026/03//"), ("year", [2026], "2026///")],
)
def test_a_date_has_the_parts_that_are_known(precision: str, parts: list[int], ris_date: str) -> None:
    work = Reference(title="Tides", authors=(), published=date(2026, 3, 2), precision=precision)
    assert json.loads(csl_json(work))[0]["issued"] == {"date-parts": [parts]}
    assert f"DA  - {ris_date}\r\n" in ris(work)
    assert ("month = mar" in bibtex(work)) == (precision != "year")


def test_a_work_of_which_little_is_known_says_little() -> None:
    work = Reference(title="", authors=(), published=None, is_preprint=False)
    assert bibtex(work) == "@misc{anonymous,\n\n}\n"
    assert ris(work) == "TY  - GEN\r\nID  - anonymous\r\nTI  - \r\nER  - \r\n"
    assert json.loads(csl_json(work)) == [{"id": "anonymous", "type": "document"}]


@pytest.mark.parametrize(("is_preprint", "kinds"), [(True, ("UNPB", "article")), (False, ("GEN", "document"))])
def test_no_format_calls_a_work_an_article_of_a_journal_without_a_name(
    is_preprint: bool, kinds: tuple[str, str]
) -> None:
    work = Reference(title="Tides", authors=(), published=None, doi="10.1000/tides", is_preprint=is_preprint)
    assert entry_of(bibtex(work)).type == "misc"
    (item,) = json.loads(csl_json(work))
    assert (rispy.loads(ris(work))[0]["type_of_reference"], item["type"]) == kinds
    assert item.get("genre", "") == ("preprint" if is_preprint else "")


def test_a_link_that_would_break_the_entry_is_left_out() -> None:
    work = Reference(title="Tides", authors=(), published=None, url="https://example.org/{a", doi="10.1/}\\")
    assert set(entry_of(bibtex(work)).fields) == {"title"}


@given(title=TEXT, abstract=TEXT, authors=st.lists(NAME, max_size=3))
def test_no_text_breaks_a_format(title: str, abstract: str, authors: list[Name]) -> None:
    work = Reference(
        title=title, abstract=abstract, authors=tuple(authors), published=date(2026, 3, 2), arxiv="2603.00001"
    )
    entry = entry_of(bibtex(work))
    assert said(entry.fields.get("title", "")) == one_line(title)
    assert said(entry.fields.get("abstract", "")) == one_line(abstract)
    (record,) = rispy.loads(ris(work))
    assert record.get("title", "").strip() == one_line(title)
    (item,) = json.loads(csl_json(work))
    assert item.get("title", "") == one_line(title)
