"""Lists of references in the shape in which programs export them; the works are invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identifiers.canonical import title_identifier
from digest.ingest import reference_lists
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists.work import LONGEST_TITLE, MOST_UNREAD, MOST_WORKS, ReferenceList
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def read(text: str | bytes) -> ReferenceList:
    return reference_lists.read(text.encode() if isinstance(text, str) else text)


def titles(found: ReferenceList) -> list[str]:
    return [work.title for work in found.works]


# BibTeX --------------------------------------------------------------------------------------------------------------

JABREF = r"""% Encoding: UTF-8

@String{kelp = "Journal of Kelp Robotics"}

@Article{Okafor2020,
  author    = {Okafor, Ada and It{\^o}, Ben},
  title     = {Slow {W}aves in {\"O}l: 50\% of $E=mc^2$},
  journal   = kelp # ", Part " # "B",
  year      = {2020},
  doi       = {10.5555/AB\_c.5},
  abstract  = {We show 50\% of things & more.},
  timestamp = {2025-01-02},
}

@misc{solheim2024, title={Kelp Robots}, eprint={2401.01234v2}, archivePrefix={arXiv}, primaryClass={cs.RO}, year={2024}, month=jan}
@online{bl, title = {Maps of Lichens}, subtitle = {A Survey}, eprint = {1234567}, eprinttype = {pubmed}, date = {2019-05}}
@inproceedings{ quoted , title = "Quoted Title" , year = 2018, note = {arXiv:math/0611800}, url = {https://walls.example/x?utm_source=a}}
@Comment{jabref-meta: databaseType:bibtex;}
"""


def test_a_bibtex_file_as_jabref_arxiv_and_biblatex_write_it() -> None:
    found = read(JABREF)
    assert (found.format, found.total, found.unread) == ("BibTeX", 4, ())
    slow, kelp, maps, quoted = found.works
    assert (slow.title, slow.added) == ("Slow Waves in Öl: 50% of E=mc²", "2025-01-02")
    assert slow.abstract == "We show 50% of things & more."
    assert slow.names == ("doi:10.5555/ab_c.5",)
    assert (kelp.title, kelp.names) == ("Kelp Robots", ("arxiv:2401.01234",))
    assert (maps.title, maps.names) == ("Maps of Lichens: A Survey", ("pmid:1234567",))
    assert quoted.names == ("arxiv:math/0611800", "url:walls.example/x")


def test_a_bibtex_entry_that_is_broken_costs_itself_only() -> None:
    found = read(
        "@article{a, title={Before}}\n@article{broken, title={Open brace, year={2019}\n@article{c, title={After}}\n"
        "@article{a, title={Repeated Key}}\n@article{d, title={Twice}, Title={Twice Again}}\n@book{nameless, author={X}}\n"
        "@article{cut, title={Cut he"
    )
    assert titles(found) == ["Before", "After", "Repeated Key", "Twice Again"]
    assert [(one.what, one.flaw) for one in found.unread] == [
        ("@article{broken, title={Open brace, year={2019}", "broken"),
        ("nameless", "no_title"),
        ("@article{cut, title={Cut he", "broken"),
    ]


# RIS and PubMed ------------------------------------------------------------------------------------------------------


def test_a_ris_file_as_zotero_and_endnote_write_it() -> None:
    found = read(
        "TY  - JOUR\r\nTI  - Lichens of Old Walls\r\nAU  - Okafor, Ada\r\nAB  - We look\r\nat walls.\r\nDA  - 2021/05/03/\r\n"
        "DO  - https://doi.org/10.5555/XYZ\r\nUR  - https://walls.example/a; https://walls.example/b\r\nER  - \r\n\r\n"
        "TY  - UNPB\r\nT1  - Kelp Robots\r\nN2  - Robots.\r\nPY  - 2024\r\nM1  - arXiv:2401.01234\r\nER  - \r\n"
    )
    kelp, walls = found.works
    assert found.format == "RIS"
    assert (kelp.title, kelp.abstract, kelp.names) == ("Kelp Robots", "Robots.", ("arxiv:2401.01234",))
    assert (walls.abstract, walls.names[0]) == ("We look at walls.", "doi:10.5555/xyz")
    assert set(walls.names[1:]) == {"url:walls.example/a", "url:walls.example/b"}


def test_the_first_record_after_a_byte_order_mark_is_read() -> None:
    assert titles(read(b"\xef\xbb\xbfTY  - JOUR\r\nTI  - Only\r\nER  - \r\n")) == ["Only"]
    assert titles(read("TY  - JOUR\r\nTI  - Only\r\nER  - \r\n".encode("utf-16"))) == ["Only"]


def test_a_ris_file_with_single_spaces_and_records_without_ends_is_read_whole() -> None:
    found = read(
        "TY - JOUR\nTI - One\nPY - 2020\nTY - JOUR\nTI - Two\nPY - 2019\nER -\nTY - JOUR\nTI - Three\nPY - 2018"
    )
    assert titles(found) == ["One", "Two", "Three"]


NBIB = """
PMID- 34567890
OWN - NLM
STAT- MEDLINE
TI  - Lichens of old walls: a title that
      goes on here.
LID - 10.5555/lid.only [doi]
LID - S0123-4567 [pii]
AB  - BACKGROUND: Walls are old.
      METHODS: We looked.
DP  - 2021 Mar 5
FAU - Okafor, Ada

PMID- 7654321
TI  - [Kelp in the north].
AID - 10.5555/aid [doi]
DP  - 2020
"""


def test_a_file_of_pubmed() -> None:
    found = read(NBIB)
    assert found.format == "PubMed"
    walls, kelp = found.works
    assert walls.title == "Lichens of old walls: a title that goes on here."
    assert walls.abstract == "BACKGROUND: Walls are old. METHODS: We looked."
    assert walls.names == ("pmid:34567890", "doi:10.5555/lid.only")
    assert (kelp.title, kelp.names) == ("Kelp in the north", ("pmid:7654321", "doi:10.5555/aid"))


# JSON ----------------------------------------------------------------------------------------------------------------


def test_csl_json_with_its_three_kinds_of_dates() -> None:
    items = [
        {"id": "a", "type": "article-journal", "title": "First", "DOI": "10.5555/a", "issued": {"date-parts": [["2020", 5]]}},
        {"id": "b", "type": "book", "title": "Second", "issued": {"raw": "2022-01-01"}},
        {"id": "c", "type": "article", "title": "Third", "issued": "2021", "number": "arXiv:2401.01234", "abstract": "<p>Third."},
        {"id": "d", "type": "book"},
        5,
    ]  # fmt: skip
    found = read(json.dumps(items))
    assert (found.format, titles(found)) == ("CSL-JSON", ["Second", "Third", "First"])
    assert found.works[1].names == ("arxiv:2401.01234",)
    assert found.works[1].abstract == "Third."
    assert [(one.what, one.flaw) for one in found.unread] == [("#4", "no_title"), ("5", "broken")]


def test_items_of_zotero_leave_its_notes_and_files_out() -> None:
    item = {
        "itemType": "preprint", "title": "Kelp Robots", "abstractNote": "Robots.", "extra": "arXiv:2401.01234 [cs]",
        "dateAdded": "2024-05-01T07:00:00Z", "url": "http://arxiv.org/abs/2401.01234", "DOI": "",
    }  # fmt: skip
    found = read(
        json.dumps([{"key": "A", "data": item}, {"key": "B", "data": {"itemType": "attachment", "title": "PDF"}}])
    )
    (work,) = found.works
    assert (found.format, work.names, work.added) == ("Zotero", ("arxiv:2401.01234",), "2024-05-01")


def test_json_that_is_cut_in_the_middle_gives_its_whole_items() -> None:
    text = json.dumps([{"type": "book", "title": f"Book {number}"} for number in range(3)])
    found = read(text[:-15])
    assert (titles(found), found.is_cut) == (["Book 0", "Book 1"], True)


def orcid_work(title: str, *ids: tuple[str, str, str], created: Any = 1709251200000) -> dict[str, Any]:
    named = [
        {"external-id-type": kind, "external-id-value": value, "external-id-relationship": relation}
        for kind, value, relation in ids
    ]
    summary = {
        "title": {"title": {"value": title}},
        "created-date": {"value": created},
        "publication-date": {"year": {"value": "2012"}, "month": None},
        "url": None,
    }
    return {"external-ids": {"external-id": named}, "work-summary": [summary]}


def test_the_works_of_an_orcid_record_without_the_books_that_they_are_parts_of() -> None:
    works = [
        orcid_work("Kelp Robots", ("doi", "10.5555/a", "self"), ("doi", "10.5555/book", "part-of")),
        orcid_work("Lichens", ("arxiv", "arXiv:2401.01234", "self"), created=None),
        {"work-summary": None},
        None,
    ]
    found = read(json.dumps({"last-modified-date": None, "group": works}))
    assert (found.format, [work.names for work in found.works]) == (
        "ORCID",
        [("doi:10.5555/a",), ("arxiv:2401.01234",)],
    )
    assert found.works[0].added == "2024-03-01"
    assert found.unread_total == 2


# Zotero RDF ----------------------------------------------------------------------------------------------------------

RDF = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:z="http://www.zotero.org/namespaces/export#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:bib="http://purl.org/net/biblio#"
 xmlns:foaf="http://xmlns.com/foaf/0.1/">
<bib:Article rdf:about="https://walls.example/1"><z:itemType>journalArticle</z:itemType>
 <dcterms:isPartOf><bib:Journal><dc:title>Walls</dc:title><dc:identifier>DOI 10.5555/walls</dc:identifier></bib:Journal></dcterms:isPartOf>
 <dc:title>Lichens of Old Walls</dc:title><dcterms:abstract>We look.</dcterms:abstract><dc:date>2020-05</dc:date>
 <dc:identifier><dcterms:URI><rdf:value>https://walls.example/1</rdf:value></dcterms:URI></dc:identifier></bib:Article>
<bib:Article rdf:about="#item_2"><z:itemType>journalArticle</z:itemType><dcterms:isPartOf rdf:resource="urn:issn:1"/>
 <dc:title>Kelp One</dc:title><dc:date>2019</dc:date></bib:Article>
<bib:Article rdf:about="#item_3"><z:itemType>journalArticle</z:itemType><dcterms:isPartOf rdf:resource="urn:issn:1"/>
 <dc:title>Kelp Two</dc:title><dc:date>2018</dc:date></bib:Article>
<bib:Journal rdf:about="urn:issn:1"><dc:title>Kelp</dc:title><dc:identifier>DOI 10.5555/of-one-of-them</dc:identifier></bib:Journal>
<rdf:Description rdf:about="#item_4"><z:itemType>preprint</z:itemType><dc:title>Robots</dc:title>
 <dc:description>arXiv:2401.01234 [cs]</dc:description><dc:date>2017</dc:date></rdf:Description>
<z:Attachment rdf:about="#item_5"><z:itemType>attachment</z:itemType><dc:title>Full Text PDF</dc:title></z:Attachment>
<bib:Memo rdf:about="#item_6"><rdf:value>a note</rdf:value></bib:Memo>
<z:Collection rdf:about="#collection_1"><dc:title>Mine</dc:title></z:Collection>
</rdf:RDF>"""


def test_an_export_of_zotero_in_rdf() -> None:
    found = read(RDF)
    assert (found.format, titles(found)) == ("Zotero RDF", ["Lichens of Old Walls", "Kelp One", "Kelp Two", "Robots"])
    assert found.works[0].names == ("doi:10.5555/walls", "url:walls.example/1")
    assert found.works[0].abstract == "We look."
    assert [work.names for work in found.works[1:]] == [(), (), ("arxiv:2401.01234",)]  # two share an issue's DOI


def test_of_an_rdf_file_that_is_cut_the_works_before_are_read() -> None:
    found = read(RDF[: RDF.index("Kelp Two")])
    assert (titles(found), found.is_cut) == (["Lichens of Old Walls", "Kelp One"], True)


# Lines ---------------------------------------------------------------------------------------------------------------


def test_lines_of_ids_addresses_and_titles() -> None:
    found = read(
        "2401.01234\n- doi:10.5555/abc\n[3] https://arxiv.org/abs/hep-th/9901001v2\n4. Kelp Robots, arXiv:2401.99999\n"
        "10.5555/a, 10.5555/b\n\n!!!\nhttps://walls.example/articles/s1\nPMID: 123\n海藻森林中的机器人\nروبوتات في الغابات\n"
        "Slow {W}aves in $\\alpha$-{\\'e}ther\n"
    )
    assert [(work.title, work.names) for work in found.works] == [
        ("", ("arxiv:2401.01234",)),
        ("", ("doi:10.5555/abc",)),
        ("", ("arxiv:hep-th/9901001",)),
        ("Kelp Robots", ("arxiv:2401.99999",)),
        ("", ("doi:10.5555/a",)),
        ("", ("doi:10.5555/b",)),
        ("", ("url:walls.example/articles/s1",)),
        ("", ("pmid:123",)),
        ("海藻森林中的机器人", ()),
        ("روبوتات في الغابات", ()),
        ("Slow Waves in α-éther", ()),
    ]
    assert [(one.what, one.flaw) for one in found.unread] == [("!!!", "no_title")]


def test_a_line_that_is_no_title_for_its_length_is_not_read() -> None:
    found = read("x" * (LONGEST_TITLE + 1))
    assert (found.works, found.unread[0].flaw) == ((), "too_long")


# What holds for all --------------------------------------------------------------------------------------------------


def test_the_newest_works_of_a_very_long_list_are_given_and_all_are_counted() -> None:
    text = "".join(
        f"@misc{{k{number}, title={{Kelp {number}}}, year={{{1900 + number % 100}}}}}\n" for number in range(3000)
    )
    found = read(text)
    assert (found.total, len(found.works)) == (3000, MOST_WORKS)
    assert {int(title.split()[1]) % 100 for title in titles(found)} == set(range(100 - MOST_WORKS // 30 - 1, 100))


def test_of_a_work_that_stands_there_twice_the_first_is_given() -> None:
    found = read("Kelp Robots\nkelp robots.\n2401.01234v1\nhttps://arxiv.org/pdf/2401.01234v3\n")
    assert (found.total, [work.name for work in found.works]) == (
        2,
        [title_identifier("Kelp Robots"), "arxiv:2401.01234"],
    )


def test_many_entries_that_cannot_be_read_are_counted_and_some_named() -> None:
    found = read("".join(f"@book{{b{number}, author={{X}}}}\n" for number in range(300)))
    assert (found.total, found.unread_total, len(found.unread)) == (0, 300, MOST_UNREAD)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ErrorKind.EMPTY),
        (b" \n\n", ErrorKind.EMPTY),
        (b"%PDF-1.7\n%\xe2\xe3", ErrorKind.BINARY),
        (b"PK\x03\x04docx", ErrorKind.ARCHIVE),
        (b"\x00\x01\x02", ErrorKind.BINARY),
        (b"<!doctype html><html><body>Papers</body></html>", ErrorKind.WEB_PAGE),
        (b"<opml version='2.0'><body/></opml>", ErrorKind.UNKNOWN_FORMAT),
        (b"<rdf:RDF", ErrorKind.MALFORMED),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><rdf:RDF/>", ErrorKind.MALFORMED),
        (b'{"a": 1}', ErrorKind.UNKNOWN_FORMAT),
        (b'{"error": "no"}', ErrorKind.SOURCE_ERROR),
        (b"[" * 100_000, ErrorKind.MALFORMED),
    ],
)
def test_what_is_no_list_is_refused(body: bytes, kind: ErrorKind) -> None:
    with unreadable(kind):
        read(body)


def test_a_file_in_another_encoding_is_read_by_its_ids_and_the_rest_is_named() -> None:
    found = read("TY  - JOUR\nTI  - Größe\nDO  - 10.5555/a\nER  - \nTY  - JOUR\nTI  - Füße\nER  - \n".encode("latin-1"))
    assert [work.names for work in found.works] == [("doi:10.5555/a",)]
    assert found.unread[0].flaw == "garbled"


PIECES = st.sampled_from(
    ["@article{", "title", "={", "}", '"', ",", "\n", "TY  - JOUR\n", "TI  - ", "ER  - \n", "PMID- 1\n", "[", "{", '"title":',
     "<rdf:RDF>", "<a>", "</a>", "10.5555/a", "2401.01234", "\\%", "$", "\x00", "\x1b", "\x9b", "é", "標", "\u202e", "\ud800", "%PDF-", "  "]
)  # fmt: skip


@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    )
)
def test_whatever_comes_is_read_or_refused_and_is_clean(body: bytes) -> None:
    try:
        found = read(body)
    except SourceUnreadable:
        return
    assert len(found.works) <= found.total
    for work in found.works:
        assert work.title or work.names
        assert not set("\x00\n\ud800") & set(work.title + work.abstract + work.name)
        assert len(work.name) <= 510
    assert not {"\x00", "\x1b", "\x9b", "\u202e", "\ud800", "\n"} & {
        letter for one in found.unread for letter in one.what
    }
