"""What a person counts in each recorded file, and what reading it gives. The figures were counted in the files."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from digest.ingest import parsers
from digest.ingest.parsers import Feed
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable

UTF8, CUT = ErrorKind.UNDECODABLE, ErrorKind.TRUNCATED


class Row(NamedTuple):
    file: str
    kind: str  # "-" where nothing can be read
    items: int  # that a person counts in it, good or bad
    stored: int
    refused: tuple[str, ...] = ()  # why, in order
    unreadable: ErrorKind | None = None  # why the whole file is of no use


# fmt: off
TABLE = [
    #   file                                                  kind             items  stored  refused / unreadable
    Row("arxiv-api-10-entries.xml",                           "arxiv_api",        10,     10),
    Row("arxiv-api-2-entries-2026.xml",                       "arxiv_api",         2,      2),
    Row("arxiv-api-id_0000.0000_s0_m100.xml",                 "arxiv_api",         0,      0),  # an unknown id
    Row("arxiv-api-id_abc_s0_m100.xml",                       "-",                 1,      0,
        unreadable=ErrorKind.SOURCE_ERROR),
    Row("arxiv-api-id_astro-ph_0601001_s0_m100.xml",          "arxiv_api",         1,      1),
    Row("arxiv-api-q_testing_s0_m100.xml",                    "arxiv_api",       100,    100),
    Row("arxiv-oai-listrecords-cs-2015.xml.gz",               "arxiv_oai",      1000,   1000),
    Row("arxiv-oai-record-2025.xml",                          "arxiv_oai",         1,      1),
    Row("arxiv-rss-atom-cs.AI-2025-08-20.xml",                "arxiv_rss",         7,      7),
    Row("arxiv-rss1.0-hep-ex-1.rdf",                          "arxiv_rdf",         3,      3),
    Row("arxiv-rss2-cs.AI-2016-02-02.xml",                    "arxiv_rss",         3,      3),
    Row("arxiv-rss2-cs.AI-2016-02-22.xml",                    "arxiv_rss",        18,     18),
    Row("arxiv-rss2-cs.AI-2016-02-29.xml",                    "arxiv_rss",        13,     13),
    Row("arxiv-rss2-cs.CL-2016-02-02.xml",                    "arxiv_rss",         2,      2),
    Row("arxiv-rss2-cs.CL-2016-02-22.xml",                    "arxiv_rss",        11,     11),
    Row("arxiv-rss2-cs.CL-2016-02-29.xml",                    "arxiv_rss",         9,      9),
    Row("arxiv-rss2-cs.CV-2016-02-02.xml",                    "arxiv_rss",        13,     13),
    Row("arxiv-rss2-cs.CV-2016-02-22.xml",                    "arxiv_rss",        13,     13),
    Row("arxiv-rss2-cs.CV-2016-02-29.xml",                    "arxiv_rss",        19,     19),
    Row("arxiv-rss2-cs.IT-2016-02-02.xml",                    "arxiv_rss",        21,     21),
    Row("arxiv-rss2-cs.IT-2016-02-22.xml",                    "arxiv_rss",        24,     24),
    Row("arxiv-rss2-cs.IT-2016-02-29.xml",                    "arxiv_rss",        29,     29),
    Row("arxiv-rss2-cs.LG-2016-02-02.xml",                    "arxiv_rss",         9,      9),
    Row("arxiv-rss2-cs.LG-2016-02-22.xml",                    "arxiv_rss",        40,     40),
    Row("arxiv-rss2-cs.LG-2016-02-29.xml",                    "arxiv_rss",        22,     22),
    Row("arxiv-rss2-cs.LG-2026-01-30.xml",                    "arxiv_rss",        27,     27),
    Row("arxiv-rss2-math.OC-2016-02-02.xml",                  "arxiv_rss",         2,      2),
    Row("arxiv-rss2-math.OC-2016-02-22.xml",                  "arxiv_rss",         7,      7),
    Row("arxiv-rss2-math.OC-2016-02-29.xml",                  "arxiv_rss",         8,      8),
    Row("arxiv-rss2-stat.ML-2016-02-02.xml",                  "arxiv_rss",         9,      9),
    Row("arxiv-rss2-stat.ML-2016-02-22.xml",                  "arxiv_rss",        22,     22),
    Row("arxiv-rss2-stat.ML-2016-02-29.xml",                  "arxiv_rss",        12,     12),
    Row("biorxiv-bioengineering.rdf",                         "journal",           1,      1),
    Row("hepml-digest-rss.xml",                               "journal",         104,    104),
    Row("hf-daily-2026-01-27-later.json",                     "hugging_face",     22,     22),
    Row("hf-daily-2026-01-27-morning.json",                   "hugging_face",     22,     22),
    Row("hf-daily-2026-01-28-later.json",                     "hugging_face",      9,      9),
    Row("hf-daily-2026-01-28-morning.json",                   "hugging_face",      9,      9),
    Row("hf-daily-2026-01-29-later.json",                     "hugging_face",     12,     12),
    Row("hf-daily-2026-01-29-morning.json",                   "hugging_face",     12,     12),
    Row("hf-daily-2026-01-30-later.json",                     "hugging_face",     27,     27),
    Row("hf-daily-2026-01-30-morning.json",                   "hugging_face",     27,     27),
    Row("hf-papers-feed.xml",                                 "journal",          30,     30),
    Row("hf-papers-feed_weekly.xml",                          "journal",           6,      6),
    # feeds that are damaged on purpose: most hold no paper at all, and an empty feed is a good feed
    Row("encoding-encoding_bozo_encoding_mismatch_crash.xml", "-",                 1,      0, unreadable=UTF8),
    Row("encoding-encoding_encoding_attribute_crash.xml",     "journal",           1,      0, ("no title",)),
    Row("encoding-encoding_http_application_atom_xml_encoding.xml", "journal",     0,      0),
    Row("encoding-encoding_http_application_xml_charset.xml", "journal",           0,      0),
    Row("encoding-encoding_http_text_rss_xml_default.xml",    "journal",           0,      0),
    Row("encoding-encoding_u16.xml",                          "journal",           0,      0),
    Row("encoding-encoding_utf-32le-bom.xml",                 "journal",           0,      0),
    Row("encoding-wellformed_http_headers_etag.xml",          "journal",           0,      0),
    Row("illformed-aaa_illformed.xml",                        "-",                 0,      0, unreadable=CUT),
    Row("illformed-chardet_big5.xml",                         "-",                 0,      0, unreadable=UTF8),
    Row("illformed-chardet_euckr.xml",                        "-",                 1,      0, unreadable=UTF8),
    Row("illformed-chardet_koi8r.xml",                        "-",                 1,      0, unreadable=UTF8),
    Row("illformed-chardet_tis620.xml",                       "-",                 1,      0, unreadable=UTF8),
    Row("illformed-geo_georss_point_no_coords.xml",           "journal",           1,      0, ("no title",)),
    Row("illformed-geo_gml_point.xml",                        "journal",           1,      0, ("no title",)),
    Row("illformed-rdf_channel_empty_textinput.xml",          "journal",           1,      1),  # cut, but behind its item
    Row("illformed-rss_incomplete_cdata.xml",                 "-",                 1,      0, unreadable=CUT),
    Row("illformed-undeclared_namespace.xml",                 "journal",           0,      0),
    Row("seed_page.txt",                                      "seed_page",       274,    274),
]
# fmt: on


def path_of(data: Path, name: str) -> Path:
    return data / name if name == "seed_page.txt" else data / "feeds" / name


def reading_of(data: Path, name: str) -> Feed:
    return parsers.read(path_of(data, name).read_bytes())


def test_the_table_names_the_files_of_the_folder(data: Path) -> None:
    files = {path.name for path in (data / "feeds").iterdir()} | {"seed_page.txt"}
    assert {row.file for row in TABLE} == files


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.file)
def test_a_file_gives_what_a_person_counts_in_it(data: Path, row: Row) -> None:
    if row.unreadable:
        with unreadable(row.unreadable):
            reading_of(data, row.file)
        return
    feed = reading_of(data, row.file)
    assert (feed.kind, len(feed.entries), tuple(refused.why for refused in feed.refused)) == (
        row.kind,
        row.stored,
        row.refused,
    )
    assert row.items == row.stored + len(row.refused)


@pytest.mark.parametrize("row", [row for row in TABLE if row.kind != "-"], ids=lambda row: row.file)
def test_the_reader_of_its_kind_reads_a_file_like_the_finder_of_kinds(data: Path, row: Row) -> None:
    body = path_of(data, row.file).read_bytes()
    assert parsers.KINDS[row.kind](body) == parsers.read(body)


@pytest.mark.parametrize("row", [row for row in TABLE if row.stored], ids=lambda row: row.file)
def test_every_entry_has_a_name_a_title_and_a_page(data: Path, row: Row) -> None:
    for entry in reading_of(data, row.file).entries:
        assert entry.title
        assert entry.url.startswith(("http://", "https://"))
        assert entry.identifiers
        assert not any(re.search(r"arxiv:.*v\d+$", name) for name in entry.identifiers)


def test_the_sources_are_called_what_they_call_themselves(data: Path) -> None:
    named = {
        name: (feed.name, feed.url)
        for name in (
            "arxiv-rss-atom-cs.AI-2025-08-20.xml",
            "arxiv-rss2-cs.AI-2016-02-22.xml",
            "arxiv-rss1.0-hep-ex-1.rdf",
            "arxiv-api-2-entries-2026.xml",
            "arxiv-oai-record-2025.xml",
            "biorxiv-bioengineering.rdf",
            "hepml-digest-rss.xml",
            "hf-daily-2026-01-27-later.json",
            "hf-papers-feed.xml",
            "illformed-undeclared_namespace.xml",
        )
        if (feed := reading_of(data, name))
    }
    assert named == {
        "arxiv-rss-atom-cs.AI-2025-08-20.xml": ("arXiv cs.AI", "https://rss.arxiv.org/rss/cs.AI"),
        "arxiv-rss2-cs.AI-2016-02-22.xml": ("arXiv cs.AI", "https://rss.arxiv.org/rss/cs.AI"),
        "arxiv-rss1.0-hep-ex-1.rdf": ("arXiv hep-ex", "https://rss.arxiv.org/rss/hep-ex"),
        "arxiv-api-2-entries-2026.xml": ("arXiv API", "https://export.arxiv.org/api/query"),
        "arxiv-oai-record-2025.xml": ("arXiv OAI", "http://oaipmh.arxiv.org/oai"),
        "biorxiv-bioengineering.rdf": (
            "bioRxiv: Bioengineering",
            "https://connect.biorxiv.org/biorxiv_xml.php?subject=bioengineering",
        ),
        "hepml-digest-rss.xml": (
            "Daily HEP-ML Digest · HEP 直接应用",
            "https://quxnb.github.io/hepml-digest/hep-applications.xml",
        ),
        "hf-daily-2026-01-27-later.json": (
            "Hugging Face daily papers",
            "https://huggingface.co/api/daily_papers",
        ),
        "hf-papers-feed.xml": ("Hugging Face Daily Papers", "https://huggingface.co/papers"),
        "illformed-undeclared_namespace.xml": ("", ""),
    }


def test_the_atom_feed_of_cs_ai_as_its_text_shows_it(data: Path) -> None:
    feed = reading_of(data, "arxiv-rss-atom-cs.AI-2025-08-20.xml")
    assert feed.announced_on == date(2025, 8, 20)
    assert [entry.announced for entry in feed.entries] == ["cross"] * 5 + ["new"] * 2
    paper = feed.entries[2]
    assert paper.identifiers == ("arxiv:2508.13429",)
    assert paper.title == "AlphaX: An AI-Based Value Investing Strategy for the Brazilian Stock Market"
    assert paper.abstract.startswith("Autonomous trading strategies have been a subject of research")
    assert paper.authors == ("Paulo André Lima de Castro",)
    assert paper.categories == ("q-fin.CP", "cs.AI")
    assert (paper.published, paper.version) == (
        None,
        1,
    )  # the feed tells when it was announced, not when it was sent in


def test_the_rss_feed_of_a_day_counts_its_announcements_like_grep(data: Path) -> None:
    feed = reading_of(data, "arxiv-rss2-cs.LG-2016-02-22.xml")
    assert feed.announced_on == date(2016, 2, 22)
    announced = [entry.announced for entry in feed.entries]
    assert [announced.count(kind) for kind in ("new", "cross", "replace", "replace_cross")] == [9, 11, 7, 13]
    assert all(entry.version > 1 for entry in feed.entries if entry.announced.startswith("replace"))


def test_the_old_rdf_feed_tells_id_category_and_kind_in_its_titles(data: Path) -> None:
    feed = reading_of(data, "arxiv-rss1.0-hep-ex-1.rdf")
    assert [(e.title, e.identifiers, e.version, e.categories, e.announced) for e in feed.entries] == [
        ("Measurement of Transverse Single Spin Asymmetries", ("arxiv:1805.08875",), 1, ("hep-ex",), "new"),
        ("Recent Top quark results from the Tevatron", ("arxiv:1805.09166",), 1, ("hep-ex",), "cross"),
        ("New Perspective on Hybrid Mesons", ("arxiv:1805.06430",), 2, ("nucl-th",), "replace"),
    ]
    assert feed.entries[0].authors == ("Christopher Dilks",)
    assert feed.entries[2].authors[-1] == "Hong-Shi Zong"
    assert feed.announced_on == date(2018, 5, 23)


def test_an_api_answer_tells_versions_categories_and_the_journals_doi(data: Path) -> None:
    glacier, mapping = reading_of(data, "arxiv-api-2-entries-2026.xml").entries
    assert glacier.identifiers == ("arxiv:1107.0825", "doi:10.1088/1742-6596/309/1/012012")
    assert glacier.title == "GLACIER and related R&D"
    assert glacier.published == datetime(2011, 7, 5, 9, 17, 46, tzinfo=UTC)
    assert (mapping.version, mapping.categories) == (2, ("cs.CV", "eess.IV"))
    assert mapping.authors == ("Codruţ-Andrei Diaconu", "Konrad Heidler", "Jonathan L. Bamber", "Harry Zekollari")
    (jupiters,) = reading_of(data, "arxiv-api-id_astro-ph_0601001_s0_m100.xml").entries
    assert jupiters.identifiers == ("arxiv:astro-ph/0601001",)


def test_the_codes_of_mathematicians_are_no_categories(data: Path) -> None:
    einstein = reading_of(data, "arxiv-api-10-entries.xml").entries[0]
    assert einstein.categories == ("math.DG",)  # the file also has "53D10, 53D15"


@pytest.mark.parametrize(
    ("name", "expected", "notes"),
    [
        ("arxiv-api-10-entries.xml", 10, ("one page of a list of 28,637",)),
        ("arxiv-api-2-entries-2026.xml", 2, ("one page of a list of 230",)),
        ("arxiv-api-id_0000.0000_s0_m100.xml", 0, ()),
        ("arxiv-api-id_astro-ph_0601001_s0_m100.xml", 1, ()),
        ("arxiv-api-q_testing_s0_m100.xml", 100, ("one page of a list of 214,881",)),
        ("arxiv-oai-listrecords-cs-2015.xml.gz", None, ("one page of a list of 102,538",)),
        ("arxiv-rss2-cs.AI-2016-02-02.xml", None, ()),
        ("hf-daily-2026-01-27-later.json", None, ()),
    ],
)
def test_what_is_expected_is_what_the_source_says_of_this_answer(
    data: Path, name: str, expected: int | None, notes: tuple[str, ...]
) -> None:
    feed = reading_of(data, name)
    assert (feed.stated_total, feed.notes) == (expected, notes)


def test_harvested_records_have_each_name_and_category_apart(data: Path) -> None:
    records = {
        entry.identifiers[0]: entry for entry in reading_of(data, "arxiv-oai-listrecords-cs-2015.xml.gz").entries
    }
    first = records["arxiv:1601.07596"]
    assert first.authors == ("Francisco Chicano", "Darrell Whitley", "Renato Tinos")
    assert first.categories == ("cs.AI", "cs.NE")  # and not its ACM class I.2.8
    assert (first.published, first.version) == (datetime(2016, 1, 27, tzinfo=UTC), 1)
    assert records["arxiv:1601.07604"].version == 2  # it tells of an update
    assert "Robert C. Green II" in records["arxiv:1602.02473"].authors
    assert sum(len(entry.identifiers) > 1 for entry in records.values()) == 96  # records with a DOI


def test_comments_about_other_withdrawn_papers_withdraw_nothing(data: Path) -> None:
    feed = reading_of(data, "arxiv-oai-listrecords-cs-2015.xml.gz")
    assert [entry for entry in feed.entries if entry.withdrawn] == []  # two comments of the file hold the word


def test_biorxiv_wraps_its_items_in_whitespace_and_surnames_come_first(data: Path) -> None:
    (paper,) = reading_of(data, "biorxiv-bioengineering.rdf").entries
    assert paper.identifiers == ("doi:10.1101/857789",)
    assert paper.title.startswith("Microscale Collagen and Fibroblast Interactions")
    assert paper.authors == ("D. Kukla", "A. Crampton", "D. Wood", "S. Khetani")
    assert paper.announced_on == date(2019, 11, 29)


def test_the_daily_papers_are_read_with_their_votes_morning_and_later(data: Path) -> None:
    morning, later = (reading_of(data, f"hf-daily-2026-01-30-{part}.json") for part in ("morning", "later"))
    assert (morning.entries[0].identifiers, morning.entries[0].points) == (("arxiv:2601.20354",), 73)
    paper = later.entries[0]
    assert (paper.points, paper.comments, paper.stars) == (96, 1, None)
    assert (paper.announced_on, paper.published) == (date(2026, 1, 30), datetime(2026, 1, 28, 8, 15, tzinfo=UTC))
    assert sum(entry.points or 0 for entry in later.entries) == 540


def test_votes_authors_and_summary_come_out_of_the_description_of_a_digest(data: Path) -> None:
    feed = reading_of(data, "hf-papers-feed.xml")
    paper = feed.entries[0]
    assert (paper.identifiers, paper.points, len(paper.authors)) == (("arxiv:2607.28609",), 52, 23)
    assert paper.abstract.startswith("Computer-using agents (CUAs) are advancing rapidly")
    assert paper.abstract.endswith("https://os-copilot.github.io/OSReward-Home/.")
    assert sum(entry.points or 0 for entry in feed.entries) == 536


def test_the_seed_page_is_read_in_page_order(data: Path) -> None:
    feed = reading_of(data, "seed_page.txt")
    first, last = feed.entries[0], feed.entries[-1]
    assert first.title.startswith("Navigating Scaling Laws: Accelerating Vision Transformer's Training")
    assert first.abstract.startswith("In recent years, the state-of-the-art in deep learning")
    assert first.identifiers[0].startswith("title:")
    assert first.url.startswith("https://arxiv.org/search/?searchtype=title&query=Navigating+Scaling+Laws")
    assert len({entry.identifiers for entry in feed.entries}) == 274
    lines = (data / "seed_page.txt").read_text(encoding="utf-8").splitlines()
    assert (last.title, last.abstract) == (lines[-2], lines[-1])
