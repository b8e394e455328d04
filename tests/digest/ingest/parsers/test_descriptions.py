"""Descriptions in the forms of publishers: authors each once, the abstract and nothing else, a date where one stands.

The papers are invented; the forms are those of recorded feeds of Elsevier, Wiley, Nature, Science, ACS, APS, PubMed and
PNAS.
"""

from __future__ import annotations

from datetime import date

import pytest

from digest.ingest import parsers
from digest.ingest.entry import Entry
from digest.ingest.parsers.authors import authors_of
from digest.ingest.parsers.descriptions import LONGEST_CITATION, describe
from digest.text import clean_abstract

NAMESPACES = """xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
    xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" """
ABSTRACT = "We count bees in 12 hives, vol. 3 of a study from 2025."


def only(item: str, journal: str = "Journal of Bees") -> Entry:
    head = f'<rss version="2.0" {NAMESPACES}><channel><title>{journal}</title>'
    item = f"<title>Counting bees</title><link>https://bees.example/a/7</link>{item}"
    (paper,) = parsers.read(f"{head}<item>{item}</item></channel></rss>".encode()).entries
    return paper


def cdata(element: str, text: str) -> str:
    return f"<{element}><![CDATA[{text}]]></{element}>"


@pytest.mark.parametrize(
    ("description", "authors", "day"),
    [
        # Elsevier: paragraphs, lines, and one line without any markup; with and without an abstract
        (
            "<p>Publication date: 3 August 2026</p><p><b>Source:</b> Bees, Volume 4</p><p>Author(s): Ann Lee, Bo Chen</p>",
            ("Ann Lee", "Bo Chen"),
            "2026-08-03",
        ),
        (
            "Publication date: August 2026<br/><b>Source:</b> Bees<br/>Author(s): Ann Lee<br/><h3>Abstract</h3>"
            + ABSTRACT,
            ("Ann Lee",),
            "2026-08",
        ),
        (
            "Publication date: Available online 3 August 2026 Source: Bees, Volume 4 Author(s): Ann Lee, Bo Chen",
            ("Ann Lee", "Bo Chen"),
            "2026-08-03",
        ),
        # Wiley, Science and others: one citation line
        ("Journal of Bees, EarlyView.", (), ""),
        ("Journal of Bees, Volume 12, Issue 30, August 2026.", (), "2026-08"),
        ("Bees, Volume 392, Issue 6800, Page 814-814, May 2026.", (), "2026-05"),
        ("Journal of Bees, Ahead of Print.<br/>" + ABSTRACT, (), ""),
        ("Vol. 62, Issue 10, Pages 1-4", (), ""),
        # Wiley: sections
        ("<h2>Graphical Abstract</h2><p>A hive opens.</p><h2>ABSTRACT</h2><p>" + ABSTRACT + "</p>", (), ""),
        ("<h3>Highlights</h3><ul><li>Bees count.</li></ul><h3>Abstract</h3><p>" + ABSTRACT + "</p>", (), ""),
        # Nature: in a paragraph of its own, and on the line of the abstract
        (
            '<p>Bee Letters, Published online: 03 August 2026; <a href="x">doi:10.5555/b-7</a></p>' + ABSTRACT,
            (),
            "2026-08-03",
        ),
        ("Bee Letters, Published online: 03 August 2026; doi:10.5555/b-7 " + ABSTRACT, (), "2026-08-03"),
        # ACS: a picture, the journal and the DOI
        (
            '<p><img src="x.gif" alt="TOC Graphic"/></p><div><cite>Journal of Bees</cite></div><div>DOI: 10.5555/b.7</div>',
            (),
            "",
        ),
        # APS: authors before and the citation behind
        (
            f"Author(s): Ann Lee, Bo Chen, and Cy Day<br/><p>{ABSTRACT}</p><br/>[Bees B 113, 123456] Published Mon Aug 03, 2026",
            ("Ann Lee", "Bo Chen", "Cy Day"),
            "2026-08-03",
        ),
        (f"<p>{ABSTRACT} [Bees B 113, 123456] Published Mon Aug 03, 2026</p>", (), "2026-08-03"),
        # PubMed: citation, heading, abstract, identifiers
        (
            "<p>J Bees. 2026 Aug 3;27(3):1234. doi: 10.5555/b.7. Online ahead of print.</p><p><b>ABSTRACT</b></p>"
            f'<p>{ABSTRACT}</p><p style="color: lightgray">PMID:<a href="x">123</a> | DOI:<a href="y">10.5555/b.7</a></p>',
            (),
            "2026-08-03",
        ),
        ("<p>J Bees. 2026 Aug 3:1-9. doi: 10.5555/b.7.</p><p>NO ABSTRACT</p>", (), "2026-08-03"),
        # the title once more
        ("<p>Counting bees</p>", (), ""),
    ],
)
@pytest.mark.parametrize("element", ["description", "content:encoded"])
def test_a_description_gives_its_abstract_and_what_stands_beside_it(
    element: str, description: str, authors: tuple[str, ...], day: str
) -> None:
    paper = only(cdata(element, description))
    assert clean_abstract(paper.abstract) == (ABSTRACT if ABSTRACT in description else "")
    assert paper.authors == authors
    length = {"day": 10, "month": 7, "year": 4}[paper.precision]
    assert (paper.published.date().isoformat()[:length] if paper.published else "") == day
    assert (paper.announced_on is not None) == (len(day) == 10)


