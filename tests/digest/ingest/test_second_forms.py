"""A second form of each kind of input that public bug reports describe, stored as an operator's files are."""

from __future__ import annotations

import json

import pytest

from digest.ingest import store
from digest.models import Paper, PaperChange
from tests.support.feed_bodies import atom, cdata, counts, json_feed, only, rss, show

pytestmark = pytest.mark.django_db
TEXT = "We count bees in twelve hives at dusk, and they are many."


# --- 1: one guid, one page, fragments ---------------------------------------------------------------------------------


def test_one_id_and_one_page_for_all_entries_of_an_atom_feed() -> None:
    days = [
        atom(
            *(
                f"<id>urn:x:1</id><title>Robot {day}.{n}</title><link href='https://n.example.org/list'/>"
                for n in range(4)
            )
        )
        for day in range(2)
    ]
    assert counts(*(show(body, days=day) for day, body in enumerate(days))) == [(4, 0), (4, 0)]
    assert counts(show(days[1], days=2)) == [(0, 0)]


def test_one_id_for_all_items_of_a_json_feed_and_two_dois() -> None:
    items = [{"id": "1", "url": f"https://doi.org/10.5555/r.{n}", "title": "A robot"} for n in range(3)]
    assert counts(*(show(json_feed(*items), days=day) for day in range(2))) == [(3, 0), (0, 0)]
    assert not PaperChange.objects.exists()


def test_fragments_with_an_exclamation_mark_and_parameters_tell_entries_apart() -> None:
    links = ["https://n.example.org/#!/talk/1", "https://n.example.org/#!/talk/2", "https://n.example.org/?talk=3#top"]
    entries = [f"<title>Talk {n}</title><link href='{link}'/>" for n, link in enumerate(links)]
    assert counts(*(show(atom(*entries), days=day) for day in range(2))) == [(3, 0), (0, 0)]
    assert list(Paper.objects.order_by("pk").values_list("url", flat=True)) == links


# --- 3, 4: links and versions that change -----------------------------------------------------------------------------


def test_a_link_with_a_new_session_each_day_under_one_atom_id() -> None:
    link = "https://n.example.org/view;jsessionid={0}A?id=7&amp;utm_campaign=c{0}&amp;fbclid={0}&amp;mc_eid={0}"
    for day in range(2):
        entry = f"<id>tag:n.example.org,2026:7</id><title>A robot</title><link href='{link.format(day)}'/>"
        assert counts(show(atom(entry), days=day)) == [(1 - day, 0)]
    assert Paper.objects.get().url == "https://n.example.org/view?id=7"


def test_versions_in_a_json_feed_and_in_the_preprint_servers_own_api() -> None:
    for day in range(2):
        doi = f"10.21203/rs.3.rs-7654321/v{day + 1}"
        item = {"id": doi, "url": f"https://www.researchsquare.com/article/rs-7654321/v{day + 1}", "title": "A robot"}
        assert counts(show(json_feed(item), days=day)) == [(1 - day, day)]
        paper = {"title": "Bees", "authors": "Lee, A.", "doi": "10.64898/2026.08.01.26350001", "server": "medrxiv"}
        paper |= {"date": f"2026-03-0{day + 1}", "version": str(day + 1), "category": "bees", "abstract": TEXT}
        body = json.dumps({"messages": [{"status": "ok", "count": 1, "total": "1"}], "collection": [paper]})
        assert counts(show(body, days=day)) == [(1 - day, day)]
    assert [(paper.version, paper.url) for paper in Paper.objects.order_by("pk")] == [
        (2, "https://www.researchsquare.com/article/rs-7654321/v2"),
        (2, "https://www.medrxiv.org/content/10.64898/2026.08.01.26350001v2"),
    ]


