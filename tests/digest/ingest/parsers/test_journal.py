from __future__ import annotations

from datetime import date

import pytest

from digest.ingest import parsers
from digest.ingest.entry import Entry

NAMESPACES = """xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
    xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" xmlns:atom="http://www.w3.org/2005/Atom" """


def feed(*items: str, head: str = "<title>Journal of Bees</title><link>https://bees.example/j</link>") -> bytes:
    wrapped = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0" {NAMESPACES}><channel>{head}{wrapped}</channel></rss>'.encode()


def only(item: str) -> Entry:
    read = parsers.read(feed(item))
    assert read.kind == "journal"
    assert read.refused == ()
    return read.entries[0]


TITLE = "<title>Counting bees</title>"


def test_a_doi_goes_before_the_link_and_both_are_names() -> None:
    paper = only(f"{TITLE}<link>https://bees.example/a/7?utm_source=rss</link><prism:doi>10.1000/Bee.7</prism:doi>")
    assert paper.identifiers == ("doi:10.1000/bee.7", "url:bees.example/a/7")
    assert paper.url == "https://bees.example/a/7"


def test_a_doi_alone_is_enough_to_lead_readers_somewhere() -> None:
    paper = only(f"{TITLE}<dc:identifier>doi:10.1000/bee.7</dc:identifier>")
    assert (paper.identifiers, paper.url) == (("doi:10.1000/bee.7",), "https://doi.org/10.1000/bee.7")


def test_a_digest_that_links_to_a_pdf_on_arxiv_names_the_arxiv_paper() -> None:
    paper = only(f"{TITLE}<link>http://arxiv.org/pdf/2601.00042v3.pdf</link>")
    assert (paper.identifiers, paper.version) == (("arxiv:2601.00042",), 3)
    assert paper.url == "https://arxiv.org/abs/2601.00042"


def test_a_number_that_only_looks_like_an_arxiv_id_is_none() -> None:
    paper = only(f'{TITLE}<link>https://bees.example/a/7</link><guid isPermaLink="false">1234.5678</guid>')
    assert paper.identifiers == ("url:bees.example/a/7",)


def test_a_biorxiv_link_tells_doi_and_version() -> None:
    paper = only(f"{TITLE}<link>https://www.biorxiv.org/content/10.1101/2026.01.02.123456v2?rss=1</link>")
    assert (paper.identifiers, paper.version) == (("doi:10.1101/2026.01.02.123456",), 2)


def test_papers_that_all_link_to_the_journals_front_page_stay_apart() -> None:
    link = "<link>https://bees.example/</link>"
    read = parsers.read(feed(f"<title>One</title>{link}", f"<title>Two</title>{link}"))
    assert [entry.identifiers[0].partition(":")[0] for entry in read.entries] == ["title", "title"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("<link>https://bees.example/a/7</link>", "no title"),
        (TITLE, "no link"),
        (f"{TITLE}<link>javascript:alert(1)</link>", "its link is no web address"),
        (f"{TITLE}<link>file:///etc/passwd</link>", "its link is no web address"),
        (
            f"<title>{'bee ' * 600}</title><link>https://bees.example/8</link>",
            "its title is longer than 2,000 characters",
        ),
    ],
)
def test_an_item_that_cannot_become_a_paper_is_refused_with_its_reason(item: str, why: str) -> None:
    good = f"{TITLE}<link>https://bees.example/a/1</link>"
    read = parsers.read(feed(item, good))
    assert ([refused.why for refused in read.refused], len(read.entries)) == ([why], 1)


