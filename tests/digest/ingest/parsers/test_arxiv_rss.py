from __future__ import annotations

from datetime import date

import pytest

from digest.ingest import parsers
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def item(
    *,
    paper: str = "2601.00042",
    version: int = 1,
    title: str = "Bees that count",
    kind: str = "new",
    said: str | None = None,
    authors: str = "Ann Lee, Bo Chen",
    categories: tuple[str, ...] = ("cs.LG", "stat.ML"),
    day: str = "Fri, 30 Jan 2026 00:00:00 -0500",
    extra: str = "",
) -> str:
    prefix = f"arXiv:{paper}v{version} Announce Type: {kind} \nAbstract: "
    return f"""<item><title>{title}</title><link>https://arxiv.org/abs/{paper}</link>
        <description>{prefix if said is None else said}We count bees.</description>
        <guid isPermaLink="false">oai:arXiv.org:{paper}v{version}</guid>
        {"".join(f"<category>{category}</category>" for category in categories)}
        <pubDate>{day}</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>
        <dc:creator>{authors}</dc:creator>{extra}</item>"""


def feed(*items: str, spec: str = "cs.LG", built: str = "Fri, 30 Jan 2026 05:00:11 +0000") -> bytes:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
        <rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">
        <channel><title>{spec} updates on arXiv.org</title><link>http://rss.arxiv.org/rss/{spec}</link>
        <lastBuildDate>{built}</lastBuildDate><pubDate>Fri, 30 Jan 2026 00:00:00 -0500</pubDate>
        {"".join(items)}</channel></rss>""".encode()


def test_the_prefixes_of_a_description_are_no_part_of_the_abstract() -> None:
    (paper,) = parsers.read(feed(item(kind="replace-cross", version=3))).entries
    assert (paper.abstract, paper.announced, paper.version) == ("We count bees.", "replace_cross", 3)


def test_an_abstract_that_speaks_of_abstracts_keeps_its_words() -> None:
    (paper,) = parsers.read(feed(item(said="Graphical Abstract: a bee. Announce Type: none. "))).entries
    assert paper.abstract == "Graphical Abstract: a bee. Announce Type: none. We count bees."


def test_the_same_paper_is_new_in_one_feed_and_cross_in_another_and_both_are_kept_as_said() -> None:
    home, away = feed(item(kind="new")), feed(item(kind="cross"), spec="stat.ML")
    (at_home,), (elsewhere,) = parsers.read(home).entries, parsers.read(away).entries
    assert (at_home.announced, elsewhere.announced) == ("new", "cross")
    assert at_home.identifiers == elsewhere.identifiers
    assert elsewhere.categories[0] == "cs.LG"  # by which ingestion decides


def test_a_new_version_changes_the_guid_and_not_the_identifier() -> None:
    (first,), (third,) = (parsers.read(feed(item(version=v))).entries for v in (1, 3))
    assert first.identifiers == third.identifiers == ("arxiv:2601.00042",)


def test_an_old_id_keeps_its_archive() -> None:
    (paper,) = parsers.read(feed(item(paper="hep-th/9901001", version=2))).entries
    assert (paper.identifiers, paper.version) == (("arxiv:hep-th/9901001",), 2)
    assert paper.url == "https://arxiv.org/abs/hep-th/9901001"


def test_affiliations_with_commas_make_no_authors() -> None:
    (paper,) = parsers.read(feed(item(authors="Ann Lee (MIT, USA), Paulo Andr\\'e Castro (INRIA, Paris)"))).entries
    assert paper.authors == ("Ann Lee", "Paulo André Castro")


def test_the_day_turns_at_midnight_in_new_york() -> None:
    late_evening_in_new_york = "Fri, 30 Jan 2026 04:59:00 +0000"
    read = parsers.read(feed(item(day=late_evening_in_new_york)))
    assert read.entries[0].announced_on == read.announced_on == date(2026, 1, 29)
    (summer,) = parsers.read(feed(item(day="Wed, 01 Jul 2026 04:00:00 +0000"))).entries
    assert summer.announced_on == date(2026, 7, 1)


def test_yesterdays_batch_under_a_fresh_build_date_is_still_yesterdays() -> None:
    stale = feed(item(day="Thu, 29 Jan 2026 00:00:00 -0500"), built="Fri, 30 Jan 2026 05:00:11 +0000")
    assert parsers.read(stale).announced_on == date(2026, 1, 29)


def test_a_weekend_feed_is_a_good_feed_without_papers() -> None:
    empty = parsers.read(feed())
    assert (empty.name, empty.entries, empty.refused, empty.announced_on) == ("arXiv cs.LG", (), (), None)


def test_a_bad_address_is_told_in_arxivs_own_words() -> None:
    error = b"""<rss version="2.0"><channel><title>Feed error for query: cs.XX</title>
        <description>Bad archive 'cs.XX'</description></channel></rss>"""
    with unreadable(ErrorKind.SOURCE_ERROR, detail="Bad archive"):
        parsers.read(error)


def test_several_categories_asked_for_at_once_are_one_source() -> None:
    read = parsers.read(feed(item(), spec="cs.AI+q-bio.NC"))
    assert (read.name, read.url) == ("arXiv cs.AI+q-bio.NC", "https://rss.arxiv.org/rss/cs.AI+q-bio.NC")


def test_a_feed_written_with_other_prefixes_says_the_same() -> None:
    other = feed(item(kind="cross")).replace(b"arxiv:announce_type", b"ns0:announce_type")
    other = other.replace(b"xmlns:arxiv=", b"xmlns:ns0=")
    assert parsers.read(other).entries[0].announced == "cross"


def test_each_doi_of_a_paper_is_one_of_its_names() -> None:
    doi = "<arxiv:DOI>10.1000/One 10.1000/two</arxiv:DOI>"
    (paper,) = parsers.read(feed(item(extra=doi))).entries
    assert paper.identifiers == ("arxiv:2601.00042", "doi:10.1000/one", "doi:10.1000/two")


def test_codes_beside_the_categories_are_dropped() -> None:
    (paper,) = parsers.read(feed(item(categories=("cs.LG", "I.2.6", "68T05, 68Q32", "math.OC")))).entries
    assert paper.categories == ("cs.LG", "math.OC")


def test_a_withdrawn_paper_is_marked() -> None:
    (paper,) = parsers.read(feed(item(kind="replace", said="This paper has been withdrawn by the author. "))).entries
    assert paper.withdrawn


def test_an_item_without_an_arxiv_id_costs_only_itself() -> None:
    stray = "<item><title>We are hiring</title><link>https://arxiv.org/help</link></item>"
    read = parsers.read(feed(stray, item()))
    assert [refused.why for refused in read.refused] == ["no arXiv id in its id or link"]
    assert len(read.entries) == 1


def test_of_a_paper_listed_twice_the_later_version_stays_and_both_are_counted() -> None:
    read = parsers.read(feed(item(version=1), item(version=2, kind="replace")))
    assert [entry.version for entry in read.entries] == [2]
    assert [(refused.what, refused.why) for refused in read.refused] == [("Bees that count", "listed twice")]


@pytest.mark.parametrize(
    "day", ["Sat, 01 Jan 0000 00:00:00 -0500", "31 Dec 9999 00:00:00 GMT", "the day after", "1:1:1"]
)
def test_an_impossible_date_is_noted_and_the_feeds_own_day_taken(day: str) -> None:
    read = parsers.read(feed(item(day=day)))
    assert read.entries[0].announced_on == date(2026, 1, 30)
    assert any("date" in note for note in read.notes)


def test_markup_in_a_title_stays_text_for_the_cleaning_room() -> None:
    (paper,) = parsers.read(feed(item(title="&lt;script&gt;alert(1)&lt;/script&gt; in $x &lt; y$"))).entries
    assert paper.title == "<script>alert(1)</script> in $x < y$"