# --- 5: publishers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "authors"),
    [
        # a byline before the abstract: PLOS; with the authors named elsewhere too
        (
            "<author>Ann Lee</author>" + cdata("description", f"<p>by Ann Lee</p>\n\n{TEXT}"),
            ["Ann Lee"],
        ),
        (cdata("description", f"<p>by Ann Lee, Bo Chen</p>{TEXT}"), ["Ann Lee", "Bo Chen"]),
        # title, authors, citation, abstract: Copernicus
        (
            cdata(
                "description",
                "<b>Counting bees at dusk</b><br>\nAnn Lee, Bo van der Chen, and C. Day<br>\n"
                f"Bees, 26, 1&ndash;20, https://doi.org/10.5555/b-26-1-2026, 2026<br>\n{TEXT}",
            ),
            ["Ann Lee", "Bo van der Chen", "C. Day"],
        ),
        # citation, DOI, authors, abstract, two closing lines: RSC
        (
            cdata(
                "description",
                "<div><i><b>J. Bees</b></i>, 2026, Advance Article<br/><b>DOI</b>: 10.5555/D6BE1A, Paper<br/>"
                f"Ann Lee, Bo Chen<br/>{TEXT}<br/>To cite this article before page numbers are assigned, use the DOI form "
                "of citation above.<br/>The content of this RSS Feed (c) The Society of Bees</div>",
            ),
            ["Ann Lee", "Bo Chen"],
        ),
        # a heading in a division: Oxford; headings of parts: HighWire
        (
            "<author>Ann Lee</author>"
            + cdata("description", f'<span class="p"><div class="boxTitle">Abstract</div>{TEXT}</span>'),
            ["Ann Lee"],
        ),
        # one element of all names, and a citation line beside the abstract in the content: IEEE, Wiley
        (
            "<authors>Ann Lee;Bo Chen;</authors>"
            + cdata("description", "Bees, Volume 3, Issue 2, Page 1-9, August 2026.")
            + cdata("content:encoded", f"<h2>Abstract</h2><p>{TEXT}</p>"),
            ["Ann Lee", "Bo Chen"],
        ),
    ],
)
def test_of_a_publishers_item_the_authors_and_the_abstract_alone(item: str, authors: list[str]) -> None:
    paper = only(item)
    assert (paper.authors, paper.abstract) == (authors, TEXT)


@pytest.mark.parametrize(
    "item",
    [
        cdata("description", "We count bees in twelve hives at …") + cdata("content:encoded", f"<p>{TEXT}</p>"),
        cdata(
            "description", f"<p>{TEXT}</p><p>The post <a href='x'>Bees</a> appeared first on <a href='y'>Hives</a>.</p>"
        ),
        f'<t:abstract xmlns:t="http://purl.org/dc/terms/">{TEXT}</t:abstract>',
        cdata(
            "description",
            f"<p><b>Abstract</b>: {TEXT}</p><p><b>Keywords:</b> bees</p><p><a href='x'>PDF</a> | HTML</p>",
        ),
        cdata(
            "description",
            f"<div><i>Bee Sci.</i>, 2026, <b>17</b>,123-140</div><div>Ann Lee, Bo Chen</div><div>{TEXT}</div>",
        ),
    ],
)
def test_the_abstract_is_whole_and_alone(item: str) -> None:
    assert only(item).abstract == TEXT


@pytest.mark.parametrize(
    "description",
    [
        "Volume 40, Issue 8, August 2026, Page 1-15<br/>. ",
        '<p><img alt="TOC Graphic" src="x"/></p><div><cite>J. Bees</cite></div><div>DOI: 10.5555/jb.6c00001</div>',
        "Bees, Ahead of Print. <br/>",
        "© 2026 The Authors. Journal of Bees published by Hive Ltd.",
        "Journal of Bees, Version of Record",
    ],
)
def test_a_citation_is_no_abstract(description: str) -> None:
    assert only(cdata("description", description)).abstract == ""


def test_a_title_bears_neither_its_place_in_the_journal_nor_its_authors() -> None:
    place = "<title>Bees, Vol. 24, Pages 123: Counting bees: a survey</title><link>https://n.example.org/1</link>"
    named = "<dc:identifier>doi: 10.5555/bees24010123</dc:identifier>"
    byline = "<title>Counting bees at dusk -- by Ann Lee, Bo Chen</title><link>https://n.example.org/2</link>"
    show(rss(place + named, byline))
    assert list(Paper.objects.order_by("pk").values_list("identifier", "title", "authors")) == [
        ("doi:10.5555/bees24010123", "Counting bees: a survey", []),
        ("url:n.example.org/2", "Counting bees at dusk", ["Ann Lee", "Bo Chen"]),
    ]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        (
            "AO_SCPLOWBSTRACTC_SCPLOWWe present BO_SCPLOWEEC_SCPLOW, a tool.",
            "We present BEE, a tool.",
        ),
        (
            "O_ST_ABSBackgroundC_ST_ABSBees count. O_ST_ABSWhat is new?C_ST_ABSWe counted too.",
            "Background: Bees count. What is new? We counted too.",
        ),
        (
            'Bees count. O_FIG O_LINKSMALLFIG WIDTH=200 HEIGHT=113 SRC="FIGDIR/small/7v1_ufig1.gif" ALT="Figure 1">\n'
            "View larger version (39K):\norg.highwire.dtl.DTLVardef@1_HPS_FORMAT_FIGEXP  M_FIG C_FIG They do.",
            "Bees count. They do.",
        ),
        ("Bees count. O_FIG O_LINKSMALLFIG WIDTH=200 SRC=", "Bees count."),
        ("Known: O_LIBees count.C_LIO_LIWasps do not.C_LI", "Known: Bees count. Wasps do not."),
        ("The heat capacity C_P and the ratio O_2", "The heat capacity C_P and the ratio O₂"),
    ],
)
def test_the_marks_that_highwire_leaves_in_preprints_are_removed(marked: str, plain: str) -> None:
    assert only(cdata("description", marked)).abstract == plain