@pytest.mark.parametrize(
    ("creators", "authors"),
    [
        ("<dc:creator>Ann Lee</dc:creator><dc:creator>Chen, Bo</dc:creator>", ("Ann Lee", "Bo Chen")),
        ("<dc:creator>Lee, A., Chen, B. C.</dc:creator>", ("A. Lee", "B. C. Chen")),
        ("<dc:creator>Lee, Ann; Chen, Bo</dc:creator>", ("Ann Lee", "Bo Chen")),
        ("<dc:creator>Ann Lee, Bo Chen and Cy Day</dc:creator>", ("Ann Lee", "Bo Chen", "Cy Day")),
        ("<dc:creator>Ana Cruz-Diaz, Li Fen</dc:creator>", ("Ana Cruz-Diaz", "Li Fen")),
        ("<dc:creator>Orlov, Yu. V., Lee, A.-B.</dc:creator>", ("Yu. V. Orlov", "A.-B. Lee")),
        ("<dc:creator>Ann Lee | Bo Chen · Cy Day</dc:creator>", ("Ann Lee", "Bo Chen", "Cy Day")),
        ("<dc:creator>Ann Lee&lt;br/&gt;Bo Chen / Cy Day</dc:creator>", ("Ann Lee", "Bo Chen", "Cy Day")),
        (
            "<dc:creator>Ann Lee&lt;sup&gt;1,2&lt;/sup&gt;, Bo Chen*, Cy Day²</dc:creator>",
            ("Ann Lee", "Bo Chen", "Cy Day"),
        ),
        ("<dc:creator>Ann Lee https://orcid.org/0000-0001-0000-000X, Bo Chen</dc:creator>", ("Ann Lee", "Bo Chen")),
        ("", ()),
    ],
)
def test_authors_are_read_in_every_way_journals_list_them(creators: str, authors: tuple[str, ...]) -> None:
    assert only(f"{TITLE}<link>https://bees.example/a/7</link>{creators}").authors == authors


@pytest.mark.parametrize(
    ("element", "day"),
    [
        ("<pubDate>Fri, 30 Jan 2026 08:00:00 GMT</pubDate>", date(2026, 1, 30)),
        ("<dc:date>2026-01-30</dc:date>", date(2026, 1, 30)),
        ("<dc:date>2026-1-9</dc:date>", date(2026, 1, 9)),
        ("<prism:publicationDate>2026-01-30T09:00:00+01:00</prism:publicationDate>", date(2026, 1, 30)),
        ("<dc:date>0000-00-00</dc:date>", None),
        ("<pubDate>Fri, 31 Dec 9999 23:59:59 GMT</pubDate>", None),
        ("<pubDate>in spring</pubDate>", None),
    ],
)
def test_dates_are_read_in_every_form_and_impossible_ones_left_out(element: str, day: date | None) -> None:
    read = parsers.read(feed(f"{TITLE}<link>https://bees.example/a/7</link>{element}"))
    assert read.entries[0].announced_on == read.announced_on == day
    assert bool(read.notes) is (day is None)


def test_the_subjects_of_a_journal_are_kept_but_bounded() -> None:
    subjects = "".join(f"<category>Bee {n}</category>" for n in range(50)) + f"<category>{'b' * 200}</category>"
    assert only(f"{TITLE}<link>https://bees.example/a/7</link>{subjects}").categories == tuple(
        f"Bee {n}" for n in range(20)
    )


def test_markup_in_a_description_stays_as_it_was_written() -> None:
    written = "&lt;p onclick='x'&gt;We &lt;script&gt;count()&lt;/script&gt; 2 &lt; 3 bees.&lt;/p&gt;"
    paper = only(f"{TITLE}<link>https://bees.example/a/7</link><description>{written}</description>")
    assert paper.abstract == "<p onclick='x'>We <script>count()</script> 2 < 3 bees.</p>"


def test_content_stands_in_for_a_missing_description() -> None:
    content = "<content:encoded>&lt;p&gt;We count.&lt;/p&gt;</content:encoded>"
    assert only(f"{TITLE}<link>https://bees.example/a/7</link>{content}").abstract == "<p>We count.</p>"


def test_an_abstract_without_end_is_cut_and_noted() -> None:
    read = parsers.read(
        feed(f"{TITLE}<link>https://bees.example/a/7</link><description>{'bee ' * 20_000}</description>")
    )
    assert len(read.entries[0].abstract) == 50_000
    assert read.notes == ("abstracts longer than 50,000 characters were cut",)


def test_a_feeds_own_address_goes_before_its_home_page() -> None:
    own = (
        '<title>Bees</title><link>https://bees.example/</link><atom:link rel="self" href="https://bees.example/feed"/>'
    )
    assert parsers.read(feed(head=own)).url == "https://bees.example/feed"


def test_an_atom_feed_is_read_the_same_way() -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Bees</title><entry><title>Counting bees</title>
        <id>https://doi.org/10.1000/bee.7</id><link href="https://bees.example/a/7"/>
        <author><name>Ann Lee</name></author><author><name>Bo Chen</name></author>
        <updated>2026-01-30T00:00:00Z</updated><summary>We count.</summary></entry></feed>"""
    (paper,) = parsers.read(atom).entries
    assert paper.identifiers == ("doi:10.1000/bee.7", "url:bees.example/a/7")
    assert (paper.authors, paper.announced_on) == (("Ann Lee", "Bo Chen"), date(2026, 1, 30))