def test_the_abstract_of_the_content_goes_before_a_citation_line() -> None:
    both = cdata("description", "Journal of Bees, EarlyView.") + cdata("content:encoded", f"<p>{ABSTRACT}</p>")
    assert clean_abstract(only(both).abstract) == ABSTRACT
    teaser = cdata("description", "A hive opens.") + cdata("content:encoded", f"<h2>Abstract</h2><p>{ABSTRACT}</p>")
    assert clean_abstract(only(teaser).abstract) == ABSTRACT


def test_an_items_own_date_goes_before_one_in_its_description() -> None:
    item = "<pubDate>Tue, 04 Aug 2026 08:00:00 GMT</pubDate>" + cdata("description", "Bees, Volume 4, 1 May 2026.")
    assert only(item).announced_on == date(2026, 8, 4)
    covers = "<prism:coverDate>2026-08</prism:coverDate><dc:date>2026-08-04</dc:date>"
    assert only(covers).announced_on == date(2026, 8, 4)


def test_a_stage_is_no_part_of_the_title() -> None:
    read = parsers.read(
        b"<rss version='2.0'><channel><title>B</title><item><title>[ASAP] Counting [18F] bees</title>"
        b"<link>https://bees.example/7</link></item></channel></rss>"
    )
    assert read.entries[0].title == "Counting [18F] bees"


@pytest.mark.parametrize(
    "text",
    [
        *("We study 12 bees in 2026.", "Bees. Volume matters.", "Published data are biased.", "Source code is free."),
        *(
            "The authors: who are they?",
            "10.5 bees fly.",
            "Abstract interpretation of hives.",
            "In press rooms, bees talk.",
        ),
        f"Bees, Volume 3. {'We count. ' * LONGEST_CITATION}",
        "<p>We &lt;b&gt; count.</p>",
        "Summary statistics of hives.",
    ],
)
def test_text_that_only_sounds_like_a_citation_stays_as_it_was_written(text: str) -> None:
    assert describe(text, ("Journal of Bees",)).abstract == text


@pytest.mark.parametrize(
    ("listed", "authors"),
    [
        (["\nAnn Lee, \nBo Chen; \nCy De Groot"], ("Ann Lee", "Bo Chen", "Cy De Groot")),
        (["Ann Lee, Bo Chen; Cy Day, Di Eck; Ed Fox"], ("Ann Lee", "Bo Chen", "Cy Day", "Di Eck", "Ed Fox")),
        (["Lee, Annabelle"], ("Annabelle Lee",)),
        (["De Boer, Jan Peter; Van Dam, Anna Maria"], ("Jan Peter De Boer", "Anna Maria Van Dam")),
        (["Lee, A.,\nChen, B., Day, C."], ("A. Lee", "B. Chen", "C. Day")),
        (["Lee, Ann\nChen, Bo"], ("Ann Lee", "Bo Chen")),
        (["Ann Lee, Bo Chen", "Ann Lee", "Bo Chen"], ("Ann Lee", "Bo Chen")),
        (["Ann Lee", "Bo Chen", "Ann Lee"], ("Ann Lee", "Bo Chen")),
        (["Ann Lee, Bo Chen, Cy Day Author affiliations Institute of Bees, Hive"], ("Ann Lee", "Bo Chen", "Cy Day")),
        (["Jos&eacute; N&uacute;&ntilde;ez; Ann Lee"], ("José Núñez", "Ann Lee")),
        (["ann@bees.invalid (Ann Lee)"], ("Ann Lee",)),
        (["A. Lee;B. Chen"], ("A. Lee", "B. Chen")),
        (["Ann Lee (MIT; Hive), Bo Chen"], ("Ann Lee", "Bo Chen")),
        (["John Lee, Jr."], ("John Lee Jr.",)),
        ([""], ()),
    ],
)
def test_authors_are_each_apart_and_once(listed: list[str], authors: tuple[str, ...]) -> None:
    assert tuple(" ".join(name.split()) for name in authors_of(listed)) == authors


def test_an_element_for_all_authors_is_read() -> None:
    assert only("<authors>A. Lee;B. Chen</authors>").authors == ("A. Lee", "B. Chen")