def test_the_day_of_a_citation_is_that_of_its_publication() -> None:
    paper = only(cdata("description", "Received 1 January 2026; Accepted 20 February 2026; Published 1 March 2026"))
    assert paper.published_at is not None
    assert (paper.published_at.date().isoformat(), paper.abstract) == ("2026-03-01", "")


# --- 6: MathML --------------------------------------------------------------------------------------------------------


def test_mathml_in_an_atom_title_as_elements_and_in_a_json_feed() -> None:
    maths = (
        '<m:math xmlns:m="http://www.w3.org/1998/Math/MathML"><m:msup><m:mi>B</m:mi><m:mn>0</m:mn></m:msup><m:mo>→</m:mo>'
        "<m:mfrac><m:mn>1</m:mn><m:mn>3</m:mn></m:mfrac><m:mo>×</m:mo><m:msup><m:mn>10</m:mn><m:mrow><m:mo>−</m:mo>"
        "<m:mn>3</m:mn></m:mrow></m:msup></m:math>"
    )
    title = f'<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Decay {maths}</div></title>'
    show(atom(f"{title}<link href='https://n.example.org/1'/>"))
    root = "<math><msqrt><mn>2</mn></msqrt><mo>+</mo><msup><mi>x</mi><mn>2</mn></msup></math>"
    show(json_feed({"id": "2", "url": "https://n.example.org/2", "title": "Growth", "content_html": f"It is {root}."}))
    first, second = Paper.objects.order_by("pk")
    assert first.title == "Decay B⁰ → 1/3×10⁻³"
    assert second.abstract == "It is √2+x²."


# --- 7: retractions ---------------------------------------------------------------------------------------------------


def test_retractions_in_an_atom_feed_and_in_abstracts() -> None:
    shown = [
        ("Bees sleep (Retracted)", "", "withdrawn"),
        ("Bees wake", "This article has been withdrawn at the request of the authors.", "withdrawn"),
        ("[RETRACTED] Bees dream", "", "withdrawn"),
        ("Retracted papers keep being cited", TEXT, "paper"),
        ("Statement of Retraction: Bees hum", "", "none"),
        ("Bees hum", TEXT, "withdrawn"),  # by the notice
        ("Editorial Expression of Concern: Bees sing", "", "none"),
        ("Bees sing", TEXT, "paper"),  # with a claim; no title of two words names a work
        ("Front Cover: Bees (Bee Lett. 3/2026)", "", "none"),
        ("Author Correction: Bees sing at night", "", "none"),
    ]
    entries = [
        f"<title>{title}</title><link href='https://n.example.org/{n}'/><summary>{text}</summary>"
        for n, (title, text, _) in enumerate(shown)
    ]
    reading = show(atom(*entries))
    found = {paper.title: "withdrawn" if paper.withdrawn_at else "paper" for paper in Paper.objects.all()}
    right = {title: what for title, _, what in shown if what != "none"}
    assert found == right | {"Bees hum": "paper"}  # two words name no work for certain
    assert len(reading.refused) == 4


# --- 8: dates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("element", "day", "precision"),
    [
        ("<pubDate>2 March 2026</pubDate>", "2026-03-02", "day"),
        ("<pubDate>2026 Mar 2</pubDate>", "2026-03-02", "day"),
        ("<dc:date>20260302</dc:date>", "2026-03-02", "day"),
        ("<prism:coverDisplayDate>March 2026</prism:coverDisplayDate>", "2026-03-01", "month"),
        ("<prism:coverDate>2026-02</prism:coverDate>", "2026-02-01", "month"),
        ("<dc:date>Spring 2026</dc:date>", "2026-01-01", "year"),
        ("<dc:date>03/02/2026</dc:date>", "2026-01-01", "year"),
        ("<prism:coverDate>2027-06-01</prism:coverDate>", "", "day"),
        ("<pubDate>soon</pubDate>", "", "day"),
    ],
)
def test_a_date_is_as_exact_as_it_is_given_and_never_ahead(element: str, day: str, precision: str) -> None:
    paper = only(element)
    assert (paper.published_at.date().isoformat() if paper.published_at else "", paper.published_precision) == (
        day,
        precision,
    )


# --- 9, 10: identifiers -----------------------------------------------------------------------------------------------


def test_the_doi_among_identifiers_of_an_atom_entry_wherever_it_stands() -> None:
    orders = [
        ["urn:isbn:9780000000001", "DOI: 10.5555/lib.1"],
        ["doi:10.5555/lib.2", "hdl:1/2"],
        ["pmid:77", "issn:1-2"],
    ]
    entries = [
        f"<title>Book {n}</title><link href='https://lib.example.org/{n}'/>"
        + "".join(f"<dc:identifier>{one}</dc:identifier>" for one in order)
        for n, order in enumerate(orders)
    ]
    show(atom(*entries))
    assert sorted(Paper.objects.values_list("identifier", flat=True)) == [
        "doi:10.5555/lib.1",
        "doi:10.5555/lib.2",
        "pmid:77",
    ]


@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/papers/2608.01240",
        "https://www.alphaxiv.org/abs/2608.01240v1",
        "https://doi.org/10.48550/arXiv.2608.01240",
        "https://www.semanticscholar.org/arxiv/2608.01240",
        "https://n.example.org/read/arxiv-2608.01240.html",
        "https://n.example.org/2026/08/robots-read-arxiv-2608.01240",
        "https://n.example.org/?pid=2608.01240v1",
        "https://n.example.org/out?url=https%3A%2F%2Farxiv.org%2Fabs%2F2608.01240",
    ],
)
def test_an_arxiv_paper_in_a_json_feed_of_another_site_is_the_same_work(link: str) -> None:
    arxiv = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"><title>cs.RO updates on '
        "arXiv.org</title><entry><id>oai:arXiv.org:2608.01240v1</id><title>A robot that everybody reads</title>"
        '<link href="https://arxiv.org/abs/2608.01240"/><summary>arXiv:2608.01240v1 Announce Type: new \nAbstract: It '
        'reads.</summary><category term="cs.RO"/><arxiv:announce_type>new</arxiv:announce_type></entry></feed>'
    )
    item = {"id": "x", "url": link, "title": "A robot that everybody reads"}
    assert counts(show(arxiv), show(json_feed(item), days=1)) == [(1, 0), (0, 0)]
    assert Paper.objects.get().url == "https://arxiv.org/abs/2608.01240"


# --- 14, 15: JSON -----------------------------------------------------------------------------------------------------


def test_a_json_feed_of_version_1_with_one_author_and_an_external_link() -> None:
    item = {
        "id": 7,
        "external_url": "https://doi.org/10.5555/jf.7",
        "title": "A robot",
        "author": {"name": "Ann Lee"},
        "content_text": TEXT,
        "date_published": "2026-03-01T23:30:00-02:00",
    }
    show(json_feed(item, version="https://jsonfeed.org/version/1"))
    paper = Paper.objects.get()
    assert (paper.identifier, paper.authors, paper.abstract) == ("doi:10.5555/jf.7", ["Ann Lee"], TEXT)
    assert paper.published_at is not None
    assert paper.published_at.isoformat() == "2026-03-02T01:30:00+00:00"


def test_pages_of_medrxivs_day_in_any_order_count_against_the_stated_total() -> None:
    papers = [
        {"title": f"Bees {n}", "authors": "Lee, A.", "doi": f"10.64898/2026.03.01.2635{n:04}", "server": "medrxiv"}
        | {"date": "2026-03-02", "version": "1", "category": "bees", "abstract": TEXT}
        for n in range(140)
    ]
    pages = [
        json.dumps(
            {"messages": [{"status": "ok", "cursor": str(at), "total": 150}], "collection": papers[at : at + 100]}
        )
        for at in (100, 0)
    ]
    readings = [show(page) for page in pages]
    assert [reading.stored for reading in readings] == [40, 100]
    source = store.Source.objects.get()
    assert (source.last_reading["stored"], source.last_reading["expected"]) == (140, 150)
